/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What redaction keeps, by version. spec: rooms/ v1, v6, v8, v9, v11, "Redactions". */
#include "unit.h"

#include "fixture.h"

/* A row is kept in the versions from..until; from 0: in none. */
struct kept {
	const char *type, *key;
	int from, until;
};

static const struct kept top[] = {
	{ "x", "auth_events", 1, 12 }, { "x", "content", 1, 12 },
	{ "x", "depth", 1, 12 }, { "x", "event_id", 1, 12 },
	{ "x", "hashes", 1, 12 }, { "x", "membership", 1, 10 },
	{ "x", "origin", 1, 10 }, { "x", "origin_server_ts", 1, 12 },
	{ "x", "prev_events", 1, 12 }, { "x", "prev_state", 1, 10 },
	{ "x", "redacts", 0, 0 }, { "x", "room_id", 1, 12 },
	{ "x", "sender", 1, 12 }, { "x", "signatures", 1, 12 },
	{ "x", "state_key", 1, 12 }, { "x", "unsigned", 0, 0 },
	{ "x", "age_ts", 0, 0 }, { "x", "x", 0, 0 }, { "x", "", 0, 0 },
};

static const struct kept inside[] = {
	{ "m.room.message", "body", 0, 0 },
	{ "m.room.member", "membership", 1, 12 },
	{ "m.room.member", "join_authorised_via_users_server", 9, 12 },
	{ "m.room.member", "displayname", 0, 0 },
	{ "m.room.member", "avatar_url", 0, 0 },
	{ "m.room.member", "reason", 0, 0 },
	{ "m.room.member", "creator", 0, 0 },
	{ "m.room.create", "creator", 1, 12 },
	{ "m.room.create", "room_version", 11, 12 },
	{ "m.room.create", "m.federate", 11, 12 },
	{ "m.room.create", "additional_creators", 11, 12 },
	{ "m.room.create", "anything", 11, 12 },
	{ "m.room.join_rules", "join_rule", 1, 12 },
	{ "m.room.join_rules", "allow", 8, 12 },
	{ "m.room.join_rules", "x", 0, 0 },
	{ "m.room.power_levels", "ban", 1, 12 },
	{ "m.room.power_levels", "events", 1, 12 },
	{ "m.room.power_levels", "events_default", 1, 12 },
	{ "m.room.power_levels", "invite", 11, 12 },
	{ "m.room.power_levels", "kick", 1, 12 },
	{ "m.room.power_levels", "notifications", 0, 0 },
	{ "m.room.power_levels", "redact", 1, 12 },
	{ "m.room.power_levels", "state_default", 1, 12 },
	{ "m.room.power_levels", "users", 1, 12 },
	{ "m.room.power_levels", "users_default", 1, 12 },
	{ "m.room.aliases", "aliases", 1, 5 },
	{ "m.room.history_visibility", "history_visibility", 1, 12 },
	{ "m.room.history_visibility", "x", 0, 0 },
	{ "m.room.redaction", "redacts", 11, 12 },
	{ "m.room.redaction", "reason", 0, 0 },
	{ "m.room.third_party_invite", "public_key", 0, 0 },
	{ "m.room.name", "membership", 0, 0 },
	/* The empty type is a type like any other, not the top level. */
	{ "", "sender", 0, 0 }, { "", "content", 0, 0 },
	{ "", "membership", 0, 0 },
};

static bool
keeps(const struct kept *k, int version)
{
	return k->from > 0 && version >= k->from && version <= k->until;
}

static void
test_top(void **state)
{
	(void)state;
	for (int v = 1; v <= 12; v++)
		for (size_t i = 0; i < LEN(top); i++) {
			struct json ev = parse(str_fmt(a,
			    "{\"%s\":{\"k\":1},\"type\":\"x\"}", top[i].key));
			struct json got = event_redact(a, version_n(v), &ev);
			bool there = json_get(&got, str_c(top[i].key)) != NULL;

			if (there != keeps(&top[i], v))
				fail_msg("version %d: %s", v, top[i].key);
			assert_true(str_eq(json_str(&got, S("type")), S("x")));
		}
}

static void
test_content(void **state)
{
	(void)state;
	for (int v = 1; v <= 12; v++)
		for (size_t i = 0; i < LEN(inside); i++) {
			struct json ev = parse(str_fmt(a,
			    "{\"content\":{\"%s\":{\"k\":[1]}},\"type\":\"%s\"}",
			    inside[i].key, inside[i].type));
			struct json got = event_redact(a, version_n(v), &ev);
			const struct json *c = json_get_obj(&got, S("content"));

			assert_non_null(c);
			if (c->n != keeps(&inside[i], v))
				fail_msg("version %d: %s of %s", v,
				    inside[i].key, inside[i].type);
			if (c->n > 0)
				assert_true(json_equal(c, json_get(&ev,
				    S("content"))));
		}
}

static const struct {
	const char *what, *content, *v10, *v11;
} invites[] = {
	{ "signed is kept, and only it",
	    "{\"membership\":\"invite\",\"third_party_invite\":"
	    "{\"display_name\":\"x\",\"signed\":{\"mxid\":\"@a:b\"}}}",
	    "{\"membership\":\"invite\"}",
	    "{\"membership\":\"invite\",\"third_party_invite\":"
	    "{\"signed\":{\"mxid\":\"@a:b\"}}}" },
	{ "an invite without signed is kept, empty",
	    "{\"third_party_invite\":{\"display_name\":\"x\"}}", "{}",
	    "{\"third_party_invite\":{}}" },
	{ "signed is kept whatever it is",
	    "{\"third_party_invite\":{\"signed\":1,\"x\":2}}", "{}",
	    "{\"third_party_invite\":{\"signed\":1}}" },
	{ "an invite that is no object is dropped",
	    "{\"third_party_invite\":\"x\"}", "{}", "{}" },
};

static void
test_third_party(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(invites); i++) {
		struct json ev = parse(str_fmt(a, "{\"content\":%s,"
		    "\"type\":\"m.room.member\"}", invites[i].content));

		for (int v = 10; v <= 11; v++) {
			struct json got = event_redact(a, version_n(v), &ev);
			struct str text = json_text(a, json_get(&got,
			    S("content")));

			if (!str_eq_c(text, v == 10 ? invites[i].v10 :
			    invites[i].v11))
				fail_msg("%s: " STR_FMT, invites[i].what,
				    STR_ARG(text));
		}
	}
}

/* Redacting again changes nothing, and the event that was given stays whole. */
static void
test_twice(void **state)
{
	struct str text = S("{\"content\":{\"a\":1,\"membership\":\"join\"},"
	    "\"depth\":1,\"type\":\"m.room.member\",\"unsigned\":{}}");
	struct json ev = parse(text), once, twice;

	(void)state;
	for (int v = 1; v <= 12; v++) {
		once = event_redact(a, version_n(v), &ev);
		twice = event_redact(a, version_n(v), &once);
		assert_true(json_equal(&once, &twice));
		assert_true(str_eq(json_text(a, &ev), text));
	}
}

static void
test_odd(void **state)
{
	static const char *const odd[] = { "{}", "{\"content\":[1]}",
	    "{\"content\":null,\"type\":1}", "{\"type\":\"m.room.create\"}",
	    "{\"content\":1,\"type\":\"m.room.create\"}" };

	(void)state;
	for (size_t i = 0; i < LEN(odd); i++) {
		struct json ev = parse(str_c(odd[i]));

		for (int v = 1; v <= 12; v++) {
			struct json got = event_redact(a, version_n(v), &ev);
			const struct json *c = json_get(&got, S("content"));

			assert_int_equal(got.n, ev.n);
			assert_true(c == NULL || (c->type == JSON_OBJ &&
			    c->n == 0));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_top),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_third_party),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_odd),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
