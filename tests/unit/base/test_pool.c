/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Worker pools: order, bounds, states of threads, stopping. */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/pool.h"

static atomic_int ran, started, stopped;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool at_gate;

static void *
on_start(void *arg)
{
	atomic_fetch_add(&started, 1);
	return arg;
}

static void
on_stop(void *state)
{
	(void)state;
	atomic_fetch_add(&stopped, 1);
}

static void
count(void *state, void *arg)
{
	(void)state;
	(void)arg;
	atomic_fetch_add(&ran, 1);
}

/* Holds its thread until the test opens the gate. */
static void
wait_at_gate(void *state, void *arg)
{
	(void)state;
	(void)arg;
	atomic_store(&at_gate, true);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

/* A pool of one thread that is busy until gate is unlocked. */
static struct pool *
busy_pool(size_t queue_max)
{
	struct pool_spec spec = { .name = "t", .nthreads = 1,
	    .queue_max = queue_max };
	struct pool *p = pool_start(&spec);

	pthread_mutex_lock(&gate);
	atomic_store(&at_gate, false);
	assert_true(pool_push(p, wait_at_gate, NULL));
	while (!atomic_load(&at_gate))
		;
	return p;
}

static void
test_all_jobs_run_before_the_stop(void **state)
{
	struct pool_spec spec = { .name = "fifteen-letters", .nthreads = 4,
	    .queue_max = 1000, .on_start = on_start, .on_stop = on_stop };
	struct pool *p = pool_start(&spec);

	(void)state;
	atomic_store(&ran, 0);
	for (int i = 0; i < 1000; i++)
		assert_true(pool_push(p, count, NULL));
	pool_stop(p);
	assert_int_equal(ran, 1000);
	assert_int_equal(started, 4);
	assert_int_equal(stopped, 4);
}

static void
test_a_full_queue_refuses(void **state)
{
	struct pool *p = busy_pool(3);

	(void)state;
	atomic_store(&ran, 0);
	for (int i = 0; i < 3; i++)
		assert_true(pool_push(p, count, NULL));
	assert_int_equal(pool_waiting(p), 3);
	assert_false(pool_push(p, count, NULL));
	assert_int_equal(pool_waiting(p), 3);
	pthread_mutex_unlock(&gate);
	pool_stop(p);
	assert_int_equal(ran, 3);
}

static int order[50];
static size_t norder;

static void
note(void *state, void *arg)
{
	(void)state;
	order[norder++] = *(int *)arg;
}

static void
test_one_thread_keeps_the_order(void **state)
{
	struct pool *p = busy_pool(LEN(order));
	int id[LEN(order)];

	(void)state;
	for (size_t i = 0; i < LEN(order); i++) {
		id[i] = (int)i;
		assert_true(pool_push(p, note, &id[i]));
	}
	pthread_mutex_unlock(&gate);
	pool_stop(p);
	assert_int_equal(norder, LEN(order));
	for (size_t i = 0; i < LEN(order); i++)
		assert_int_equal(order[i], i);
}

static void
check_state(void *state, void *arg)
{
	atomic_fetch_add(&ran, state == arg);
}

static void
test_jobs_get_the_state_of_their_thread(void **state)
{
	int mark = 0;
	struct pool_spec spec = { .name = "t", .nthreads = 2, .queue_max = 10,
	    .on_start = on_start, .arg = &mark };
	struct pool *p = pool_start(&spec);

	(void)state;
	atomic_store(&ran, 0);
	for (int i = 0; i < 10; i++)
		assert_true(pool_push(p, check_state, &mark));
	pool_stop(p);
	assert_int_equal(ran, 10);
}

static void
push_again(void *state, void *arg)
{
	(void)state;
	/* The pool stops meanwhile: either answer is right, a hang is not. */
	if (pool_push(arg, count, NULL))
		atomic_fetch_add(&started, 1);
}

static void
test_a_job_may_push_while_the_pool_stops(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct pool_spec spec = { .name = "t", .nthreads = 2,
		    .queue_max = 4 };
		struct pool *p = pool_start(&spec);

		atomic_store(&ran, 0);
		atomic_store(&started, 0);
		assert_true(pool_push(p, push_again, p));
		pool_stop(p);
		assert_int_equal(ran, started);
	}
}

static void
look_at_mask(void *state, void *arg)
{
	sigset_t set;

	(void)state;
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	*(bool *)arg = sigismember(&set, SIGTERM) == 1;
}

static void
test_signals_stay_with_the_main_thread(void **state)
{
	struct pool_spec spec = { .name = "t", .nthreads = 1, .queue_max = 1 };
	struct pool *p = pool_start(&spec);
	bool blocked = false;
	sigset_t set;

	(void)state;
	assert_true(pool_push(p, look_at_mask, &blocked));
	pool_stop(p);
	assert_true(blocked);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	assert_int_equal(sigismember(&set, SIGTERM), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_jobs_run_before_the_stop),
		cmocka_unit_test(test_a_full_queue_refuses),
		cmocka_unit_test(test_one_thread_keeps_the_order),
		cmocka_unit_test(test_jobs_get_the_state_of_their_thread),
		cmocka_unit_test(test_a_job_may_push_while_the_pool_stops),
		cmocka_unit_test(test_signals_stay_with_the_main_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
