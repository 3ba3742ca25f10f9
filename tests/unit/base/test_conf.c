/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The configuration: what is read, what is refused and in which words. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/conf.h"

/* A file of configuration with this text; the same path each time. */
static const char *
file_of(const char *text)
{
	static char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/conf-test-%ld.yaml", (long)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	return path;
}

static bool
load(const char *text, struct err *e)
{
	const char *path = file_of(text);
	bool ok = conf_load(path, NULL, 0, e);

	unlink(path);
	return ok;
}

static bool
load_arg(const char *arg, struct err *e)
{
	char copy[256];
	char *args[] = { copy };

	snprintf(copy, sizeof(copy), "%s", arg);
	return conf_load(NULL, args, 1, e);
}

static void
test_defaults(void **state)
{
	const struct conf *c;
	struct err e;

	(void)state;
	assert_true(conf_load(NULL, NULL, 0, &e));
	c = conf_get();
	assert_true(str_eq_c(c->server_name, "localhost"));
	assert_int_equal(c->server_listen.n, 1);
	assert_true(str_eq_c(c->server_listen.at[0], "127.0.0.1:8008"));
	assert_int_equal(c->server_trusted_proxies.n, 0);
	assert_int_equal(c->limits_head, 16384);
	assert_int_equal(c->limits_body, 1048576);
	assert_int_equal(c->session_access_lifetime, 300000);
	assert_false(c->registration_open);
	assert_true(c->ledger_sync);
	assert_int_equal(c->workers_threads, 4);
}

static void
test_a_file(void **state)
{
	const struct conf *c;
	struct err e;

	(void)state;
	assert_true(load(
	    "# comment\n"
	    "server:\n"
	    "  name: example.org\n"
	    "  listen:\n"
	    "    - 0.0.0.0:8008\n"
	    "    - '[::]:8008'\n"
	    "  trusted_proxies: 10.0.0.0/8, 192.168.0.1\n"
	    "registration:\n"
	    "  open: true\n"
	    "  shared_secret: \"no: 'really'\"\n"
	    "limits: { body: 2M, idle_time: 0500ms }\n"
	    "log:\n", &e));
	c = conf_get();
	assert_true(str_eq_c(c->server_name, "example.org"));
	assert_int_equal(c->server_listen.n, 2);
	assert_true(str_eq_c(c->server_listen.at[1], "[::]:8008"));
	assert_int_equal(c->server_trusted_proxies.n, 2);
	assert_true(str_eq_c(c->server_trusted_proxies.at[1], "192.168.0.1"));
	assert_true(c->registration_open);
	assert_true(str_eq_c(c->registration_shared_secret, "no: 'really'"));
	assert_int_equal(c->limits_body, 2097152);
	assert_int_equal(c->limits_idle_time, 500);
	assert_true(str_eq_c(c->log_level, "info"));
}

static void
test_files_without_content(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# only this\n", "---\n",
	    "server:\nlog:\n", "server: {}\n" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < LEN(texts); i++)
		if (!load(texts[i], &e))
			fail_msg("\"%s\": %s", texts[i], e.text);
}

static void
test_arguments_win_over_the_file(void **state)
{
	char name[] = "server.name=b.example", list[] = "server.listen=a:1,b:2",
	    empty[] = "server.tls_cert=", sign[] = "store.url=a=b";
	char *args[] = { name, list, empty, sign };
	const char *path = file_of("server: { name: a.example, listen: [c:3] }");
	struct err e;

	(void)state;
	assert_true(conf_load(path, args, LEN(args), &e));
	unlink(path);
	assert_true(str_eq_c(conf_get()->server_name, "b.example"));
	assert_int_equal(conf_get()->server_listen.n, 2);
	assert_true(str_eq_c(conf_get()->server_listen.at[1], "b:2"));
	assert_true(str_eq_c(conf_get()->store_url, "a=b"));
}

/* A text, and a part of what is said about it. */
static const struct {
	const char *name, *text, *want;
} bad_files[] = {
	{ "an unknown option", "server:\n  nmae: x\n",
	    ":2: there is no option \"server.nmae\"; did you mean server.name?" },
	{ "an unknown section", "sevrer:\n  name: x\n",
	    ":1: there is no option \"sevrer\"" },
	{ "the right key in the wrong section", "data:\n  shared_secret: x\n",
	    "did you mean registration.shared_secret?" },
	{ "nothing like it", "server:\n  zzzzzzzz: x\n",
	    ":2: there is no option \"server.zzzzzzzz\"" },
	{ "an option without its section", "server.name: x\n",
	    ":1: there is no option \"server.name\"" },
	{ "a key given twice", "log:\n  level: info\n  level: warn\n",
	    ":3: \"level\" is given twice, first at line 2" },
	{ "a section given twice", "log:\nserver:\nlog:\n",
	    ":3: \"log\" is given twice, first at line 1" },
	{ "an anchor", "server: &a\n  name: x\n", ":1: anchors" },
	{ "an alias", "server: &a { name: x }\nlog: *a\n", ":1: anchors" },
	{ "an alias alone", "server:\n  name: *a\n", ":2: aliases" },
	{ "a tag", "server:\n  name: !!str x\n", ":2: tags" },
	{ "a merge key", "log:\n  <<: { level: info }\n",
	    ":2: there is no option \"log.<<\"" },
	{ "a truth value of YAML 1.1", "registration:\n  open: yes\n",
	    ":2: registration.open takes true or false, not \"yes\"" },
	{ "a truth value in capitals", "registration:\n  open: True\n",
	    "takes true or false" },
	{ "an empty truth value", "registration:\n  open:\n",
	    "takes true or false" },
	{ "a unit that is none", "limits:\n  body: 10X\n",
	    ":2: limits.body takes a size from 64K to 64M, such as 1M,"
	    " not \"10X\"" },
	{ "a size over its bound", "limits:\n  body: 65M\n", "64K to 64M" },
	{ "a size under its bound", "limits:\n  body: 65535\n", "64K to 64M" },
	{ "a size that overflows", "limits:\n  body: 9223372036854775807T\n",
	    "64K to 64M" },
	{ "a size past 64 bits", "limits:\n  body: 99999999999999999999\n",
	    "64K to 64M" },
	{ "a negative size", "limits:\n  body: -1M\n", "64K to 64M" },
	{ "a fraction", "limits:\n  body: 1.5M\n", "64K to 64M" },
	{ "a time without unit", "limits:\n  idle_time: 60\n",
	    ":2: limits.idle_time takes a time from 100ms to 1h, such as 60s" },
	{ "a number that is a word", "workers:\n  threads: four\n",
	    ":2: workers.threads takes a whole number from 1 to 256,"
	    " not \"four\"" },
	{ "a number over its bound", "workers:\n  threads: 257\n", "1 to 256" },
	{ "a number under its bound", "workers:\n  threads: 0\n", "1 to 256" },
	{ "a hexadecimal number", "workers:\n  threads: 0x10\n", "1 to 256" },
	{ "an empty number", "workers:\n  threads:\n", "1 to 256" },
	{ "a choice that is none", "log:\n  format: xml\n",
	    ":2: log.format takes text or json, not \"xml\"" },
	{ "a part of a choice", "log:\n  level: war\n",
	    "takes error, warn, info or debug, not \"war\"" },
	{ "two choices", "log:\n  format: text|json\n", "takes text or json" },
	{ "an empty name", "server:\n  name: ''\n",
	    ":2: server.name takes a text of 1 to 230 bytes" },
	{ "a list for a text", "server:\n  name: [a, b]\n",
	    ":2: server.name takes a text" },
	{ "a mapping for a text", "server:\n  name: { a: b }\n",
	    ":2: server.name takes a text" },
	{ "a mapping for a list", "server:\n  listen: { a: b }\n",
	    ":2: server.listen takes a list" },
	{ "a list in a list", "server:\n  listen: [[a]]\n",
	    ":2: server.listen takes a list" },
	{ "an empty item", "server:\n  listen: ['', a]\n",
	    ":2: server.listen takes a list" },
	{ "an empty item between commas", "server:\n  listen: a,,b\n",
	    ":2: server.listen takes a list" },
	{ "a comma at the end", "server:\n  listen: 'a,'\n",
	    ":2: server.listen takes a list" },
	{ "too many items",
	    "server:\n  listen: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\n",
	    "server.listen takes a list of 0 to 16 texts" },
	{ "far too many items", "server:\n  listen: ',,,,,,,,,,,,,,,,,,,,,,,,'\n",
	    "0 to 16 texts" },
	{ "a control byte", "server:\n  name: \"a\\nb\"\n",
	    ":2: server.name takes" },
	{ "a NUL byte", "server:\n  name: \"a\\0b\"\n", ":2: a NUL byte" },
	{ "a section that is a text", "server: x\n",
	    ":1: under server: come its options" },
	{ "a section that is a list", "server: [name]\n",
	    ":1: under server: come its options" },
	{ "a file that is a list", "- a\n", ":1: the file holds sections" },
	{ "a file that is a text", "hello\n", ":1: the file holds sections" },
	{ "two documents", "---\nlog:\n---\nlog:\n", ":3: a second document" },
	{ "a tab", "server:\n\tname: x\n", ":2: " },
	{ "an open bracket", "server: [\n", ": " },
	{ "not UTF-8", "server:\n  name: \xff\n", "this is not UTF-8 text" },
	{ "a list as key", "[a]: b\n", ":1: a key must be a plain text" },
	{ "nested too deep",
	    "[[[[[[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]]]]]]\n",
	    ":1: nested too deep" },
};

static void
test_what_a_file_may_not_say(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < LEN(bad_files); i++) {
		err_clear(&e);
		if (load(bad_files[i].text, &e))
			fail_msg("%s: accepted", bad_files[i].name);
		assert_int_equal(e.code, M_INVALID_PARAM);
		if (strstr(e.text, bad_files[i].want) == NULL)
			fail_msg("%s: %s", bad_files[i].name, e.text);
	}
}

static const struct {
	const char *arg, *want;
} bad_args[] = {
	{ "server.name", "\"server.name\" is not section.key=value" },
	{ "server.nam=x", "argument: there is no option \"server.nam\"; did you"
	    " mean server.name?" },
	{ "=x", "there is no option \"\"" },
	{ "name=x", "did you mean server.name?" },
	{ "limits.body=", "argument: limits.body takes a size" },
	{ "limits.enabled=1", "takes true or false" },
};

static void
test_what_an_argument_may_not_say(void **state)
{
	char x[] = "server.name=a", y[] = "server.name=b";
	char *twice[] = { x, y };
	struct err e;

	(void)state;
	for (size_t i = 0; i < LEN(bad_args); i++) {
		if (load_arg(bad_args[i].arg, &e))
			fail_msg("%s: accepted", bad_args[i].arg);
		if (strstr(e.text, bad_args[i].want) == NULL)
			fail_msg("%s: %s", bad_args[i].arg, e.text);
	}
	assert_false(conf_load(NULL, twice, 2, &e));
	assert_non_null(strstr(e.text, "server.name is given twice"));
}

static void
test_a_refused_secret_is_not_shown(void **state)
{
	struct err e;

	(void)state;
	assert_false(load("registration:\n  shared_secret: \"hunter2\\n\"\n",
	    &e));
	assert_null(strstr(e.text, "hunter2"));
	assert_non_null(strstr(e.text, "registration.shared_secret takes"));
}

static void
test_a_failed_load_changes_nothing(void **state)
{
	const struct conf *before;
	struct err e;

	(void)state;
	assert_true(load("server: { name: kept.example }\n", &e));
	before = conf_get();
	assert_false(load("server: { name: new.example, nam: x }\n", &e));
	assert_ptr_equal(conf_get(), before);
	assert_true(str_eq_c(conf_get()->server_name, "kept.example"));
	/* The old one outlives a reload, for those who still read it. */
	assert_true(load("server: { name: new.example }\n", &e));
	assert_true(str_eq_c(before->server_name, "kept.example"));
	assert_true(str_eq_c(conf_get()->server_name, "new.example"));
}

static void
test_a_missing_file_is_named(void **state)
{
	struct err e;

	(void)state;
	assert_false(conf_load("/nonexistent/beffroi.yaml", NULL, 0, &e));
	assert_non_null(strstr(e.text, "/nonexistent/beffroi.yaml"));
	assert_false(conf_load("/tmp", NULL, 0, &e));
	assert_int_equal(e.code, M_INVALID_PARAM);
}

static void
test_a_file_too_long_is_refused(void **state)
{
	size_t n = 1024 * 1024 + 2;
	char *text = test_malloc(n);
	struct err e;

	(void)state;
	memset(text, '\n', n - 1);
	text[n - 1] = '\0';
	assert_false(load(text, &e));
	assert_non_null(strstr(e.text, "over 1048576 bytes"));
	test_free(text);
}

static void
test_an_alias_bomb_costs_nothing(void **state)
{
	struct err e;

	(void)state;
	assert_false(load("a: &a [x,x,x,x,x,x,x,x,x]\n"
	    "b: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n", &e));
}

/* Every row must be sound: the manual and the defaults come from it. */
static void
test_the_table(void **state)
{
	size_t n, dots;
	const struct opt *o = conf_options(&n);
	const char *p;

	(void)state;
	assert_true(n > 40);
	for (size_t i = 0; i < n; i++) {
		for (dots = 0, p = o[i].name; *p != '\0'; p++)
			dots += *p == '.';
		assert_int_equal(dots, 1);
		assert_true(o[i].min <= o[i].max);
		assert_true(strlen(o[i].text) > 10);
		assert_null(strpbrk(o[i].def, "\"\\\n"));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(o[i].name, o[k].name);
	}
}

static bool
same_list(struct conf_list x, struct conf_list y)
{
	bool same = x.n == y.n;

	for (size_t i = 0; same && i < x.n; i++)
		same = str_eq(x.at[i], y.at[i]);
	return same;
}

/* One option of two configurations. */
static bool
same(const struct opt *o, const struct conf *x, const struct conf *y)
{
	const void *p = (const char *)x + o->offset;
	const void *q = (const char *)y + o->offset;

	if (o->type == OPT_LIST)
		return same_list(*(const struct conf_list *)p,
		    *(const struct conf_list *)q);
	if (o->type == OPT_STR || o->type == OPT_SECRET)
		return str_eq(*(const struct str *)p, *(const struct str *)q);
	if (o->type == OPT_BOOL)
		return *(const bool *)p == *(const bool *)q;
	return *(const int64_t *)p == *(const int64_t *)q;
}

static void
test_the_printed_defaults_are_the_defaults(void **state)
{
	const struct conf *want, *got;
	const struct opt *o;
	struct err e;
	struct buf b;
	size_t n;

	(void)state;
	assert_true(conf_load(NULL, NULL, 0, &e));
	want = conf_get();
	buf_init(&b, NULL, 1 << 20);
	conf_print_defaults(&b);
	buf_char(&b, '\0');
	assert_false(b.over);
	if (!load(b.p, &e))
		fail_msg("%s", e.text);
	got = conf_get();
	o = conf_options(&n);
	for (size_t i = 0; i < n; i++) {
		if (!same(&o[i], want, got))
			fail_msg("%s differs", o[i].name);
		assert_non_null(strstr(b.p, strchr(o[i].name, '.') + 1));
	}
	for (const char *p = b.p, *end; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		assert_non_null(end);
		assert_true(end - p <= 80);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_a_file),
		cmocka_unit_test(test_files_without_content),
		cmocka_unit_test(test_arguments_win_over_the_file),
		cmocka_unit_test(test_what_a_file_may_not_say),
		cmocka_unit_test(test_what_an_argument_may_not_say),
		cmocka_unit_test(test_a_refused_secret_is_not_shown),
		cmocka_unit_test(test_a_failed_load_changes_nothing),
		cmocka_unit_test(test_a_missing_file_is_named),
		cmocka_unit_test(test_a_file_too_long_is_refused),
		cmocka_unit_test(test_an_alias_bomb_costs_nothing),
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_the_printed_defaults_are_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
