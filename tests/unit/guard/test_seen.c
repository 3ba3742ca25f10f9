/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a request discloses: how events become ranges. */
#include "unit.h"

#include <string.h>

#include "guard/seen.h"

static struct {
	struct arena *a;
	struct seen s;
} t;

static int
begin(void **state)
{
	(void)state;
	t.a = arena_new(1 << 20);
	seen_init(&t.s, t.a);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	arena_free(t.a);
	return 0;
}

static void
is_item(size_t i, enum seen_kind kind, const char *object, int64_t first,
    int64_t last, int64_t count)
{
	const struct seen_item *x = &t.s.item[i];

	assert_true(i < t.s.n);
	assert_int_equal(x->kind, kind);
	assert_true(str_eq_c(x->object, object));
	assert_int_equal(x->first, first);
	assert_int_equal(x->last, last);
	assert_int_equal(x->count, count);
}

static const struct {
	const char *name;
	int64_t seq[6];
	size_t n, ranges;
	int64_t first, last, count;	/* of all */
} pages[] = {
	{ "one event", { 7 }, 1, 1, 7, 7, 1 },
	{ "forward", { 1, 2, 3 }, 3, 1, 1, 3, 3 },
	{ "backward", { 3, 2, 1 }, 3, 1, 1, 3, 3 },
	{ "both ways from the middle", { 5, 6, 4, 7, 3 }, 5, 1, 3, 7, 5 },
	{ "a hole", { 1, 2, 4 }, 3, 2, 1, 4, 3 },
	{ "in any order", { 9, 1, 4, 2, 8 }, 5, 3, 1, 9, 5 },
	{ "twice the same", { 4, 4 }, 2, 1, 4, 4, 2 },
	{ "across zero", { 1, 0, -1 }, 3, 1, -1, 1, 3 },
};

static void
test_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(pages); i++) {
		seen_reset(&t.s);
		for (size_t k = 0; k < pages[i].n; k++)
			seen_event(&t.s, S("!a"), pages[i].seq[k]);
		seen_finish(&t.s);
		assert_int_equal(t.s.n, 1);
		if (t.s.item[0].nrange != pages[i].ranges)
			fail_msg("%s: %zu ranges", pages[i].name,
			    t.s.item[0].nrange);
		is_item(0, SEEN_EVENTS, "!a", pages[i].first, pages[i].last,
		    pages[i].count);
	}
}

static void
test_rooms_are_kept_apart(void **state)
{
	(void)state;
	seen_event(&t.s, S("!a"), 1);
	seen_event(&t.s, S("!b"), 2);
	seen_event(&t.s, S("!a"), 2);
	assert_int_equal(t.s.n, 3);
	is_item(1, SEEN_EVENTS, "!b", 2, 2, 1);
}

static void
test_state_is_an_exact_set(void **state)
{
	(void)state;
	seen_state(&t.s, S("!a"), 50);
	seen_state(&t.s, S("!a"), 10);
	seen_state(&t.s, S("!a"), 90);
	seen_event(&t.s, S("!a"), 1);
	seen_state(&t.s, S("!b"), 5);
	assert_int_equal(t.s.n, 3);
	is_item(0, SEEN_STATE, "!a", 10, 90, 3);
	seen_finish(&t.s);
	assert_int_equal(t.s.item[0].nrange, 3);
	assert_int_equal(t.s.item[0].range[1].first, 50);
	is_item(2, SEEN_STATE, "!b", 5, 5, 1);
}

static void
test_objects_are_clipped_between_letters(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[254] = '\xc3';
	text[255] = '\xa9';
	seen_add(&t.s, SEEN_USERS, str_n(text, sizeof(text)), 0, 0, 1, 0);
	assert_int_equal(t.s.item[0].object.n, 254);
	assert_true(str_utf8_ok(t.s.item[0].object));
}

static void
test_every_kind_has_a_name(void **state)
{
	(void)state;
	for (int k = 0; k < SEEN_NKINDS; k++) {
		struct str name = seen_kind_name((enum seen_kind)k);

		assert_true(name.n > 0);
		for (int other = 0; other < k; other++)
			assert_false(str_eq(name, seen_kind_name(
			    (enum seen_kind)other)));
	}
}

static void
test_many_items(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 5000; i++)
		seen_event(&t.s, S("!a"), i * 2);
	seen_finish(&t.s);
	assert_int_equal(t.s.n, 1);
	assert_int_equal(t.s.item[0].nrange, 5000);
	is_item(0, SEEN_EVENTS, "!a", 0, 9998, 5000);
	seen_reset(&t.s);
	assert_int_equal(t.s.n, 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_ranges),
		CASE(test_rooms_are_kept_apart),
		CASE(test_state_is_an_exact_set),
		CASE(test_objects_are_clipped_between_letters),
		CASE(test_every_kind_has_a_name),
		CASE(test_many_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
