/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Growing buffers: on the heap, in an arena, and past their bounds. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"

static void
add_all(struct buf *b)
{
	buf_c(b, "a");
	buf_str(b, S("bc"));
	buf_str(b, (struct str){ NULL, 0 });
	buf_char(b, 'd');
	buf_add(b, "e\0f", 3);
	buf_i64(b, -12);
	buf_u64(b, 34);
	buf_fmt(b, "<%s>", "x");
}

static void
test_both_kinds(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct buf b;

	(void)state;
	for (int heap = 0; heap < 2; heap++) {
		buf_init(&b, heap ? NULL : a, SIZE_MAX);
		assert_int_equal(buf_view(&b).n, 0);
		for (int i = 0; i < 500; i++) {
			add_all(&b);
			buf_fmt(&b, "%0*d", 400, i);
		}
		assert_false(b.over);
		assert_int_equal(b.n, 500 * 415);
		for (size_t i = 0; i < 500; i++) {
			struct str part = str_sub(buf_view(&b), i * 415, 15);

			assert_true(str_eq(part, S("abcde\0f-1234<x>")));
		}
		buf_reset(&b);
		assert_int_equal(b.n, 0);
		buf_free(&b);
		assert_null(b.p);
		buf_char(&b, 'x');
		assert_true(str_eq(buf_view(&b), S("x")));
		buf_free(&b);
	}
	arena_free(a);
}

static const struct {
	int64_t v;
	const char *text;
} ints[] = {
	{ 0, "0" }, { 7, "7" }, { -1, "-1" }, { 10, "10" },
	{ INT64_MAX, "9223372036854775807" },
	{ INT64_MIN, "-9223372036854775808" },
};

static void
test_numbers(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 100);
	for (size_t i = 0; i < LEN(ints); i++) {
		buf_reset(&b);
		buf_i64(&b, ints[i].v);
		assert_true(str_eq_c(buf_view(&b), ints[i].text));
	}
	buf_reset(&b);
	buf_u64(&b, UINT64_MAX);
	assert_true(str_eq(buf_view(&b), S("18446744073709551615")));
	buf_free(&b);
}

static void
test_max(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 10);
	buf_c(&b, "12345");
	buf_c(&b, "67890");
	assert_false(b.over);
	buf_char(&b, 'x');
	assert_true(b.over);
	assert_true(str_eq(buf_view(&b), S("1234567890")));
	buf_reset(&b);
	buf_c(&b, "123456");
	buf_c(&b, "78901");		/* does not fit: dropped whole */
	buf_c(&b, "7");			/* would fit, but the error sticks */
	assert_true(b.over);
	assert_true(str_eq(buf_view(&b), S("123456")));
	buf_reset(&b);
	buf_fmt(&b, "%0*d", 300, 1);
	assert_true(b.over && b.n == 0);
	buf_free(&b);

	buf_init(&b, NULL, 0);
	buf_add(&b, NULL, 0);
	assert_false(b.over);
	buf_char(&b, 'x');
	assert_true(b.over);
	buf_free(&b);
}

static void
test_room(void **state)
{
	struct buf b;
	char *p;

	(void)state;
	buf_init(&b, NULL, 1000);
	assert_non_null(buf_room(&b, 0));
	p = buf_room(&b, 1000);
	assert_non_null(p);
	assert_int_equal(b.n, 0);
	memset(p, 'r', 1000);
	b.n += 999;
	assert_non_null(buf_room(&b, 1));
	assert_null(buf_room(&b, 2));
	assert_true(b.over);
	assert_null(buf_room(&b, 0));
	buf_reset(&b);
	assert_null(buf_room(&b, SIZE_MAX));
	buf_free(&b);
}

static void
test_arena_cap(void **state)
{
	struct arena *a = arena_new(10000);
	struct buf b;

	(void)state;
	buf_init(&b, a, SIZE_MAX);
	for (int i = 0; i < 20000; i++)
		buf_char(&b, 'x');
	assert_true(b.over);
	assert_true(arena_over(a));
	assert_true(b.n < 20000);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_kinds),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_max),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_arena_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
