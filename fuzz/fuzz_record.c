/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Records of the ledger in both forms, and checkpoints. What is a record in its
 * canonical form is the same bytes again when it is spelled; any packed one
 * gives a canonical form that is a record.
 */
#include "fuzz.h"

#include "guard/checkpoint.h"
#include "guard/record.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new((size_t)256 << 20);
	struct str text = str_n((const char *)data, size), name;
	struct record r, again;
	struct checkpoint c;
	struct dict d;
	struct buf b;
	uint8_t key[SIGN_PUBLIC_BYTES] = { 0 };

	buf_init(&b, a, (size_t)64 << 20);
	dict_init(&d, a);
	if (record_unpack(a, &d, 1000, text, &r) && r.type != RECORD_MORE) {
		record_spell(&b, &r);
		if (!b.over && !record_read(a, buf_view(&b), &again))
			abort();
	}
	buf_reset(&b);
	if (record_read(a, text, &r) && r.type != RECORD_MORE) {
		record_spell(&b, &r);
		if (!b.over && !record_read(a, buf_view(&b), &again))
			abort();
	}
	if (checkpoint_read(a, text, &c))
		(void)checkpoint_is_by(a, &c, c.origin, key);
	(void)!checkpoint_read_vkey(a, text, &name, key);
	dict_done(&d);
	arena_free(a);
	return 0;
}
