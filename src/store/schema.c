/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Migrations: numbered files, each applied once, in its own transaction, and
 * checked by hash from then on: a file that changed after it was applied, or a
 * store that knows migrations this program doesn't, stops the start.
 */
#include "store/schema.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "store/db_driver.h"

#include <ctype.h>
#include <string.h>

#define ARENA_CAP ((size_t)16 << 20)

static const struct query create = {
	.name = "migration.create",
	.sql = "CREATE TABLE IF NOT EXISTS migration ("
	    " name TEXT PRIMARY KEY, hash TEXT NOT NULL,"
	    " at_ms BIGINT NOT NULL)",
};

static const struct query list_all = {
	.name = "migration.list",
	.sql = "SELECT name, hash FROM migration ORDER BY name",
};

static const struct query add = {
	.name = "migration.add",
	.sql = "INSERT INTO migration (name, hash, at_ms) VALUES ($1, $2, $3)",
};

QUERIES(schema, &create, &list_all, &add)

/* One that the store has. */
struct known {
	struct known *next;
	struct str name, hash;
};

struct job {
	struct arena *a;
	const struct migration *list, *m;	/* all, and the one at hand */
	bool sqlite;
	struct known *known;
};

/* The first three digits tell migrations apart, so that .pg.sql stands for .sql. */
static struct str
number_of(struct str name)
{
	return str_sub(name, 0, 3);
}

static bool
is_pg(const struct migration *m)
{
	return str_ends(str_c(m->name), S(".pg.sql"));
}

/* Whether m is the file for this database. */
static bool
applies(const struct job *j, const struct migration *m)
{
	struct str number = number_of(str_c(m->name));

	if (is_pg(m) || j->sqlite)
		return is_pg(m) != j->sqlite;
	for (const struct migration *o = j->list; o->name != NULL; o++)
		if (is_pg(o) && str_eq(number_of(str_c(o->name)), number))
			return false;
	return true;
}

static struct str
hash_of(struct arena *a, const struct migration *m)
{
	return hex_encode(a, sha256_raw(a, str_n(m->sql, m->n)));
}

static bool
read_known(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;
	struct rows r;

	j->known = NULL;
	if (!db_exec(db, &create, V0, e) ||
	    !db_query(db, &list_all, V0, &r, e))
		return false;
	while (db_next(&r)) {
		struct known *k = arena_make(j->a, struct known);

		k->name = db_str(&r, 0, j->a);
		k->hash = db_str(&r, 1, j->a);
		k->next = j->known;
		j->known = k;
	}
	return db_done(&r, e);
}

static bool
check_known(struct job *j, struct err *e)
{
	for (const struct known *k = j->known; k != NULL; k = k->next) {
		const struct migration *m = j->list;

		while (m->name != NULL && !str_eq_c(k->name, m->name))
			m++;
		if (m->name == NULL)
			return fail(e, M_UNKNOWN, "The store was written by a "
			    "newer version of this program (it has "
			    STR_FMT "): start that version, or restore a "
			    "copy from before", STR_ARG(k->name));
		if (!str_eq(k->hash, hash_of(j->a, m)))
			return fail(e, M_UNKNOWN, "Migration %s was changed "
			    "after it was applied to this store: start the "
			    "version that applied it", m->name);
	}
	return true;
}

/* Whether the store has m, under either name. */
static bool
is_known(const struct job *j, const struct migration *m)
{
	struct str number = number_of(str_c(m->name));

	for (const struct known *k = j->known; k != NULL; k = k->next)
		if (str_eq(number_of(k->name), number))
			return true;
	return false;
}

static bool
comes_last(const struct job *j, const struct migration *m, struct err *e)
{
	for (const struct known *k = j->known; k != NULL; k = k->next)
		if (str_cmp(k->name, str_c(m->name)) > 0)
			return fail(e, M_UNKNOWN, "The store has migration "
			    STR_FMT " but not %s, which comes before it",
			    STR_ARG(k->name), m->name);
	return true;
}

/* A word of the files and each database's own. */
static const struct word {
	struct str file, sqlite, pg;
} words[] = {
	{ S_INIT(" BYTES"), S_INIT(" BLOB"), S_INIT(" BYTEA") },
	/* As INTEGER it is the row's own number, and needs no index. */
	{ S_INIT(" BIGINT PRIMARY KEY"), S_INIT(" INTEGER PRIMARY KEY"),
	    S_INIT(" BIGINT PRIMARY KEY") },
	/* The rows lie in the primary key: for small ones that are not long kept. */
	{ S_INIT(" WITHOUT ROWID"), S_INIT(" WITHOUT ROWID"), S_INIT("") },
};

static struct str
replace(const struct job *j, struct str rest, const struct word *w)
{
	struct buf b;
	ptrdiff_t at;

	buf_init(&b, j->a, rest.n * 2 + 64);
	while ((at = str_find_str(rest, w->file)) >= 0) {
		struct str after = str_from(rest, (size_t)at + w->file.n);
		bool longer = after.n > 0 && isalnum((unsigned char)*after.p);

		buf_str(&b, str_sub(rest, 0, (size_t)at));
		buf_str(&b, longer ? w->file : j->sqlite ? w->sqlite : w->pg);
		rest = after;
	}
	buf_str(&b, rest);
	return buf_view(&b);
}

static char *
dialect(const struct job *j)
{
	struct str text = str_n(j->m->sql, j->m->n);

	for (size_t i = 0; i < LEN(words); i++)
		text = replace(j, text, &words[i]);
	return str_cz(j->a, text);
}

static bool
apply(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	return db->d->script(db, dialect(j), e) &&
	    db_exec(db, &add, V(v_str(str_c(j->m->name)),
	    v_str(hash_of(j->a, j->m)), v_int(clock_now_ms())), e);
}

static bool
migrate(struct db *db, struct job *j, struct err *e)
{
	if (!db_transact(db, read_known, j, e) || !check_known(j, e))
		return false;
	for (j->m = j->list; j->m->name != NULL; j->m++) {
		if (!applies(j, j->m) || is_known(j, j->m))
			continue;
		if (!comes_last(j, j->m, e) || !db_transact(db, apply, j, e))
			return false;
		log_info("store", "migrated", LC("file", j->m->name));
	}
	return true;
}

bool
schema_apply(struct db *db, const struct migration *list, bool sqlite,
    struct err *e)
{
	struct job j = { .a = arena_new(ARENA_CAP), .list = list,
		.sqlite = sqlite };
	bool ok = migrate(db, &j, e);

	arena_free(j.a);
	return ok;
}
