/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sets kept as ranges, against a plain array of flags. */
#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "guard/ranges.h"

#define SPAN 3000

static void
put(struct arena *a, struct ranges *s, bool *flag, int64_t first, int64_t last)
{
	ranges_add(a, s, (struct seen_range){ first, last });
	for (int64_t i = first; i <= last; i++)
		flag[i] = true;
}

static void
check(struct ranges *s, const bool *flag)
{
	int64_t n = 0;

	ranges_tidy(s);
	for (int64_t i = 0; i < SPAN; i++) {
		n += flag[i];
		if (ranges_has(s, i) != flag[i])
			fail_msg("%lld", (long long)i);
	}
	assert_int_equal(ranges_count(s), n);
	for (size_t i = 1; i < s->n; i++)
		assert_true(s->at[i].first > s->at[i - 1].last + 1);
}

static void
test_an_empty_set_has_nothing(void **state)
{
	struct ranges s = { 0 };

	(void)state;
	ranges_tidy(&s);
	assert_false(ranges_has(&s, 0));
	assert_int_equal(ranges_count(&s), 0);
}

static void
test_any_order_gives_the_same_set(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct arena *a = arena_new((size_t)16 << 20);
		struct ranges s = { 0 };
		bool flag[SPAN] = { false };

		for (int i = 0; i < 4000; i++) {
			int64_t first = (int64_t)random_below(SPAN - 8);

			put(a, &s, flag, first, first +
			    (int64_t)random_below((uint64_t)round % 8 + 1));
			if (i % 1000 == 0)
				check(&s, flag);
		}
		check(&s, flag);
		arena_free(a);
	}
}

/* A room read page by page, backwards and over again, stays one range. */
static void
test_pages_that_follow_each_other_take_no_memory(void **state)
{
	struct arena *a = arena_new((size_t)16 << 20);
	struct ranges s = { 0 };

	(void)state;
	for (int again = 0; again < 3; again++)
		for (int64_t i = 100000; i > 0; i -= 10)
			ranges_add(a, &s, (struct seen_range){ i - 9, i });
	assert_true(s.cap <= 4096);
	ranges_tidy(&s);
	assert_int_equal(s.n, 1);
	assert_int_equal(ranges_count(&s), 100000);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_set_has_nothing),
		cmocka_unit_test(test_any_order_gives_the_same_set),
		cmocka_unit_test(test_pages_that_follow_each_other_take_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
