/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Between db.c, its two drivers, and those of this folder who must know how a
 * transaction ended. Nothing outside store/ includes this.
 */
#ifndef STORE_DB_DRIVER_H
#define STORE_DB_DRIVER_H

#include "base/map.h"
#include "base/metric.h"
#include "store/db.h"

#define DB_PARAMS_MAX 128
#define DB_SLOW_US 200000

typedef bool db_body(struct db *db, void *arg, struct err *e);

struct driver {
	/* Prepares, and checks what the database says of parameters and columns. */
	bool (*prepare)(struct db *db, const struct query *q, size_t *nparams,
	    struct err *e);
	/* Runs a statement without rows; *changed may be NULL. */
	bool (*exec)(struct db *db, const struct query *q, const struct val *v,
	    size_t nv, int64_t *changed, struct err *e);
	bool (*query)(struct db *db, const struct query *q,
	    const struct val *v, size_t nv, struct rows *r, struct err *e);
	bool (*next)(struct rows *r);	/* false: end, or r->failed */
	void (*done)(struct rows *r);
	bool (*null)(struct rows *r, int col);
	int64_t (*integer)(struct rows *r, int col);
	struct str (*peek)(struct rows *r, int col);
	bool (*transact)(struct db *db, db_body *body, void *arg,
	    struct err *e);
	bool (*read_begin)(struct db *db, struct err *e);
	void (*read_end)(struct db *db);
	struct db *(*attach)(struct store *s, struct err *e);
	void (*detach)(struct db *db);
	/* Several statements, in a body: migrations. */
	bool (*script)(struct db *db, const char *sql, struct err *e);
	bool (*backup)(struct store *s, const char *path, struct err *e);
	void (*close)(struct store *s);
};

struct store {
	const struct driver *d;
	int64_t fault_after;		/* atomic; 0: off */
	bool faults;			/* BEFFROI_FAULTS=1 */
	int handles;			/* atomic; attached now */
	void *impl;			/* the driver's own */
};

struct db_end;

struct db {
	struct store *s;
	const struct driver *d;
	bool writing;			/* the handle of a transaction's body */
	int reading;			/* db_read_begin less db_read_end */
	struct map stmts;		/* query's address -> the driver's statement */
	struct db_end *ends;		/* a body's: what waits for its end */
};

bool sqlite_open(struct store *s, const char *dir, bool sync, struct err *e) MUST_CHECK;
bool pg_open(struct store *s, const char *url, bool sync, int connections, struct err *e) MUST_CHECK;

/*
 * In a body: fn(arg, true) runs when its transaction has committed, before
 * db_transact returns; fn(arg, false) when it was rolled back, in whatever way.
 * On the body's thread; fn is quick and leaves the database alone.
 */
void db_at_end(struct db *db, void (*fn)(void *arg, bool committed), void *arg);
/* The driver: runs what was added after `mark`, the latest first. */
void db_ends_run(struct db *db, struct db_end *mark, bool committed);

/* True when the injected fault strikes now. */
bool store_fault_now(struct store *s);
struct metric *db_query_metric(const struct query *q);
void db_note_time(const struct query *q, struct metric *m, int64_t began_us);

#endif
