/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The SQLite driver: connections, statements, columns. Every handle is a
 * connection of its own; all but the writer's are read-only and never
 * checkpoint, because Debian 12's SQLite can corrupt the log when commits and
 * checkpoints come from several connections at once (the WAL-reset fault).
 * SQLite numbers $1 by first appearance: parameters are bound by name.
 */
#include "store/sqlite.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct sq_stmt {
	sqlite3_stmt *h;
	const struct query *q;
	struct metric *time;
	int index[DB_PARAMS_MAX];	/* of $1, $2, ... */
	int nparams;
	bool busy, kept;
};

bool
sq_fail(sqlite3 *h, int rc, const char *what, struct err *e)
{
	int kind = rc & 0xff;
	const char *why = h != NULL ? sqlite3_errmsg(h) : sqlite3_errstr(rc);

	if (kind == SQLITE_FULL || kind == SQLITE_IOERR ||
	    kind == SQLITE_BUSY || kind == SQLITE_LOCKED ||
	    kind == SQLITE_NOMEM || kind == SQLITE_CANTOPEN ||
	    kind == SQLITE_READONLY)
		fail(e, M_UNAVAILABLE, "The server cannot store anything now; "
		    "try again later");
	else
		fail(e, M_UNKNOWN, "The server's database failed");
	return err_cause(e, "sqlite %d in %s: %s", rc, what, why);
}

bool
sq_simple(sqlite3 *h, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK || sq_fail(h, rc, sql, e);
}

static void
set_up(sqlite3 *h, bool writer)
{
	sqlite3_extended_result_codes(h, 1);
	sqlite3_busy_timeout(h, 5000);
	sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
	if (!writer)
		sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    (int *)NULL);
}

sqlite3 *
sq_connect(const struct sq_store *s, bool writer, struct err *e)
{
	sqlite3 *h = NULL;
	int flags = SQLITE_OPEN_NOMUTEX | (writer ?
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
	int rc = sqlite3_open_v2(s->path, &h, flags, NULL);
	bool ok = rc == SQLITE_OK || sq_fail(h, rc, s->path, e);

	if (ok) {
		set_up(h, writer);
		ok = (!writer || sq_simple(h, "PRAGMA journal_mode = WAL", e)) &&
		    (!writer || sq_simple(h, s->sync ?
		    "PRAGMA synchronous = FULL" :
		    "PRAGMA synchronous = NORMAL", e)) &&
		    sq_simple(h, "PRAGMA wal_autocheckpoint = 0", e) &&
		    sq_simple(h, "PRAGMA temp_store = MEMORY", e) &&
		    sq_simple(h, "PRAGMA mmap_size = 268435456", e) &&
		    sq_simple(h, writer ? "PRAGMA cache_size = -32768" :
		    "PRAGMA cache_size = -2048", e);
	}
	if (!ok) {
		sqlite3_close(h);
		return NULL;
	}
	return h;
}

static void
stmt_free(struct sq_stmt *st)
{
	sqlite3_finalize(st->h);
	free(st);
}

void
sq_forget_statements(struct sq_db *db)
{
	struct map_iter it = map_iter(&db->db.stmts);
	struct sq_stmt *st;

	while ((st = map_next(&it)) != NULL)
		stmt_free(st);
	map_done(&db->db.stmts);
	db->db.stmts = (struct map){ 0 };
}

static struct sq_stmt *
stmt_new(struct sq_db *db, const struct query *q, struct err *e)
{
	struct sq_stmt *st = calloc(1, sizeof(*st));
	char name[8];
	int rc;

	if (st == NULL)
		abort();
	st->q = q;
	st->time = db_query_metric(q);
	rc = sqlite3_prepare_v3(db->h, q->sqlite != NULL ? q->sqlite : q->sql,
	    -1, SQLITE_PREPARE_PERSISTENT, &st->h, NULL);
	if (rc != SQLITE_OK) {
		sq_fail(db->h, rc, q->name, e);
		free(st);
		return NULL;
	}
	st->nparams = sqlite3_bind_parameter_count(st->h);
	for (int i = 0; i < DB_PARAMS_MAX; i++) {
		sqlite3_snprintf((int)sizeof(name), name, "$%d", i + 1);
		st->index[i] = sqlite3_bind_parameter_index(st->h, name);
	}
	return st;
}

/* The handle's statement for q; a passing one when q is being read already. */
static struct sq_stmt *
stmt_get(struct sq_db *db, const struct query *q, struct err *e)
{
	int64_t key = (int64_t)(intptr_t)q;
	struct sq_stmt *st = map_get_i(&db->db.stmts, key);

	if (st != NULL && !st->busy) {
		st->busy = true;
		return st;
	}
	if (st != NULL)
		return stmt_new(db, q, e);
	st = stmt_new(db, q, e);
	if (st != NULL) {
		map_put_i(&db->db.stmts, key, st);
		st->kept = st->busy = true;
	}
	return st;
}

static void
stmt_put(struct sq_stmt *st)
{
	sqlite3_reset(st->h);
	sqlite3_clear_bindings(st->h);
	st->busy = false;
	if (!st->kept)
		stmt_free(st);
}

static int
bind_one(sqlite3_stmt *h, int at, const struct val *v)
{
	static const char none[1] = "";
	const char *p = v->s.n ? v->s.p : none;

	switch (v->kind) {
	case VAL_NULL:
		return sqlite3_bind_null(h, at);
	case VAL_INT:
		return sqlite3_bind_int64(h, at, v->i);
	case VAL_TEXT:
		return sqlite3_bind_text64(h, at, p, v->s.n, SQLITE_STATIC,
		    SQLITE_UTF8);
	case VAL_BYTES:
		return sqlite3_bind_blob64(h, at, p, v->s.n, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

static bool
bind_all(struct sq_stmt *st, const struct val *v, size_t nv)
{
	assert(nv <= DB_PARAMS_MAX && (int)nv == st->nparams);
	for (size_t i = 0; i < nv; i++)
		if (bind_one(st->h, st->index[i], &v[i]) != SQLITE_OK)
			return false;
	return true;
}

/* Prepares and binds; NULL: failed. */
static struct sq_stmt *
stmt_begin(struct db *db, const struct query *q, const struct val *v,
    size_t nv, struct err *e)
{
	struct sq_db *sdb = (struct sq_db *)db;
	struct sq_stmt *st = stmt_get(sdb, q, e);

	if (st == NULL)
		return NULL;
	if (!bind_all(st, v, nv)) {
		sq_fail(sdb->h, SQLITE_RANGE, q->name, e);
		stmt_put(st);
		return NULL;
	}
	return st;
}

/* As a full disk would: the whole transaction is gone. */
static bool
injected_fault(struct sq_db *db, const char *what, struct err *e)
{
	sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
	return sq_fail(NULL, SQLITE_FULL, what, e);
}

static bool
sq_exec(struct db *db, const struct query *q, const struct val *v, size_t nv,
    int64_t *changed, struct err *e)
{
	struct sq_db *sdb = (struct sq_db *)db;
	int64_t began = clock_mono_us();
	struct sq_stmt *st;
	bool ok;
	int rc;

	if (db->writing && store_fault_now(db->s))
		return injected_fault(sdb, q->name, e);
	st = stmt_begin(db, q, v, nv, e);
	if (st == NULL)
		return false;
	do {
		rc = sqlite3_step(st->h);
	} while (rc == SQLITE_ROW);
	ok = rc == SQLITE_DONE || sq_fail(sdb->h, rc, q->name, e);
	if (ok && changed != NULL)
		*changed = sqlite3_changes64(sdb->h);
	db_note_time(q, st->time, began);
	stmt_put(st);
	return ok;
}

static bool
sq_query(struct db *db, const struct query *q, const struct val *v, size_t nv,
    struct rows *r, struct err *e)
{
	r->began_us = clock_mono_us();
	if (db->writing && store_fault_now(db->s))
		return injected_fault((struct sq_db *)db, q->name, e);
	r->stmt = stmt_begin(db, q, v, nv, e);
	return r->stmt != NULL;
}

static bool
sq_next(struct rows *r)
{
	struct sq_stmt *st = r->stmt;
	int rc = sqlite3_step(st->h);

	if (rc == SQLITE_ROW) {
		r->row++;
		return true;
	}
	if (rc != SQLITE_DONE) {
		sq_fail(((struct sq_db *)r->db)->h, rc, st->q->name, &r->err);
		r->failed = true;
	}
	return false;
}

/*
 * A query with RETURNING changes the database only when stepped to its end,
 * so what the caller did not read is stepped over.
 */
static void
sq_done(struct rows *r)
{
	struct sq_stmt *st = r->stmt;

	if (st == NULL)
		return;
	if (r->db->writing && !r->failed && !sqlite3_stmt_readonly(st->h))
		while (sqlite3_stmt_busy(st->h) && sq_next(r))
			;
	db_note_time(st->q, st->time, r->began_us);
	stmt_put(st);
	r->stmt = NULL;
}

static sqlite3_stmt *
row_stmt(struct rows *r)
{
	return ((struct sq_stmt *)r->stmt)->h;
}

static bool
sq_null(struct rows *r, int col)
{
	return sqlite3_column_type(row_stmt(r), col) == SQLITE_NULL;
}

static int64_t
sq_integer(struct rows *r, int col)
{
	return sqlite3_column_int64(row_stmt(r), col);
}

static struct str
sq_peek(struct rows *r, int col)
{
	sqlite3_stmt *h = row_stmt(r);
	const char *p;

	if (sqlite3_column_type(h, col) == SQLITE_BLOB)
		p = sqlite3_column_blob(h, col);
	else
		p = (const char *)sqlite3_column_text(h, col);
	return str_n(p, (size_t)sqlite3_column_bytes(h, col));
}

static bool
sq_read_begin(struct db *db, struct err *e)
{
	return db->writing || sq_simple(((struct sq_db *)db)->h, "BEGIN", e);
}

static void
sq_read_end(struct db *db)
{
	if (!db->writing)
		sqlite3_exec(((struct sq_db *)db)->h, "COMMIT", NULL, NULL,
		    NULL);
}

static struct db *
sq_attach(struct store *s, struct err *e)
{
	struct sq_db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		abort();
	db->h = sq_connect(s->impl, false, e);
	if (db->h == NULL) {
		free(db);
		return NULL;
	}
	db->db.s = s;
	db->db.d = s->d;
	return &db->db;
}

static void
sq_detach(struct db *db)
{
	struct sq_db *sdb = (struct sq_db *)db;

	sq_forget_statements(sdb);
	sqlite3_close(sdb->h);
	free(sdb);
}

static bool
sq_script(struct db *db, const char *sql, struct err *e)
{
	assert(db->writing);
	return sq_simple(((struct sq_db *)db)->h, sql, e);
}

/* A copy of one moment: the backup reads one snapshot, writers go on. */
static bool
sq_backup(struct store *s, const char *path, struct err *e)
{
	sqlite3 *from = sq_connect(s->impl, false, e), *to = NULL;
	sqlite3_backup *b;
	int rc;
	bool ok;

	if (from == NULL)
		return false;
	rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE, NULL);
	ok = rc == SQLITE_OK || sq_fail(to, rc, path, e);
	if (ok) {
		b = sqlite3_backup_init(to, "main", from, "main");
		rc = b != NULL ? sqlite3_backup_step(b, -1) : SQLITE_ERROR;
		if (b != NULL)
			sqlite3_backup_finish(b);
		ok = rc == SQLITE_DONE || sq_fail(to, rc, "backup", e);
	}
	if (to != NULL && sqlite3_close(to) != SQLITE_OK && ok)
		ok = sq_fail(to, SQLITE_IOERR, "backup", e);
	sqlite3_close(from);
	return ok;
}

static void
sq_close(struct store *s)
{
	struct sq_store *sq = s->impl;

	sq_writer_stop(s);
	free(sq->path);
	free(sq);
}

static const struct driver sqlite_driver = {
	.exec = sq_exec, .query = sq_query, .next = sq_next, .done = sq_done,
	.null = sq_null, .integer = sq_integer, .peek = sq_peek,
	.transact = sq_transact, .read_begin = sq_read_begin,
	.read_end = sq_read_end, .attach = sq_attach, .detach = sq_detach,
	.script = sq_script, .backup = sq_backup, .close = sq_close,
};

bool
store_is_sqlite(const struct store *s)
{
	return s->d == &sqlite_driver;
}

bool
sqlite_open(struct store *s, const char *dir, bool sync, struct err *e)
{
	struct sq_store *sq = calloc(1, sizeof(*sq));
	struct buf b;

	if (sq == NULL)
		abort();
	buf_init(&b, NULL, 8192);
	buf_c(&b, dir);
	buf_c(&b, "/beffroi.db");
	buf_char(&b, '\0');
	sq->path = b.p;
	sq->sync = sync;
	s->d = &sqlite_driver;
	s->impl = sq;
	if (b.over || !sq_writer_start(s, e)) {
		if (b.over)
			fail(e, M_INVALID_PARAM, "data.dir is too long");
		free(sq->path);
		free(sq);
		return false;
	}
	return true;
}
