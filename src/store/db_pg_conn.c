/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The PostgreSQL driver: connections, the pool of writers, transactions. Bodies
 * run at isolation level serializable, as they do with SQLite's one writer, so
 * they may clash and are run again; reads take what is committed. A connection
 * that was lost is made anew at the next use. One more connection holds an
 * advisory lock: positions and caches suffer only one server a database.
 * threads: the pool and the keeper have a lock each.
 */
#include "base/heap.h"
#include "store/db_pg.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 12
#define DOUBLED_TRIES 3
#define KEEPER_TRIES 20
#define KEEPER_PAUSE_MS 100

/* Any number will do that other programs don't use: "beffroi" in hex. */
#define KEEPER_TAKE "SELECT pg_try_advisory_lock(x'62656666726f69'::bigint)"

static void
pause_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Connections */

static void
on_notice(void *arg, const char *text)
{
	(void)arg;
	log_debug("store", "postgresql", LS("says", str_trim(str_c(text))));
}

static PGconn *
dial(const struct pg_store *s, struct err *e)
{
	/* What the address itself says comes later, and wins. */
	const char *const key[] = { "application_name", "connect_timeout",
		"keepalives_idle", "tcp_user_timeout", "dbname",
		"client_encoding", NULL };
	const char *const val[] = { "beffroid", "5", "30", "15000", s->url,
		"UTF8", NULL };
	PGconn *c = PQconnectdbParams(key, val, 1);

	if (PQstatus(c) == CONNECTION_OK) {
		PQsetNoticeProcessor(c, on_notice, NULL);
		return c;
	}
	fail(e, M_UNAVAILABLE, "The server can't reach its store now; "
	    "try again later");
	err_cause(e, "postgresql: %s", PQerrorMessage(c));
	PQfinish(c);
	return NULL;
}

/* Takes the lock, or sees that it is still held; true also says connected. */
static bool
keeper_try(struct pg_store *s, struct err *e)
{
	PGresult *res;
	bool got;

	if (s->keeper == NULL && (s->keeper = dial(s, e)) == NULL)
		return false;
	res = PQexec(s->keeper, KEEPER_TAKE);
	got = PQresultStatus(res) == PGRES_TUPLES_OK &&
	    PQgetvalue(res, 0, 0)[0] == 't';
	PQclear(res);
	if (got)
		return true;
	fail(e, M_UNAVAILABLE, "Another server uses the database");
	err_cause(e, "its advisory lock: %s", PQerrorMessage(s->keeper));
	PQfinish(s->keeper);
	s->keeper = NULL;
	return false;
}

/* A server that has just ended may hold the lock for another moment. */
static bool
keeper_take(struct pg_store *s, int tries, struct err *e)
{
	bool ok;

	pthread_mutex_lock(&s->keeper_lock);
	ok = keeper_try(s, e);
	while (!ok && --tries > 0) {
		pause_ms(KEEPER_PAUSE_MS);
		ok = keeper_try(s, e);
	}
	pthread_mutex_unlock(&s->keeper_lock);
	return ok;
}

bool
pg_lost(const struct pg_db *db)
{
	return db->c == NULL || PQstatus(db->c) != CONNECTION_OK;
}

static void
hang_up(struct pg_db *db)
{
	pg_forget_statements(db);
	PQfinish(db->c);
	db->c = NULL;
	db->nstmts = 0;
}

/* Outside a body nothing can be written, as with SQLite. */
static bool
set_up(struct pg_db *db, struct err *e)
{
	const struct pg_store *s = db->db.s->impl;

	if (!db->db.writing)
		return pg_command(db, "SET default_transaction_read_only = on",
		    e);
	return pg_command(db, "SET default_transaction_isolation ="
	    " 'serializable'", e) &&
	    pg_command(db, "SET lock_timeout = '10s'", e) &&
	    (s->sync || pg_command(db, "SET synchronous_commit = off", e));
}

bool
pg_ready(struct pg_db *db, struct err *e)
{
	struct pg_store *s = db->db.s->impl;

	if (!pg_lost(db))
		return true;
	hang_up(db);
	if (!keeper_take(s, 2, e))
		return false;
	db->c = dial(s, e);
	if (db->c == NULL)
		return false;
	if (set_up(db, e))
		return true;
	hang_up(db);
	return false;
}

bool
pg_command(struct pg_db *db, const char *sql, struct err *e)
{
	PGresult *res = PQexec(db->c, sql);
	bool ok = PQresultStatus(res) == PGRES_COMMAND_OK ||
	    PQresultStatus(res) == PGRES_TUPLES_OK;

	if (!ok)
		pg_fail(db, res, sql, e);
	PQclear(res);
	return ok;
}

struct pg_db *
pg_db_new(struct store *s, bool writer)
{
	struct pg_db *db = must(calloc(1, sizeof(*db)));

	db->db = (struct db){ .s = s, .d = s->d, .writing = writer };
	return db;
}

void
pg_db_free(struct pg_db *db)
{
	hang_up(db);
	free(db);
}

/* The pool of writers */

static struct pg_db *
writer_get(struct pg_store *s)
{
	struct pg_db *w;

	pthread_mutex_lock(&s->lock);
	while (s->free == NULL)
		pthread_cond_wait(&s->freed, &s->lock);
	w = s->free;
	s->free = w->next;
	pthread_mutex_unlock(&s->lock);
	return w;
}

static void
writer_put(struct pg_store *s, struct pg_db *w)
{
	pthread_mutex_lock(&s->lock);
	w->next = s->free;
	s->free = w;
	pthread_cond_signal(&s->freed);
	pthread_mutex_unlock(&s->lock);
}

bool
pg_pool_start(struct store *s, int connections, struct err *e)
{
	struct pg_store *pg = s->impl;

	pthread_mutex_init(&pg->keeper_lock, NULL);
	if (!keeper_take(pg, KEEPER_TRIES, e)) {
		pthread_mutex_destroy(&pg->keeper_lock);
		return false;
	}
	pthread_mutex_init(&pg->lock, NULL);
	pthread_cond_init(&pg->freed, NULL);
	pg->nwriters = connections > 0 ? connections : 1;
	pg->writer = must(calloc((size_t)pg->nwriters, sizeof(struct pg_db *)));
	for (int i = 0; i < pg->nwriters; i++) {
		pg->writer[i] = pg_db_new(s, true);
		writer_put(pg, pg->writer[i]);
	}
	return true;
}

void
pg_pool_stop(struct store *s)
{
	struct pg_store *pg = s->impl;

	for (int i = 0; i < pg->nwriters; i++)
		pg_db_free(pg->writer[i]);
	free(pg->writer);
	PQfinish(pg->keeper);
	pthread_cond_destroy(&pg->freed);
	pthread_mutex_destroy(&pg->lock);
	pthread_mutex_destroy(&pg->keeper_lock);
}

/* Transactions */

/*
 * After a body that ignored a failed statement PostgreSQL answers COMMIT with
 * ROLLBACK, and calls it no error. A connection lost now leaves open whether
 * the transaction happened, so it is not run again.
 */
static bool
commit(struct pg_db *w, struct err *e)
{
	PGresult *res;
	bool ok;

	if (store_fault_now(w->db.s)) {
		fail(e, M_UNAVAILABLE, "The server can't reach its store now; "
		    "try again later");
		err_cause(e, "a fault for tests in commit");
		return false;
	}
	res = PQexec(w->c, "COMMIT");
	ok = PQresultStatus(res) == PGRES_COMMAND_OK &&
	    strcmp(PQcmdStatus(res), "COMMIT") == 0;
	if (!ok)
		pg_fail(w, res, "commit", e);
	PQclear(res);
	if (pg_lost(w))
		w->clashed = false;
	return ok;
}

/* One try. */
static bool
attempt(struct pg_db *w, db_body *body, void *arg, struct err *e)
{
	struct err ignored;
	bool ok;

	w->clashed = w->doubled = false;
	if (!pg_ready(w, e))
		return false;
	if (!pg_command(w, "BEGIN", e))
		return false;
	ok = body(&w->db, arg, e) && commit(w, e);
	if (!pg_lost(w) && PQtransactionStatus(w->c) != PQTRANS_IDLE &&
	    !pg_command(w, "ROLLBACK", &ignored))
		hang_up(w);
	db_ends_run(&w->db, NULL, ok);
	return ok;
}

bool
pg_transact(struct db *db, db_body *body, void *arg, struct err *e)
{
	struct pg_store *s = db->s->impl;
	struct pg_db *w = writer_get(s);
	bool ok = false;

	for (int i = 0; i < TRIES && !ok; i++) {
		if (i > 0 && !w->clashed && !(w->doubled && i < DOUBLED_TRIES))
			break;
		if (i > 1)
			pause_ms((int64_t)random_below(UINT64_C(1) << i) / 8);
		ok = attempt(w, body, arg, e);
	}
	writer_put(s, w);
	return ok;
}
