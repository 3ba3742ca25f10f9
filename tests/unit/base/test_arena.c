/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Arenas: alignment, growing, marks, hooks and the cap. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"

static const struct {
	const char *name;
	size_t n;
} sizes[] = {
	{ "nothing", 0 },
	{ "one byte", 1 },
	{ "an odd size", 37 },
	{ "most of the first block", 16000 },
	{ "more than the first block", 20000 },
	{ "the last size cut from a block", (64 << 10) - 1 },
	{ "the first with its own memory", 64 << 10 },
	{ "a megabyte", 1 << 20 },
};

static bool
is_all(const char *p, size_t n, char c)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != c)
			return false;
	return true;
}

static void
test_zeroed_and_aligned(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < LEN(sizes); i++) {
			char *p = arena_alloc(a, sizes[i].n), *q;

			arena_alloc_raw(a, 3);	/* puts the next one askew */
			q = arena_alloc_raw(a, sizes[i].n);
			if ((uintptr_t)p % 16 != 0 || (uintptr_t)q % 8 != 0)
				fail_msg("%s is not aligned", sizes[i].name);
			if (!is_all(p, sizes[i].n, 0))
				fail_msg("%s is not zeroed", sizes[i].name);
			memset(p, 'x', sizes[i].n);
			memset(q, 'y', sizes[i].n);
			if (!is_all(p, sizes[i].n, 'x'))
				fail_msg("%s overlaps", sizes[i].name);
		}
		arena_reset(a);		/* what was dirtied comes back zeroed */
		assert_int_equal(arena_used(a), 0);
	}
	arena_free(a);
	arena_free(NULL);
}

static void
test_arrays(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	int64_t *v = arena_array(a, int64_t, 1000);
	struct str *s = arena_make(a, struct str);

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(v[i], 0);
	assert_null(s->p);
	assert_non_null(arena_array(a, int64_t, 0));
	arena_free(a);
}

static void
test_grow_keeps_bytes(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);

	(void)state;
	for (int in_between = 0; in_between < 2; in_between++) {
		char *p = NULL;
		size_t old = 0;

		for (size_t n = 1; n < (1 << 20); n = n * 3 + 1) {
			p = arena_grow(a, p, old, n);
			if (!is_all(p, old, 'g'))
				fail_msg("growing to %zu lost bytes", n);
			memset(p, 'g', n);
			old = n;
			if (in_between)
				memset(arena_alloc(a, 40), 'z', 40);
		}
	}
	arena_free(a);
}

static void
test_grow_in_place(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	char *p = arena_alloc_raw(a, 100);

	(void)state;
	assert_ptr_equal(arena_grow(a, p, 100, 200), p);
	assert_int_equal(arena_used(a), 200);
	arena_alloc_raw(a, 1);
	assert_ptr_not_equal(arena_grow(a, p, 200, 300), p);
	arena_free(a);
}

static void
test_marks(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct arena_mark empty = arena_mark(a), m;
	char *kept = arena_alloc(a, 50);
	size_t used = arena_used(a);

	(void)state;
	memset(kept, 'k', 50);
	for (int i = 0; i < 100; i++) {
		m = arena_mark(a);
		for (size_t k = 0; k < LEN(sizes); k++)
			memset(arena_alloc(a, sizes[k].n), i, sizes[k].n);
		arena_release(a, m);
		assert_int_equal(arena_used(a), used);
		assert_true(is_all(kept, 50, 'k'));
	}
	arena_release(a, empty);
	assert_int_equal(arena_used(a), 0);
	arena_free(a);
}

static void
test_release_reuses(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct arena_mark m;
	void *first, *second;

	(void)state;
	arena_alloc(a, 16);
	m = arena_mark(a);
	first = arena_alloc(a, 1000);
	arena_release(a, m);
	second = arena_alloc(a, 1000);
	assert_ptr_equal(first, second);
	arena_free(a);
}

static char trace[16];

static void
note(void *p)
{
	size_t n = strlen(trace);

	trace[n] = *(char *)p;
	trace[n + 1] = '\0';
}

static void
add_note(struct arena *a, char c)
{
	char *p = arena_alloc(a, 1);

	*p = c;
	arena_at_end(a, note, p);
}

static void
test_hooks(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct arena_mark m;

	(void)state;
	trace[0] = '\0';
	add_note(a, '1');
	m = arena_mark(a);
	add_note(a, '2');
	arena_alloc(a, 100000);		/* its own memory must go silently */
	add_note(a, '3');
	arena_release(a, m);
	assert_string_equal(trace, "32");
	add_note(a, '4');
	arena_reset(a);
	assert_string_equal(trace, "3241");
	add_note(a, '5');
	arena_free(a);
	assert_string_equal(trace, "32415");
}

/* A hook may use memory that was allocated after it was added. */
static void
test_hook_sees_later_memory(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	char **holder = arena_alloc(a, sizeof(*holder));

	(void)state;
	trace[0] = '\0';
	*holder = NULL;
	arena_at_end(a, note, arena_grow(a, NULL, 0, 1));
	*holder = arena_alloc(a, 200000);
	**holder = 'L';
	arena_at_end(a, note, *holder);
	arena_free(a);
	assert_int_equal(trace[0], 'L');
}

static void
test_cap(void **state)
{
	struct arena *a = arena_new(1000);
	struct arena_mark m = arena_mark(a);

	(void)state;
	assert_false(arena_over(a));
	arena_alloc(a, 1000);
	assert_false(arena_over(a));
	assert_non_null(arena_alloc(a, 1));
	assert_true(arena_over(a));
	arena_release(a, m);
	assert_false(arena_over(a));
	arena_alloc(a, 1 << 20);
	assert_true(arena_over(a));
	arena_reset(a);
	assert_false(arena_over(a));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_aligned),
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_grow_keeps_bytes),
		cmocka_unit_test(test_grow_in_place),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_release_reuses),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_hook_sees_later_memory),
		cmocka_unit_test(test_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
