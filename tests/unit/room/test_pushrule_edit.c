/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Changing push rules. spec: client-server, "Push Rules: API". */
#include "unit.h"

#include "fixture.h"
#include "room/pushrule.h"

#define BODY "{\"actions\":[],\"pattern\":\"w\"}"

/* Stored rules of kind override, a letter each. */
static struct json
stored_of(const char *ids)
{
	struct json out = json_new_obj(), rules = out, list = json_new_arr();

	for (; *ids != '\0'; ids++) {
		struct json rule = json_new_obj();

		json_set(a, &rule, S("rule_id"), json_of_str(str_n(ids, 1)));
		json_push(a, &list, rule);
	}
	json_set(a, &rules, S("override"), list);
	json_set(a, &out, S("rules"), rules);
	return out;
}

static struct str
ids_of(const struct json *stored)
{
	const struct json *list = json_path(stored, 2, "rules", "override");
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	for (size_t i = 0; json_at(list, i) != NULL; i++)
		buf_str(&b, json_str(json_at(list, i), S("rule_id")));
	return buf_view(&b);
}

/* Where a rule goes that is put among others. */
static const struct {
	const char *what, *have, *put, *before, *after, *want;
} places[] = {
	{ "the first at all", "", "x", "", "", "x" },
	{ "a new one comes first", "ab", "x", "", "", "xab" },
	{ "one that is there keeps its place", "axb", "x", "", "", "axb" },
	{ "before the first", "ab", "x", "a", "", "xab" },
	{ "before the last", "ab", "x", "b", "", "axb" },
	{ "after the first", "ab", "x", "", "a", "axb" },
	{ "after the last", "ab", "x", "", "b", "abx" },
	{ "one that is there goes before", "abx", "x", "a", "", "xab" },
	{ "one that is there goes after", "xab", "x", "", "b", "abx" },
	{ "before and after: before counts", "ab", "x", "a", "b", "xab" },
	{ "before itself it stays", "axb", "x", "x", "", "axb" },
	{ "after itself it stays", "axb", "x", "", "x", "axb" },
	{ "before one that is not there", "ab", "x", "c", "", NULL },
	{ "after one that is not there", "ab", "x", "", "c", NULL },
	{ "before itself, not being there", "ab", "x", "x", "", NULL },
	{ "before a default", "ab", "x", ".m.rule.master", "", NULL },
};

static void
test_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(places); i++) {
		struct json have = stored_of(places[i].have), out;
		struct json body = parse(S(BODY));
		struct err e = { .code = M_OK };
		bool ok = pushrules_put(a, &have, PUSH_OVERRIDE,
		    str_c(places[i].put), &body, str_c(places[i].before),
		    str_c(places[i].after), &out, &e);

		if (ok != (places[i].want != NULL) ||
		    (!ok && e.code != M_NOT_FOUND))
			fail_msg("%s: %s", places[i].what, e.text);
		if (ok && !str_eq_c(ids_of(&out), places[i].want))
			fail_msg("%s: " STR_FMT, places[i].what,
			    STR_ARG(ids_of(&out)));
		assert_true(str_eq_c(ids_of(&have), places[i].have));
	}
}

static const struct {
	const char *what, *id, *body;
	enum push_kind kind;
	enum errcode code;
} bodies[] = {
	{ "a rule", "x", "{\"actions\":[]}", PUSH_OVERRIDE, M_OK },
	{ "no id", "", "{\"actions\":[]}", PUSH_OVERRIDE, M_INVALID_PARAM },
	{ "an id with a dot in front", ".x", "{\"actions\":[]}",
	    PUSH_OVERRIDE, M_INVALID_PARAM },
	{ "an id with a dot in it", "x.y", "{\"actions\":[]}", PUSH_OVERRIDE,
	    M_OK },
	{ "a slash in the id", "x/y", "{\"actions\":[]}", PUSH_OVERRIDE,
	    M_INVALID_PARAM },
	{ "a backslash in the id", "x\\y", "{\"actions\":[]}", PUSH_OVERRIDE,
	    M_INVALID_PARAM },
	{ "no actions", "x", "{}", PUSH_OVERRIDE, M_BAD_JSON },
	{ "actions that are no list", "x", "{\"actions\":{}}", PUSH_OVERRIDE,
	    M_BAD_JSON },
	{ "an unknown action", "x", "{\"actions\":[\"shout\"]}",
	    PUSH_OVERRIDE, M_INVALID_PARAM },
	{ "an action that is a number", "x", "{\"actions\":[1]}",
	    PUSH_OVERRIDE, M_INVALID_PARAM },
	{ "an action without a tweak", "x", "{\"actions\":[{}]}",
	    PUSH_OVERRIDE, M_INVALID_PARAM },
	{ "all actions", "x", "{\"actions\":[\"notify\",\"dont_notify\","
	    "\"coalesce\",{\"set_tweak\":\"sound\",\"value\":\"x\"}]}",
	    PUSH_OVERRIDE, M_OK },
	{ "conditions that are no list", "x",
	    "{\"actions\":[],\"conditions\":{}}", PUSH_UNDERRIDE,
	    M_BAD_JSON },
	{ "a condition without a kind", "x",
	    "{\"actions\":[],\"conditions\":[{}]}", PUSH_UNDERRIDE,
	    M_INVALID_PARAM },
	{ "a condition of a kind not known", "x",
	    "{\"actions\":[],\"conditions\":[{\"kind\":\"y\"}]}",
	    PUSH_UNDERRIDE, M_OK },
	{ "conditions of a room rule count for nothing", "!r:d",
	    "{\"actions\":[],\"conditions\":{}}", PUSH_ROOM, M_OK },
	{ "a sender rule", "@a:d", "{\"actions\":[]}", PUSH_SENDER, M_OK },
	{ "a content rule", "x", BODY, PUSH_CONTENT, M_OK },
	{ "a content rule without a pattern", "x", "{\"actions\":[]}",
	    PUSH_CONTENT, M_MISSING_PARAM },
	{ "a pattern that is a number", "x",
	    "{\"actions\":[],\"pattern\":1}", PUSH_CONTENT, M_MISSING_PARAM },
};

static void
test_puts(void **state)
{
	struct str none = { NULL, 0 };

	(void)state;
	for (size_t i = 0; i < LEN(bodies); i++) {
		struct json body = parse(str_c(bodies[i].body)), out, found;
		struct err e = { .code = M_OK };

		if (pushrules_put(a, NULL, bodies[i].kind, str_c(bodies[i].id),
		    &body, none, none, &out, &e) != (bodies[i].code == M_OK) ||
		    e.code != bodies[i].code)
			fail_msg("%s: %s", bodies[i].what, e.text);
		if (bodies[i].code != M_OK)
			continue;
		assert_true(pushrules_find(a, S("@me:d"), &out, bodies[i].kind,
		    str_c(bodies[i].id), &found));
		assert_true(json_is(json_get(&found, S("enabled")),
		    JSON_BOOL));
		assert_true(json_get(&found, S("enabled"))->b);
		assert_false(json_get(&found, S("default"))->b);
		assert_true(json_equal(json_get(&found, S("actions")),
		    json_get(&body, S("actions"))));
	}
}

/* A thousand of a kind; one that is there can still be changed. */
static void
test_many(void **state)
{
	struct json stored = json_new_obj(), rules = stored,
	    list = json_new_arr(), body = parse(S(BODY)), out;
	struct str none = { NULL, 0 };
	struct err e = { .code = M_OK };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct json rule = json_new_obj();

		json_set(a, &rule, S("rule_id"), json_of_str(str_fmt(a, "r%d",
		    i)));
		json_push(a, &list, rule);
	}
	json_set(a, &rules, S("override"), list);
	json_set(a, &stored, S("rules"), rules);
	assert_true(pushrules_put(a, &stored, PUSH_OVERRIDE, S("r7"), &body,
	    none, none, &out, &e));
	assert_true(pushrules_put(a, &stored, PUSH_UNDERRIDE, S("x"), &body,
	    none, none, &out, &e));
	assert_false(pushrules_put(a, &stored, PUSH_OVERRIDE, S("x"), &body,
	    none, none, &out, &e));
	assert_int_equal(e.code, M_TOO_LARGE);
}

static const struct {
	const char *id, *left;		/* NULL: refused */
	enum errcode code;
} deletions[] = {
	{ "a", "bc", M_OK }, { "b", "ac", M_OK }, { "c", "ab", M_OK },
	{ "d", NULL, M_NOT_FOUND },
	{ ".m.rule.master", NULL, M_INVALID_PARAM },
	{ ".m.rule.none", NULL, M_NOT_FOUND },
};

static void
test_deletions(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(deletions); i++) {
		struct json have = stored_of("abc"), out;
		struct err e = { .code = M_OK };
		bool ok = pushrules_delete(a, &have, PUSH_OVERRIDE,
		    str_c(deletions[i].id), &out, &e);

		assert_int_equal(ok, deletions[i].left != NULL);
		assert_int_equal(e.code, deletions[i].code);
		if (ok)
			assert_true(str_eq_c(ids_of(&out),
			    deletions[i].left));
	}
}

/* Is the rule on, as the API shows it, and how many actions has it? */
static void
shown(const struct json *stored, struct str id, bool enabled, uint32_t nactions)
{
	struct json rule;

	assert_true(pushrules_find(a, S("@me:d"), stored, PUSH_OVERRIDE, id,
	    &rule));
	assert_int_equal(json_get(&rule, S("enabled"))->b, enabled);
	assert_int_equal(json_get(&rule, S("actions"))->n, nactions);
}

static void
test_members(void **state)
{
	static const struct str ids[] = { S_INIT("x"),
	    S_INIT(".m.rule.tombstone") };
	struct json body = parse(S("{\"actions\":[\"notify\","
	    "{\"set_tweak\":\"highlight\"}]}")), two = json_new_arr();
	struct json stored, off, changed, both;
	struct str none = { NULL, 0 };
	struct err e = { .code = M_OK };

	(void)state;
	json_push(a, &two, json_of_str(S("notify")));
	assert_true(pushrules_put(a, NULL, PUSH_OVERRIDE, S("x"), &body, none,
	    none, &stored, &e));
	for (size_t i = 0; i < LEN(ids); i++) {
		shown(&stored, ids[i], true, 2);
		assert_true(pushrules_enable(a, &stored, PUSH_OVERRIDE, ids[i],
		    false, &off, &e));
		shown(&off, ids[i], false, 2);
		shown(&off, ids[1 - i], true, 2);
		assert_true(pushrules_actions(a, &stored, PUSH_OVERRIDE,
		    ids[i], &two, &changed, &e));
		shown(&changed, ids[i], true, 1);
		shown(&changed, ids[1 - i], true, 2);
		assert_true(pushrules_actions(a, &off, PUSH_OVERRIDE, ids[i],
		    &two, &both, &e));
		shown(&both, ids[i], false, 1);
		shown(&stored, ids[i], true, 2);
	}
}

static void
test_members_refused(void **state)
{
	struct json list = json_new_arr(), bad = parse(S("[1]")), out;
	struct err e = { .code = M_OK };

	(void)state;
	assert_false(pushrules_enable(a, NULL, PUSH_OVERRIDE, S("x"), true,
	    &out, &e));
	assert_int_equal(e.code, M_NOT_FOUND);
	/* A default rule, but of another kind. */
	assert_false(pushrules_enable(a, NULL, PUSH_OVERRIDE,
	    S(".m.rule.message"), true, &out, &e));
	assert_false(pushrules_actions(a, NULL, PUSH_CONTENT, S("x"), &list,
	    &out, &e));
	assert_int_equal(e.code, M_NOT_FOUND);
	assert_false(pushrules_actions(a, NULL, PUSH_OVERRIDE,
	    S(".m.rule.master"), &bad, &out, &e));
	assert_int_equal(e.code, M_INVALID_PARAM);
}

static void
test_kinds(void **state)
{
	static const char *const names[] = { "override", "content", "room",
	    "sender", "underride" };
	enum push_kind k;

	(void)state;
	for (int i = 0; i < PUSH_NKINDS; i++) {
		assert_true(str_eq_c(push_kind_name((enum push_kind)i),
		    names[i]));
		assert_true(push_kind_of(str_c(names[i]), &k));
		assert_int_equal(k, i);
	}
	assert_false(push_kind_of(S("Override"), &k));
	assert_false(push_kind_of(S(""), &k));
}

/* As the API shows them: five lists, the master rule first, ids written safely. */
static void
test_shown(void **state)
{
	struct json v, one;
	struct err e = { .code = M_OK };
	const struct json *list;
	struct buf b;

	(void)state;
	buf_init(&b, a, SIZE_MAX);
	pushrules_write(&b, S("@a\"b:d"), NULL);
	assert_true(json_parse(a, buf_view(&b), JSON_STRICT, &v, &e));
	list = json_path(&v, 2, "global", "override");
	assert_int_equal(list->n, 10);
	assert_true(str_eq(json_str(json_at(list, 0), S("rule_id")),
	    S(".m.rule.master")));
	assert_int_equal(json_path(&v, 2, "global", "underride")->n, 5);
	assert_int_equal(json_path(&v, 2, "global", "content")->n, 0);
	assert_true(pushrules_find(a, S("@a\"b:d"), NULL, PUSH_OVERRIDE,
	    S(".m.rule.is_user_mention"), &one));
	assert_true(str_eq(json_str(json_at(json_get(&one, S("conditions")),
	    0), S("value")), S("@a\"b:d")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_puts),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_deletions),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_members_refused),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_shown),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
