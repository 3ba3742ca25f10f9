/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What both drivers share: opening, the list of queries, timings, the typed
 * readers of columns, and what waits for the end of a transaction. The
 * databases' own ways are in db_sqlite*.c and db_pg*.c.
 */
#include "base/heap.h"
#include "store/db_driver.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct query_list *all_queries;	/* grows before main() only */

struct db_end {
	struct db_end *next;
	void (*fn)(void *arg, bool committed);
	void *arg;
};

void
queries_register(struct query_list *l)
{
	l->next = all_queries;
	all_queries = l;
}

const struct query_list *
queries_all(void)
{
	return all_queries;
}

struct metric *
db_query_metric(const struct query *q)
{
	char label[96];
	struct buf b;
	struct metric *m;

	buf_init(&b, NULL, sizeof(label));
	buf_fmt(&b, "query=\"%s\"", q->name);
	buf_char(&b, '\0');
	m = metric_histogram("beffroi_db_query_seconds",
	    "Time of database queries", b.over ? NULL : b.p);
	buf_free(&b);
	return m;
}

void
db_note_time(const struct query *q, struct metric *m, int64_t began_us)
{
	int64_t us = clock_mono_us() - began_us;

	metric_observe_us(m, us);
	if (us > DB_SLOW_US)
		log_warn("store", "slow query", LC("query", q->name),
		    LI("ms", us / 1000));
}

bool
store_open(const char *url, const char *dir, bool sync, int connections,
    struct store **out, struct err *e)
{
	struct store *s = must(calloc(1, sizeof(*s)));
	struct db *db;
	bool sqlite = url == NULL || *url == '\0', ok;

	s->faults = str_eq_c(str_c(getenv("BEFFROI_FAULTS")), "1");
	ok = sqlite ? sqlite_open(s, dir, sync, e)
	    : pg_open(s, url, sync, connections, e);
	if (!ok) {
		free(s);
		return false;
	}
	db = db_attach(s, e);
	ok = db != NULL && schema_apply(db, migrations, sqlite, e);
	if (db != NULL)
		db_detach(db);
	if (!ok) {
		store_close(s);
		return false;
	}
	*out = s;
	return true;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	assert(__atomic_load_n(&s->handles, __ATOMIC_ACQUIRE) == 0);
	s->d->close(s);
	free(s);
}

bool
store_backup(struct store *s, const char *path, struct err *e)
{
	return s->d->backup(s, path, e);
}

void
store_fault_after(struct store *s, int64_t n)
{
	if (s->faults)
		__atomic_store_n(&s->fault_after, n, __ATOMIC_SEQ_CST);
}

bool
store_fault_now(struct store *s)
{
	if (__atomic_load_n(&s->fault_after, __ATOMIC_RELAXED) <= 0)
		return false;
	return __atomic_sub_fetch(&s->fault_after, 1, __ATOMIC_SEQ_CST) == 0;
}

struct db *
db_attach(struct store *s, struct err *e)
{
	struct db *db = s->d->attach(s, e);

	if (db != NULL)
		__atomic_add_fetch(&s->handles, 1, __ATOMIC_ACQ_REL);
	return db;
}

void
db_detach(struct db *db)
{
	struct store *s;

	if (db == NULL)
		return;
	s = db->s;
	assert(db->reading == 0);
	db->d->detach(db);
	__atomic_sub_fetch(&s->handles, 1, __ATOMIC_ACQ_REL);
}

void
db_at_end(struct db *db, void (*fn)(void *arg, bool committed), void *arg)
{
	struct db_end *end = must(malloc(sizeof(*end)));

	assert(db->writing);
	*end = (struct db_end){ db->ends, fn, arg };
	db->ends = end;
}

void
db_ends_run(struct db *db, struct db_end *mark, bool committed)
{
	while (db->ends != mark) {
		struct db_end *end = db->ends;

		db->ends = end->next;
		end->fn(end->arg, committed);
		free(end);
	}
}

bool
db_prepare(struct db *db, const struct query *q, size_t *nparams,
    struct err *e)
{
	return db->d->prepare(db, q, nparams, e);
}

bool
db_exec(struct db *db, const struct query *q, const struct val *v, size_t nv,
    struct err *e)
{
	return db->d->exec(db, q, v, nv, NULL, e);
}

bool
db_change(struct db *db, const struct query *q, const struct val *v, size_t nv,
    int64_t *changed, struct err *e)
{
	return db->d->exec(db, q, v, nv, changed, e);
}

bool
db_query(struct db *db, const struct query *q, const struct val *v, size_t nv,
    struct rows *r, struct err *e)
{
	*r = (struct rows){ .db = db, .row = -1 };
	return db->d->query(db, q, v, nv, r, e);
}

bool
db_next(struct rows *r)
{
	return !r->failed && r->db->d->next(r);
}

bool
db_done(struct rows *r, struct err *e)
{
	r->db->d->done(r);
	if (r->failed)
		*e = r->err;
	return !r->failed;
}

bool
db_null(struct rows *r, int col)
{
	return r->db->d->null(r, col);
}

int64_t
db_int(struct rows *r, int col)
{
	return r->db->d->integer(r, col);
}

bool
db_bool(struct rows *r, int col)
{
	return db_int(r, col) != 0;
}

struct str
db_peek(struct rows *r, int col)
{
	return r->db->d->peek(r, col);
}

struct str
db_str(struct rows *r, int col, struct arena *a)
{
	return str_dup(a, db_peek(r, col));
}

bool
db_one(struct db *db, const struct query *q, const struct val *v, size_t nv,
    void (*take)(struct rows *r, void *arg), void *arg, bool *found,
    struct err *e)
{
	struct rows r;
	bool there;

	if (!db_query(db, q, v, nv, &r, e))
		return false;
	there = db_next(&r);
	if (there)
		take(&r, arg);
	if (!db_done(&r, e))
		return false;
	*found = there;
	return true;
}

static void
take_int(struct rows *r, void *arg)
{
	*(int64_t *)arg = db_int(r, 0);
}

bool
db_one_int(struct db *db, const struct query *q, const struct val *v,
    size_t nv, int64_t *out, bool *found, struct err *e)
{
	bool there;

	return db_one(db, q, v, nv, take_int, out, found != NULL ? found
	    : &there, e);
}

struct take_str {
	struct arena *a;
	struct str *out;
};

static void
take_str(struct rows *r, void *arg)
{
	struct take_str *t = arg;

	*t->out = db_str(r, 0, t->a);
}

bool
db_one_str(struct db *db, const struct query *q, const struct val *v,
    size_t nv, struct arena *a, struct str *out, bool *found, struct err *e)
{
	struct take_str t = { a, out };
	bool there;

	return db_one(db, q, v, nv, take_str, &t, found != NULL ? found
	    : &there, e);
}

static void
take_nothing(struct rows *r, void *arg)
{
	(void)r;
	(void)arg;
}

bool
db_exists(struct db *db, const struct query *q, const struct val *v,
    size_t nv, bool *found, struct err *e)
{
	return db_one(db, q, v, nv, take_nothing, NULL, found, e);
}

bool
db_transact(struct db *db, bool (*body)(struct db *, void *, struct err *),
    void *arg, struct err *e)
{
	assert(!db->writing);
	return db->d->transact(db, body, arg, e);
}

bool
db_in_body(const struct db *db)
{
	return db->writing;
}

/* In a body all reads are of one moment already. */
bool
db_read_begin(struct db *db, struct err *e)
{
	if (!db->writing && db->reading == 0 && !db->d->read_begin(db, e))
		return false;
	db->reading++;
	return true;
}

void
db_read_end(struct db *db)
{
	assert(db->reading > 0);
	if (--db->reading == 0 && !db->writing)
		db->d->read_end(db);
}
