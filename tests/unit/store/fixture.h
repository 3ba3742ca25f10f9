/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A store of its own for a test: SQLite in a folder under /tmp or, when
 * use_pg is set, a new database of the PostgreSQL at BEFFROI_TEST_PG. Every
 * program of this folder runs its cases on both (run_on_both).
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "unit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "store/db.h"

struct fix {
	char dir[64], name[64], url[512];
	struct store *s;
	struct db *db;
	struct arena *a;
	struct err e;
};

static bool use_pg;

/* What should have gone well: else ends the case with the error's words. */
#define OK(f, call) \
	((call) ? (void)0 : fail_msg("%s: %s | %s (%s:%d)", #call, \
	    (f)->e.text, (f)->e.cause, (f)->e.file, (f)->e.line))

/* Runs a statement on the server, outside any store. */
static inline void
pg_admin(const char *sql)
{
	PGconn *c = PQconnectdb(getenv("BEFFROI_TEST_PG"));
	PGresult *res = PQexec(c, sql);
	ExecStatusType got = PQresultStatus(res);

	if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(c));
	PQclear(res);
	PQfinish(c);
}

/* The server's address with another name at its end. */
static inline void
pg_url(struct fix *f)
{
	const char *base = getenv("BEFFROI_TEST_PG");
	const char *host = strstr(base, "://"), *slash, *ask;

	assert_non_null(host);
	slash = strchr(host + 3, '/');
	assert_non_null(slash);
	ask = strchr(slash, '?');
	snprintf(f->url, sizeof(f->url), "%.*s/%s%s", (int)(slash - base),
	    base, f->name, ask != NULL ? ask : "");
}

static inline void
fix_start(struct fix *f)
{
	OK(f, store_open(f->url, f->dir, true, 4, &f->s, &f->e));
	f->db = db_attach(f->s, &f->e);
	OK(f, f->db != NULL);
}

static inline void
fix_stop(struct fix *f)
{
	db_detach(f->db);
	store_close(f->s);
}

static inline void
fix_open(struct fix *f)
{
	static int count;
	char sql[128];

	*f = (struct fix){ .dir = "/tmp/beffroi-test-XXXXXX" };
	setenv("BEFFROI_FAULTS", "1", 1);
	log_setup(LOG_ERROR, false);
	crypto_start();
	assert_non_null(mkdtemp(f->dir));
	if (use_pg) {
		snprintf(f->name, sizeof(f->name), "beffroi_test_%d_%d",
		    (int)getpid(), count++);
		snprintf(sql, sizeof(sql), "CREATE DATABASE %s", f->name);
		pg_admin(sql);
		pg_url(f);
	}
	f->a = arena_new(64 << 20);
	fix_start(f);
}

static inline void
fix_remove(const struct fix *f)
{
	const char *const file[] = { "beffroi.db", "beffroi.db-wal",
		"beffroi.db-shm", "beffroi.lock", "copy/beffroi.db",
		"copy/beffroi.db-wal", "copy/beffroi.db-shm",
		"copy/beffroi.lock" };
	char path[128];

	for (size_t i = 0; i < LEN(file); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, file[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/copy", f->dir);
	rmdir(path);
	assert_int_equal(rmdir(f->dir), 0);
}

static inline void
fix_close(struct fix *f)
{
	char sql[128];

	fix_stop(f);
	arena_free(f->a);
	fix_remove(f);
	if (use_pg) {
		snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)",
		    f->name);
		pg_admin(sql);
	}
}

/* Closes the store and opens it again, as a restart does. */
static inline void
fix_again(struct fix *f)
{
	fix_stop(f);
	fix_start(f);
}

#define run_on_both(tests) \
	(cmocka_run_group_tests_name("SQLite", tests, NULL, NULL) + \
	    (getenv("BEFFROI_TEST_PG") == NULL ? 0 : \
	    (use_pg = true, cmocka_run_group_tests_name("PostgreSQL", tests, \
	    NULL, NULL))))

#endif
