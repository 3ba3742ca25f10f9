/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Server ACLs. spec: client-server, "m.room.server_acl". */
#include "arena_fixture.h"

#include "base/clock.h"
#include "room/acl.h"
#include "room/ids.h"

#define STARS "************************************************************"

static const struct {
	const char *what, *acl, *server;
	bool ok;
} acls[] = {
	{ "all are allowed", "{\"allow\":[\"*\"]}", "a.org", true },
	{ "nobody is allowed by an empty list", "{\"allow\":[]}", "a.org",
	    false },
	{ "nobody is allowed without a list", "{}", "a.org", false },
	{ "a list of a wrong type allows nobody", "{\"allow\":\"*\"}", "a.org",
	    false },
	{ "deny wins over allow", "{\"allow\":[\"*\"],\"deny\":[\"a.org\"]}",
	    "a.org", false },
	{ "deny of another server", "{\"allow\":[\"*\"],\"deny\":[\"b.org\"]}",
	    "a.org", true },
	{ "globs with *", "{\"allow\":[\"*\"],\"deny\":[\"*.evil.org\"]}",
	    "x.evil.org", false },
	{ "* is not the parent", "{\"allow\":[\"*\"],\"deny\":[\"*.evil.org\"]}",
	    "evil.org", true },
	{ "globs with ?", "{\"allow\":[\"?.org\"]}", "a.org", true },
	{ "? is one character", "{\"allow\":[\"?.org\"]}", "ab.org", false },
	{ "case does not count", "{\"allow\":[\"A.ORG\"]}", "a.Org", true },
	{ "the port does not count",
	    "{\"allow\":[\"*\"],\"deny\":[\"a.org\"]}", "a.org:8448", false },
	{ "a pattern with a port fits nobody", "{\"allow\":[\"a.org:8448\"]}",
	    "a.org:8448", false },
	{ "IP literals are allowed by default", "{\"allow\":[\"*\"]}",
	    "1.2.3.4", true },
	{ "IPv4 literals are refused", "{\"allow\":[\"*\"],"
	    "\"allow_ip_literals\":false}", "1.2.3.4:80", false },
	{ "IPv4 literals of the first digit and the last",
	    "{\"allow\":[\"*\"],\"allow_ip_literals\":false}", "10.0.9.19",
	    false },
	{ "IPv6 literals are refused", "{\"allow\":[\"*\"],"
	    "\"allow_ip_literals\":false}", "[::1]", false },
	{ "a name of digits is no IP literal", "{\"allow\":[\"*\"],"
	    "\"allow_ip_literals\":false}", "1.2.3.org", true },
	{ "a short number is no IP literal", "{\"allow\":[\"*\"],"
	    "\"allow_ip_literals\":false}", "163", true },
	{ "a wrong type leaves IP literals allowed", "{\"allow\":[\"*\"],"
	    "\"allow_ip_literals\":\"no\"}", "1.2.3.4", true },
	{ "a pattern longer than any name still counts",
	    "{\"allow\":[\"*\"],\"deny\":[\"" STARS STARS STARS STARS STARS "\"]}",
	    "a.org", false },
	{ "stars on both sides", "{\"allow\":[\"*vil*\"]}", "x.evil.org", true },
	{ "an empty pattern is nobody", "{\"allow\":[\"\"]}", "a.org", false },
	{ "a pattern that the name begins with", "{\"allow\":[\"a.or\"]}",
	    "a.org", false },
	{ "a pattern that begins with the name", "{\"allow\":[\"a.org?\"]}",
	    "a.org", false },
	{ "a name that is longer by a star", "{\"allow\":[\"a.org*\"]}", "a.org",
	    true },
	{ "deny of a wrong type denies nobody",
	    "{\"allow\":[\"*\"],\"deny\":\"*\"}", "a.org", true },
	{ "items of a wrong type are passed over",
	    "{\"allow\":[1,null,\"a.org\"],\"deny\":[{}]}", "a.org", true },
};

static void
test_acl(void **state)
{
	struct err e = { .code = M_OK };
	struct json v;

	(void)state;
	for (size_t i = 0; i < LEN(acls); i++) {
		assert_true(json_parse(a, str_c(acls[i].acl), JSON_STRICT, &v,
		    &e));
		if (server_acl_allows(&v, str_c(acls[i].server)) != acls[i].ok)
			fail_msg("%s", acls[i].what);
	}
	assert_true(server_acl_allows(NULL, S("a.org")));
}

/* The content of an ACL that allows what fits one of n patterns. */
static struct json
acl_of(const struct str *pattern, size_t n)
{
	struct json v = json_new_obj(), list = json_new_arr();

	for (size_t i = 0; i < n; i++)
		json_push(a, &list, json_of_str(pattern[i]));
	json_set(a, &v, S("allow"), list);
	return v;
}

static struct str
repeated(const char *what, size_t n, const char *after)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		buf_c(&b, what);
	buf_c(&b, after);
	return buf_view(&b);
}

/* Names of every length, at each side of a word of bits. */
static void
test_acl_lengths(void **state)
{
	(void)state;
	for (size_t n = 1; n <= ID_MAX; n++) {
		struct str fit[] = { repeated("x", n, ""),
			repeated("?", n, ""), repeated("x", n - 1, "*x"),
			repeated("*", n + 1, "") };
		struct str not[] = { repeated("x", n + 1, ""),
			repeated("?", n + 1, ""), repeated("x", n - 1, ""),
			repeated("?", n - 1, ""), repeated("x", n - 1, "y") };

		for (size_t i = 0; i < LEN(fit); i++) {
			struct json v = acl_of(&fit[i], 1);

			assert_true(server_acl_allows(&v, fit[0]));
		}
		for (size_t i = 0; i < LEN(not); i++) {
			struct json v = acl_of(&not[i], 1);

			assert_false(server_acl_allows(&v, fit[0]));
		}
	}
	assert_false(server_acl_allows(&(struct json){ .type = JSON_OBJ },
	    repeated("x", ID_MAX + 1, "")));
}

/* All patterns of up to four bytes against all names of three decide as str_glob does. */
static void
test_acl_as_glob(void **state)
{
	static const char bytes[] = "aB*?";
	char p[4], s[3];

	(void)state;
	for (unsigned i = 0; i < 5 * 256; i++) {
		struct arena_mark m = arena_mark(a);
		struct str pattern = str_n(p, i / 256);
		struct json v;

		for (unsigned k = 0, x = i; k < 4; k++, x /= 4)
			p[k] = bytes[x % 4];
		v = acl_of(&pattern, 1);
		for (unsigned j = 0; j < 8; j++) {
			for (unsigned k = 0; k < 3; k++)
				s[k] = "ab"[j >> k & 1];
			assert_int_equal(server_acl_allows(&v, str_n(s, 3)),
			    str_glob(pattern, str_n(s, 3), true));
		}
		arena_release(a, m);
	}
}

/*
 * CVE-2023-45129: a list as large as an event, of patterns made to be slow,
 * asked for a thousand times. Going back would take minutes.
 */
static void
test_acl_slow(void **state)
{
	struct str one = repeated("*x", 32000, "y"), many[320];
	struct str name = repeated("x", 230, "");
	struct json v = acl_of(&one, 1);
	int64_t began_us = clock_mono_us();

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_false(server_acl_allows(&v, name));
	for (size_t i = 0; i < LEN(many); i++)
		many[i] = repeated("*x", 100, "y");
	v = acl_of(many, LEN(many));
	for (int i = 0; i < 1000; i++)
		assert_false(server_acl_allows(&v, name));
	assert_true(clock_mono_us() - began_us < 60 * INT64_C(1000000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acl),
		cmocka_unit_test(test_acl_lengths),
		cmocka_unit_test(test_acl_as_glob),
		cmocka_unit_test(test_acl_slow),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
