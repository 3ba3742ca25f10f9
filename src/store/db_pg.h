/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Inside the PostgreSQL driver: db_pg.c (statements, values, rows) and
 * db_pg_conn.c (connections, the pool of writers, transactions).
 */
#ifndef STORE_DB_PG_H
#define STORE_DB_PG_H

#include "store/db_driver.h"

#include <libpq-fe.h>
#include <pthread.h>

/* A handle and its connection, which is made at first use. */
struct pg_db {
	struct db db;			/* first */
	PGconn *c;			/* NULL: not connected */
	unsigned nstmts;		/* prepared on c so far */
	/* Of a body: why its transaction may be worth another try. */
	bool clashed;			/* with another, or the connection was lost */
	bool doubled;			/* a unique index objected */
	struct pg_db *next;		/* free in the pool */
};

struct pg_store {
	char *url;
	bool sync;
	struct pg_db **writer;
	int nwriters;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct pg_db *free;		/* under lock */
	/* Holds the lock that keeps other servers out of the database. */
	pthread_mutex_t keeper_lock;
	PGconn *keeper;
};

struct pg_db *pg_db_new(struct store *s, bool writer);
void pg_db_free(struct pg_db *db);
void pg_forget_statements(struct pg_db *db);
/* Connects, or connects again; not inside a transaction. */
bool pg_ready(struct pg_db *db, struct err *e) MUST_CHECK;
bool pg_lost(const struct pg_db *db);
/* Sets e from a result (NULL: none came), and notes what a retry may cure. */
bool pg_fail(struct pg_db *db, const PGresult *res, const char *what, struct err *e);
/* Runs a text without parameters or rows. */
bool pg_command(struct pg_db *db, const char *sql, struct err *e) MUST_CHECK;

bool pg_pool_start(struct store *s, int connections, struct err *e) MUST_CHECK;
void pg_pool_stop(struct store *s);
bool pg_transact(struct db *db, db_body *body, void *arg, struct err *e) MUST_CHECK;

#endif
