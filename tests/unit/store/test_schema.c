/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Migrations: once, in order, whole or not at all, and checked afterwards. */
#include "fixture.h"

#include "store/schema.h"

#define MAX 64
#define M(name, sql) { name, sql, sizeof(sql) - 1 }

static const struct migration first = M("900_first.sql",
	"-- a comment; with 'quotes\nCREATE TABLE first (k TEXT PRIMARY KEY,"
	" b BYTES NOT NULL, BYTESIZE BIGINT);\nINSERT INTO first"
	" VALUES ('one', '', 1);\n");
static const struct migration first_changed = M("900_first.sql",
	"CREATE TABLE first (k TEXT PRIMARY KEY)");
static const struct migration second = M("901_second.sql",
	"ALTER TABLE first ADD COLUMN n BIGINT NOT NULL DEFAULT 5");
static const struct migration broken = M("901_second.sql",
	"INSERT INTO first VALUES ('two', '', 2); INSERT INTO nowhere"
	" VALUES (1)");
static const struct migration before = M("899_before.sql",
	"CREATE TABLE before (k BIGINT)");
static const struct migration lite = M("902_both.sql",
	"CREATE TABLE which (v TEXT); INSERT INTO which VALUES ('all')");
static const struct migration pg = M("902_both.pg.sql",
	"CREATE TABLE which (v TEXT); INSERT INTO which VALUES ('pg')");

static const struct query rows_of_first = { .name = "test.first",
	.sql = "SELECT count(*), max(BYTESIZE) FROM first" };
static const struct query n_of_first = { .name = "test.first_n",
	.sql = "SELECT n FROM first" };
static const struct query which = { .name = "test.which",
	.sql = "SELECT v FROM which" };

/* The program's own, then those given, up to a NULL. */
static bool
apply(struct fix *f, const struct migration *x, const struct migration *y,
    const struct migration *z)
{
	const struct migration *more[] = { x, y, z };
	struct migration list[MAX];
	size_t n = 0;

	for (; migrations[n].name != NULL; n++)
		list[n] = migrations[n];
	assert_true(n + 4 < MAX);
	for (size_t i = 0; i < LEN(more) && more[i] != NULL; i++)
		list[n++] = *more[i];
	list[n] = (struct migration){ NULL, NULL, 0 };
	return schema_apply(f->db, list, !use_pg, &f->e);
}

static void
take_int(struct rows *r, void *arg)
{
	*(int64_t *)arg = db_int(r, 0);
}

static int64_t
number(struct fix *f, const struct query *q)
{
	int64_t n = -1;
	bool found;

	OK(f, db_one(f->db, q, V0, take_int, &n, &found, &f->e));
	return n;
}

static void
refused(struct fix *f, bool applied, const char *word)
{
	assert_false(applied);
	assert_int_equal(f->e.code, M_UNKNOWN);
	if (strstr(f->e.text, word) == NULL)
		fail_msg("no word of %s in: %s", word, f->e.text);
}

static void
each_is_applied_once_and_in_order(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f);
	OK(&f, apply(&f, &first, NULL, NULL));
	assert_true(number(&f, &rows_of_first) == 1);
	OK(&f, apply(&f, &first, &second, NULL));
	OK(&f, apply(&f, &first, &second, NULL));
	assert_true(number(&f, &rows_of_first) == 1);
	assert_true(number(&f, &n_of_first) == 5);
	fix_close(&f);
}

static void
the_program_s_own_are_there_after_a_restart(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f);
	fix_again(&f);
	OK(&f, apply(&f, NULL, NULL, NULL));
	fix_close(&f);
}

static void
one_that_changed_is_refused(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f);
	OK(&f, apply(&f, &first, NULL, NULL));
	refused(&f, apply(&f, &first_changed, NULL, NULL), "900_first.sql");
	fix_close(&f);
}

static void
a_store_of_a_newer_version_is_refused(void **state)
{
	struct fix f;
	struct store *s;

	(void)state;
	fix_open(&f);
	OK(&f, apply(&f, &first, &second, NULL));
	refused(&f, apply(&f, &first, NULL, NULL), "newer version");
	fix_stop(&f);
	refused(&f, store_open(f.url, f.dir, true, 1, &s, &f.e),
	    "newer version");
	/* So that the fixture can close what it expects to be open. */
	f.db = NULL;
	f.s = NULL;
	fix_close(&f);
}

static void
one_that_should_have_come_before_is_refused(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f);
	OK(&f, apply(&f, &first, NULL, NULL));
	refused(&f, apply(&f, &before, &first, NULL), "899_before.sql");
	fix_close(&f);
}

static void
one_that_fails_leaves_nothing(void **state)
{
	struct fix f;

	(void)state;
	fix_open(&f);
	assert_false(apply(&f, &first, &broken, NULL));
	assert_true(number(&f, &rows_of_first) == 1);
	OK(&f, apply(&f, &first, &second, NULL));
	assert_true(number(&f, &n_of_first) == 5);
	fix_close(&f);
}

static void
take_str(struct rows *r, void *arg)
{
	struct fix *f = arg;

	snprintf(f->name, sizeof(f->name), STR_FMT, STR_ARG(db_peek(r, 0)));
}

static void
postgresql_may_have_a_text_of_its_own(void **state)
{
	struct fix f, got;
	bool found;

	(void)state;
	fix_open(&f);
	OK(&f, apply(&f, &first, &pg, &lite));
	OK(&f, apply(&f, &first, &pg, &lite));
	OK(&f, db_one(f.db, &which, V0, take_str, &got, &found, &f.e));
	assert_true(found);
	assert_string_equal(got.name, use_pg ? "pg" : "all");
	fix_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_applied_once_and_in_order),
		cmocka_unit_test(the_program_s_own_are_there_after_a_restart),
		cmocka_unit_test(one_that_changed_is_refused),
		cmocka_unit_test(a_store_of_a_newer_version_is_refused),
		cmocka_unit_test(one_that_should_have_come_before_is_refused),
		cmocka_unit_test(one_that_fails_leaves_nothing),
		cmocka_unit_test(postgresql_may_have_a_text_of_its_own),
	};

	return run_on_both(tests);
}
