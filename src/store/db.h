/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The door to the database: SQLite (embedded) or PostgreSQL behind one face,
 * with one SQL text. Parameters are $1, $2, ...; BYTES columns are blobs.
 *
 * A struct db is a thread's own handle (db_attach). Outside a transaction it
 * reads committed data; the body of db_transact gets a handle that writes.
 *
 * With SQLite one writer thread runs many bodies in one transaction (a
 * savepoint each) and answers all after one fsync: group commit. Bodies must
 * not block, and touch only the database and their argument. With PostgreSQL a
 * body runs on a connection of the pool and may run again after a
 * serialisation failure.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct store;		/* the open database */
struct db;		/* a thread's handle */

struct query {
	const char *name;	/* "room.find": metrics label, slow-query line */
	const char *sql;	/* for both */
	const char *sqlite;	/* where the dialects part; else NULL */
};

enum val_kind { VAL_NULL, VAL_INT, VAL_TEXT, VAL_BYTES };
struct val {
	enum val_kind kind;
	int64_t i;
	struct str s;
};

static inline struct val v_int(int64_t i) { return (struct val){ VAL_INT, i, { 0, 0 } }; }
static inline struct val v_bool(bool b) { return v_int(b ? 1 : 0); }	/* columns are SMALLINT 0/1 */
static inline struct val v_str(struct str s) { return (struct val){ VAL_TEXT, 0, s }; }
static inline struct val v_bytes(struct str s) { return (struct val){ VAL_BYTES, 0, s }; }
static inline struct val v_null(void) { return (struct val){ VAL_NULL, 0, { 0, 0 } }; }
static inline struct val v_str_or_null(struct str s) { return s.n ? v_str(s) : v_null(); }
/* Passes values: db_exec(db, &q, V(v_int(1), v_str(s)), e). V0 for none. */
#define V(...) ((const struct val[]){ __VA_ARGS__ }), (sizeof((const struct val[]){ __VA_ARGS__ }) / sizeof(struct val))
#define V0 NULL, 0

/* The rows of one query; close with db_done on every path (it reports an error met on the way). */
struct rows {
	struct db *db;
	void *stmt;
	int64_t row;
	int64_t began_us;
	bool failed;
	struct err err;
};

/* Opens, migrates from the sql files compiled in, starts the writer. url as store.url; empty: SQLite at dir/beffroi.db. */
bool store_open(const char *url, const char *dir, bool sync, int connections, struct store **out, struct err *e) MUST_CHECK;
void store_close(struct store *s);		/* after all handles are detached; checkpoints */
bool store_is_sqlite(const struct store *s);
/* A handle for the calling thread; db_detach when the thread ends. */
struct db *db_attach(struct store *s, struct err *e);
void db_detach(struct db *db);			/* NULL is fine */

/* Prepares only; *nparams is how many $n it takes. For the test that tries every query of the program. */
bool db_prepare(struct db *db, const struct query *q, size_t *nparams, struct err *e) MUST_CHECK;
/*
 * Values and what they point to live until the call returns; for db_query,
 * until db_done. A query that is being read may be run again meanwhile. After
 * a statement that failed, a body returns false: its transaction is spoilt.
 */
bool db_exec(struct db *db, const struct query *q, const struct val *v, size_t nv, struct err *e) MUST_CHECK;
/* As db_exec; *changed is the number of rows inserted, updated or deleted. */
bool db_change(struct db *db, const struct query *q, const struct val *v, size_t nv, int64_t *changed, struct err *e) MUST_CHECK;
bool db_query(struct db *db, const struct query *q, const struct val *v, size_t nv, struct rows *r, struct err *e) MUST_CHECK;
bool db_next(struct rows *r);			/* false: no more, or an error (db_done tells) */
bool db_done(struct rows *r, struct err *e) MUST_CHECK;
bool db_null(struct rows *r, int col);
int64_t db_int(struct rows *r, int col);	/* 0 for NULL */
bool db_bool(struct rows *r, int col);
struct str db_str(struct rows *r, int col, struct arena *a);	/* text or bytes, copied; empty for NULL */
struct str db_peek(struct rows *r, int col);	/* valid until db_next */

/* One row expected at most: *found says whether; columns are read in between by the caller's `take`. */
bool db_one(struct db *db, const struct query *q, const struct val *v, size_t nv,
    void (*take)(struct rows *r, void *arg), void *arg, bool *found, struct err *e) MUST_CHECK;
/* The first column of at most one row; without a row *out stays as it is. found may be NULL. */
bool db_one_int(struct db *db, const struct query *q, const struct val *v, size_t nv, int64_t *out, bool *found, struct err *e) MUST_CHECK;
bool db_one_str(struct db *db, const struct query *q, const struct val *v, size_t nv, struct arena *a, struct str *out,
    bool *found, struct err *e) MUST_CHECK;
/* Is there a row? */
bool db_exists(struct db *db, const struct query *q, const struct val *v, size_t nv, bool *found, struct err *e) MUST_CHECK;

/*
 * Runs body in a transaction and waits until it is on disk. Not from inside a
 * body. False: rolled back, with the body's error or the database's
 * (M_UNAVAILABLE 503: disk full, busy, connection lost, stopping).
 */
bool db_transact(struct db *db, bool (*body)(struct db *db, void *arg, struct err *e), void *arg, struct err *e) MUST_CHECK;
/* Is it the handle of a transaction's body? What it reads may still be rolled back. */
bool db_in_body(const struct db *db);
/* Several reads of one moment, that of begin: until end all queries see the same data. Pairs may be nested. */
bool db_read_begin(struct db *db, struct err *e) MUST_CHECK;
void db_read_end(struct db *db);

/* SQLite: an online, consistent copy at path, where nothing may be yet; writers go on. PostgreSQL: M_UNRECOGNIZED (use pg_dump; the text says how). */
bool store_backup(struct store *s, const char *path, struct err *e) MUST_CHECK;

/*
 * Faults for tests: the n-th next write statement or commit fails as if the
 * disk were full; 0 switches off. Only with BEFFROI_FAULTS=1 in the environment.
 */
void store_fault_after(struct store *s, int64_t n);

/* Every query of every file, for the test that prepares them on both databases. Query files register: QUERIES(name, q1, q2...). */
struct query_list {
	const char *file;
	const struct query *const *at;
	size_t n;
	struct query_list *next;
};
void queries_register(struct query_list *l);
const struct query_list *queries_all(void);
#define QUERIES(id, ...) \
	static const struct query *const id##_queries[] = { __VA_ARGS__ }; \
	static struct query_list id##_list = { __FILE__, id##_queries, LEN(id##_queries), NULL }; \
	__attribute__((constructor)) static void id##_register(void) { queries_register(&id##_list); }

#endif
