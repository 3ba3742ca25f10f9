/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Background jobs and the pauses between attempts. */
#include "core/fixture.h"

#include <poll.h>
#include <stdatomic.h>

#include "core/backoff.h"
#include "core/jobs.h"

static atomic_int runs, now_running, most_running;
static atomic_bool hold;

static bool
reaches(atomic_int *x, int value)
{
	for (int i = 0; i < 5000 && atomic_load(x) < value; i++)
		poll(NULL, 0, 1);
	return atomic_load(x) >= value;
}

static bool
count_run(struct ctx *c, struct str key, int64_t *again_ms)
{
	int n = atomic_fetch_add(&now_running, 1) + 1;

	if (n > atomic_load(&most_running))
		atomic_store(&most_running, n);
	while (atomic_load(&hold))
		poll(NULL, 0, 1);
	atomic_fetch_sub(&now_running, 1);
	if (str_eq(key, S("again")) && atomic_load(&runs) < 3)
		*again_ms = c->now_ms + 10;
	atomic_fetch_add(&runs, 1);
	return true;
}

static struct job_kind kind = { .name = "test", .run = count_run, .most = 2 };

static void
begin(void)
{
	atomic_store(&runs, 0);
	atomic_store(&most_running, 0);
	jobs_start(4);
}

static void
a_kick_runs_once_and_kicks_meanwhile_once_more(void **state)
{
	(void)state;
	begin();
	atomic_store(&hold, true);
	job_kick(&kind, S("a"));
	assert_true(reaches(&now_running, 1));
	for (int i = 0; i < 10; i++)
		job_kick(&kind, S("a"));
	atomic_store(&hold, false);
	assert_true(reaches(&runs, 2));
	poll(NULL, 0, 20);
	assert_int_equal(atomic_load(&runs), 2);
	assert_int_equal(atomic_load(&most_running), 1);
	jobs_stop();
}

static void
a_kind_takes_no_more_threads_than_its_bound(void **state)
{
	char key[16];

	(void)state;
	begin();
	atomic_store(&hold, true);
	for (int i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "%d", i);
		job_kick(&kind, str_c(key));
	}
	assert_true(reaches(&now_running, 2));
	poll(NULL, 0, 20);
	atomic_store(&hold, false);
	assert_true(reaches(&runs, 8));
	assert_int_equal(atomic_load(&most_running), 2);
	jobs_stop();
}

static void
a_job_comes_at_its_time_and_again_if_it_says_so(void **state)
{
	int64_t began = clock_mono_us();

	(void)state;
	begin();
	job_at(&kind, S("later"), clock_now_ms() + 3600 * 1000);
	job_at(&kind, S("again"), clock_now_ms() + 30);
	assert_true(reaches(&runs, 4));
	assert_true(clock_mono_us() - began >= 50000);
	job_at(&kind, S("later"), clock_now_ms() + 10);
	assert_true(reaches(&runs, 5));
	jobs_stop();
	job_kick(&kind, S("never"));
	assert_int_equal(atomic_load(&runs), 5);
}

static void
pauses_double_up_to_a_bound_give_or_take_a_fifth(void **state)
{
	static const struct backoff_plan p = { "test", 1000, 60000 };
	static const int64_t want[] = { 1000, 2000, 4000, 8000, 16000, 32000,
		60000, 60000 };

	(void)state;
	for (size_t i = 0; i < LEN(want); i++)
		for (uint64_t r = 0; r < 100; r++) {
			int64_t got = backoff_pause(&p, (int64_t)i + 1, r *
			    7919);

			assert_true(got >= want[i] * 8 / 10 &&
			    got <= want[i] * 12 / 10);
		}
	assert_true(backoff_pause(&p, 1000000, 3) <= 72000);
}

static void
a_failure_is_known_after_a_restart_until_it_works(void **state)
{
	static const struct backoff_plan p = { "test", 1000, 60000 };
	struct destination d;
	struct ctx *c = as("alice");

	(void)state;
	OK(c, backoff_get(c, &p, S("there"), &d));
	assert_int_equal(d.failures, 0);
	OK(c, backoff_failed(c, &p, S("there"), &d));
	OK(c, backoff_failed(c, &p, S("there"), &d));
	core_again();
	c = as("alice");
	OK(c, backoff_get(c, &p, S("there"), &d));
	assert_int_equal(d.failures, 2);
	assert_true(d.retry_ms > d.first_failed_ms);
	OK(c, backoff_worked(c, &p, S("there")));
	OK(c, backoff_worked(c, &p, S("there")));
	OK(c, backoff_get(c, &p, S("there"), &d));
	assert_int_equal(d.failures, 0);
	assert_int_equal(d.retry_ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_kick_runs_once_and_kicks_meanwhile_once_more,
		    world_open, world_close),
		cmocka_unit_test_setup_teardown(
		    a_kind_takes_no_more_threads_than_its_bound,
		    world_open, world_close),
		cmocka_unit_test_setup_teardown(
		    a_job_comes_at_its_time_and_again_if_it_says_so,
		    world_open, world_close),
		cmocka_unit_test(
		    pauses_double_up_to_a_bound_give_or_take_a_fifth),
		cmocka_unit_test_setup_teardown(
		    a_failure_is_known_after_a_restart_until_it_works,
		    world_open, world_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
