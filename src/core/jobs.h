/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Work that no request waits for: a few threads that run a function for a key
 * when it is kicked, or at a time. Memory only: what must not be lost lies in
 * a table of its subject, which kicks its keys again at start.
 *
 * Of one kind and key there is one run at a time; kicks while it runs make one
 * more run after it. A kind has a bound of its own on threads, so that one
 * whose peers are slow leaves room to others. Runs may block (client_call).
 * threads: all.
 */
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "core/ctx.h"

/*
 * Does what is due for the key. c is the thread's: ACTOR_JOB, its arena is
 * reset after the run, c->err is logged if false is returned.
 *
 * again_ms  0: nothing until the next kick; else when to run again (wall clock).
 *           At false: a minute later, if it is left 0.
 */
typedef bool job_fn(struct ctx *c, struct str key, int64_t *again_ms);

/* One for each subject, static. */
struct job_kind {
	const char *name;		/* "push": metrics and log */
	job_fn *run;
	int most;			/* threads at once */
	int running;			/* jobs.c's, under its lock */
};

/* False: no thread. After the store; before anything kicks. */
void jobs_start(int nthreads);
/* Waits for what runs; the rest is dropped. After client_close, so that nothing blocks for long. */
void jobs_stop(void);
/* Asked by long runs between two steps. */
bool jobs_stopping(void);
/* Runs soon. Cheap; never blocks, never fails. Before jobs_start and after jobs_stop: nothing. */
void job_kick(struct job_kind *kind, struct str key);
/* Runs at that time (wall clock), or earlier if it was asked for earlier. */
void job_at(struct job_kind *kind, struct str key, int64_t at_ms);

#endif
