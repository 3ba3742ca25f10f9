/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Names made of claims, and metadata of providers. Whole tokens: tests/scenario/test_oidc.py. */
#include "unit.h"

#include "base/arena.h"
#include "core/oidc_cache.h"
#include "core/oidc_token.h"

static struct json
obj(struct arena *a, const char *text)
{
	struct err e = { .code = M_OK };
	struct json v;

	if (!json_parse(a, str_c(text), JSON_ANY, &v, &e))
		fail_msg("%s: %s", text, e.text);
	return v;
}

static void
test_templates(void **state)
{
	static const struct str domains[] = { S_INIT("min.example") };
	static const struct {
		const char *name, *text, *claims, *want;
	} cases[] = {
		{ "a claim", "{a}", "{\"a\":\"x\"}", "x" },
		{ "words around it", "u-{a}.{b}-", "{\"a\":\"x\",\"b\":\"y\"}",
		    "u-x.y-" },
		{ "no claim at all", "all", "{}", "all" },
		{ "a claim that is missing", "{a}{b}", "{\"a\":\"x\"}", NULL },
		{ "an empty one", "{a}", "{\"a\":\"\"}", NULL },
		{ "a number", "{a}", "{\"a\":5}", NULL },
		{ "a brace left open", "{a", "{\"a\":\"x\"}", NULL },
		{ "an address", "{email}", "{\"email\":\"a.b@MIN.example\","
		    "\"email_verified\":true}", "a.b" },
		{ "one not verified", "{email}",
		    "{\"email\":\"a@min.example\"}", NULL },
		{ "one of elsewhere", "{email}", "{\"email\":\"a@x.example\","
		    "\"email_verified\":true}", NULL },
		{ "one under the domain", "{email}",
		    "{\"email\":\"a@b.min.example\",\"email_verified\":true}",
		    NULL },
		{ "a NUL", "{a}", "{\"a\":\"x\\u0000\"}", NULL },
	};
	struct arena *a = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct json v = obj(a, cases[i].claims);
		struct str got;
		bool ok = oidc_template(a, str_c(cases[i].text), &v, domains,
		    LEN(domains), &got);

		if (ok != (cases[i].want != NULL) ||
		    (ok && !str_eq_c(got, cases[i].want)))
			fail_msg("%s", cases[i].name);
	}
	arena_free(a);
}

static void
test_localparts(void **state)
{
	struct arena *a = arena_new(1 << 20);

	(void)state;
	assert_true(str_eq(oidc_localpart(a, S("Jean-Luc.O")),
	    S("jean-luc.o")));
	assert_true(str_eq(oidc_localpart(a, S("a=b @c")),
	    S("a=3db=20=40c")));
	arena_free(a);
}

#define ISSUER "https://sso.example/r"
#define ENDPOINTS "\"authorization_endpoint\":\"" ISSUER "/a\"," \
	"\"token_endpoint\":\"" ISSUER "/t\",\"jwks_uri\":\"" ISSUER "/k\""

static void
test_metadata_of_a_provider(void **state)
{
	static const struct {
		const char *name, *text;
		bool ok, post;
	} cases[] = {
		{ "the least there must be", "{\"issuer\":\"" ISSUER "\","
		    ENDPOINTS "}", true, false },
		{ "another issuer", "{\"issuer\":\"" ISSUER "/\"," ENDPOINTS
		    "}", false, false },
		{ "no issuer", "{" ENDPOINTS "}", false, false },
		{ "no endpoints", "{\"issuer\":\"" ISSUER "\"}", false,
		    false },
		{ "keys over plain HTTP", "{\"issuer\":\"" ISSUER "\","
		    "\"authorization_endpoint\":\"" ISSUER "/a\","
		    "\"token_endpoint\":\"" ISSUER "/t\","
		    "\"jwks_uri\":\"http://sso.example/k\"}", false, false },
		{ "secrets in forms alone", "{\"issuer\":\"" ISSUER "\","
		    ENDPOINTS ",\"token_endpoint_auth_methods_supported\":"
		    "[\"client_secret_post\"]}", true, true },
		{ "both ways", "{\"issuer\":\"" ISSUER "\"," ENDPOINTS
		    ",\"token_endpoint_auth_methods_supported\":"
		    "[\"client_secret_post\",\"client_secret_basic\"]}", true,
		    false },
		{ "a userinfo that is none", "{\"issuer\":\"" ISSUER "\","
		    ENDPOINTS ",\"userinfo_endpoint\":\"file:///x\"}", false,
		    false },
	};
	struct arena *a = arena_new(1 << 20);
	struct oidc_provider p;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct json v = obj(a, cases[i].text);
		bool ok = oidc_provider_read(&v, S(ISSUER), &p);

		if (ok != cases[i].ok || (ok && p.secret_by_post !=
		    cases[i].post))
			fail_msg("%s", cases[i].name);
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_localparts),
		cmocka_unit_test(test_metadata_of_a_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
