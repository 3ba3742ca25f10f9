/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines of the log, read back from a file that stands in for stderr. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/log.h"

static char text[65536];
static int saved, file;

static void
capture(void)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	file = dup(fileno(f));
	fclose(f);
	assert_true(saved >= 0 && file >= 0);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
}

/* What was written since capture(). */
static const char *
captured(void)
{
	ssize_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(file, text, sizeof(text) - 1, 0);
	close(file);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static size_t
lines_in(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void
test_a_text_line(void **state)
{
	const char *line;

	(void)state;
	log_setup(LOG_INFO, false);
	capture();
	log_info("net", "listening", LC("addr", "127.0.0.1:8008"), LI("fd", -3));
	line = captured();
	assert_int_equal(line[10], 'T');
	assert_string_equal(line + strlen("2026-11-23T21:00:00.123Z"),
	    " info net: listening addr=127.0.0.1:8008 fd=-3\n");
}

/* Values that must not be able to look like something else. */
static const struct {
	const char *name, *value, *want;
} hostile[] = {
	{ "a line of its own", "a\nb", "\"a\\nb\"" },
	{ "another field", "x fd=9", "\"x fd=9\"" },
	{ "a quote", "a\"b", "\"a\\\"b\"" },
	{ "a backslash", "a\\n", "\"a\\\\n\"" },
	{ "a carriage return", "a\rb", "\"a\\u000db\"" },
	{ "a terminal escape", "\x1b[2J", "\"\\u001b[2J\"" },
	{ "a C1 control in UTF-8", "\xc2\x9b" "2J", "\"\\u00c2\\u009b2J\"" },
	{ "a delete", "\x7f", "\"\\u007f\"" },
	{ "not UTF-8", "\xff\xfe", "\"\\u00ff\\u00fe\"" },
	{ "an overlong slash", "\xc0\xaf", "\"\\u00c0\\u00af\"" },
	{ "UTF-8 cut short", "a\xe2\x82", "\"a\\u00e2\\u0082\"" },
	{ "a line separator", "\xe2\x80\xa8", "\"\\u00e2\\u0080\\u00a8\"" },
	{ "text turned around", "\xe2\x80\xae", "\"\\u00e2\\u0080\\u00ae\"" },
	{ "an isolate", "\xe2\x81\xa6", "\"\\u00e2\\u0081\\u00a6\"" },
	{ "an honest dash", "\xe2\x80\x94", "\"\xe2\x80\x94\"" },
	{ "an accent", "\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\"" },
	{ "a face", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
	{ "nothing", "", "\"\"" },
	{ "an equals sign", "a=b", "\"a=b\"" },
	{ "a plain word", "@alice:example.org", "@alice:example.org" },
};

static void
test_no_value_forges_a_line(void **state)
{
	char want[128];
	const char *line;

	(void)state;
	log_setup(LOG_INFO, false);
	for (size_t i = 0; i < LEN(hostile); i++) {
		capture();
		log_warn("t", "m", LC("v", hostile[i].value), LI("end", 1));
		line = captured();
		snprintf(want, sizeof(want), " warn t: m v=%s end=1\n",
		    hostile[i].want);
		if (strcmp(strchr(line, ' '), want) != 0)
			fail_msg("%s: %s", hostile[i].name, line);
	}
}

static void
test_json_lines_are_json(void **state)
{
	(void)state;
	log_setup(LOG_INFO, true);
	for (size_t i = 0; i < LEN(hostile); i++) {
		json_t *j;
		const char *line;

		capture();
		log_error("t", "m", LC("v", hostile[i].value), LI("n", 7));
		line = captured();
		assert_int_equal(lines_in(line), 1);
		j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		if (j == NULL)
			fail_msg("%s: not JSON: %s", hostile[i].name, line);
		assert_string_equal(json_string_value(json_object_get(j,
		    "level")), "error");
		assert_string_equal(json_string_value(json_object_get(j,
		    "msg")), "m");
		assert_int_equal(json_integer_value(json_object_get(j, "n")), 7);
		assert_non_null(json_object_get(j, "v"));
		json_decref(j);
	}
}

static void
test_honest_values_survive_json(void **state)
{
	json_t *j;

	(void)state;
	log_setup(LOG_INFO, true);
	capture();
	log_info("t", "m", LC("v", "a \"quoted\" \\ \xc3\xa9\nline"));
	j = json_loads(captured(), 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "v")),
	    "a \"quoted\" \\ \xc3\xa9\nline");
	json_decref(j);
}

static void
test_a_nul_byte_is_shown(void **state)
{
	(void)state;
	log_setup(LOG_INFO, false);
	capture();
	log_info("t", "m", LS("v", S("a\0b")));
	assert_non_null(strstr(captured(), "v=\"a\\u0000b\"\n"));
}

static char big[20000];

static void
test_long_values_and_lines_are_cut_whole(void **state)
{
	struct str v = str_n(big, sizeof(big));
	json_t *j;
	const char *line;

	(void)state;
	memset(big, '\n', sizeof(big));	/* grows when escaped */
	for (int json = 0; json < 2; json++) {
		log_setup(LOG_INFO, json == 1);
		capture();
		log_info("t", "m", LS("a", v), LS("b", v), LS("c", v),
		    LI("d", 1));
		line = captured();
		assert_int_equal(lines_in(line), 1);
		assert_true(strlen(line) <= 4096);
		assert_non_null(strstr(line, json == 1 ? "\"cut\":1}\n" :
		    " cut=1\n"));
	}
	j = json_loads(line, 0, NULL);
	assert_non_null(j);
	assert_non_null(json_object_get(j, "a"));
	assert_null(json_object_get(j, "c"));
	json_decref(j);
}

static void
test_one_long_value_does_not_hide_the_rest(void **state)
{
	const char *line;

	(void)state;
	memset(big, 'x', sizeof(big));
	log_setup(LOG_INFO, false);
	capture();
	log_info("t", "m", LS("a", str_n(big, sizeof(big))), LI("d", 1));
	line = captured();
	assert_non_null(strstr(line, "xxx...\" d=1\n"));
}

static void
test_levels(void **state)
{
	uint64_t errors = log_count(LOG_ERROR), infos = log_count(LOG_INFO);

	(void)state;
	log_setup(LOG_WARN, false);
	assert_false(log_is_debug());
	capture();
	log_error("t", "one");
	log_warn("t", "two");
	log_info("t", "three");
	log_debug("t", "four");
	assert_int_equal(lines_in(captured()), 2);
	log_setup(LOG_DEBUG, false);
	assert_true(log_is_debug());
	capture();
	log_debug("t", "five", LI("n", 5));
	assert_non_null(strstr(captured(), " debug t: five n=5\n"));
	assert_int_equal(log_count(LOG_ERROR), errors + 1);
	assert_int_equal(log_count(LOG_INFO), infos + 1);
}

static void
test_an_error_shows_its_cause(void **state)
{
	struct err e;
	const char *line;

	(void)state;
	log_setup(LOG_INFO, false);
	fail(&e, M_UNKNOWN, "Internal error");
	err_cause(&e, "disk full");
	capture();
	log_err(LOG_ERROR, "store", "a commit failed", &e);
	line = captured();
	assert_non_null(strstr(line, " error store: a commit failed"
	    " code=M_UNKNOWN status=500 text=\"Internal error\""
	    " cause=\"disk full\" file="));
	assert_non_null(strstr(line, "test_log.c line="));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_text_line),
		cmocka_unit_test(test_no_value_forges_a_line),
		cmocka_unit_test(test_json_lines_are_json),
		cmocka_unit_test(test_honest_values_survive_json),
		cmocka_unit_test(test_a_nul_byte_is_shown),
		cmocka_unit_test(test_long_values_and_lines_are_cut_whole),
		cmocka_unit_test(test_one_long_value_does_not_hide_the_rest),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_an_error_shows_its_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
