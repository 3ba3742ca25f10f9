/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Worker pools: threads that take jobs from one bounded queue. Each thread has
 * a state of its own, made by on_start (an arena, a database handle).
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/str.h"

struct pool;

struct pool_spec {
	const char *name;		/* thread name, at most 15 bytes */
	int nthreads;
	size_t queue_max;		/* jobs waiting, at most */
	void *(*on_start)(void *arg);	/* in the thread; its result is the job's first parameter */
	void (*on_stop)(void *state);	/* in the thread; may be NULL, as on_start */
	void *arg;
};

struct pool *pool_start(const struct pool_spec *spec);
/* False: the queue is full or the pool is stopping; nothing was queued. */
bool pool_push(struct pool *p, void (*job)(void *state, void *arg), void *arg) MUST_CHECK;
size_t pool_waiting(struct pool *p);
/* Runs what is queued, joins the threads, frees the pool. */
void pool_stop(struct pool *p);

#endif
