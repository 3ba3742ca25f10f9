/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The tree that a YAML file becomes; what is refused is in test_conf.c too. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"
#include "base/yaml.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

static void
test_a_registration_of_an_application_service(void **state)
{
	static const char text[] =
	    "id: \"bridge\"\n"
	    "as_token: 30c05ae9\n"
	    "rate_limited: no\n"
	    "url:\n"
	    "namespaces:\n"
	    "  users:\n"
	    "    - exclusive: true\n"
	    "      regex: \"@_irc_.*\"\n"
	    "  aliases: []\n";
	struct arena *a = arena_new(ARENA_MAX);
	const struct yaml *ns, *users;
	struct yaml *root = NULL;
	struct err e;

	(void)state;
	assert_true(yaml_parse(a, "irc.yaml", str_c(text), &root, &e));
	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->n, 5);
	assert_true(str_eq_c(yaml_get(root, "id")->text, "bridge"));
	assert_false(yaml_get(root, "id")->plain);
	assert_true(str_eq_c(yaml_get(root, "as_token")->text, "30c05ae9"));
	assert_true(str_eq_c(yaml_get(root, "rate_limited")->text, "no"));
	assert_true(yaml_get(root, "url")->plain);
	assert_int_equal(yaml_get(root, "url")->text.n, 0);
	assert_null(yaml_get(root, "hs_token"));
	ns = yaml_get(root, "namespaces");
	assert_int_equal(ns->kind, YAML_MAP);
	assert_int_equal(ns->line, 5);
	users = yaml_get(ns, "users");
	assert_int_equal(users->kind, YAML_LIST);
	assert_int_equal(users->n, 1);
	assert_true(str_eq_c(yaml_get(users->first, "regex")->text,
	    "@_irc_.*"));
	assert_int_equal(yaml_get(users->first, "regex")->line, 8);
	assert_int_equal(yaml_get(ns, "aliases")->n, 0);
	assert_null(yaml_get(users, "regex"));
	arena_free(a);
}

static void
test_an_empty_text_has_no_tree(void **state)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct yaml *root = NULL;
	struct err e;

	(void)state;
	assert_true(yaml_parse(a, "x", S(""), &root, &e));
	assert_null(root);
	assert_true(yaml_parse(a, "x", str_n(NULL, 0), &root, &e));
	assert_null(root);
	arena_free(a);
}

/* n times what, then the end. */
static struct str
repeated(struct arena *a, const char *what, size_t n)
{
	struct buf b;

	buf_init(&b, a, ARENA_MAX);
	for (size_t i = 0; i < n; i++)
		buf_c(&b, what);
	return buf_view(&b);
}

static void
test_what_would_cost_too_much(void **state)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct yaml *root = NULL;
	struct err e;

	(void)state;
	assert_false(yaml_parse(a, "x", repeated(a, "[", 100000), &root, &e));
	assert_non_null(strstr(e.text, "nested too deep"));
	assert_false(yaml_parse(a, "x", repeated(a, "- ", 1000), &root, &e));
	assert_non_null(strstr(e.text, "nested too deep"));
	assert_false(yaml_parse(a, "x", repeated(a, "- a\n", 100001), &root,
	    &e));
	assert_non_null(strstr(e.text, "too many values"));
	assert_true(yaml_parse(a, "x", repeated(a, "- a\n", 90000), &root, &e));
	assert_int_equal(root->n, 90000);
	arena_free(a);
}

static void
test_too_many_keys(void **state)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct yaml *root = NULL;
	struct err e;
	struct buf b;

	(void)state;
	buf_init(&b, a, ARENA_MAX);
	for (int i = 0; i < 1001; i++)
		buf_fmt(&b, "k%d: v\n", i);
	assert_false(yaml_parse(a, "x", buf_view(&b), &root, &e));
	assert_non_null(strstr(e.text, "x:1001: more than 1000 keys"));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_registration_of_an_application_service),
		cmocka_unit_test(test_an_empty_text_has_no_tree),
		cmocka_unit_test(test_what_would_cost_too_much),
		cmocka_unit_test(test_too_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
