/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Migrations: numbered files, each applied once, in its own transaction, and
 * checked by hash from then on: a file that changed after it was applied, or a
 * store that knows migrations this program doesn't, stops the start.
 */
#include "store/schema.h"

#include "base/enc.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "store/db_driver.h"

#include <string.h>

static const struct query create = {
	.name = "migration.create",
	.sql = "CREATE TABLE IF NOT EXISTS migration ("
	       " name TEXT PRIMARY KEY, hash TEXT NOT NULL,"
	       " at_ms BIGINT NOT NULL)",
};

static const struct query list = {
	.name = "migration.list",
	.sql = "SELECT name, hash FROM migration ORDER BY name",
};

static const struct query add = {
	.name = "migration.add",
	.sql = "INSERT INTO migration (name, hash, at_ms) VALUES ($1, $2, 0)",
};

/* The first three digits tell migrations apart, so that .pg.sql stands for .sql. */
static bool
same_number(const char *x, const char *y)
{
	return strncmp(x, y, 3) == 0;
}

static bool
is_pg(const struct migration *m)
{
	return str_ends(str_c(m->name), S(".pg.sql"));
}

/* Whether m is the file for this database. */
static bool
applies(const struct migration *m, bool sqlite)
{
	if (is_pg(m))
		return !sqlite;
	if (sqlite)
		return true;
	for (const struct migration *o = migrations; o->name != NULL; o++)
		if (is_pg(o) && same_number(o->name, m->name))
			return false;
	return true;
}

static struct str
hash_of(struct arena *a, const struct migration *m)
{
	return hex_encode(a, sha256_raw(a, str_n(m->sql, m->n)));
}

struct known {
	struct str name, hash;
};

struct job {
	struct arena *a;
	const struct migration *m;
	bool sqlite;
	struct known *known;
	size_t nknown;
};

static bool
load_known(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;
	struct rows r;
	size_t cap = 64;

	j->known = arena_array(j->a, struct known, cap);
	j->nknown = 0;
	if (!db_exec(db, &create, V0, e) || !db_query(db, &list, V0, &r, e))
		return false;
	while (db_next(&r) && j->nknown < cap) {
		struct known *k = &j->known[j->nknown++];

		k->name = db_str(&r, 0, j->a);
		k->hash = db_str(&r, 1, j->a);
	}
	return db_done(&r, e);
}

/* Puts the database's word for binary columns in place of BYTES. */
static char *
dialect(struct arena *a, const struct migration *m, bool sqlite)
{
	struct str rest = str_n(m->sql, m->n), word = S(" BYTES");
	struct buf b;
	ptrdiff_t at;

	buf_init(&b, a, m->n * 2 + 64);
	while ((at = str_find_str(rest, word)) >= 0) {
		buf_str(&b, str_sub(rest, 0, (size_t)at));
		buf_c(&b, sqlite ? " BLOB" : " BYTEA");
		rest = str_from(rest, (size_t)at + word.n);
	}
	buf_str(&b, rest);
	return str_cz(a, buf_view(&b));
}

static bool
apply(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	return db->d->script(db, dialect(j->a, j->m, j->sqlite), e) &&
	    db_exec(db, &add, V(v_str(str_c(j->m->name)),
	    v_str(hash_of(j->a, j->m))), e);
}

static bool
check_known(struct job *j, struct err *e)
{
	for (size_t i = 0; i < j->nknown; i++) {
		const struct migration *m = migrations;

		while (m->name != NULL && !str_eq_c(j->known[i].name, m->name))
			m++;
		if (m->name == NULL)
			return fail(e, M_UNKNOWN, "The store was written by a "
			    "newer version (migration " STR_FMT " is not known "
			    "here): run that version", STR_ARG(j->known[i].name));
		if (!str_eq(j->known[i].hash, hash_of(j->a, m)))
			return fail(e, M_UNKNOWN, "Migration %s was changed "
			    "after it was applied to this store", m->name);
	}
	return true;
}

static bool
is_known(const struct job *j, const struct migration *m)
{
	for (size_t i = 0; i < j->nknown; i++)
		if (same_number(str_cz(j->a, j->known[i].name), m->name))
			return true;
	return false;
}

static bool
migrate(struct db *db, struct job *j, struct err *e)
{
	if (!db_transact(db, load_known, j, e) || !check_known(j, e))
		return false;
	for (j->m = migrations; j->m->name != NULL; j->m++) {
		if (!applies(j->m, j->sqlite) || is_known(j, j->m))
			continue;
		if (!db_transact(db, apply, j, e))
			return false;
		log_info("store", "migrated", LC("file", j->m->name));
	}
	return true;
}

bool
schema_migrate(struct db *db, bool sqlite, struct err *e)
{
	struct job j = { .a = arena_new(4 << 20), .sqlite = sqlite };
	bool ok = migrate(db, &j, e);

	arena_free(j.a);
	return ok;
}
