/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one thread that writes to SQLite: group commit. It takes every body that
 * waits, runs them in one transaction (a savepoint each, so that one that fails
 * takes back only its own), commits once, and then answers all of them. While
 * it waits for the disk the next group gathers.
 * It is also the only one to checkpoint.
 */
#include "store/sqlite.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

#define GROUP_MAX 256
#define CHECKPOINT_FRAMES 4000		/* 4 KiB each */

struct group {
	struct sq_job *job[GROUP_MAX];
	size_t n;
	bool lost;		/* the database rolled the whole transaction back */
};

static int
wal_hook(void *arg, sqlite3 *h, const char *name, int frames)
{
	struct sq_store *sq = arg;

	(void)h;
	(void)name;
	sq->wal_frames = frames;
	return SQLITE_OK;
}

static void
checkpoint(struct sq_store *sq)
{
	int rc;

	if (sq->wal_frames < CHECKPOINT_FRAMES)
		return;
	rc = sqlite3_wal_checkpoint_v2(sq->writer->h, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		log_warn("store", "checkpoint failed",
		    LC("why", sqlite3_errmsg(sq->writer->h)));
	sq->wal_frames = 0;
}

/* Waits for jobs; false: stop, and none is left. */
static bool
group_take(struct sq_store *sq, struct group *g)
{
	g->n = 0;
	g->lost = false;
	pthread_mutex_lock(&sq->lock);
	while (sq->first == NULL && !sq->stop)
		pthread_cond_wait(&sq->queued, &sq->lock);
	while (sq->first != NULL && g->n < GROUP_MAX) {
		g->job[g->n] = sq->first;
		sq->first = g->job[g->n++]->next;
	}
	if (sq->first == NULL)
		sq->last = &sq->first;
	pthread_mutex_unlock(&sq->lock);
	return g->n > 0;
}

static void
group_answer(struct sq_store *sq, struct group *g)
{
	pthread_mutex_lock(&sq->lock);
	for (size_t i = 0; i < g->n; i++) {
		g->job[i]->done = true;
		pthread_cond_signal(&g->job[i]->ended);
	}
	pthread_mutex_unlock(&sq->lock);
}

/* Runs one body; on failure takes back what it did. */
static void
job_run(struct sq_store *sq, struct group *g, struct sq_job *job)
{
	sqlite3 *h = sq->writer->h;
	struct err e = { .code = M_OK };

	job->ok = sq_simple(h, "SAVEPOINT job", job->e) &&
	    job->body(&sq->writer->db, job->arg, job->e);
	if (sqlite3_get_autocommit(h)) {
		/* A full disk or an I/O fault ends the transaction by itself. */
		g->lost = true;
		if (job->ok)
			fail(job->e, M_UNAVAILABLE, "The server cannot store "
			    "anything now; try again later");
		job->ok = false;
		return;
	}
	if (!job->ok && !sq_simple(h, "ROLLBACK TO job", &e))
		g->lost = true;
	if (!sq_simple(h, "RELEASE job", &e))
		g->lost = true;
}

/* Everything of the group that had gone well did not happen after all. */
static void
group_fail(struct group *g, size_t upto, const struct err *why)
{
	for (size_t i = 0; i < upto; i++) {
		if (!g->job[i]->ok)
			continue;
		g->job[i]->ok = false;
		*g->job[i]->e = *why;
	}
}

static bool
group_commit(struct sq_store *sq, struct err *e)
{
	sqlite3 *h = sq->writer->h;

	if (store_fault_now(sq->writer->db.s)) {
		sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
		return sq_fail(NULL, SQLITE_FULL, "commit", e);
	}
	if (sq_simple(h, "COMMIT", e))
		return true;
	if (!sqlite3_get_autocommit(h))
		sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

/*
 * Runs jobs from `from` on; gives how many were tried. Fewer than all: the
 * transaction was lost on the way, and the rest deserve one of their own.
 */
static size_t
group_run(struct sq_store *sq, struct group *g, size_t from)
{
	struct err e = { .code = M_OK };
	size_t i = from;

	g->lost = false;
	if (!sq_simple(sq->writer->h, "BEGIN IMMEDIATE", &e)) {
		for (; i < g->n; i++) {
			g->job[i]->ok = false;
			*g->job[i]->e = e;
		}
		return g->n;
	}
	while (i < g->n && !g->lost)
		job_run(sq, g, g->job[i++]);
	if (g->lost) {
		if (!sqlite3_get_autocommit(sq->writer->h))
			sqlite3_exec(sq->writer->h, "ROLLBACK", NULL, NULL,
			    NULL);
		fail(&e, M_UNAVAILABLE, "The server cannot store anything now; "
		    "try again later");
		err_cause(&e, "the transaction was rolled back");
		group_fail(g, i, &e);
	} else if (!group_commit(sq, &e)) {
		group_fail(g, i, &e);
	}
	return i;
}

static void *
writer_main(void *arg)
{
	struct sq_store *sq = arg;
	struct group g;

	while (group_take(sq, &g)) {
		for (size_t at = 0; at < g.n; )
			at = group_run(sq, &g, at);
		group_answer(sq, &g);
		checkpoint(sq);
	}
	return NULL;
}

bool
sq_transact(struct db *db, bool (*body)(struct db *, void *, struct err *),
    void *arg, struct err *e)
{
	struct sq_store *sq = db->s->impl;
	struct sq_job job = { .body = body, .arg = arg, .e = e };

	pthread_cond_init(&job.ended, NULL);
	pthread_mutex_lock(&sq->lock);
	if (sq->stop) {
		pthread_mutex_unlock(&sq->lock);
		pthread_cond_destroy(&job.ended);
		return fail(e, M_UNAVAILABLE, "The server is stopping");
	}
	*sq->last = &job;
	sq->last = &job.next;
	pthread_cond_signal(&sq->queued);
	while (!job.done)
		pthread_cond_wait(&job.ended, &sq->lock);
	pthread_mutex_unlock(&sq->lock);
	pthread_cond_destroy(&job.ended);
	return job.ok;
}

bool
sq_writer_start(struct store *s, struct err *e)
{
	struct sq_store *sq = s->impl;
	struct sq_db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		abort();
	db->h = sq_connect(sq, true, e);
	if (db->h == NULL) {
		free(db);
		return false;
	}
	db->db = (struct db){ .s = s, .d = s->d, .writing = true };
	sqlite3_wal_hook(db->h, wal_hook, sq);
	sq->writer = db;
	sq->last = &sq->first;
	pthread_mutex_init(&sq->lock, NULL);
	pthread_cond_init(&sq->queued, NULL);
	if (pthread_create(&sq->thread, NULL, writer_main, sq) != 0)
		abort();
	return true;
}

void
sq_writer_stop(struct store *s)
{
	struct sq_store *sq = s->impl;

	pthread_mutex_lock(&sq->lock);
	sq->stop = true;
	pthread_cond_signal(&sq->queued);
	pthread_mutex_unlock(&sq->lock);
	pthread_join(sq->thread, NULL);
	sq_forget_statements(sq->writer);
	sqlite3_close(sq->writer->h);
	free(sq->writer);
	pthread_cond_destroy(&sq->queued);
	pthread_mutex_destroy(&sq->lock);
}
