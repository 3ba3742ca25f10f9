/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The SQLite driver: connections, statements, columns. Every handle is a
 * connection of its own; all but the writer's are read-only and never
 * checkpoint, because Debian 12's SQLite can corrupt the log when commits and
 * checkpoints come from several connections at once (the WAL-reset fault). For
 * the same reason a file lock keeps other processes out.
 * SQLite numbers $1 by first appearance: parameters are bound by name. A
 * statement that is not reset keeps the log from shrinking: db_done resets.
 */
#include "store/db_sqlite.h"

#include "base/clock.h"
#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* In rows.row: before the first row, after the last. */
#define ROW_NONE INT64_C(-1)
#define ROW_END INT64_C(-2)

struct sq_stmt {
	sqlite3_stmt *h;
	const struct query *q;
	struct metric *time;
	bool busy, kept;
	int nparams;
	int at[];			/* SQLite's numbers of $1, $2, ... */
};

static const struct query read_begin = { .name = "sqlite.read_begin",
	.sql = "BEGIN" };
static const struct query read_first = { .name = "sqlite.read_first",
	.sql = "SELECT 1 FROM sqlite_schema LIMIT 1" };
static const struct query read_end = { .name = "sqlite.read_end",
	.sql = "COMMIT" };

bool
sq_fail(sqlite3 *h, int rc, const char *what, struct err *e)
{
	int kind = rc & 0xff;
	const char *why = h != NULL ? sqlite3_errmsg(h) : sqlite3_errstr(rc);

	if (kind == SQLITE_FULL || kind == SQLITE_IOERR ||
	    kind == SQLITE_BUSY || kind == SQLITE_LOCKED ||
	    kind == SQLITE_NOMEM || kind == SQLITE_CANTOPEN ||
	    kind == SQLITE_READONLY)
		fail(e, M_UNAVAILABLE, "The server can't reach its store now; "
		    "try again later");
	else
		fail(e, M_UNKNOWN, "The server's database failed");
	return err_cause(e, "sqlite %d in %s: %s", rc, what, why);
}

static bool
simple(sqlite3 *h, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK || sq_fail(h, rc, sql, e);
}

static bool
set_up(const struct sq_store *s, sqlite3 *h, bool writer, struct err *e)
{
	sqlite3_extended_result_codes(h, 1);
	sqlite3_busy_timeout(h, 5000);
	sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
	sqlite3_db_config(h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	if (!simple(h, "PRAGMA temp_store = MEMORY", e) ||
	    !simple(h, "PRAGMA mmap_size = 268435456", e))
		return false;
	if (!writer) {
		sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    (int *)NULL);
		return simple(h, "PRAGMA wal_autocheckpoint = 0", e);
	}
	return simple(h, "PRAGMA journal_mode = WAL", e) &&
	    simple(h, s->sync ? "PRAGMA synchronous = FULL"
	    : "PRAGMA synchronous = NORMAL", e) &&
	    simple(h, "PRAGMA journal_size_limit = 67108864", e) &&
	    simple(h, "PRAGMA cache_size = -32768", e) &&
	    simple(h, "PRAGMA wal_autocheckpoint = 0", e);
}

sqlite3 *
sq_connect(const struct sq_store *s, bool writer, struct err *e)
{
	sqlite3 *h = NULL;
	int flags = SQLITE_OPEN_NOMUTEX |
	    (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
	int rc = sqlite3_open_v2(s->path, &h, flags, NULL);

	if ((rc == SQLITE_OK || sq_fail(h, rc, s->path, e)) &&
	    set_up(s, h, writer, e))
		return h;
	sqlite3_close(h);
	return NULL;
}

/* Statements */

static void
stmt_free(void *stmt)
{
	struct sq_stmt *st = stmt;

	assert(!st->busy);
	sqlite3_finalize(st->h);
	free(st);
}

static struct sq_stmt *
stmt_new(struct sq_db *db, const struct query *q, struct err *e)
{
	sqlite3_stmt *h;
	struct sq_stmt *st;
	char name[8];
	int n, rc = sqlite3_prepare_v3(db->h,
	    q->sqlite != NULL ? q->sqlite : q->sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &h, NULL);

	if (rc != SQLITE_OK) {
		sq_fail(db->h, rc, q->name, e);
		return NULL;
	}
	n = sqlite3_bind_parameter_count(h);
	assert(n <= DB_PARAMS_MAX);
	st = must(calloc(1, sizeof(*st) + (size_t)n * sizeof(st->at[0])));
	st->h = h;
	st->q = q;
	st->time = db_query_metric(q);
	st->nparams = n;
	for (int i = 0; i < n; i++) {
		sqlite3_snprintf((int)sizeof(name), name, "$%d", i + 1);
		st->at[i] = sqlite3_bind_parameter_index(h, name);
	}
	return st;
}

/* The handle's statement for q; a passing one when q is being read already. */
static struct sq_stmt *
stmt_get(struct sq_db *db, const struct query *q, struct err *e)
{
	int64_t key = (int64_t)(intptr_t)q;
	struct sq_stmt *kept = map_get_i(&db->db.stmts, key), *st = kept;

	if (st == NULL || st->busy)
		st = stmt_new(db, q, e);
	if (st == NULL)
		return NULL;
	if (kept == NULL) {
		map_put_i(&db->db.stmts, key, st);
		st->kept = true;
	}
	st->busy = true;
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
	const char *p = v->s.n ? v->s.p : "";	/* NULL would bind a NULL */

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

/* Prepares and binds; NULL: failed. */
static struct sq_stmt *
stmt_begin(struct db *db, const struct query *q, const struct val *v,
    size_t nv, struct err *e)
{
	struct sq_db *sdb = (struct sq_db *)db;
	struct sq_stmt *st = stmt_get(sdb, q, e);
	int rc = SQLITE_OK;

	if (st == NULL)
		return NULL;
	assert((int)nv == st->nparams);
	for (size_t i = 0; i < nv && rc == SQLITE_OK; i++)
		rc = bind_one(st->h, st->at[i], &v[i]);
	if (rc == SQLITE_OK)
		return st;
	sq_fail(sdb->h, rc, q->name, e);
	stmt_put(st);
	return NULL;
}

/*
 * What a body may not go past: an injected fault (as a full disk may do, it
 * takes the whole transaction), and a transaction that is gone already, after
 * which every further statement would commit by itself.
 */
static bool
may_go_on(struct db *db, const struct sq_stmt *st, struct err *e)
{
	sqlite3 *h = ((struct sq_db *)db)->h;

	if (!db->writing)
		return true;
	if (!sqlite3_stmt_readonly(st->h) && store_fault_now(db->s)) {
		sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL);
		return sq_fail(NULL, SQLITE_FULL, st->q->name, e);
	}
	return !sqlite3_get_autocommit(h) ||
	    sq_fail(NULL, SQLITE_IOERR, "a transaction that is gone", e);
}

static bool
stmt_finish(struct sq_db *db, struct sq_stmt *st, int64_t began_us,
    int64_t *changed, struct err *e)
{
	bool ok;
	int rc;

	do {
		rc = sqlite3_step(st->h);
	} while (rc == SQLITE_ROW);
	ok = rc == SQLITE_DONE || sq_fail(db->h, rc, st->q->name, e);
	if (ok && changed != NULL)
		*changed = sqlite3_changes64(db->h);
	db_note_time(st->q, st->time, began_us);
	stmt_put(st);
	return ok;
}

bool
sq_run(struct db *db, const struct query *q, const struct val *v, size_t nv,
    int64_t *changed, struct err *e)
{
	int64_t began_us = clock_mono_us();
	struct sq_stmt *st = stmt_begin(db, q, v, nv, e);

	return st != NULL &&
	    stmt_finish((struct sq_db *)db, st, began_us, changed, e);
}

static bool
sq_prepare(struct db *db, const struct query *q, size_t *nparams,
    struct err *e)
{
	struct sq_stmt *st = stmt_get((struct sq_db *)db, q, e);
	bool ok = true;

	if (st == NULL)
		return false;
	for (int i = 0; i < st->nparams; i++)
		if (st->at[i] == 0)
			ok = fail(e, M_UNKNOWN, "%s has %d parameters, but "
			    "no $%d", q->name, st->nparams, i + 1);
	*nparams = (size_t)st->nparams;
	stmt_put(st);
	return ok;
}

static bool
sq_exec(struct db *db, const struct query *q, const struct val *v, size_t nv,
    int64_t *changed, struct err *e)
{
	int64_t began_us = clock_mono_us();
	struct sq_stmt *st = stmt_begin(db, q, v, nv, e);

	if (st == NULL)
		return false;
	if (!may_go_on(db, st, e)) {
		stmt_put(st);
		return false;
	}
	return stmt_finish((struct sq_db *)db, st, began_us, changed, e);
}

/* Rows */

static bool
sq_query(struct db *db, const struct query *q, const struct val *v, size_t nv,
    struct rows *r, struct err *e)
{
	struct sq_stmt *st;

	r->began_us = clock_mono_us();
	st = stmt_begin(db, q, v, nv, e);
	if (st == NULL)
		return false;
	if (!may_go_on(db, st, e)) {
		stmt_put(st);
		return false;
	}
	r->stmt = st;
	r->row = ROW_NONE;
	return true;
}

static bool
sq_next(struct rows *r)
{
	struct sq_stmt *st = r->stmt;
	int rc;

	if (r->row == ROW_END)		/* a further step would run it again */
		return false;
	rc = sqlite3_step(st->h);
	if (rc == SQLITE_ROW) {
		r->row++;
		return true;
	}
	r->row = ROW_END;
	if (rc != SQLITE_DONE) {
		sq_fail(((struct sq_db *)r->db)->h, rc, st->q->name, &r->err);
		r->failed = true;
	}
	return false;
}

/*
 * A statement with RETURNING has done its work only when stepped to its end,
 * so what the caller did not read is stepped over.
 */
static void
sq_done(struct rows *r)
{
	struct sq_stmt *st = r->stmt;

	if (st == NULL)
		return;
	if (!sqlite3_stmt_readonly(st->h))
		while (sq_next(r))
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

/* SQLite takes its snapshot at the first read, so that is done at once. */
static bool
sq_read_begin(struct db *db, struct err *e)
{
	struct err ignored;

	if (!sq_run(db, &read_begin, V0, NULL, e))
		return false;
	if (sq_run(db, &read_first, V0, NULL, e))
		return true;
	(void)!sq_run(db, &read_end, V0, NULL, &ignored);
	return false;
}

static void
sq_read_end(struct db *db)
{
	struct err ignored;

	/* A COMMIT that fails after reads only has nothing to lose. */
	if (!sq_run(db, &read_end, V0, NULL, &ignored))
		sqlite3_exec(((struct sq_db *)db)->h, "ROLLBACK", NULL, NULL,
		    NULL);
}

/* Handles and the store */

struct sq_db *
sq_db_new(struct store *s, bool writer, struct err *e)
{
	struct sq_db *db = calloc(1, sizeof(*db));

	if (db == NULL || sem_init(&db->answered, 0, 0) != 0)
		abort();
	db->h = sq_connect(s->impl, writer, e);
	if (db->h == NULL) {
		sem_destroy(&db->answered);
		free(db);
		return NULL;
	}
	db->db = (struct db){ .s = s, .d = s->d, .writing = writer };
	return db;
}

void
sq_db_free(struct sq_db *db)
{
	int rc;

	map_clear(&db->db.stmts, stmt_free);
	rc = sqlite3_close(db->h);
	assert(rc == SQLITE_OK);
	sem_destroy(&db->answered);
	free(db);
}

static struct db *
sq_attach(struct store *s, struct err *e)
{
	struct sq_db *db = sq_db_new(s, false, e);

	return db != NULL ? &db->db : NULL;
}

static void
sq_detach(struct db *db)
{
	sq_db_free((struct sq_db *)db);
}

static bool
sq_script(struct db *db, const char *sql, struct err *e)
{
	return simple(((struct sq_db *)db)->h, sql, e);
}

static void
sq_free(struct sq_store *sq)
{
	if (sq->lock_fd >= 0)
		close(sq->lock_fd);
	free(sq->path);
	free(sq);
}

static void
sq_close(struct store *s)
{
	sq_writer_stop(s);
	sq_free(s->impl);
}

static const struct driver sqlite_driver = {
	.prepare = sq_prepare, .exec = sq_exec, .query = sq_query,
	.next = sq_next, .done = sq_done, .null = sq_null,
	.integer = sq_integer, .peek = sq_peek, .transact = sq_transact,
	.read_begin = sq_read_begin, .read_end = sq_read_end,
	.attach = sq_attach, .detach = sq_detach, .script = sq_script,
	.backup = sq_backup, .close = sq_close,
};

bool
store_is_sqlite(const struct store *s)
{
	return s->d == &sqlite_driver;
}

/* dir/name on the heap. */
static char *
path_of(const char *dir, const char *name)
{
	size_t n = strlen(dir), m = strlen(name);
	char *p = must(malloc(n + m + 2));

	memcpy(p, dir, n);
	p[n] = '/';
	memcpy(p + n + 1, name, m + 1);
	return p;
}

/*
 * Makes the files, readable by this user only (SQLite gives its other files
 * the same mode), and locks out whoever else would open the store.
 */
static bool
files_open(struct sq_store *sq, const char *dir, struct err *e)
{
	char *lock = path_of(dir, "beffroi.lock");
	int db_fd = -1;
	bool ok = true;

	sq->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (sq->lock_fd >= 0 && flock(sq->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		ok = fail(e, M_UNAVAILABLE, "Another process has the store in "
		    "%s open", dir);
		err_cause(e, "%s: %s", lock, strerror(errno));
	} else if (sq->lock_fd < 0 || (db_fd = open(sq->path,
	    O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0) {
		ok = fail(e, M_UNAVAILABLE, "The store in %s can't be opened: "
		    "is the folder there, and does it belong to this user?",
		    dir);
		err_cause(e, "%s: %s", dir, strerror(errno));
	}
	if (db_fd >= 0)
		close(db_fd);
	free(lock);
	return ok;
}

static void
sqlite_once(void)
{
	/* Its counters of memory would be one lock for all threads. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_initialize();
}

bool
sqlite_open(struct store *s, const char *dir, bool sync, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sq_store *sq = must(calloc(1, sizeof(*sq)));

	pthread_once(&once, sqlite_once);
	sq->path = path_of(dir, "beffroi.db");
	sq->lock_fd = -1;
	sq->sync = sync;
	s->d = &sqlite_driver;
	s->impl = sq;
	if (files_open(sq, dir, e) && sq_writer_start(s, e))
		return true;
	sq_free(sq);
	return false;
}
