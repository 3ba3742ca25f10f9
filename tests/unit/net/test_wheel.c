/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The timer wheel: never early, at most a tick late, whatever the distance. */
#include "unit.h"

#include <string.h>

#include "net/wheel.h"

#define ROUND_MS ((int64_t)WHEEL_SLOTS * WHEEL_TICK_MS)
#define NOW 1000003

static struct wheel w;

static void
test_when(void **state)
{
	static const int64_t in_ms[] = { -5, 0, 1, WHEEL_TICK_MS - 1,
	    WHEEL_TICK_MS, WHEEL_TICK_MS + 1, 999, 30000, ROUND_MS - 1,
	    ROUND_MS, ROUND_MS + 1, 3 * ROUND_MS + 7 };

	(void)state;
	for (size_t i = 0; i < LEN(in_ms); i++) {
		struct timer t = { 0 };
		int64_t at = NOW + in_ms[i], now = NOW;

		wheel_init(&w, NOW);
		wheel_set(&w, &t, at);
		while (wheel_due(&w, now) == NULL) {
			assert_true(now <= NOW + WHEEL_TICK_MS ||
			    now <= at + WHEEL_TICK_MS);
			now++;
		}
		assert_true(now >= at && now <= (at < NOW ? NOW : at) +
		    WHEEL_TICK_MS);
		assert_null(wheel_due(&w, now + 4 * ROUND_MS));
		assert_int_equal(wheel_wait_ms(&w, now), -1);
	}
}

static void
test_clear(void **state)
{
	struct timer t[3] = { 0 };

	(void)state;
	wheel_init(&w, NOW);
	for (int i = 0; i < 3; i++)
		wheel_set(&w, &t[i], NOW + 100);
	wheel_clear(&w, &t[1]);
	wheel_clear(&w, &t[1]);
	assert_non_null(wheel_due(&w, NOW + 200));
	assert_non_null(wheel_due(&w, NOW + 200));
	assert_null(wheel_due(&w, NOW + 200));
}

/* While the due ones are taken, others of the same slot may be cleared, and new ones set. */
static void
test_changed_while_due(void **state)
{
	struct timer t[8] = { 0 }, *x;
	int n = 0;

	(void)state;
	wheel_init(&w, NOW);
	for (int i = 0; i < 8; i++)
		wheel_set(&w, &t[i], NOW + 100);
	x = wheel_due(&w, NOW + 1000);
	assert_non_null(x);
	for (int i = 0; i < 4; i++)
		wheel_clear(&w, &t[i]);
	wheel_set(&w, x, NOW + 1001);
	while ((x = wheel_due(&w, NOW + 1000)) != NULL)
		n++;
	assert_in_range(n, 3, 4);
	assert_ptr_not_equal(wheel_due(&w, NOW + 1100), NULL);
}

/* Asleep for long: all are due at once, those of later rounds stay. */
static void
test_long_sleep(void **state)
{
	struct timer t[4] = { 0 };

	(void)state;
	wheel_init(&w, NOW);
	wheel_set(&w, &t[0], NOW + 50);
	wheel_set(&w, &t[1], NOW + ROUND_MS * 2);
	wheel_set(&w, &t[2], NOW + ROUND_MS * 5);
	wheel_set(&w, &t[3], NOW + ROUND_MS * 5 + 2 * WHEEL_TICK_MS);
	for (int i = 0; i < 3; i++)
		assert_non_null(wheel_due(&w, NOW + ROUND_MS * 5));
	assert_null(wheel_due(&w, NOW + ROUND_MS * 5));
	assert_ptr_equal(wheel_due(&w, NOW + ROUND_MS * 6), &t[3]);
}

/* Who sleeps as long as told wakes at most a tick late. */
static void
test_wait(void **state)
{
	struct timer t = { 0 };
	int64_t now = NOW;
	int waits = 0;

	(void)state;
	wheel_init(&w, NOW);
	wheel_set(&w, &t, NOW + 5000);
	while (wheel_due(&w, now) == NULL) {
		int ms = wheel_wait_ms(&w, now);

		assert_in_range(ms, 1, 1100);
		now += ms;
		waits++;
	}
	assert_in_range(now, NOW + 5000, NOW + 5000 + WHEEL_TICK_MS);
	assert_in_range(waits, 5, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_changed_while_due),
		cmocka_unit_test(test_long_sleep),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
