/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Worker pools: one queue, a ring of fixed size, under one lock. Jobs run in
 * the order they were pushed, as far as several threads can tell. Stopping
 * takes no more jobs, runs those that wait, and joins the threads.
 * threads: all; pool_stop by one, once.
 */
#include "base/pool.h"

#include "base/heap.h"
#include "base/log.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct job {
	void (*run)(void *state, void *arg);
	void *arg;
};

struct pool {
	struct pool_spec spec;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *ring;	/* under lock, as what follows */
	size_t head, n;		/* n jobs wait, the oldest at ring[head] */
	int idle;		/* threads that wait for a job */
	bool waking;		/* one of them was signalled and does not run yet */
	bool stopping;
	pthread_t thread[];
};

/*
 * Whether a thread must be signalled. One at a time is enough: it wakes the
 * next if there is more to do than it took, so a burst of jobs that a running
 * thread can do wakes nobody in vain. locks: p->lock
 */
static bool
must_wake(struct pool *p)
{
	if (p->n == 0 || p->idle == 0 || p->waking)
		return false;
	p->waking = true;
	return true;
}

/* Takes the oldest job; false: the pool is stopping and nothing is left. */
static bool
job_take(struct pool *p, struct job *job)
{
	bool got, wake;

	pthread_mutex_lock(&p->lock);
	while (p->n == 0 && !p->stopping) {
		p->idle++;
		pthread_cond_wait(&p->wake, &p->lock);
		p->idle--;
		p->waking = false;
	}
	got = p->n > 0;
	if (got) {
		*job = p->ring[p->head];
		p->head = (p->head + 1) % p->spec.queue_max;
		p->n--;
	}
	wake = must_wake(p);
	pthread_mutex_unlock(&p->lock);
	if (wake)
		pthread_cond_signal(&p->wake);
	return got;
}

static void *
worker(void *arg)
{
	struct pool *p = arg;
	struct job job;
	void *state = NULL;

	prctl(PR_SET_NAME, p->spec.name);
	if (p->spec.on_start != NULL)
		state = p->spec.on_start(p->spec.arg);
	while (job_take(p, &job))
		job.run(state, job.arg);
	if (p->spec.on_stop != NULL)
		p->spec.on_stop(state);
	return NULL;
}

/* Signals are the main thread's: workers are born with all of them blocked. */
static void
threads_start(struct pool *p)
{
	sigset_t all, before;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < p->spec.nthreads && rc == 0; i++)
		rc = pthread_create(&p->thread[i], NULL, worker, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		log_error("pool", "the system gave no thread",
		    LC("pool", p->spec.name), LI("errno", rc));
		abort();
	}
}

struct pool *
pool_start(const struct pool_spec *spec)
{
	struct pool *p;

	assert(spec->nthreads > 0 && spec->queue_max > 0);
	assert(strlen(spec->name) <= 15);
	p = must(calloc(1, sizeof(*p) +
	    (size_t)spec->nthreads * sizeof(p->thread[0])));
	p->spec = *spec;
	p->ring = must(calloc(spec->queue_max, sizeof(p->ring[0])));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	threads_start(p);
	return p;
}

bool
pool_push(struct pool *p, void (*job)(void *state, void *arg), void *arg)
{
	bool fits, wake;

	pthread_mutex_lock(&p->lock);
	fits = !p->stopping && p->n < p->spec.queue_max;
	if (fits) {
		p->ring[(p->head + p->n) % p->spec.queue_max] =
		    (struct job){ job, arg };
		p->n++;
	}
	wake = must_wake(p);
	pthread_mutex_unlock(&p->lock);
	if (wake)
		pthread_cond_signal(&p->wake);
	return fits;
}

size_t
pool_waiting(struct pool *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->n;
	pthread_mutex_unlock(&p->lock);
	return n;
}

void
pool_stop(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	assert(!p->stopping);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->spec.nthreads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p->ring);
	free(p);
}
