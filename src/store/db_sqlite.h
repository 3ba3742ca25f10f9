/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Inside the SQLite driver: db_sqlite.c (connections, statements, columns),
 * db_sqlite_writer.c (the one thread that writes), db_sqlite_backup.c.
 */
#ifndef STORE_DB_SQLITE_H
#define STORE_DB_SQLITE_H

#include "store/db_driver.h"

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>

struct sq_db {
	struct db db;			/* first */
	sqlite3 *h;
	sem_t answered;			/* the writer has answered db_transact */
};

/* A body that waits for the writer; on the stack of who waits. */
struct sq_job {
	struct sq_job *next;
	db_body *body;
	void *arg;
	struct err *e;
	bool ok;
	sem_t *answered;
};

struct sq_store {
	char *path;
	int lock_fd;			/* of the file that keeps other processes out */
	bool sync;
	struct sq_db *writer;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t queued;
	struct sq_job *first, **last;	/* under lock, as what follows */
	bool idle, stop;
	/* The writer thread's own. */
	struct sq_job *taken;		/* out of the queue, not run yet */
	int wal_frames, checkpoint_at;
};

sqlite3 *sq_connect(const struct sq_store *s, bool writer, struct err *e);
/* Sets e from what SQLite says; h may be NULL. */
bool sq_fail(sqlite3 *h, int rc, const char *what, struct err *e);
/* Runs a statement, inside a transaction or not, past faults and checks. */
bool sq_run(struct db *db, const struct query *q, const struct val *v,
    size_t nv, int64_t *changed, struct err *e) MUST_CHECK;
struct sq_db *sq_db_new(struct store *s, bool writer, struct err *e);
void sq_db_free(struct sq_db *db);

bool sq_writer_start(struct store *s, struct err *e) MUST_CHECK;
void sq_writer_stop(struct store *s);
bool sq_transact(struct db *db, db_body *body, void *arg, struct err *e) MUST_CHECK;

bool sq_backup(struct store *s, const char *path, struct err *e) MUST_CHECK;

#endif
