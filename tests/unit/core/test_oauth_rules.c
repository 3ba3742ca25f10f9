/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The pure rules of OAuth 2.0: URIs, scopes, metadata, redirects. */
#include "unit.h"

#include "base/arena.h"
#include "core/oauth.h"
#include "core/oauth_scope.h"
#include "core/uri.h"

static void
test_uris(void **state)
{
	static const struct {
		const char *name, *uri;
		bool ok, https, loopback;
	} cases[] = {
		{ "a plain address", "https://a.example/x?y=1", true, true, false },
		{ "no path", "https://a.example", true, true, false },
		{ "a port", "https://a.example:8443/", true, true, false },
		{ "port zero", "https://a.example:0/", false, false, false },
		{ "a port too large", "https://a.example:65536/", false, false, false },
		{ "an empty port", "https://a.example:/", false, false, false },
		{ "a user", "https://u@a.example/", true, false, false },
		{ "two at signs", "https://u@b@a.example/", false, false, false },
		{ "a backslash", "https://a.example\\@b/", false, false, false },
		{ "a space", "https://a.example/ x", false, false, false },
		{ "a line feed", "https://a.example/\nx", false, false, false },
		{ "an escape cut short", "https://a.example/%4", false, false, false },
		{ "an escape that is none", "https://a.example/%zz", false, false, false },
		{ "letters beyond ASCII", "https://é.example/", false, false, false },
		{ "no host", "https:///x", true, false, false },
		{ "no authority", "https:x", true, false, false },
		{ "a host that ends in a dot", "https://a.example./", true, false, false },
		{ "two dots", "https://a..example/", true, false, false },
		{ "an escaped host", "https://a%2eexample/", true, false, false },
		{ "loopback by name", "http://localhost:1/x", true, false, true },
		{ "loopback, version 4", "http://127.0.0.1/", true, false, true },
		{ "loopback, version 6", "http://[::1]:99/", true, false, true },
		{ "another of 127", "http://127.0.0.2/", true, false, false },
		{ "a host that begins alike", "http://localhost.example/", true, false, false },
		{ "brackets left open", "http://[::1/", false, false, false },
		{ "brackets in a name", "http://a[b]/", false, false, false },
		{ "two fragments", "https://a.example/#a#b", false, false, false },
		{ "a scheme of ours", "org.example.app:/cb", true, false, false },
		{ "a scheme that begins with a digit", "1a:/cb", false, false, false },
		{ "nothing", "", false, false, false },
		{ "a path alone", "/cb", false, false, false },
	};
	struct uri u;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		bool ok = uri_parse(str_c(cases[i].uri), &u);

		if (ok != cases[i].ok || (ok && (uri_is_https(&u) !=
		    cases[i].https || uri_is_loopback(&u) !=
		    cases[i].loopback)))
			fail_msg("%s", cases[i].name);
	}
}

static void
test_hosts(void **state)
{
	(void)state;
	assert_true(uri_host_under(S("a.example"), S("a.example")));
	assert_true(uri_host_under(S("B.A.Example"), S("a.example")));
	assert_false(uri_host_under(S("ba.example"), S("a.example")));
	assert_false(uri_host_under(S("a.example.evil"), S("a.example")));
	assert_false(uri_host_under(S("example"), S("a.example")));
	assert_false(uri_host_under(S("a.example"), S("")));
}

#define API "urn:matrix:client:api:*"
#define OLD "urn:matrix:org.matrix.msc2967.client:"

static void
test_scopes(void **state)
{
	static const struct {
		const char *name, *text, *granted, *device;
	} cases[] = {
		{ "both", API " urn:matrix:client:device:AB", API
		    " urn:matrix:client:device:AB", "AB" },
		{ "the unstable form", OLD "api:* " OLD "device:AB",
		    OLD "api:* " OLD "device:AB", "AB" },
		{ "both forms of one device", API " " OLD
		    "device:AB urn:matrix:client:device:AB", API " " OLD
		    "device:AB urn:matrix:client:device:AB", "AB" },
		{ "others are left out", "openid  " API
		    " urn:matrix:client:device:A:B", API
		    " urn:matrix:client:device:A:B", "A:B" },
		{ "two devices", API " urn:matrix:client:device:A"
		    " urn:matrix:client:device:B", NULL, NULL },
		{ "no device", API, NULL, NULL },
		{ "an empty device", API " urn:matrix:client:device:", NULL,
		    NULL },
		{ "no access", "urn:matrix:client:device:AB", NULL, NULL },
		{ "less than all access", "urn:matrix:client:api:read"
		    " urn:matrix:client:device:AB", NULL, NULL },
		{ "a quote", API " urn:matrix:client:device:A\"", NULL, NULL },
		{ "nothing", "", NULL, NULL },
	};
	struct arena *a = arena_new(1 << 20);
	struct oauth_scope s;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		bool ok = oauth_scope_read(a, str_c(cases[i].text), &s);

		if (ok != (cases[i].granted != NULL) || (ok &&
		    (!str_eq_c(s.granted, cases[i].granted) ||
		    !str_eq_c(s.device, cases[i].device))))
			fail_msg("%s", cases[i].name);
	}
	arena_free(a);
}

static void
test_loopback_redirects_take_any_port(void **state)
{
	static const struct {
		const char *uri;
		bool ok;
	} cases[] = {
		{ "http://127.0.0.1/cb", true },
		{ "http://127.0.0.1:49152/cb", true },
		{ "http://127.0.0.1:49152/other", false },
		{ "http://127.0.0.1:49152/cb?x=1", false },
		{ "http://127.0.0.1:49152/cb#", false },
		{ "http://localhost:49152/cb", false },
		{ "http://u@127.0.0.1:49152/cb", false },
		{ "https://127.0.0.1:49152/cb", false },
		{ "org.example.app:/cb", true },
		{ "org.example.app:/cb/", false },
	};
	struct arena *a = arena_new(1 << 20);
	const char *error, *why;
	struct json given, out;
	struct err e = { .code = M_OK };

	(void)state;
	assert_true(json_parse(a, S("{\"client_uri\":\"https://example.org\","
	    "\"application_type\":\"native\",\"redirect_uris\":"
	    "[\"http://127.0.0.1/cb\",\"org.example.app:/cb\"]}"), JSON_ANY,
	    &given, &e));
	assert_true(oauth_metadata_read(a, &given, &out, &error, &why));
	for (size_t i = 0; i < LEN(cases); i++)
		if (oauth_redirect_ok(&out, str_c(cases[i].uri)) !=
		    cases[i].ok)
			fail_msg("%s", cases[i].uri);
	arena_free(a);
}

static void
test_pkce_forms(void **state)
{
	struct str letters = S("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ");

	(void)state;
	assert_int_equal(letters.n, 43);
	assert_true(oauth_challenge_ok(letters));
	assert_false(oauth_challenge_ok(str_sub(letters, 0, 42)));
	assert_true(oauth_verifier_ok(letters));
	assert_true(oauth_verifier_ok(
	    S("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO.~")));
	assert_false(oauth_challenge_ok(
	    S("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO.~")));
	assert_false(oauth_verifier_ok(
	    S("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP+")));
	assert_false(oauth_verifier_ok(str_sub(letters, 0, 42)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_loopback_redirects_take_any_port),
		cmocka_unit_test(test_pkce_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
