/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The PostgreSQL driver: statements, values, rows. Statements are prepared
 * once a connection; parameters and results go in binary form. The server says
 * which types a statement takes and gives: integers are sent in the width it
 * asks for, and what SQLite would take silently (text for bytes, a number for
 * text) is refused here, so that a query means the same on both.
 * A result is read whole before its first row is seen.
 */
#include "store/db_pg.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Types by their fixed numbers in pg_type. */
enum {
	PG_BOOL = 16, PG_BYTEA = 17, PG_INT8 = 20, PG_INT2 = 21, PG_INT4 = 23,
	PG_TEXT = 25, PG_VARCHAR = 1043,
};

struct pg_stmt {
	const struct query *q;
	struct metric *time;
	char name[16];
	bool writes;
	int nparams;
	Oid type[];			/* of $1, $2, ... */
};

/* The parameters of one call, as libpq wants them. */
struct params {
	const char *at[DB_PARAMS_MAX];
	int n[DB_PARAMS_MAX], binary[DB_PARAMS_MAX];
	char number[DB_PARAMS_MAX][8];
};

/* Errors */

static bool
is_unavailable(const char *state)
{
	return strncmp(state, "08", 2) == 0 ||	/* connection */
	    strncmp(state, "53", 2) == 0 ||	/* disk full, memory */
	    strncmp(state, "57", 2) == 0 ||	/* shutdown, cancelled */
	    strncmp(state, "58", 2) == 0 ||	/* I/O */
	    strcmp(state, "55P03") == 0 ||	/* lock not had in time */
	    strcmp(state, "25006") == 0;	/* a server that only reads */
}

bool
pg_fail(struct pg_db *db, const PGresult *res, const char *what,
    struct err *e)
{
	const char *state = res != NULL ?
	    PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	const char *why = state == NULL ? PQerrorMessage(db->c)
	    : PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (pg_lost(db) || (state != NULL && (strcmp(state, "40001") == 0 ||
	    strcmp(state, "40P01") == 0)))
		db->clashed = true;
	if (state != NULL && strcmp(state, "23505") == 0)
		db->doubled = true;
	if (db->clashed || state == NULL || is_unavailable(state))
		fail(e, M_UNAVAILABLE, "The server can't reach its store now; "
		    "try again later");
	else if (strcmp(state, "22021") == 0)
		fail(e, M_INVALID_PARAM, "The text has a character that can't "
		    "be stored");
	else
		fail(e, M_UNKNOWN, "The server's database failed");
	return err_cause(e, "postgresql %s in %s: %s",
	    state != NULL ? state : "-", what, why != NULL ? why : "");
}

/* Statements */

void
pg_forget_statements(struct pg_db *db)
{
	map_clear(&db->db.stmts, free);
}

static bool
is_write(const char *sql)
{
	struct str s = str_c(sql);

	if (str_starts(s, S("SELECT")))
		return false;
	return !str_starts(s, S("WITH")) || str_find_str(s, S("INSERT ")) >= 0
	    || str_find_str(s, S("UPDATE ")) >= 0 ||
	    str_find_str(s, S("DELETE ")) >= 0;
}

/* sum() of a BIGINT is numeric, for example, which no reader here takes. */
static bool
columns_ok(const struct query *q, const PGresult *about, struct err *e)
{
	for (int i = 0; i < PQnfields(about); i++) {
		switch (PQftype(about, i)) {
		case PG_BOOL:
		case PG_BYTEA:
		case PG_INT8:
		case PG_INT2:
		case PG_INT4:
		case PG_TEXT:
		case PG_VARCHAR:
			continue;
		default:
			fail(e, M_UNKNOWN, "The server's database failed");
			return err_cause(e, "%s: column %s has type %u: cast it "
			    "to BIGINT, TEXT or BYTES", q->name,
			    PQfname(about, i), PQftype(about, i));
		}
	}
	return true;
}

static struct pg_stmt *
stmt_of(const struct query *q, const char *name, const PGresult *about)
{
	int n = PQnparams(about);
	struct pg_stmt *st = must(calloc(1,
	    sizeof(*st) + (size_t)n * sizeof(st->type[0])));

	assert(n <= DB_PARAMS_MAX);
	st->q = q;
	st->time = db_query_metric(q);
	st->writes = is_write(q->sql);
	memcpy(st->name, name, sizeof(st->name));
	st->nparams = n;
	for (int i = 0; i < n; i++)
		st->type[i] = PQparamtype(about, i);
	return st;
}

static struct pg_stmt *
stmt_new(struct pg_db *db, const struct query *q, struct err *e)
{
	char name[16] = { 0 };
	struct buf b = { .p = name, .cap = sizeof(name), .max = sizeof(name) };
	struct pg_stmt *st = NULL;
	PGresult *res;

	buf_char(&b, 'q');
	buf_u64(&b, db->nstmts++);
	res = PQprepare(db->c, name, q->sql, 0, NULL);
	if (PQresultStatus(res) == PGRES_COMMAND_OK) {
		PQclear(res);
		res = PQdescribePrepared(db->c, name);
	}
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		pg_fail(db, res, q->name, e);
	else if (columns_ok(q, res, e))
		st = stmt_of(q, name, res);
	PQclear(res);
	return st;
}

static struct pg_stmt *
stmt_get(struct pg_db *db, const struct query *q, struct err *e)
{
	int64_t key = (int64_t)(intptr_t)q;
	struct pg_stmt *st = map_get_i(&db->db.stmts, key);

	if (st != NULL)
		return st;
	st = stmt_new(db, q, e);
	if (st != NULL)
		map_put_i(&db->db.stmts, key, st);
	return st;
}

/* Parameters */

/* Big-endian in n bytes; false: it does not fit. */
static bool
number_put(char *to, int n, int64_t v)
{
	int64_t top = n < 8 ? INT64_C(1) << (8 * n - 1) : 0;

	if (n < 8 && (v < -top || v >= top))
		return false;
	for (int i = 0; i < n; i++)
		to[i] = (char)((uint64_t)v >> (8 * (n - 1 - i)) & 0xff);
	return true;
}

static bool
param_number(struct params *p, size_t i, Oid type, int64_t v)
{
	int n = type == PG_INT8 ? 8 : type == PG_INT4 ? 4 :
	    type == PG_INT2 ? 2 : type == PG_BOOL ? 1 : 0;

	p->at[i] = p->number[i];
	p->n[i] = n;
	return n > 0 && number_put(p->number[i], n, v);
}

static bool
param_set(struct params *p, size_t i, Oid type, const struct val *v)
{
	p->binary[i] = 1;
	p->at[i] = v->s.n > 0 ? v->s.p : "";	/* NULL would be a NULL */
	p->n[i] = (int)v->s.n;
	switch (v->kind) {
	case VAL_NULL:
		p->at[i] = NULL;
		return true;
	case VAL_INT:
		return param_number(p, i, type, v->i);
	case VAL_TEXT:
		return (type == PG_TEXT || type == PG_VARCHAR) &&
		    v->s.n <= INT32_MAX;
	case VAL_BYTES:
		return type == PG_BYTEA && v->s.n <= INT32_MAX;
	}
	return false;
}

static bool
params_set(struct params *p, const struct pg_stmt *st, const struct val *v,
    size_t nv, struct err *e)
{
	assert((int)nv == st->nparams);
	for (size_t i = 0; i < nv; i++) {
		if (param_set(p, i, st->type[i], &v[i]))
			continue;
		fail(e, M_UNKNOWN, "The server's database failed");
		return err_cause(e, "%s: $%zu can't take a value of kind %d: "
		    "the database expects type %u", st->q->name, i + 1,
		    (int)v[i].kind, st->type[i]);
	}
	return true;
}

/* Running */

static PGresult *
run_once(struct pg_db *db, const struct query *q, const struct val *v,
    size_t nv, struct err *e)
{
	struct pg_stmt *st = stmt_get(db, q, e);
	int64_t began_us = clock_mono_us();
	struct params p;
	PGresult *res;

	if (st == NULL || !params_set(&p, st, v, nv, e))
		return NULL;
	if (db->db.writing && st->writes && store_fault_now(db->db.s)) {
		fail(e, M_UNAVAILABLE, "The server can't reach its store now; "
		    "try again later");
		err_cause(e, "a fault for tests in %s", q->name);
		return NULL;
	}
	res = PQexecPrepared(db->c, st->name, (int)nv, p.at, p.n, p.binary, 1);
	db_note_time(q, st->time, began_us);
	if (PQresultStatus(res) == PGRES_TUPLES_OK ||
	    PQresultStatus(res) == PGRES_COMMAND_OK)
		return res;
	pg_fail(db, res, q->name, e);
	PQclear(res);
	return NULL;
}

/*
 * Outside a transaction only reads are possible, so when the connection turns
 * out to be lost (the database was restarted) they can be tried on a new one.
 */
static PGresult *
run(struct db *db, const struct query *q, const struct val *v, size_t nv,
    struct err *e)
{
	struct pg_db *pdb = (struct pg_db *)db;
	PGresult *res;

	if (db->writing || db->reading > 0)
		return run_once(pdb, q, v, nv, e);
	if (!pg_ready(pdb, e))
		return NULL;
	res = run_once(pdb, q, v, nv, e);
	if (res == NULL && pg_lost(pdb) && pg_ready(pdb, e))
		res = run_once(pdb, q, v, nv, e);
	return res;
}

static bool
pg_prepare(struct db *db, const struct query *q, size_t *nparams,
    struct err *e)
{
	struct pg_db *pdb = (struct pg_db *)db;
	struct pg_stmt *st;

	if (!pg_ready(pdb, e))
		return false;
	st = stmt_get(pdb, q, e);
	if (st != NULL)
		*nparams = (size_t)st->nparams;
	return st != NULL;
}

static bool
pg_exec(struct db *db, const struct query *q, const struct val *v, size_t nv,
    int64_t *changed, struct err *e)
{
	PGresult *res = run(db, q, v, nv, e);

	if (res == NULL)
		return false;
	/* Empty for what changes no rows, such as CREATE. */
	if (changed != NULL && !str_i64(str_c(PQcmdTuples(res)), changed))
		*changed = 0;
	PQclear(res);
	return true;
}

/* Rows: rows.stmt is the result. */

static bool
pg_query(struct db *db, const struct query *q, const struct val *v, size_t nv,
    struct rows *r, struct err *e)
{
	r->stmt = run(db, q, v, nv, e);
	r->row = -1;
	return r->stmt != NULL;
}

static bool
pg_next(struct rows *r)
{
	if (r->row < PQntuples(r->stmt))
		r->row++;
	return r->row < PQntuples(r->stmt);
}

static void
pg_done(struct rows *r)
{
	PQclear(r->stmt);
	r->stmt = NULL;
}

static bool
pg_null(struct rows *r, int col)
{
	return PQgetisnull(r->stmt, (int)r->row, col) != 0;
}

static int64_t
pg_integer(struct rows *r, int col)
{
	const char *p = PQgetvalue(r->stmt, (int)r->row, col);
	int n = PQgetlength(r->stmt, (int)r->row, col);
	uint64_t v = 0;

	if (pg_null(r, col))
		return 0;
	assert(PQftype(r->stmt, col) != PG_TEXT &&
	    PQftype(r->stmt, col) != PG_BYTEA && n <= 8);
	if (n > 0 && (p[0] & 0x80) != 0)
		v = UINT64_MAX;
	for (int i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return (int64_t)v;
}

static struct str
pg_peek(struct rows *r, int col)
{
	return str_n(PQgetvalue(r->stmt, (int)r->row, col),
	    (size_t)PQgetlength(r->stmt, (int)r->row, col));
}

static bool
pg_read_begin(struct db *db, struct err *e)
{
	/* The snapshot is taken by the first query. */
	const char *sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
	    " SELECT 1";
	struct pg_db *pdb = (struct pg_db *)db;

	if (!pg_ready(pdb, e))
		return false;
	return pg_command(pdb, sql, e) ||
	    (pg_lost(pdb) && pg_ready(pdb, e) && pg_command(pdb, sql, e));
}

static void
pg_read_end(struct db *db)
{
	struct pg_db *pdb = (struct pg_db *)db;
	struct err ignored;

	/* Nothing to lose; a dead connection is noticed at the next use. */
	(void)!pg_command(pdb, "ROLLBACK", &ignored);
}

/* Handles and the store */

static struct db *
pg_attach(struct store *s, struct err *e)
{
	(void)e;			/* connects at first use */
	return &pg_db_new(s, false)->db;
}

static void
pg_detach(struct db *db)
{
	pg_db_free((struct pg_db *)db);
}

static bool
pg_script(struct db *db, const char *sql, struct err *e)
{
	return pg_command((struct pg_db *)db, sql, e);
}

static bool
pg_backup(struct store *s, const char *path, struct err *e)
{
	(void)s;
	return fail(e, M_UNRECOGNIZED, "PostgreSQL is copied with its own "
	    "tools: pg_dump --format=custom --file=%s <store.url>", path);
}

static void
pg_close(struct store *s)
{
	struct pg_store *pg = s->impl;

	pg_pool_stop(s);
	free(pg->url);
	free(pg);
}

static const struct driver pg_driver = {
	.prepare = pg_prepare, .exec = pg_exec, .query = pg_query,
	.next = pg_next, .done = pg_done, .null = pg_null,
	.integer = pg_integer, .peek = pg_peek, .transact = pg_transact,
	.read_begin = pg_read_begin, .read_end = pg_read_end,
	.attach = pg_attach, .detach = pg_detach, .script = pg_script,
	.backup = pg_backup, .close = pg_close,
};

bool
pg_open(struct store *s, const char *url, bool sync, int connections,
    struct err *e)
{
	struct pg_store *pg = must(calloc(1, sizeof(*pg)));

	pg->url = strdup(url);
	if (pg->url == NULL)
		abort();
	pg->sync = sync;
	s->d = &pg_driver;
	s->impl = pg;
	if (pg_pool_start(s, connections, e))
		return true;
	free(pg->url);
	free(pg);
	return false;
}
