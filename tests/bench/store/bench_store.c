/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Claims, on SQLite with synchronous = FULL: one writer alone is durable within
 * 0.5 ms; 64 together reach tens of thousands of rows a second; a read by
 * primary key costs under 10 us; a state change under 100 us in a body. With
 * BENCH_STORE_URL set, the same on that PostgreSQL (it must be empty).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "store/db.h"
#include "store/statetree.h"

#define RUN_US 2000000
#define NTHREADS_MAX 64
#define NKEYS 20000

static const struct query make = { .name = "bench.make",
	.sql = "CREATE TABLE bench (k BIGINT PRIMARY KEY, room BIGINT NOT NULL,"
	    " id TEXT NOT NULL UNIQUE, json TEXT NOT NULL)",
	.sqlite = "CREATE TABLE bench (k INTEGER PRIMARY KEY,"
	    " room BIGINT NOT NULL, id TEXT NOT NULL UNIQUE,"
	    " json TEXT NOT NULL)" };
static const struct query make_index = { .name = "bench.make_index",
	.sql = "CREATE INDEX bench_room ON bench (room, k)" };
static const struct query add = { .name = "bench.add",
	.sql = "INSERT INTO bench (k, room, id, json)"
	    " VALUES ($1, $2, $3, $4)" };
static const struct query get = { .name = "bench.get",
	.sql = "SELECT json FROM bench WHERE id = $1" };

static struct store *store;
static int64_t next_key;		/* atomic */
static int64_t end_us;
static char json[700];

static void
must(bool ok, const struct err *e)
{
	if (ok)
		return;
	fprintf(stderr, "%s | %s\n", e->text, e->cause);
	exit(1);
}

/* An id like an event's. */
static struct str
id_of(int64_t k, char buf[48])
{
	uint8_t hash[SHA256_BYTES];

	sha256(str_n((const char *)&k, sizeof(k)), hash);
	snprintf(buf, 48, "$%02x%02x%02x%02x%02x%02x%02x%02x-%027ld", hash[0],
	    hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
	    (long)k);
	return str_n(buf, 44);
}

static bool
add_row(struct db *db, int64_t k, struct err *e)
{
	char buf[48];

	return db_exec(db, &add, V(v_int(k), v_int(k % 50),
	    v_str(id_of(k, buf)), v_str(str_n(json, sizeof(json)))), e);
}

static bool
add_body(struct db *db, void *arg, struct err *e)
{
	int64_t *k = arg;

	return add_row(db, *k, e);
}

static bool
fill_body(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	if (!db_exec(db, &make, V0, e) || !db_exec(db, &make_index, V0, e))
		return false;
	for (next_key = 0; next_key < NKEYS; next_key++)
		if (!add_row(db, next_key, e))
			return false;
	return true;
}

struct work {
	pthread_t t;
	int64_t n, cpu_us, worst_us;
};

static void *
write_rows(void *arg)
{
	struct work *w = arg;
	struct err e;
	struct db *db = db_attach(store, &e);
	int64_t began_us, now_us;

	must(db != NULL, &e);
	for (began_us = clock_mono_us(); began_us < end_us;
	    began_us = now_us) {
		int64_t k = __atomic_fetch_add(&next_key, 1, __ATOMIC_RELAXED);

		must(db_transact(db, add_body, &k, &e), &e);
		now_us = clock_mono_us();
		if (now_us - began_us > w->worst_us)
			w->worst_us = now_us - began_us;
		w->n++;
	}
	db_detach(db);
	return NULL;
}

static void
take_nothing(struct rows *r, void *arg)
{
	*(size_t *)arg += db_peek(r, 0).n;
}

static void *
read_rows(void *arg)
{
	struct work *w = arg;
	struct err e;
	struct db *db = db_attach(store, &e);
	int64_t cpu_us = clock_thread_cpu_us();
	size_t bytes = 0;
	char buf[48];
	bool found;

	must(db != NULL, &e);
	for (; (w->n & 63) != 0 || clock_mono_us() < end_us; w->n++)
		must(db_one(db, &get,
		    V(v_str(id_of((int64_t)random_below(NKEYS), buf))),
		    take_nothing, &bytes, &found, &e) && found, &e);
	w->cpu_us = clock_thread_cpu_us() - cpu_us;
	db_detach(db);
	return NULL;
}

/* Runs n threads for a while; sums up what they did. */
static struct work
run(int n, void *(*fn)(void *))
{
	static struct work w[NTHREADS_MAX];
	struct work sum = { 0 };
	int64_t began_us = clock_mono_us(), us;

	memset(w, 0, sizeof(w));
	end_us = began_us + RUN_US;
	for (int i = 0; i < n; i++)
		if (pthread_create(&w[i].t, NULL, fn, &w[i]) != 0)
			exit(1);
	for (int i = 0; i < n; i++) {
		pthread_join(w[i].t, NULL);
		sum.n += w[i].n;
		sum.cpu_us += w[i].cpu_us;
		if (w[i].worst_us > sum.worst_us)
			sum.worst_us = w[i].worst_us;
	}
	us = clock_mono_us() - began_us;
	sum.cpu_us = sum.n > 0 ? sum.cpu_us * 1000 / sum.n : 0;
	sum.n = sum.n * 1000000 / us;
	return sum;
}

struct tree {
	struct state_root root;
	int64_t event, us;
};

/* 100 changes, one at a time, as 100 member events make them. */
static bool
tree_body(struct db *db, void *arg, struct err *e)
{
	struct tree *t = arg;
	int64_t began_us = clock_mono_us();
	char buf[48];

	for (int i = 0; i < 100; i++) {
		struct state_slot slot = { S("m.room.member"),
			id_of(t->event, buf), t->event + 1 };

		if (!state_set(db, &t->root, &slot, 1, &t->root, e))
			return false;
		t->event++;
	}
	t->us += clock_mono_us() - began_us;
	return true;
}

static void
bench_tree(struct db *db)
{
	struct tree t = { .event = 0 };
	int64_t began_us, event;
	struct err e;
	char buf[48];

	must(statetree_start(db, 32 << 20, &e), &e);
	for (int i = 0; i < 50; i++)
		must(db_transact(db, tree_body, &t, &e), &e);
	printf("state_set, one place, to 5000 places: %.1f us\n",
	    (double)t.us / 5000);
	began_us = clock_mono_us();
	for (int i = 0; i < 100000; i++)
		must(state_get(db, &t.root, S("m.room.member"),
		    id_of(i % 5000, buf), &event, &e), &e);
	printf("state_get of 5000 places, cached: %.2f us\n",
	    (double)(clock_mono_us() - began_us) / 100000);
}

static void
remove_files(const char *dir)
{
	const char *const name[] = { "beffroi.db", "beffroi.db-wal",
		"beffroi.db-shm", "beffroi.lock" };
	char path[128];

	for (size_t i = 0; i < LEN(name); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
		unlink(path);
	}
	rmdir(dir);
}

int
main(void)
{
	const char *url = getenv("BENCH_STORE_URL");
	static const int nthreads[] = { 1, 4, 16, 64 };
	char dir[] = "bench-store-XXXXXX";
	struct err e;
	struct db *db;

	crypto_start();
	log_setup(LOG_WARN, false);
	memset(json, 'x', sizeof(json));
	if (mkdtemp(dir) == NULL)
		return 1;
	must(store_open(url, dir, true, 16, &store, &e), &e);
	db = db_attach(store, &e);
	must(db != NULL && db_transact(db, fill_body, NULL, &e), &e);
	for (size_t i = 0; i < LEN(nthreads); i++) {
		struct work w = run(nthreads[i], write_rows);

		printf("durable rows, %d threads: %ld/s, worst %.1f ms\n",
		    nthreads[i], (long)w.n, (double)w.worst_us / 1e3);
	}
	for (int n = 1; n <= 2; n++) {
		struct work w = run(n, read_rows);

		printf("reads by key, %d threads: %ld/s, %.2f us of CPU\n", n,
		    (long)w.n, (double)w.cpu_us / 1e3);
	}
	bench_tree(db);
	db_detach(db);
	store_close(store);
	remove_files(dir);
	return 0;
}
