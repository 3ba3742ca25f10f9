/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Inside the SQLite driver: sqlite.c (statements) and sqlite_writer.c. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "store/db_driver.h"

#include <pthread.h>
#include <sqlite3.h>

struct sq_db {
	struct db db;			/* first */
	sqlite3 *h;
};

struct sq_job {
	struct sq_job *next;
	bool (*body)(struct db *db, void *arg, struct err *e);
	void *arg;
	struct err *e;
	bool ok, done;
	pthread_cond_t ended;
};

struct sq_store {
	char *path;
	bool sync;
	struct sq_db *writer;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t queued;
	struct sq_job *first, **last;
	bool stop;
	int wal_frames;
};

sqlite3 *sq_connect(const struct sq_store *s, bool writer, struct err *e);
bool sq_simple(sqlite3 *h, const char *sql, struct err *e) MUST_CHECK;
/* Sets e from what SQLite says. */
bool sq_fail(sqlite3 *h, int rc, const char *what, struct err *e);
void sq_forget_statements(struct sq_db *db);

bool sq_writer_start(struct store *s, struct err *e) MUST_CHECK;
void sq_writer_stop(struct store *s);
bool sq_transact(struct db *db, bool (*body)(struct db *, void *, struct err *), void *arg, struct err *e) MUST_CHECK;

#endif
