/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one thread that writes to SQLite: group commit. It runs the bodies that
 * wait in one transaction, commits once, and then answers all of them; while it
 * waits for the disk the next group gathers. A body that fails takes back only
 * its own: all but the first good one have a savepoint. It is also the only
 * one to checkpoint.
 * threads: the queue is under lock; the rest is the writer's own.
 */
#include "store/db_sqlite.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define GROUP_MAX 256
#define GROUP_US 4000
#define CHECKPOINT_FRAMES 4000		/* 4 KiB each */
#define RESTART_FRAMES (16 * CHECKPOINT_FRAMES)
#define RESTART_WAIT_MS 100

/* What runs in one transaction. */
struct group {
	struct sq_job *first, **last;
	size_t n;
	bool begun;			/* a transaction is open */
	size_t good;			/* bodies that it would commit */
};

static const struct query begin = { .name = "sqlite.begin",
	.sql = "BEGIN IMMEDIATE" };
static const struct query commit = { .name = "sqlite.commit",
	.sql = "COMMIT" };
static const struct query rollback = { .name = "sqlite.rollback",
	.sql = "ROLLBACK" };
static const struct query save = { .name = "sqlite.save",
	.sql = "SAVEPOINT body" };
static const struct query save_drop = { .name = "sqlite.save_drop",
	.sql = "RELEASE body" };
static const struct query save_undo = { .name = "sqlite.save_undo",
	.sql = "ROLLBACK TO body" };

/* Checkpoints */

static int
wal_hook(void *arg, sqlite3 *h, const char *name, int frames)
{
	struct sq_store *sq = arg;

	(void)h;
	(void)name;
	if (frames < sq->wal_frames)	/* the log began again */
		sq->checkpoint_at = CHECKPOINT_FRAMES;
	sq->wal_frames = frames;
	return SQLITE_OK;
}

/*
 * Copies the log into the database every CHECKPOINT_FRAMES, as far as readers
 * let it, without waiting for them. A log that grows because there is always
 * some reader is one day emptied while they all wait, for a moment.
 */
static void
checkpoint(struct sq_store *sq)
{
	bool restart = sq->wal_frames >= RESTART_FRAMES;
	int rc;

	if (sq->wal_frames < sq->checkpoint_at)
		return;
	sq->checkpoint_at = sq->wal_frames + CHECKPOINT_FRAMES;
	rc = sqlite3_wal_checkpoint_v2(sq->writer->h, NULL, restart ?
	    SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc == SQLITE_BUSY && restart)
		log_warn("store", "a long read keeps the log from shrinking",
		    LI("mib", sq->wal_frames / 256));
	else if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		log_warn("store", "checkpoint failed",
		    LC("why", sqlite3_errmsg(sq->writer->h)));
}

/* The queue */

/* Waits for work; false: stop, and none is left. */
static bool
jobs_wait(struct sq_store *sq)
{
	bool some = true;

	if (sq->taken != NULL)
		return true;
	pthread_mutex_lock(&sq->lock);
	sq->idle = true;
	while (sq->first == NULL && !sq->stop)
		pthread_cond_wait(&sq->queued, &sq->lock);
	sq->idle = false;
	some = sq->first != NULL;
	pthread_mutex_unlock(&sq->lock);
	return some;
}

/* The next body, also one that came while others ran; NULL: none waits. */
static struct sq_job *
job_take(struct sq_store *sq)
{
	struct sq_job *job;

	if (sq->taken == NULL) {
		pthread_mutex_lock(&sq->lock);
		sq->taken = sq->first;
		sq->first = NULL;
		sq->last = &sq->first;
		pthread_mutex_unlock(&sq->lock);
	}
	job = sq->taken;
	if (job != NULL)
		sq->taken = job->next;
	return job;
}

/* Transactions */

/* An answered job is gone: it was on the stack of who waited. */
static void
group_answer(struct group *g)
{
	struct sq_job *job, *next;

	for (job = g->first; job != NULL; job = next) {
		next = job->next;
		sem_post(job->answered);
	}
}

/* Nothing of the transaction happened. */
static void
group_undo(struct sq_store *sq, struct group *g, const struct err *why)
{
	struct err ignored;

	if (!sqlite3_get_autocommit(sq->writer->h) &&
	    !sq_run(&sq->writer->db, &rollback, V0, NULL, &ignored))
		log_warn("store", "rollback failed",
		    LS("why", str_c(ignored.cause)));
	for (struct sq_job *job = g->first; job != NULL; job = job->next) {
		if (job->ok)
			*job->e = *why;
		job->ok = false;
	}
	g->begun = false;
	g->good = 0;
	db_ends_run(&sq->writer->db, NULL, false);
}

/* Takes back what one body did; false: only the whole transaction can be. */
static bool
body_undo(struct sq_store *sq, struct db_end *mark, bool saved)
{
	struct db *db = &sq->writer->db;
	struct err ignored;

	if (!saved || !sq_run(db, &save_undo, V0, NULL, &ignored) ||
	    !sq_run(db, &save_drop, V0, NULL, &ignored))
		return false;
	db_ends_run(db, mark, false);
	return true;
}

/*
 * Runs one body. A full disk or an I/O fault may have ended the transaction by
 * itself, of which SQLite tells by being in autocommit mode again.
 */
static void
body_run(struct sq_store *sq, struct group *g, struct sq_job *job)
{
	struct db *db = &sq->writer->db;
	struct db_end *mark = db->ends;
	struct err lost;
	bool saved = g->good > 0;

	if (!g->begun && !sq_run(db, &begin, V0, NULL, job->e))
		return;
	g->begun = true;
	if (saved && !sq_run(db, &save, V0, NULL, job->e)) {
		group_undo(sq, g, job->e);
		return;
	}
	job->ok = job->body(db, job->arg, job->e) &&
	    (!saved || sq_run(db, &save_drop, V0, NULL, job->e));
	if (sqlite3_get_autocommit(sq->writer->h) ||
	    (!job->ok && !body_undo(sq, mark, saved))) {
		fail(&lost, M_UNAVAILABLE, "The server can't reach its store "
		    "now; try again later");
		err_cause(&lost, "a fault in another body took the whole "
		    "transaction");
		group_undo(sq, g, &lost);
		return;
	}
	g->good += job->ok;
}

static void
group_commit(struct sq_store *sq, struct group *g)
{
	struct db *db = &sq->writer->db;
	struct err e;
	bool ok;

	if (!g->begun)
		return;
	if (store_fault_now(db->s))
		ok = sq_fail(NULL, SQLITE_FULL, "commit", &e);
	else
		ok = sq_run(db, &commit, V0, NULL, &e);
	if (ok)
		db_ends_run(db, NULL, true);
	else
		group_undo(sq, g, &e);
}

static void
group_run(struct sq_store *sq, struct group *g)
{
	int64_t began_us = clock_mono_us();
	struct sq_job *job;

	*g = (struct group){ .last = &g->first };
	while (g->n < GROUP_MAX && (job = job_take(sq)) != NULL) {
		job->next = NULL;
		*g->last = job;
		g->last = &job->next;
		g->n++;
		body_run(sq, g, job);
		if (clock_mono_us() - began_us > GROUP_US)
			break;
	}
	group_commit(sq, g);
}

static void *
writer_main(void *arg)
{
	struct sq_store *sq = arg;
	struct metric *bodies = metric_counter("beffroi_db_bodies_total",
	    "Bodies of transactions run by the writer", NULL);
	struct group g;

	prctl(PR_SET_NAME, "writer");
	while (jobs_wait(sq)) {
		group_run(sq, &g);
		metric_add(bodies, (int64_t)g.n);
		group_answer(&g);
		checkpoint(sq);
	}
	return NULL;
}

bool
sq_transact(struct db *db, db_body *body, void *arg, struct err *e)
{
	struct sq_store *sq = db->s->impl;
	struct sq_db *sdb = (struct sq_db *)db;
	struct sq_job job = { .body = body, .arg = arg, .e = e,
		.answered = &sdb->answered };
	bool wake, stopping;

	pthread_mutex_lock(&sq->lock);
	stopping = sq->stop;
	wake = sq->idle && sq->first == NULL;
	if (!stopping) {
		*sq->last = &job;
		sq->last = &job.next;
	}
	pthread_mutex_unlock(&sq->lock);
	if (stopping)
		return fail(e, M_UNAVAILABLE, "The server is stopping");
	if (wake)
		pthread_cond_signal(&sq->queued);
	while (sem_wait(&sdb->answered) != 0)
		assert(errno == EINTR);
	return job.ok;
}

bool
sq_writer_start(struct store *s, struct err *e)
{
	struct sq_store *sq = s->impl;

	sq->writer = sq_db_new(s, true, e);
	if (sq->writer == NULL)
		return false;
	sq->checkpoint_at = CHECKPOINT_FRAMES;
	sqlite3_wal_hook(sq->writer->h, wal_hook, sq);
	sqlite3_busy_timeout(sq->writer->h, RESTART_WAIT_MS);
	sq->last = &sq->first;
	pthread_mutex_init(&sq->lock, NULL);
	pthread_cond_init(&sq->queued, NULL);
	if (pthread_create(&sq->thread, NULL, writer_main, sq) != 0)
		abort();
	return true;
}

/* Closing the last connection checkpoints and removes the log. */
void
sq_writer_stop(struct store *s)
{
	struct sq_store *sq = s->impl;

	pthread_mutex_lock(&sq->lock);
	sq->stop = true;
	pthread_cond_signal(&sq->queued);
	pthread_mutex_unlock(&sq->lock);
	pthread_join(sq->thread, NULL);
	sq_db_free(sq->writer);
	pthread_cond_destroy(&sq->queued);
	pthread_mutex_destroy(&sq->lock);
}
