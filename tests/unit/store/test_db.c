/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What both databases promise: values, rows, transactions, snapshots. */
#include "fixture.h"

#include <assert.h>
#include <pthread.h>

#include "store/db_driver.h"

static const struct query t_make = { .name = "t.make",
	.sql = "CREATE TABLE t (k BIGINT PRIMARY KEY, i BIGINT, f SMALLINT,"
	    " s TEXT, b BYTEA)",
	.sqlite = "CREATE TABLE t (k BIGINT PRIMARY KEY, i BIGINT, f SMALLINT,"
	    " s TEXT, b BLOB)" };
static const struct query t_add = { .name = "t.add",
	.sql = "INSERT INTO t (k, i, f, s, b) VALUES ($1, $2, $3, $4, $5)" };
static const struct query t_get = { .name = "t.get",
	.sql = "SELECT i, f, s, b FROM t WHERE k = $1" };
static const struct query t_all = { .name = "t.all",
	.sql = "SELECT k FROM t ORDER BY k" };
static const struct query t_count = { .name = "t.count",
	.sql = "SELECT count(*) FROM t" };
static const struct query t_swapped = { .name = "t.swapped",
	.sql = "SELECT k FROM t WHERE i = $2 AND k = $1 AND k = $1" };
static const struct query t_bump = { .name = "t.bump",
	.sql = "UPDATE t SET i = $2 WHERE k = $1" };
static const struct query t_taken = { .name = "t.taken",
	.sql = "INSERT INTO t (k, i) VALUES ($1, $2) RETURNING k, i + 1" };
static const struct query t_clear = { .name = "t.clear",
	.sql = "DELETE FROM t WHERE k >= $1" };

static bool
make_body(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	return db_exec(db, &t_make, V0, e);
}

static void
open_t(struct fix *f)
{
	fix_open(f);
	OK(f, db_transact(f->db, make_body, NULL, &f->e));
}

/* A row to add, and what the body answers after it. */
struct row {
	int64_t k, i;
	bool f;
	struct val s, b;
	bool refuse;
};

static bool
add_body(struct db *db, void *arg, struct err *e)
{
	const struct row *r = arg;

	if (!db_exec(db, &t_add, V(v_int(r->k), v_int(r->i), v_bool(r->f),
	    r->s, r->b), e))
		return false;
	return !r->refuse || fail(e, M_FORBIDDEN, "No");
}

static void
add(struct fix *f, struct row r)
{
	OK(f, db_transact(f->db, add_body, &r, &f->e));
}

static void
take_int(struct rows *r, void *arg)
{
	*(int64_t *)arg = db_int(r, 0);
}

static int64_t
count(struct fix *f, struct db *db)
{
	int64_t n = -1;
	bool found;

	OK(f, db_one(db, &t_count, V0, take_int, &n, &found, &f->e));
	assert_true(found);
	return n;
}

/* Values */

static void
values_come_back_as_they_went_in(void **state)
{
	static const struct {
		const char *name;
		int64_t i;
		bool f;
		struct val s, b;
	} cases[] = {
		{ "plain", 5, true, { VAL_TEXT, 0, S_INIT("word") },
		    { VAL_BYTES, 0, S_INIT("\x01\x02") } },
		{ "the least number", INT64_MIN, false,
		    { VAL_TEXT, 0, S_INIT("'; DROP TABLE t; --") },
		    { VAL_BYTES, 0, S_INIT("a\0b\0") } },
		{ "the greatest number", INT64_MAX, false,
		    { VAL_TEXT, 0, S_INIT("Gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x94\x94") },
		    { VAL_BYTES, 0, S_INIT("\xff\xfe\x80") } },
		{ "nothing is no NULL", 0, false, { VAL_TEXT, 0, { NULL, 0 } },
		    { VAL_BYTES, 0, { NULL, 0 } } },
		{ "NULL is NULL", -1, true, { VAL_NULL, 0, { NULL, 0 } },
		    { VAL_NULL, 0, { NULL, 0 } } },
	};
	struct fix f;

	(void)state;
	open_t(&f);
	for (size_t i = 0; i < LEN(cases); i++) {
		struct rows r;

		print_message("%s\n", cases[i].name);
		add(&f, (struct row){ (int64_t)i, cases[i].i, cases[i].f,
		    cases[i].s, cases[i].b, false });
		OK(&f, db_query(f.db, &t_get, V(v_int((int64_t)i)), &r, &f.e));
		assert_true(db_next(&r));
		assert_true(db_int(&r, 0) == cases[i].i);
		assert_int_equal(db_bool(&r, 1), cases[i].f);
		assert_int_equal(db_null(&r, 2), cases[i].s.kind == VAL_NULL);
		assert_true(str_eq(db_str(&r, 2, f.a), cases[i].s.s));
		assert_int_equal(db_null(&r, 3), cases[i].b.kind == VAL_NULL);
		assert_true(str_eq(db_peek(&r, 3), cases[i].b.s));
		assert_false(db_next(&r));
		assert_false(db_next(&r));
		OK(&f, db_done(&r, &f.e));
	}
	fix_close(&f);
}

static void
a_null_number_reads_as_zero(void **state)
{
	struct fix f;
	struct row r = { .k = 1, .s = v_null(), .b = v_null() };
	int64_t i = 7;
	bool found;

	(void)state;
	open_t(&f);
	add(&f, r);
	OK(&f, db_one(f.db, &t_get, V(v_int(1)), take_int, &i, &found, &f.e));
	assert_true(found && i == 0);
	fix_close(&f);
}

static void
parameters_are_bound_by_name(void **state)
{
	struct fix f;
	int64_t k = 0;
	bool found;

	(void)state;
	open_t(&f);
	add(&f, (struct row){ .k = 3, .i = 8, .s = v_null(), .b = v_null() });
	OK(&f, db_one(f.db, &t_swapped, V(v_int(3), v_int(8)), take_int, &k,
	    &found, &f.e));
	assert_true(found && k == 3);
	OK(&f, db_one(f.db, &t_swapped, V(v_int(8), v_int(3)), take_int, &k,
	    &found, &f.e));
	assert_false(found);
	fix_close(&f);
}

static void
a_query_may_run_again_while_it_is_read(void **state)
{
	struct fix f;
	struct rows outer, inner;
	int64_t pairs = 0;

	(void)state;
	open_t(&f);
	for (int64_t k = 0; k < 5; k++)
		add(&f, (struct row){ .k = k, .s = v_null(), .b = v_null() });
	OK(&f, db_query(f.db, &t_all, V0, &outer, &f.e));
	while (db_next(&outer)) {
		int64_t k = db_int(&outer, 0);

		OK(&f, db_query(f.db, &t_all, V0, &inner, &f.e));
		while (db_next(&inner))
			pairs++;
		OK(&f, db_done(&inner, &f.e));
		assert_true(db_int(&outer, 0) == k);
	}
	OK(&f, db_done(&outer, &f.e));
	assert_true(pairs == 25);
	fix_close(&f);
}

/* Statements that change */

struct changes {
	int64_t changed, last;
	bool read;
};

static bool
change_body(struct db *db, void *arg, struct err *e)
{
	struct changes *c = arg;

	return db_change(db, &t_clear, V(v_int(3)), &c->changed, e);
}

static bool
returning_body(struct db *db, void *arg, struct err *e)
{
	struct changes *c = arg;
	struct rows r;

	if (!db_query(db, &t_taken, V(v_int(100 + c->read), v_int(41)), &r, e))
		return false;
	if (c->read) {
		assert(db_next(&r));
		c->last = db_int(&r, 1);
	}
	return db_done(&r, e);
}

static void
changes_are_counted(void **state)
{
	struct fix f;
	struct changes c = { 0 };

	(void)state;
	open_t(&f);
	for (int64_t k = 0; k < 7; k++)
		add(&f, (struct row){ .k = k, .s = v_null(), .b = v_null() });
	OK(&f, db_transact(f.db, change_body, &c, &f.e));
	assert_true(c.changed == 4);
	OK(&f, db_transact(f.db, change_body, &c, &f.e));
	assert_true(c.changed == 0);
	assert_true(count(&f, f.db) == 3);
	fix_close(&f);
}

static void
returning_works_whether_its_rows_are_read_or_not(void **state)
{
	struct fix f;
	struct changes c = { .read = false };

	(void)state;
	open_t(&f);
	OK(&f, db_transact(f.db, returning_body, &c, &f.e));
	assert_true(count(&f, f.db) == 1);
	c.read = true;
	OK(&f, db_transact(f.db, returning_body, &c, &f.e));
	assert_true(c.last == 42 && count(&f, f.db) == 2);
	fix_close(&f);
}

static void
nothing_is_written_outside_a_transaction(void **state)
{
	struct fix f;

	(void)state;
	open_t(&f);
	assert_false(db_exec(f.db, &t_add, V(v_int(1), v_int(1), v_int(1),
	    v_null(), v_null()), &f.e));
	assert_true(count(&f, f.db) == 0);
	fix_close(&f);
}

static void
a_query_that_is_wrong_is_an_error(void **state)
{
	static const struct query nonsense = { .name = "t.nonsense",
		.sql = "SELECT nothing FROM nowhere" };
	struct fix f;
	struct rows r;

	(void)state;
	open_t(&f);
	assert_false(db_query(f.db, &nonsense, V0, &r, &f.e));
	assert_int_equal(f.e.code, M_UNKNOWN);
	assert_non_null(strstr(f.e.cause, "t.nonsense"));
	assert_true(count(&f, f.db) == 0);
	fix_close(&f);
}

static void
postgresql_refuses_values_of_another_kind(void **state)
{
	struct fix f;
	struct row r = { .k = 1, .s = v_int(5), .b = v_null() };

	(void)state;
	if (!use_pg)
		return;
	open_t(&f);
	assert_false(db_transact(f.db, add_body, &r, &f.e));
	assert_non_null(strstr(f.e.cause, "$4"));
	r = (struct row){ .k = 1, .s = v_null(), .b = v_str(S("text")) };
	assert_false(db_transact(f.db, add_body, &r, &f.e));
	r = (struct row){ .k = 1, .s = v_str(S("a\0b")), .b = v_null() };
	assert_false(db_transact(f.db, add_body, &r, &f.e));
	assert_int_equal(f.e.code, M_INVALID_PARAM);
	fix_close(&f);
}

/* Transactions */

static void
a_body_that_refuses_leaves_nothing(void **state)
{
	struct fix f;
	struct row r = { .k = 1, .s = v_null(), .b = v_null(),
		.refuse = true };

	(void)state;
	open_t(&f);
	assert_false(db_transact(f.db, add_body, &r, &f.e));
	assert_int_equal(f.e.code, M_FORBIDDEN);
	assert_string_equal(f.e.text, "No");
	assert_true(count(&f, f.db) == 0);
	r.refuse = false;
	OK(&f, db_transact(f.db, add_body, &r, &f.e));
	assert_false(db_transact(f.db, add_body, &r, &f.e));
	assert_int_equal(f.e.code, M_UNKNOWN);
	assert_true(count(&f, f.db) == 1);
	fix_close(&f);
}

static bool
careless_body(struct db *db, void *arg, struct err *e)
{
	struct row r = { .k = 1, .s = v_null(), .b = v_null() };

	(void)arg;
	(void)!add_body(db, &r, e);
	(void)!add_body(db, &r, e);	/* fails: there is one already */
	return fail(e, M_NOT_FOUND, "Then no");
}

static void
a_body_may_fail_after_a_failed_statement(void **state)
{
	struct fix f;

	(void)state;
	open_t(&f);
	assert_false(db_transact(f.db, careless_body, NULL, &f.e));
	assert_int_equal(f.e.code, M_NOT_FOUND);
	assert_true(count(&f, f.db) == 0);
	add(&f, (struct row){ .k = 1, .s = v_null(), .b = v_null() });
	fix_close(&f);
}

struct ending {
	int committed, undone;
	bool refuse;
};

static void
on_end(void *arg, bool committed)
{
	struct ending *x = arg;

	x->committed += committed;
	x->undone += !committed;
}

static bool
ending_body(struct db *db, void *arg, struct err *e)
{
	struct ending *x = arg;
	struct row r = { .k = 1, .s = v_null(), .b = v_null(),
		.refuse = x->refuse };

	db_at_end(db, on_end, x);
	db_at_end(db, on_end, x);
	assert(db_in_body(db));
	return add_body(db, &r, e);
}

static void
what_waits_for_the_end_learns_which_it_was(void **state)
{
	struct fix f;
	struct ending x = { .refuse = true };

	(void)state;
	open_t(&f);
	assert_false(db_in_body(f.db));
	assert_false(db_transact(f.db, ending_body, &x, &f.e));
	assert_true(x.committed == 0 && x.undone == 2);
	x = (struct ending){ .refuse = false };
	store_fault_after(f.s, 2);	/* the commit */
	assert_false(db_transact(f.db, ending_body, &x, &f.e));
	assert_int_equal(f.e.code, M_UNAVAILABLE);
	assert_true(x.committed == 0 && x.undone == 2);
	x = (struct ending){ .refuse = false };
	OK(&f, db_transact(f.db, ending_body, &x, &f.e));
	assert_true(x.committed == 2 && x.undone == 0);
	fix_close(&f);
}

static void
a_snapshot_does_not_move(void **state)
{
	struct fix f;
	struct row r = { .k = 1, .s = v_null(), .b = v_null() };

	(void)state;
	open_t(&f);
	add(&f, r);
	OK(&f, db_read_begin(f.db, &f.e));
	r.k = 2;		/* before the first query of the snapshot */
	add(&f, r);
	assert_true(count(&f, f.db) == 1);
	OK(&f, db_read_begin(f.db, &f.e));
	r.k = 3;
	add(&f, r);
	assert_true(count(&f, f.db) == 1);
	db_read_end(f.db);
	assert_true(count(&f, f.db) == 1);
	db_read_end(f.db);
	assert_true(count(&f, f.db) == 3);
	fix_close(&f);
}

static void
what_was_committed_survives_a_restart(void **state)
{
	struct fix f;

	(void)state;
	open_t(&f);
	add(&f, (struct row){ .k = 1, .s = v_null(), .b = v_null() });
	fix_again(&f);
	assert_true(count(&f, f.db) == 1);
	fix_close(&f);
}

static void
a_store_is_open_once(void **state)
{
	struct fix f;
	struct store *second;

	(void)state;
	open_t(&f);
	assert_false(store_open(f.url, f.dir, true, 1, &second, &f.e));
	assert_int_equal(f.e.code, M_UNAVAILABLE);
	fix_close(&f);
}

/* Threads */

#define NTHREADS 8
#define NROUNDS 60

static bool
bump_body(struct db *db, void *arg, struct err *e)
{
	int64_t *round = arg, i = 0;
	bool found;

	if (!db_one(db, &t_get, V(v_int(0)), take_int, &i, &found, e) ||
	    !db_exec(db, &t_bump, V(v_int(0), v_int(i + 1)), e))
		return false;
	return *round % 3 != 0 || fail(e, M_FORBIDDEN, "Every third");
}

static void *
bumper(void *arg)
{
	struct fix *f = arg;
	struct err e;
	struct db *db = db_attach(f->s, &e);
	int64_t wrong = 0;

	for (int64_t round = 0; round < NROUNDS; round++) {
		bool want = round % 3 != 0;

		while (db_transact(db, bump_body, &round, &e) != want)
			wrong += e.code != M_UNAVAILABLE;
	}
	db_detach(db);
	return (void *)(intptr_t)wrong;
}

static void
parallel_bodies_don_t_lose_or_spoil_each_other(void **state)
{
	pthread_t t[NTHREADS];
	struct fix f;
	int64_t i = 0;
	bool found;

	(void)state;
	open_t(&f);
	add(&f, (struct row){ .k = 0, .s = v_null(), .b = v_null() });
	for (int k = 0; k < NTHREADS; k++)
		assert_int_equal(pthread_create(&t[k], NULL, bumper, &f), 0);
	for (int k = 0; k < NTHREADS; k++) {
		void *wrong;

		pthread_join(t[k], &wrong);
		assert_null(wrong);
	}
	OK(&f, db_one(f.db, &t_get, V(v_int(0)), take_int, &i, &found, &f.e));
	assert_true(i == NTHREADS * NROUNDS * 2 / 3);
	fix_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back_as_they_went_in),
		cmocka_unit_test(a_null_number_reads_as_zero),
		cmocka_unit_test(parameters_are_bound_by_name),
		cmocka_unit_test(a_query_may_run_again_while_it_is_read),
		cmocka_unit_test(changes_are_counted),
		cmocka_unit_test(returning_works_whether_its_rows_are_read_or_not),
		cmocka_unit_test(nothing_is_written_outside_a_transaction),
		cmocka_unit_test(a_query_that_is_wrong_is_an_error),
		cmocka_unit_test(postgresql_refuses_values_of_another_kind),
		cmocka_unit_test(a_body_that_refuses_leaves_nothing),
		cmocka_unit_test(a_body_may_fail_after_a_failed_statement),
		cmocka_unit_test(what_waits_for_the_end_learns_which_it_was),
		cmocka_unit_test(a_snapshot_does_not_move),
		cmocka_unit_test(what_was_committed_survives_a_restart),
		cmocka_unit_test(a_store_is_open_once),
		cmocka_unit_test(parallel_bodies_don_t_lose_or_spoil_each_other),
	};

	return run_on_both(tests);
}
