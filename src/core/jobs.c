/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See jobs.h. Entries by kind and key; those that are due stand in a list, the
 * others in a heap by time. An entry without anything to do is freed.
 * threads: all, under one lock that is not held while a job runs.
 */
#include "core/jobs.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metric.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define THREADS_MAX 64
#define AFTER_FAILURE_MS 60000
#define ARENA_CAP ((size_t)64 << 20)

struct entry {
	struct job_kind *kind;
	struct entry *next;		/* of the due */
	bool due, running, again;	/* in the list; run by a thread; kicked meanwhile */
	size_t heap_at;			/* its place in the heap + 1; 0: not there */
	int64_t at_ms;
	struct str key;			/* the kind's address, then the key */
	char bytes[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool open;
	struct map all;
	struct entry *due, **due_end;
	struct entry **heap;
	size_t nheap, cap;
	pthread_t thread[THREADS_MAX];
	int nthreads;
} the = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER };

static void
heap_put(size_t i, struct entry *x)
{
	the.heap[i] = x;
	x->heap_at = i + 1;
}

static void
heap_up(size_t i)
{
	struct entry *x = the.heap[i];

	while (i > 0 && the.heap[(i - 1) / 2]->at_ms > x->at_ms) {
		heap_put(i, the.heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_put(i, x);
}

static void
heap_down(size_t i)
{
	struct entry *x = the.heap[i];
	size_t child;

	while ((child = 2 * i + 1) < the.nheap) {
		if (child + 1 < the.nheap &&
		    the.heap[child + 1]->at_ms < the.heap[child]->at_ms)
			child++;
		if (the.heap[child]->at_ms >= x->at_ms)
			break;
		heap_put(i, the.heap[child]);
		i = child;
	}
	heap_put(i, x);
}

static void
heap_add(struct entry *x)
{
	the.heap = heap_more(the.heap, the.nheap, &the.cap,
	    sizeof(struct entry *));
	heap_put(the.nheap++, x);
	heap_up(the.nheap - 1);
}

static void
heap_drop(struct entry *x)
{
	size_t i = x->heap_at - 1;
	struct entry *last = the.heap[--the.nheap];

	x->heap_at = 0;
	if (last == x)
		return;
	heap_put(i, last);
	heap_up(i);
	heap_down(last->heap_at - 1);
}

static struct entry *
entry_get(struct job_kind *kind, struct str key)
{
	size_t n = sizeof(kind) + key.n;
	struct entry *x = must(calloc(1, sizeof(*x) + n)), *old;

	memcpy(x->bytes, &kind, sizeof(kind));
	if (key.n > 0)
		memcpy(x->bytes + sizeof(kind), key.p, key.n);
	x->key = str_n(x->bytes, n);
	x->kind = kind;
	old = map_get(&the.all, x->key);
	if (old != NULL) {
		free(x);
		return old;
	}
	map_put(&the.all, x->key, x);
	return x;
}

static void
make_due(struct entry *x)
{
	if (x->heap_at != 0)
		heap_drop(x);
	if (x->running) {
		x->again = true;
	} else if (!x->due) {
		x->due = true;
		x->next = NULL;
		*the.due_end = x;
		the.due_end = &x->next;
		pthread_cond_signal(&the.wake);
	}
}

void
job_kick(struct job_kind *kind, struct str key)
{
	pthread_mutex_lock(&the.lock);
	if (the.open)
		make_due(entry_get(kind, key));
	pthread_mutex_unlock(&the.lock);
}

static void
make_timed(struct entry *x, int64_t at_ms)
{
	if (x->due || x->again || (x->heap_at != 0 && x->at_ms <= at_ms))
		return;
	if (x->heap_at != 0)
		heap_drop(x);
	x->at_ms = at_ms;
	heap_add(x);
	pthread_cond_signal(&the.wake);
}

void
job_at(struct job_kind *kind, struct str key, int64_t at_ms)
{
	pthread_mutex_lock(&the.lock);
	if (the.open)
		make_timed(entry_get(kind, key), at_ms);
	pthread_mutex_unlock(&the.lock);
}

/* The first that is due and whose kind has a thread left, taken off the list. */
static struct entry *
due_take(void)
{
	for (struct entry **p = &the.due; *p != NULL; p = &(*p)->next) {
		struct entry *x = *p;

		if (x->kind->running >= x->kind->most)
			continue;
		*p = x->next;
		if (the.due_end == &x->next)
			the.due_end = p;
		x->due = false;
		return x;
	}
	return NULL;
}

static void
timed_to_due(int64_t now_ms)
{
	while (the.nheap > 0 && the.heap[0]->at_ms <= now_ms)
		make_due(the.heap[0]);
}

static void
sleep_until(int64_t at_ms)
{
	struct timespec until = { .tv_sec = (time_t)(at_ms / 1000),
	    .tv_nsec = (long)(at_ms % 1000) * 1000000 };

	pthread_cond_timedwait(&the.wake, &the.lock, &until);
}

/* Waits for something to do; NULL: the end. Called and left with the lock. */
static struct entry *
take(void)
{
	struct entry *x;

	while (the.open) {
		timed_to_due(clock_now_ms());
		x = due_take();
		if (x != NULL)
			return x;
		if (the.nheap > 0)
			sleep_until(the.heap[0]->at_ms);
		else
			pthread_cond_wait(&the.wake, &the.lock);
	}
	return NULL;
}

static int64_t
run_one(struct ctx *c, const struct entry *x)
{
	int64_t again_ms = 0, began_us = clock_mono_us();
	bool ok;

	c->now_ms = clock_now_ms();
	err_clear(&c->err);
	ok = x->kind->run(c, str_from(x->key, sizeof(x->kind)), &again_ms);
	if (!ok) {
		log_err(LOG_WARN, x->kind->name, "a job failed", &c->err);
		if (again_ms == 0)
			again_ms = clock_now_ms() + AFTER_FAILURE_MS;
	}
	metric_observe_us(metric_histogram("beffroi_job_seconds",
	    "Runs of background jobs", str_cz(c->a, str_fmt(c->a,
	    "kind=\"%s\"", x->kind->name))), clock_mono_us() - began_us);
	arena_reset(c->a);
	return again_ms;
}

/* After a run, with the lock. */
static void
settle(struct entry *x, int64_t again_ms)
{
	bool again = x->again;

	x->running = x->again = false;
	x->kind->running--;
	/* A place of its kind is free: others of it may be waiting. */
	if (the.due != NULL)
		pthread_cond_signal(&the.wake);
	if (again)
		make_due(x);
	else if (again_ms != 0)
		make_timed(x, again_ms);
	if (!x->due && x->heap_at == 0) {
		map_del(&the.all, x->key);
		free(x);
	}
}

static void *
work(void *arg)
{
	struct ctx c = { .a = arena_new(ARENA_CAP) };
	struct entry *x;

	(void)arg;
	prctl(PR_SET_NAME, "job");
	c.who.kind = ACTOR_JOB;
	c.db = db_attach(server_get()->store, &c.err);
	if (c.db == NULL)
		abort();
	pthread_mutex_lock(&the.lock);
	while ((x = take()) != NULL) {
		int64_t again_ms;

		x->running = true;
		x->kind->running++;
		pthread_mutex_unlock(&the.lock);
		again_ms = run_one(&c, x);
		pthread_mutex_lock(&the.lock);
		settle(x, again_ms);
	}
	pthread_mutex_unlock(&the.lock);
	db_detach(c.db);
	arena_free(c.a);
	return NULL;
}

void
jobs_start(int nthreads)
{
	sigset_t all, before;

	assert(!the.open && nthreads > 0 && nthreads <= THREADS_MAX);
	the.due_end = &the.due;
	the.open = true;
	the.nthreads = nthreads;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < nthreads; i++)
		if (pthread_create(&the.thread[i], NULL, work, NULL) != 0)
			abort();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

bool
jobs_stopping(void)
{
	bool open;

	pthread_mutex_lock(&the.lock);
	open = the.open;
	pthread_mutex_unlock(&the.lock);
	return !open;
}

void
jobs_stop(void)
{
	pthread_mutex_lock(&the.lock);
	the.open = false;
	pthread_cond_broadcast(&the.wake);
	pthread_mutex_unlock(&the.lock);
	for (int i = 0; i < the.nthreads; i++)
		pthread_join(the.thread[i], NULL);
	map_clear(&the.all, free);
	free(the.heap);
	the.heap = NULL;
	the.nheap = the.cap = 0;
	the.due = NULL;
	the.nthreads = 0;
}
