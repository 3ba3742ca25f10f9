/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Token buckets: how many at once, how many in time, who shares with whom. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "api/rate.h"
#include "base/conf.h"

#define SECOND INT64_C(1000000)

/* Each case has a time of its own, long after the one before. */
static int64_t
new_day(void)
{
	static int64_t day;

	return ++day * 86400 * SECOND;
}

/* How many of n tokens asked for at one time are given. */
static int
given(enum route_rate class, const char *who, int n, int64_t at)
{
	int got = 0;

	for (int i = 0; i < n; i++)
		got += rate_wait_ms(class, str_c(who), at) == 0;
	return got;
}

static const struct {
	const char *name;
	enum route_rate class;
	int burst, in_ten_seconds;
} classes[] = {
	{ "reading", RATE_READ, 200, 500 },
	{ "pages", RATE_PAGE, 100, 200 },
	{ "sending", RATE_SEND, 50, 100 },
	{ "signing in", RATE_LOGIN, 10, 2 },
	{ "one account", RATE_ACCOUNT, 10, 2 },
	{ "files", RATE_MEDIA, 100, 100 },
};

static void
test_a_burst_then_a_flow(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(classes); i++) {
		int64_t at = new_day();
		int first = given(classes[i].class, "@a:t", 2000, at), more = 0;

		/* Asked every 10 ms, as one does who does not wait. */
		for (int k = 1; k <= 1000; k++)
			more += given(classes[i].class, "@a:t", 1,
			    at + k * SECOND / 100);
		if (first != classes[i].burst ||
		    more != classes[i].in_ten_seconds)
			fail_msg("%s: %d at once, %d in ten seconds",
			    classes[i].name, first, more);
	}
}

static void
test_what_it_says_to_wait_is_enough_and_not_too_much(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(classes); i++) {
		int64_t at = new_day(), wait;

		given(classes[i].class, "@a:t", 2000, at);
		wait = rate_wait_ms(classes[i].class, S("@a:t"), at);
		assert_true(wait > 0);
		assert_true(rate_wait_ms(classes[i].class, S("@a:t"),
		    at + wait * 1000 / 2) > 0);
		assert_int_equal(rate_wait_ms(classes[i].class, S("@a:t"),
		    at + wait * 1000), 0);
	}
}

static void
test_who_asks_without_end_still_gets_the_flow(void **state)
{
	int64_t at = new_day();
	int more = 0;

	(void)state;
	given(RATE_LOGIN, "@a:t", 20, at);
	for (int64_t us = 0; us <= 10 * SECOND; us += 500)
		more += given(RATE_LOGIN, "@a:t", 1, at + us);
	assert_int_equal(more, 2);
}

static void
test_a_bucket_fills_to_its_burst_and_no_further(void **state)
{
	int64_t at = new_day();

	(void)state;
	assert_int_equal(given(RATE_SEND, "@a:t", 100, at), 50);
	assert_int_equal(given(RATE_SEND, "@a:t", 100, at + SECOND), 10);
	assert_int_equal(given(RATE_SEND, "@a:t", 100, at + 3600 * SECOND),
	    50);
}

static void
test_callers_and_classes_are_apart(void **state)
{
	int64_t at = new_day();

	(void)state;
	given(RATE_SEND, "@a:t", 100, at);
	assert_int_equal(given(RATE_SEND, "@b:t", 100, at), 50);
	for (int class = RATE_READ; class < RATE_NCLASSES; class++)
		if (class != RATE_SEND)
			assert_true(rate_wait_ms((enum route_rate)class,
			    S("@a:t"), at) == 0);
	assert_int_equal(given(RATE_SEND, "@a:t", 100, at), 0);
}

static void
test_what_is_free_is_free(void **state)
{
	(void)state;
	assert_int_equal(given(RATE_FREE, "@a:t", 5000, new_day()), 5000);
}

/*
 * Someone who has spent everything is not forgiven because others come: only
 * who has used least makes place.
 */
static void
test_a_crowd_does_not_free_who_has_spent(void **state)
{
	int64_t at = new_day();
	char name[32];
	int freed = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "@spent%d:t", i);
		given(RATE_LOGIN, name, 20, at);
	}
	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "@crowd%d:t", i);
		given(RATE_LOGIN, name, 1, at);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "@spent%d:t", i);
		freed += given(RATE_LOGIN, name, 1, at) > 0;
	}
	assert_int_equal(freed, 0);
}

static void
set_limits(const char *value)
{
	struct err e = { .code = M_OK };
	char text[64];
	char *args[] = { text };

	snprintf(text, sizeof(text), "limits.enabled=%s", value);
	if (!conf_load(NULL, args, 1, &e))
		fail_msg("%s", e.text);
}

static void
test_the_error_says_how_long(void **state)
{
	struct actor who = { .user = S("@error:t") };
	struct err e = { .code = M_OK };
	int n = 0;

	(void)state;
	set_limits("true");
	while (n < 100 && rate_take(RATE_LOGIN, &who, &e))
		n++;
	assert_int_equal(n, 10);
	assert_int_equal(e.code, M_LIMIT_EXCEEDED);
	assert_int_equal(err_status(&e), 429);
	assert_true(e.retry_ms > 0 && e.retry_ms <= 5001);
}

static void
test_limits_can_be_off(void **state)
{
	struct actor who = { .user = S("@off:t") };
	struct err e = { .code = M_OK };

	(void)state;
	set_limits("false");
	for (int i = 0; i < 1000; i++)
		assert_true(rate_take(RATE_LOGIN, &who, &e) &&
		    rate_take_account(S("@off:t"), &e));
}

/* How many sign-ins pass from addresses made of a pattern and a number. */
static int
from(const char *pattern, int n)
{
	struct err e = { .code = M_OK };
	int got = 0;

	set_limits("true");
	for (int i = 0; i < n; i++) {
		char text[64];
		struct actor who = { .kind = ACTOR_NONE };

		snprintf(text, sizeof(text), "%s%x", pattern, (unsigned)i);
		who.address = str_c(text);
		err_clear(&e);
		got += rate_take(RATE_LOGIN, &who, &e);
	}
	return got;
}

static void
test_addresses(void **state)
{
	(void)state;
	/* Each its own, but of IPv6 a /64 is one. */
	assert_int_equal(from("192.0.2.", 10), 10);
	assert_int_equal(from("2001:db8:1:2::", 100), 10);
	assert_int_equal(from("2001:db8:1:2:ffff::", 100), 0);
	assert_int_equal(from("2001:db8:1:3::", 100), 10);
	assert_int_equal(from("unix", 1), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_burst_then_a_flow),
		cmocka_unit_test(
		    test_what_it_says_to_wait_is_enough_and_not_too_much),
		cmocka_unit_test(
		    test_who_asks_without_end_still_gets_the_flow),
		cmocka_unit_test(
		    test_a_bucket_fills_to_its_burst_and_no_further),
		cmocka_unit_test(test_callers_and_classes_are_apart),
		cmocka_unit_test(test_what_is_free_is_free),
		cmocka_unit_test(test_a_crowd_does_not_free_who_has_spent),
		cmocka_unit_test(test_the_error_says_how_long),
		cmocka_unit_test(test_limits_can_be_off),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
