/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * User-interactive authentication without HTTP: a session is for one operation,
 * one user and one body, holds once, and grows old.
 */
#include "core/fixture.h"

#include "api/uia.h"
#include "core/account.h"
#include "core/session.h"

#define PASSWORD "correct-horse-1"

static const struct route deletes = { .name = "delete_devices_post" };
static const struct route ends = { .name = "deactivate_post" };

static void
make_account(struct ctx *c)
{
	struct account_new n = { .user = c->who.user, .kind = S("user"),
	    .password = secret_dup(c->a, S(PASSWORD)) };

	OK(c, account_create(c, &n));
}

/* Asks as a handler would; true: let in. The error stays in c. */
static bool
ask(struct ctx *c, const struct route *route, const char *body)
{
	struct req rq = { .ctx = *c, .route = route, .body = obj(c, body) };
	bool ok;

	err_clear(&rq.ctx.err);
	ok = req_uia(&rq);
	c->err = rq.ctx.err;
	return ok;
}

/* The session of the challenge that was the answer. */
static const char *
session_of(struct ctx *c)
{
	struct json v = obj(c, str_cz(c->a, str_fmt(c->a, "{" STR_FMT "}",
	    STR_ARG(c->err.extra))));

	assert_int_equal(err_status(&c->err), 401);
	return str_cz(c->a, json_str(&v, S("session")));
}

static const char *
begin(struct ctx *c, const struct route *route, const char *body)
{
	assert_false(ask(c, route, body));
	assert_true(c->err.bare);
	return session_of(c);
}

/* body, with the password shown in a session (empty: none). */
static const char *
with_auth(struct ctx *c, const char *members, const char *session,
    const char *password)
{
	return str_cz(c->a, str_fmt(c->a, "{%s%s\"auth\":{\"type\":"
	    "\"m.login.password\",\"session\":\"%s\",\"identifier\":{\"type\":"
	    "\"m.id.user\",\"user\":\"" STR_FMT "\"},\"password\":\"%s\"}}",
	    members, members[0] != '\0' ? "," : "", session,
	    STR_ARG(c->who.user), password));
}

#define refused(c, want, call) \
	do { \
		assert_false(call); \
		if ((c)->err.code != (want)) \
			fail_msg("%s: %s", #call, err_name((c)->err.code)); \
	} while (0)

static void
test_the_question(void **state)
{
	struct ctx *alice = as("alice");
	struct json v;

	(void)state;
	make_account(alice);
	assert_false(ask(alice, &deletes, "{}"));
	assert_true(alice->err.bare);
	v = obj(alice, str_cz(alice->a, str_fmt(alice->a, "{" STR_FMT "}",
	    STR_ARG(alice->err.extra))));
	assert_str(json_get_arr(json_get_arr(&v, S("flows"))->at,
	    S("stages"))->at[0].s, S("m.login.password"));
	assert_int_equal(json_get_arr(&v, S("completed"))->n, 0);
	assert_non_null(json_get_obj(&v, S("params")));
	assert_true(json_str(&v, S("session")).n >= 20);
	assert_string_not_equal(begin(alice, &deletes, "{}"),
	    begin(alice, &deletes, "{}"));
}

static void
test_the_right_password_lets_in_once(void **state)
{
	struct ctx *alice = as("alice");
	const char *s;

	(void)state;
	make_account(alice);
	s = begin(alice, &deletes, "{\"devices\":[\"A\"]}");
	OK(alice, ask(alice, &deletes, with_auth(alice,
	    "\"devices\":[\"A\"]", s, PASSWORD)));
	assert_false(ask(alice, &deletes, with_auth(alice,
	    "\"devices\":[\"A\"]", s, PASSWORD)));
	assert_string_not_equal(session_of(alice), s);
}

static void
test_the_order_of_members_does_not_matter(void **state)
{
	struct ctx *alice = as("alice");
	const char *s;

	(void)state;
	make_account(alice);
	s = begin(alice, &deletes, "{\"a\":1,\"b\":{\"c\":2,\"d\":3}}");
	OK(alice, ask(alice, &deletes, with_auth(alice,
	    "\"b\":{\"d\":3,\"c\":2},\"a\":1", s, PASSWORD)));
}

static void
test_a_wrong_password_can_be_tried_again(void **state)
{
	struct ctx *alice = as("alice");
	const char *s;

	(void)state;
	make_account(alice);
	s = begin(alice, &deletes, "{}");
	refused(alice, M_FORBIDDEN, ask(alice, &deletes, with_auth(alice, "",
	    s, "wrong")));
	assert_string_equal(session_of(alice), s);
	refused(alice, M_FORBIDDEN, ask(alice, &deletes, with_auth(alice, "",
	    s, "")));
	OK(alice, ask(alice, &deletes, with_auth(alice, "", s, PASSWORD)));
}

static void
test_it_is_for_one_body_operation_and_user(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	const char *s;

	(void)state;
	make_account(alice);
	make_account(bob);
	s = begin(alice, &deletes, "{\"devices\":[\"A\"]}");
	refused(alice, M_FORBIDDEN, ask(alice, &deletes, with_auth(alice,
	    "\"devices\":[\"B\"]", s, PASSWORD)));
	refused(alice, M_FORBIDDEN, ask(alice, &deletes, with_auth(alice, "",
	    s, PASSWORD)));
	refused(alice, M_FORBIDDEN, ask(alice, &ends, with_auth(alice,
	    "\"devices\":[\"A\"]", s, PASSWORD)));
	refused(bob, M_FORBIDDEN, ask(bob, &deletes, with_auth(bob,
	    "\"devices\":[\"A\"]", s, PASSWORD)));
	OK(alice, ask(alice, &deletes, with_auth(alice,
	    "\"devices\":[\"A\"]", s, PASSWORD)));
}

static void
test_it_grows_old(void **state)
{
	struct ctx *alice = as("alice");
	int64_t life = conf_get()->session_uia_lifetime;
	const char *young, *old;

	(void)state;
	make_account(alice);
	young = begin(alice, &deletes, "{}");
	old = begin(alice, &deletes, "{}");
	alice->now_ms += life;
	OK(alice, ask(alice, &deletes, with_auth(alice, "", young,
	    PASSWORD)));
	alice->now_ms += 1;
	assert_false(ask(alice, &deletes, with_auth(alice, "", old,
	    PASSWORD)));
	assert_string_not_equal(session_of(alice), old);
}

static const struct {
	const char *name, *body;
	enum errcode want;
} answers[] = {
	{ "a stage that is not offered",
	    "{\"auth\":{\"type\":\"m.login.dummy\"}}", M_UNRECOGNIZED },
	{ "a stage that does not exist",
	    "{\"auth\":{\"type\":\"m.login.nothing\"}}", M_UNRECOGNIZED },
	{ "no password",
	    "{\"auth\":{\"type\":\"m.login.password\"}}", M_MISSING_PARAM },
	{ "a password that is no text", "{\"auth\":{\"type\":"
	    "\"m.login.password\",\"password\":5}}", M_MISSING_PARAM },
	{ "another user's name", "{\"auth\":{\"type\":\"m.login.password\","
	    "\"user\":\"bob\",\"password\":\"" PASSWORD "\"}}", M_FORBIDDEN },
	{ "a name that is none", "{\"auth\":{\"type\":\"m.login.password\","
	    "\"user\":\"A B\",\"password\":\"" PASSWORD "\"}}",
	    M_INVALID_USERNAME },
	{ "no type", "{\"auth\":{\"password\":\"" PASSWORD "\"}}",
	    M_UNAUTHORIZED },
	{ "auth that is no object", "{\"auth\":\"" PASSWORD "\"}",
	    M_UNAUTHORIZED },
	{ "a session that never was", "{\"auth\":{\"type\":"
	    "\"m.login.password\",\"session\":\"nothing\",\"password\":\""
	    PASSWORD "\"}}", M_UNAUTHORIZED },
	{ "the password alone, without a session", "{\"auth\":{\"type\":"
	    "\"m.login.password\",\"password\":\"" PASSWORD "\"}}", M_OK },
	{ "with the older form of the name", "{\"auth\":{\"type\":"
	    "\"m.login.password\",\"user\":\"@alice:test\",\"password\":\""
	    PASSWORD "\"}}", M_OK },
};

static void
test_answers(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");

	(void)state;
	make_account(alice);
	make_account(bob);
	for (size_t i = 0; i < LEN(answers); i++) {
		bool ok = ask(alice, &deletes, answers[i].body);

		if (ok != (answers[i].want == M_OK) ||
		    (!ok && alice->err.code != answers[i].want))
			fail_msg("%s: %s", answers[i].name,
			    err_name(alice->err.code));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_question),
		TEST(test_the_right_password_lets_in_once),
		TEST(test_the_order_of_members_does_not_matter),
		TEST(test_a_wrong_password_can_be_tried_again),
		TEST(test_it_is_for_one_body_operation_and_user),
		TEST(test_it_grows_old),
		TEST(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
