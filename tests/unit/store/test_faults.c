/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What goes wrong around a store: statements and commits that fail, a disk that
 * is full, bodies that share a transaction, lost connections, copies.
 */
#include "fixture.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static const struct query make = { .name = "t.make",
	.sql = "CREATE TABLE t (k BIGINT PRIMARY KEY, v TEXT NOT NULL)" };
static const struct query add = { .name = "t.add",
	.sql = "INSERT INTO t (k, v) VALUES ($1, $2)" };
static const struct query count_all = { .name = "t.count",
	.sql = "SELECT count(*) FROM t" };

static bool
make_body(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	return db_exec(db, &make, V0, e);
}

static void
open_t(struct fix *f)
{
	fix_open(f);
	OK(f, db_transact(f->db, make_body, NULL, &f->e));
}

static void
take_int(struct rows *r, void *arg)
{
	*(int64_t *)arg = db_int(r, 0);
}

static int64_t
count(struct fix *f)
{
	int64_t n = -1;
	bool found;

	OK(f, db_one(f->db, &count_all, V0, take_int, &n, &found, &f->e));
	return n;
}

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Adds n rows from k on. */
struct rows_to_add {
	int64_t k;
	int n;
	bool refuse;
	sem_t *ready, *go;	/* says that it runs, and waits, when given */
	int runs;
};

static bool
add_body(struct db *db, void *arg, struct err *e)
{
	struct rows_to_add *r = arg;

	r->runs++;
	if (r->ready != NULL) {
		sem_post(r->ready);
		sem_wait(r->go);
	}
	for (int i = 0; i < r->n; i++)
		if (!db_exec(db, &add, V(v_int(r->k + i),
		    v_str(S("some text"))), e))
			return false;
	return !r->refuse || fail(e, M_FORBIDDEN, "No");
}

static void
every_write_may_fail_and_leaves_nothing(void **state)
{
	struct rows_to_add r = { .k = 1, .n = 3 };
	struct fix f;

	(void)state;
	open_t(&f);
	for (int64_t n = 1; n <= 4; n++) {	/* the fourth is the commit */
		store_fault_after(f.s, n);
		assert_false(db_transact(f.db, add_body, &r, &f.e));
		assert_int_equal(f.e.code, M_UNAVAILABLE);
		assert_int_equal(err_status(&f.e), 503);
		assert_true(count(&f) == 0);
	}
	store_fault_after(f.s, 5);
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	store_fault_after(f.s, 0);
	assert_true(count(&f) == 3);
	fix_close(&f);
}

static void
faults_need_leave_from_the_environment(void **state)
{
	struct rows_to_add r = { .k = 1, .n = 1 };
	struct fix f;

	(void)state;
	open_t(&f);
	setenv("BEFFROI_FAULTS", "0", 1);
	fix_again(&f);
	store_fault_after(f.s, 1);
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	fix_close(&f);
}

/*
 * Bodies in one transaction: the first, in one of its own (2 rows and a commit),
 * keeps the writer busy until all others are queued.
 */

#define NBODIES 12

struct body {
	struct fix *f;
	struct rows_to_add r;
	struct err e;
	bool ok;
};

static atomic_int coming;		/* threads that are about to queue */

static void *
run_body(void *arg)
{
	struct body *b = arg;
	struct db *db = db_attach(b->f->s, &b->e);

	atomic_fetch_add(&coming, 1);
	b->ok = db_transact(db, add_body, &b->r, &b->e);
	db_detach(db);
	return NULL;
}

static void
run_together(struct fix *f, struct body *b, int64_t fault)
{
	pthread_t t[NBODIES];
	sem_t ready, go;

	atomic_store(&coming, 0);
	sem_init(&ready, 0, 0);
	sem_init(&go, 0, 0);
	b[0].r.ready = &ready;
	b[0].r.go = &go;
	for (int i = 0; i < NBODIES; i++) {
		b[i].f = f;
		b[i].r.k = 10 * i;
		b[i].r.n = 2;
		assert_int_equal(pthread_create(&t[i], NULL, run_body, &b[i]),
		    0);
		if (i == 0)
			sem_wait(&ready);
	}
	/* A busy machine may take its time to start them; queueing is a moment then. */
	for (int i = 0; i < 1000 && atomic_load(&coming) < NBODIES; i++)
		sleep_ms(10);
	sleep_ms(200);
	store_fault_after(f->s, fault);
	sem_post(&go);
	for (int i = 0; i < NBODIES; i++)
		pthread_join(t[i], NULL);
	store_fault_after(f->s, 0);
	sem_destroy(&ready);
	sem_destroy(&go);
}

static void
a_body_that_fails_spares_its_companions(void **state)
{
	struct body b[NBODIES] = { 0 };
	struct fix f;
	int64_t want = 0;

	(void)state;
	open_t(&f);
	for (int i = 0; i < NBODIES; i++)
		b[i].r.refuse = i % 3 == 0;	/* the first of all too */
	run_together(&f, b, 0);
	for (int i = 0; i < NBODIES; i++) {
		assert_int_equal(b[i].ok, i % 3 != 0);
		if (!b[i].ok)
			assert_int_equal(b[i].e.code, M_FORBIDDEN);
		want += b[i].ok ? 2 : 0;
	}
	assert_true(count(&f) == want);
	fix_close(&f);
}

static void
a_commit_that_fails_fails_all(void **state)
{
	struct body b[NBODIES] = { 0 };
	struct fix f;

	(void)state;
	if (use_pg)		/* no shared commits there */
		return;
	open_t(&f);
	run_together(&f, b, 3 + 2 * (NBODIES - 1) + 1);
	assert_true(b[0].ok);
	for (int i = 1; i < NBODIES; i++) {
		assert_false(b[i].ok);
		assert_int_equal(b[i].e.code, M_UNAVAILABLE);
	}
	assert_true(count(&f) == 2);
	fix_close(&f);
}

/* The injected fault takes the whole transaction, as a full disk may. */
static void
a_lost_transaction_is_never_acknowledged(void **state)
{
	struct body b[NBODIES] = { 0 };
	struct fix f;
	int good = 0;

	(void)state;
	if (use_pg)
		return;
	open_t(&f);
	run_together(&f, b, 3 + 2 * 6);	/* the sixth one's second row */
	for (int i = 0; i < NBODIES; i++) {
		if (!b[i].ok)
			assert_int_equal(b[i].e.code, M_UNAVAILABLE);
		good += b[i].ok;
	}
	assert_int_equal(good, NBODIES - 6);
	assert_true(count(&f) == 2 * good);
	fix_close(&f);
}

/* A real one: files may not grow. */
static void
a_full_disk_is_survived(void **state)
{
	struct rows_to_add r = { .k = 1, .n = 200 };
	struct rlimit old, full;
	struct stat log;
	struct fix f;
	char path[128];

	(void)state;
	if (use_pg)
		return;
	open_t(&f);
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	snprintf(path, sizeof(path), "%s/beffroi.db-wal", f.dir);
	assert_int_equal(stat(path, &log), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = old;
	full.rlim_cur = (rlim_t)log.st_size + 100;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	for (int i = 0; i < 5; i++) {
		r.k = 1000;
		assert_false(db_transact(f.db, add_body, &r, &f.e));
		assert_int_equal(f.e.code, M_UNAVAILABLE);
		assert_true(count(&f) == 200);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	assert_true(count(&f) == 400);
	fix_again(&f);
	assert_true(count(&f) == 400);
	fix_close(&f);
}

/* Copies */

struct busy {
	struct fix *f;
	int stop;		/* atomic */
};

static void *
keep_writing(void *arg)
{
	struct busy *b = arg;
	struct err e;
	struct db *db = db_attach(b->f->s, &e);
	struct rows_to_add r = { .k = 1000, .n = 2 };

	for (; !__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE); r.k += 2)
		if (!db_transact(db, add_body, &r, &e))
			abort();
	db_detach(db);
	return NULL;
}

static void
a_copy_is_of_one_moment_while_writers_go_on(void **state)
{
	struct rows_to_add r = { .k = 1, .n = 20 };
	struct busy busy = { 0 };
	struct fix f, copy;
	pthread_t t;
	char path[128];

	(void)state;
	open_t(&f);
	copy = f;
	memcpy(copy.dir + strlen(f.dir), "/copy", 6);
	assert_int_equal(mkdir(copy.dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/copy/beffroi.db", f.dir);
	if (use_pg) {
		assert_false(store_backup(f.s, path, &f.e));
		assert_int_equal(f.e.code, M_UNRECOGNIZED);
		assert_non_null(strstr(f.e.text, "pg_dump"));
		fix_close(&f);
		return;
	}
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	busy.f = &f;
	assert_int_equal(pthread_create(&t, NULL, keep_writing, &busy), 0);
	sleep_ms(30);
	OK(&f, store_backup(f.s, path, &f.e));
	__atomic_store_n(&busy.stop, 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	assert_false(store_backup(f.s, path, &f.e));	/* it is there */
	assert_int_equal(f.e.code, M_INVALID_PARAM);
	fix_start(&copy);
	assert_true(count(&copy) >= 20 && count(&copy) % 2 == 0);
	assert_true(count(&copy) <= count(&f));
	fix_stop(&copy);
	assert_false(store_backup(f.s, "/nowhere/at/all", &f.e));
	fix_close(&f);
}

static void
a_folder_that_is_not_there_is_refused(void **state)
{
	struct fix f;
	struct store *s;

	(void)state;
	open_t(&f);
	assert_false(store_open(use_pg ?
	    "postgresql://postgres@127.0.0.1:1/none" : "",
	    "/nowhere/at/all", true, 1, &s, &f.e));
	assert_int_equal(f.e.code, M_UNAVAILABLE);
	fix_close(&f);
}

/* Connections */

static void
hang_up_all(const struct fix *f)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(pid) FROM"
	    " pg_stat_activity WHERE datname = '%s'", f->name);
	pg_admin(sql);
	sleep_ms(50);
}

static bool
hang_up_body(struct db *db, void *arg, struct err *e)
{
	struct body *b = arg;

	if (b->r.runs == 0)
		hang_up_all(b->f);
	return add_body(db, &b->r, e);
}

static void
lost_connections_are_made_again(void **state)
{
	struct rows_to_add r = { .k = 1, .n = 2 };
	struct body b;
	struct fix f;

	(void)state;
	if (!use_pg)
		return;
	open_t(&f);
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	hang_up_all(&f);
	assert_true(count(&f) == 2);
	hang_up_all(&f);
	r.k = 10;
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	OK(&f, db_read_begin(f.db, &f.e));
	assert_true(count(&f) == 4);
	hang_up_all(&f);
	db_read_end(f.db);
	assert_true(count(&f) == 4);
	b = (struct body){ .f = &f, .r = { .k = 20, .n = 2 } };
	OK(&f, db_transact(f.db, hang_up_body, &b, &f.e));
	assert_int_equal(b.r.runs, 2);
	assert_true(count(&f) == 6);
	fix_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_write_may_fail_and_leaves_nothing),
		cmocka_unit_test(faults_need_leave_from_the_environment),
		cmocka_unit_test(a_body_that_fails_spares_its_companions),
		cmocka_unit_test(a_commit_that_fails_fails_all),
		cmocka_unit_test(a_lost_transaction_is_never_acknowledged),
		cmocka_unit_test(a_full_disk_is_survived),
		cmocka_unit_test(a_copy_is_of_one_moment_while_writers_go_on),
		cmocka_unit_test(a_folder_that_is_not_there_is_refused),
		cmocka_unit_test(lost_connections_are_made_again),
	};

	return run_on_both(tests);
}
