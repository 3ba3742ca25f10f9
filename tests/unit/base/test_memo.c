/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A memo gives what was put, within its bound, and never what a change has made untrue. */
#include "unit.h"

#include "base/memo.h"

#include <string.h>

static struct memo m = MEMO_INIT(4096);

static int
setup(void **state)
{
	*state = arena_new(1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	memo_clear(&m);
	arena_free(*state);
	return 0;
}

static void
test_what_was_put_comes_back(void **state)
{
	struct str got = { NULL, 0 };
	uint64_t n;

	assert_false(memo_get(&m, *state, S("k"), &got, &n));
	memo_put(&m, S("k"), S("one"), n);
	memo_put(&m, S("empty"), S(""), n);
	assert_true(memo_get(&m, *state, S("k"), &got, &n));
	assert_true(str_eq(got, S("one")));
	memo_put(&m, S("k"), S("two"), n);
	assert_true(memo_get(&m, *state, S("k"), &got, &n));
	assert_true(str_eq(got, S("two")));
	assert_true(memo_get(&m, *state, S("empty"), &got, &n));
	assert_int_equal(got.n, 0);
}

static void
test_what_was_read_before_a_change_is_not_kept(void **state)
{
	struct str got;
	uint64_t n;

	assert_false(memo_get(&m, *state, S("k"), &got, &n));
	memo_forget(&m, S("k"));
	memo_put(&m, S("k"), S("old"), n);
	assert_false(memo_get(&m, *state, S("k"), &got, &n));
	memo_put(&m, S("k"), S("new"), n);
	memo_forget(&m, S("k"));
	assert_false(memo_get(&m, *state, S("k"), &got, &n));
}

static void
test_it_never_grows_past_its_bound(void **state)
{
	struct arena *a = *state;
	char big[8192];
	struct str got;
	uint64_t n;

	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 1000; i++) {
		struct str key = str_fmt(a, "key %d", i);

		assert_false(memo_get(&m, a, key, &got, &n));
		memo_put(&m, key, str_n(big, 100), n);
		assert_true(m.bytes <= 4096);
		assert_true(memo_get(&m, a, key, &got, &n));
	}
	memo_put(&m, S("too big"), str_n(big, sizeof(big)), n);
	assert_false(memo_get(&m, a, S("too big"), &got, &n));
	memo_clear(&m);
	assert_int_equal(m.bytes, 0);
	assert_int_equal(m.by_key.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_what_was_put_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_what_was_read_before_a_change_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_it_never_grows_past_its_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
