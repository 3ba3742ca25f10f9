/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The table of errors, and what fail() leaves for the client and the log. */
#include "unit.h"

#include <string.h>

#include "base/err.h"

static const struct {
	enum errcode code;
	const char *name;
	int status;
} rows[] = {
	{ M_FORBIDDEN, "M_FORBIDDEN", 403 },
	{ M_UNKNOWN_TOKEN, "M_UNKNOWN_TOKEN", 401 },
	{ M_USER_LOCKED, "M_USER_LOCKED", 401 },
	{ M_USER_SUSPENDED, "M_USER_SUSPENDED", 403 },
	{ M_NOT_FOUND, "M_NOT_FOUND", 404 },
	{ M_LIMIT_EXCEEDED, "M_LIMIT_EXCEEDED", 429 },
	{ M_UNRECOGNIZED, "M_UNRECOGNIZED", 404 },
	{ M_METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", 405 },
	{ M_UNKNOWN, "M_UNKNOWN", 500 },
	{ M_UNAVAILABLE, "M_UNKNOWN", 503 },
	{ M_TIMEOUT, "M_UNKNOWN", 504 },
	{ M_TOO_LARGE, "M_TOO_LARGE", 413 },
	{ M_NOT_YET_UPLOADED, "M_NOT_YET_UPLOADED", 504 },
	{ M_CANNOT_OVERWRITE_MEDIA, "M_CANNOT_OVERWRITE_MEDIA", 409 },
	{ M_WRONG_ROOM_KEYS_VERSION, "M_WRONG_ROOM_KEYS_VERSION", 403 },
	{ M_CONCURRENT_WRITE, "M_CONCURRENT_WRITE", 409 },
};

static void
test_names_and_statuses(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		assert_false(fail(&e, rows[i].code, "no"));
		assert_string_equal(err_name(rows[i].code), rows[i].name);
		assert_int_equal(err_status(&e), rows[i].status);
	}
}

static void
test_every_code_has_a_name_and_a_failing_status(void **state)
{
	(void)state;
	for (int c = M_OK + 1; c < M_NRCODES; c++) {
		struct err e = { .code = (enum errcode)c };

		assert_int_equal(strncmp(err_name(e.code), "M_", 2), 0);
		assert_in_range(err_status(&e), 400, 599);
	}
}

static void
test_a_place_may_say_another_status(void **state)
{
	struct err e;

	(void)state;
	fail(&e, M_UNKNOWN, "The password did not match");
	e.status = 400;
	assert_int_equal(err_status(&e), 400);
	fail(&e, M_UNKNOWN, "again");
	assert_int_equal(err_status(&e), 500);
}

static void
test_fail_forgets_what_was_there(void **state)
{
	struct err e;

	(void)state;
	fail(&e, M_LIMIT_EXCEEDED, "slow down");
	err_cause(&e, "bucket %d", 7);
	e.retry_ms = 12;
	e.soft_logout = true;
	e.extra = S("\"a\":1");
	fail(&e, M_FORBIDDEN, "room %d", 3);
	assert_string_equal(e.text, "room 3");
	assert_string_equal(e.cause, "");
	assert_int_equal(e.retry_ms, 0);
	assert_false(e.soft_logout);
	assert_int_equal(e.extra.n, 0);
	assert_non_null(strstr(e.file, "test_err.c"));
	assert_true(e.line > 0);
	err_clear(&e);
	assert_int_equal(e.code, M_OK);
}

static void
test_the_cause_is_not_in_the_text(void **state)
{
	struct err e;

	(void)state;
	fail(&e, M_UNKNOWN, "Internal error");
	assert_false(err_cause(&e, "SQLSTATE %s", "40001"));
	assert_string_equal(e.text, "Internal error");
	assert_string_equal(e.cause, "SQLSTATE 40001");
}

static void
test_a_long_text_is_cut_between_code_points(void **state)
{
	char big[400];
	struct err e;

	(void)state;
	for (size_t i = 0; i < 398; i += 2)
		memcpy(big + i, "\xc3\xa9", 2);	/* e with acute */
	big[398] = '\0';
	fail(&e, M_UNKNOWN, "x%s", big);	/* x: pairs stand at odd places */
	assert_true(strlen(e.text) < sizeof(e.text));
	assert_true(strlen(e.text) >= sizeof(e.text) - 3);
	assert_true(str_utf8_ok(str_c(e.text)));
	assert_null(strchr(e.text, '?'));
	fail(&e, M_UNKNOWN, "%s", big);
	assert_true(str_utf8_ok(str_c(e.text)));
	assert_null(strchr(e.text, '?'));
}

static void
test_a_text_is_utf8_whatever_is_quoted(void **state)
{
	struct err e;

	(void)state;
	fail(&e, M_INVALID_PARAM, "Bad value %s", "a\xff\xc3\xa9z");
	assert_string_equal(e.text, "Bad value a???z");
	fail(&e, M_INVALID_PARAM, "Bad value %s", "\xe2\x82\xac");
	assert_string_equal(e.text, "Bad value \xe2\x82\xac");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_statuses),
		cmocka_unit_test(test_every_code_has_a_name_and_a_failing_status),
		cmocka_unit_test(test_a_place_may_say_another_status),
		cmocka_unit_test(test_fail_forgets_what_was_there),
		cmocka_unit_test(test_the_cause_is_not_in_the_text),
		cmocka_unit_test(test_a_long_text_is_cut_between_code_points),
		cmocka_unit_test(test_a_text_is_utf8_whatever_is_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
