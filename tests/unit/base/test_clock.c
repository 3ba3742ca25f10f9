/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Clocks, dates as text, and random bytes; secrets, which use both. */
#include "unit.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/secret.h"

static const struct {
	const char *name;
	int64_t ms;
	const char *want;
} dates[] = {
	{ "the start", 0, "1970-01-01T00:00:00.000Z" },
	{ "before the start", -1, "1969-12-31T23:59:59.999Z" },
	{ "a leap day", 951782400000, "2000-02-29T00:00:00.000Z" },
	{ "the day after", 951868800000, "2000-03-01T00:00:00.000Z" },
	{ "2100 is no leap year", 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ "its last of February", 4107542399999, "2100-02-28T23:59:59.999Z" },
	{ "the end of a year", 1798761599007, "2026-12-31T23:59:59.007Z" },
	{ "an afternoon", 1795467600123, "2026-11-23T21:00:00.123Z" },
};

static void
test_dates(void **state)
{
	struct arena *a = arena_new(4096);

	(void)state;
	for (size_t i = 0; i < LEN(dates); i++) {
		struct str got = clock_rfc3339(a, dates[i].ms);
		if (!str_eq_c(got, dates[i].want))
			fail_msg("%s: " STR_FMT " is not %s", dates[i].name,
			    STR_ARG(got), dates[i].want);
	}
	arena_free(a);
}

/* Against the C library's calendar, over two thousand years of days. */
static void
test_dates_agree_with_the_library(void **state)
{
	struct arena *a = arena_new(4096);

	(void)state;
	for (int64_t day = -300000; day < 500000; day += 97) {
		time_t t = (time_t)(day * 86400 + 3661);
		struct tm tm;
		char want[64];
		struct arena_mark m = arena_mark(a);

		assert_non_null(gmtime_r(&t, &tm));
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		assert_true(str_eq_c(clock_rfc3339(a, (int64_t)t * 1000), want));
		arena_release(a, m);
	}
	arena_free(a);
}

static void
test_extreme_times_do_not_overflow_the_text(void **state)
{
	char mem[CLOCK_TEXT];

	(void)state;
	assert_true(clock_rfc3339_in(mem, sizeof(mem), INT64_MAX).n <
	    sizeof(mem));
	assert_true(clock_rfc3339_in(mem, sizeof(mem), INT64_MIN).n <
	    sizeof(mem));
}

static void
test_the_offset_moves_only_the_wall_clock(void **state)
{
	int64_t before = clock_now_ms(), mono = clock_mono_us();

	(void)state;
	clock_set_offset_ms(1000000);
	assert_in_range(clock_now_ms() - before, 1000000, 1060000);
	assert_in_range(clock_mono_us() - mono, 0, 60000000);
	clock_set_offset_ms(0);
	assert_in_range(clock_now_ms() - before, 0, 60000);
}

static void
test_the_wall_clock_is_now(void **state)
{
	int64_t now_ms = clock_now_ms();

	(void)state;
	assert_in_range(now_ms - (int64_t)time(NULL) * 1000 + 2000, 0, 4000);
}

static void
test_durations_never_shrink(void **state)
{
	int64_t last = clock_mono_us(), cpu = clock_thread_cpu_us();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t t = clock_mono_us();

		assert_true(t >= last);
		last = t;
	}
	assert_true(clock_thread_cpu_us() >= cpu);
}

static void
test_random_below_reaches_all_and_nothing_else(void **state)
{
	unsigned seen[7] = { 0 };

	(void)state;
	for (int i = 0; i < 7000; i++) {
		uint64_t v = random_below(7);

		assert_true(v < 7);
		seen[v]++;
	}
	for (size_t i = 0; i < 7; i++)	/* 1000 each, give or take 8 sigma */
		assert_in_range(seen[i], 750, 1250);
	assert_int_equal(random_below(1), 0);
	for (int i = 0; i < 100; i++)
		assert_true(random_below(UINT64_MAX) < UINT64_MAX);
}

static void
test_random_text_is_letters_and_digits(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct str s = random_text(a, 5000), other = random_text(a, 5000);
	unsigned seen[256] = { 0 };

	(void)state;
	assert_int_equal(s.n, 5000);
	assert_false(str_eq(s, other));
	for (size_t i = 0; i < s.n; i++)
		seen[(unsigned char)s.p[i]]++;
	for (int c = 0; c < 256; c++) {
		bool wanted = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z');

		assert_int_equal(seen[c] > 0, wanted);
	}
	assert_int_equal(random_text(a, 0).n, 0);
	arena_free(a);
}

static void
test_random_fill_fills_all(void **state)
{
	unsigned char x[64] = { 0 }, y[64] = { 0 };

	(void)state;
	random_fill(x, sizeof(x));
	random_fill(y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
	random_fill(NULL, 0);
}

static void
test_secrets(void **state)
{
	struct arena *a = arena_new(4096);
	struct secret x = secret_dup(a, S("hunter2"));
	struct secret y = secret_dup(a, S("hunter2"));
	struct secret z = secret_dup(a, S("hunter3"));
	struct secret shorter = secret_dup(a, S("hunter"));
	struct secret none = secret_dup(a, S(""));

	(void)state;
	assert_true(x.hidden.p != y.hidden.p);
	assert_true(secret_eq(x, y));
	assert_false(secret_eq(x, z));
	assert_false(secret_eq(x, shorter));
	assert_false(secret_eq(x, none));
	assert_true(secret_eq(none, none));
	arena_free(a);
}

static char *secret_at, secret_byte;

/* Added before the secret, so it runs after the wiping: last in, first out. */
static void
look_at_the_secret(void *p)
{
	(void)p;
	secret_byte = *secret_at;
}

static void
test_a_secret_is_wiped_when_its_arena_ends(void **state)
{
	struct arena *a = arena_new(4096);
	struct secret s;

	(void)state;
	arena_at_end(a, look_at_the_secret, NULL);
	s = secret_dup(a, S("hunter2"));
	memcpy(&secret_at, &s.hidden.p, sizeof(secret_at));
	secret_byte = '?';
	assert_int_equal(*secret_at, 'h');
	arena_free(a);
	assert_int_equal(secret_byte, '\0');
}

static void
test_wipe_clears_bytes(void **state)
{
	char p[8] = "secret!";

	(void)state;
	secret_wipe(p, sizeof(p));
	assert_memory_equal(p, "\0\0\0\0\0\0\0\0", 8);
	secret_wipe(NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_dates_agree_with_the_library),
		cmocka_unit_test(test_extreme_times_do_not_overflow_the_text),
		cmocka_unit_test(test_the_offset_moves_only_the_wall_clock),
		cmocka_unit_test(test_the_wall_clock_is_now),
		cmocka_unit_test(test_durations_never_shrink),
		cmocka_unit_test(test_random_below_reaches_all_and_nothing_else),
		cmocka_unit_test(test_random_text_is_letters_and_digits),
		cmocka_unit_test(test_random_fill_fills_all),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_a_secret_is_wiped_when_its_arena_ends),
		cmocka_unit_test(test_wipe_clears_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
