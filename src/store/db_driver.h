/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Between db.c and its two drivers. Nothing outside store/ includes this.
 */
#ifndef STORE_DB_DRIVER_H
#define STORE_DB_DRIVER_H

#include "base/map.h"
#include "base/metric.h"
#include "store/db.h"

#define DB_PARAMS_MAX 32
#define DB_SLOW_US 200000

struct driver {
	/* Runs a statement without rows; *changed may be NULL. */
	bool (*exec)(struct db *db, const struct query *q, const struct val *v, size_t nv, int64_t *changed, struct err *e);
	bool (*query)(struct db *db, const struct query *q, const struct val *v, size_t nv, struct rows *r, struct err *e);
	bool (*next)(struct rows *r);		/* false: end, or r->failed */
	void (*done)(struct rows *r);
	bool (*null)(struct rows *r, int col);
	int64_t (*integer)(struct rows *r, int col);
	struct str (*peek)(struct rows *r, int col);
	bool (*transact)(struct db *db, bool (*body)(struct db *, void *, struct err *), void *arg, struct err *e);
	bool (*read_begin)(struct db *db, struct err *e);
	void (*read_end)(struct db *db);
	struct db *(*attach)(struct store *s, struct err *e);
	void (*detach)(struct db *db);
	bool (*script)(struct db *db, const char *sql, struct err *e);	/* several statements, in a body: migrations */
	bool (*backup)(struct store *s, const char *path, struct err *e);
	void (*close)(struct store *s);
};

struct store {
	const struct driver *d;
	int64_t fault_after;		/* atomic; 0: off */
	void *impl;			/* the driver's own */
};

struct db {
	struct store *s;
	const struct driver *d;
	bool writing;			/* the handle of a transaction's body */
	struct map stmts;		/* query's address -> the driver's statement */
};

bool sqlite_open(struct store *s, const char *dir, bool sync, struct err *e) MUST_CHECK;
bool pg_open(struct store *s, const char *url, bool sync, int connections, struct err *e) MUST_CHECK;
/* Applies the migrations that are missing; a store of a newer program is refused. */
bool schema_migrate(struct db *db, bool sqlite, struct err *e) MUST_CHECK;
/* True when the injected fault strikes now. */
bool store_fault_now(struct store *s);
struct metric *db_query_metric(const struct query *q);
void db_note_time(const struct query *q, struct metric *m, int64_t began_us);

#endif
