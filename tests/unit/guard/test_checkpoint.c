/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A checkpoint is one text: no other is read as it. */
#include "unit.h"

#include "crypto/digest.h"
#include "guard/checkpoint.h"

#include <string.h>

static struct arena *a;
static struct sign_key key;

static bool
is_good(struct str note)
{
	struct checkpoint c;

	return checkpoint_read(a, note, &c) &&
	    checkpoint_is_by(a, &c, S("d/ledger"), key.public_key);
}

/* The last character of a signature has two bits that say nothing. */
static void
test_no_other_text_is_the_same_checkpoint(void **state)
{
	uint8_t root[SHA256_BYTES] = { 7 };

	(void)state;
	for (int64_t size = 0; size < 20; size++) {
		struct str note = checkpoint_make(a, S("d/ledger"), size, root,
		    &key);
		char *copy = arena_alloc_raw(a, note.n);

		assert_true(is_good(note));
		for (size_t i = 0; i < note.n; i++)
			for (int bit = 0; bit < 8; bit++) {
				memcpy(copy, note.p, note.n);
				copy[i] = (char)(copy[i] ^ 1 << bit);
				if (is_good(str_n(copy, note.n)))
					fail_msg("byte %zu, bit %d", i, bit);
			}
		for (size_t n = 0; n < note.n; n++)
			assert_false(is_good(str_sub(note, 0, n)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_other_text_is_the_same_checkpoint),
	};
	int result;

	crypto_start();
	a = arena_new((size_t)1 << 30);
	sign_key_new(a, &key);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(a);
	return result;
}
