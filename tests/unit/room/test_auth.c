/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The authorization rules but membership and power levels. spec: rooms/ v1 to v12. */
#include "unit.h"

#include <string.h>

#include "auth_fixture.h"

static const struct {
	const char *what, *content, *room, *key;
	size_t nprev;
	int from, until;
} creates[] = {
	{ "with a creator", "{\"creator\":\"@c:d\"}", "!r:d", "", 0, ALWAYS },
	{ "without one", "{}", "!r:d", "", 0, 11, 12 },
	{ "with a previous event", "{\"creator\":\"@c:d\"}", "!r:d", "", 1,
	    NEVER },
	{ "on another server", "{\"creator\":\"@c:d\"}", "!r:far", "", 0,
	    12, 12 },
	{ "on the same server's other port", "{\"creator\":\"@c:d\"}",
	    "!r:d:1", "", 0, 12, 12 },
	{ "in a room without a server", "{\"creator\":\"@c:d\"}",
	    "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM", "", 0, 12, 12 },
	{ "of a known version", "{\"creator\":\"@c:d\",\"room_version\":\"1\"}",
	    "!r:d", "", 0, ALWAYS },
	{ "of an unknown version",
	    "{\"creator\":\"@c:d\",\"room_version\":\"0\"}", "!r:d", "", 0,
	    NEVER },
	{ "of a version that is a number",
	    "{\"creator\":\"@c:d\",\"room_version\":1}", "!r:d", "", 0, NEVER },
	{ "no state event", "{\"creator\":\"@c:d\"}", "!r:d", NULL, 0, NEVER },
	{ "with a state_key", "{\"creator\":\"@c:d\"}", "!r:d", "x", 0, NEVER },
	{ "with more creators", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":[\"@x:d\",\"@y:far\"]}", "!r:d", "", 0,
	    ALWAYS },
	{ "with none more", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":[]}", "!r:d", "", 0, ALWAYS },
	{ "with a creator who is no user", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":[\"@x:d\",\"y\"]}", "!r:d", "", 0, 1, 11 },
	{ "with a creator who is a number", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":[1]}", "!r:d", "", 0, 1, 11 },
	{ "with creators who are no list", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":\"@x:d\"}", "!r:d", "", 0, 1, 11 },
	{ "with creators who are null", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":null}", "!r:d", "", 0, 1, 11 },
};

static void
test_create(void **state)
{
	struct str prev[] = { S_INIT("$p:d") };

	(void)state;
	for (size_t i = 0; i < LEN(creates); i++)
		for (int v = 1; v <= 12; v++) {
			struct fact f = { CREATE, creates[i].key, "@c:d",
			    creates[i].content };
			struct event ev = *event_of(version_n(v), &f);
			struct err e = { .code = M_OK };

			ev.room = str_c(creates[i].room);
			ev.prev = prev;
			ev.nprev = creates[i].nprev;
			if (auth_check(a, &ev, NULL, NULL, &e) !=
			    (v >= creates[i].from && v <= creates[i].until))
				fail_msg("version %d: %s: %s", v,
				    creates[i].what, e.text);
		}
}

#define MESSAGE(sender) { "m.low", NULL, sender, "{}" }

static const struct auth_case sends[] = {
	{ "with the power of the type", { { 0 } }, MESSAGE("@m:d"), ALWAYS },
	{ "without the power of the type", { { 0 } }, MESSAGE("@j:d"), NEVER },
	{ "the same power for state events", { { 0 } },
	    { "m.low", "", "@m:d", "{}" }, ALWAYS },
	{ "an event of no type listed", { { 0 } },
	    { "m.x", NULL, "@j:d", "{}" }, ALWAYS },
	{ "a state event of no type listed", { { 0 } },
	    { "m.x", "", "@m:d", "{}" }, ALWAYS },
	{ "a state event without the power", { { 0 } },
	    { "m.x", "", "@j:d", "{}" }, NEVER },
	{ "a type out of reach", { { 0 } }, { "m.high", NULL, "@m:d", "{}" },
	    NEVER },
	{ "a type out of reach, by a creator with no level", { { 0 } },
	    { "m.high", NULL, "@c:d", "{}" }, 12, 12 },
	{ "by one who is invited", { { 0 } }, { "m.x", NULL, "@i:d", "{}" },
	    NEVER },
	{ "by one who is banned", { { 0 } }, { "m.x", NULL, "@b:d", "{}" },
	    NEVER },
	{ "by one who left", { { 0 } }, { "m.x", NULL, "@l:d", "{}" }, NEVER },
	{ "by one who knocks", { { 0 } }, { "m.x", NULL, "@k:d", "{}" },
	    NEVER },
	{ "by one who never was there", { { 0 } },
	    { "m.x", NULL, "@n:d", "{}" }, NEVER },
	{ "by a creator who left", { { MEMBER, "@c:d", "@c:d", IS("leave") } },
	    { "m.x", NULL, "@c:d", "{}" }, NEVER },
	{ "a state_key that is one's own id", { { 0 } },
	    { "m.x", "@m:d", "@m:d", "{}" }, ALWAYS },
	{ "a state_key that is another's id", { { 0 } },
	    { "m.x", "@j:d", "@a:d", "{}" }, NEVER },
	{ "a state_key that only begins as an id", { { 0 } },
	    { "m.x", "@", "@a:d", "{}" }, NEVER },
	{ "a state_key with an id inside", { { 0 } },
	    { "m.x", "_@j:d", "@a:d", "{}" }, ALWAYS },
	{ "state by anybody without levels",
	    { { LEVELS, "", "@c:d", NULL } }, { "m.x", "", "@j:d", "{}" },
	    ALWAYS },
	{ "a level given as text",
	    { { LEVELS, "", "@c:d", "{\"events_default\":\"1\"}" } },
	    { "m.x", NULL, "@j:d", "{}" }, 10, 12 },
};

static const struct auth_case offers[] = {
	{ "by one who may invite", { { 0 } },
	    { "m.room.third_party_invite", "t", "@m:d", "{}" }, ALWAYS },
	{ "by one who may not", { { 0 } },
	    { "m.room.third_party_invite", "t", "@j:d", "{}" }, NEVER },
	{ "by one who may invite but not send state",
	    { { LEVELS, "", "@c:d", "{\"invite\":0,\"state_default\":50}" } },
	    { "m.room.third_party_invite", "t", "@j:d", "{}" }, ALWAYS },
	{ "by one who is not there", { { 0 } },
	    { "m.room.third_party_invite", "t", "@n:d", "{}" }, NEVER },
};

static const struct auth_case aliases[] = {
	{ "of one's own server, even from outside", { { 0 } },
	    { "m.room.aliases", "d", "@n:d", "{}" }, 1, 5 },
	{ "of one's own server, with power", { { 0 } },
	    { "m.room.aliases", "d", "@m:d", "{}" }, ALWAYS },
	{ "of another server, with power", { { 0 } },
	    { "m.room.aliases", "far", "@m:d", "{}" }, 6, 12 },
	{ "of one's own server, without power", { { 0 } },
	    { "m.room.aliases", "d", "@j:d", "{}" }, 1, 5 },
	{ "no state event", { { 0 } },
	    { "m.room.aliases", NULL, "@m:d", "{}" }, 6, 12 },
};

#define ALONE { CREATE, "", "@c:d", \
	"{\"creator\":\"@c:d\",\"m.federate\":false}" }

static const struct auth_case federation[] = {
	{ "from the creator's server", { ALONE }, { "m.x", NULL, "@j:d", "{}" },
	    ALWAYS },
	{ "from another server", { ALONE }, { "m.x", NULL, "@f:far", "{}" },
	    NEVER },
	{ "from another server where it may", { { 0 } },
	    { "m.x", NULL, "@f:far", "{}" }, ALWAYS },
	{ "from another server, leaving", { ALONE },
	    { MEMBER, "@f:far", "@f:far", IS("leave") }, NEVER },
	{ "from another server, aliases", { ALONE },
	    { "m.room.aliases", "far", "@f:far", "{}" }, NEVER },
	{ "a wrong type counts as true", { { CREATE, "", "@c:d",
	    "{\"creator\":\"@c:d\",\"m.federate\":\"false\"}" } },
	    { "m.x", NULL, "@f:far", "{}" }, ALWAYS },
};

static void
test_sends(void **state)
{
	(void)state;
	check_cases(sends, LEN(sends));
	check_cases(offers, LEN(offers));
	check_cases(aliases, LEN(aliases));
	check_cases(federation, LEN(federation));
}

/* The rules on redactions: versions 1 and 2 refuse to send what later ones leave without effect. */
static const struct {
	const char *what, *sender, *id, *target_id, *target_sender;
	bool old_ok, applies_old, applies;
} redactions[] = {
	{ "one's own event", "@j:d", "$1:d", "$2:d", "@j:d", true, true, true },
	{ "another's of the same server", "@j:d", "$1:d", "$2:d", "@c:d", true,
	    true, true },
	{ "another server's, with power", "@m:d", "$1:d", "$2:far", "@f:far",
	    true, true, true },
	{ "another server's, without", "@j:d", "$1:d", "$2:far", "@f:far",
	    false, false, false },
	{ "another server's user, with ids of one server", "@j:d", "$1:d",
	    "$2:d", "@f:far", true, true, false },
	{ "the same server's user, with ids of two", "@j:d", "$1:d", "$2:far",
	    "@c:d", false, false, true },
	{ "ids without a server", "@j:d", "$1", "$2", "@f:far", false, false,
	    false },
};

static void
test_redactions(void **state)
{
	const struct fact none[OVER_MAX] = { { 0 } };

	(void)state;
	for (size_t i = 0; i < LEN(redactions); i++)
		for (int v = 1; v <= 12; v++) {
			struct fact f = { "m.room.redaction", NULL,
			    redactions[i].sender, "{}" };
			struct event ev = *event_of(version_n(v), &f), target;
			struct err e = { .code = M_OK };
			bool want;

			target = ev;
			ev.id = str_c(redactions[i].id);
			ev.redacts = target.id = str_c(redactions[i].target_id);
			target.sender = str_c(redactions[i].target_sender);
			if (allowed(v, none, &ev, &e) != (v > 2 ||
			    redactions[i].old_ok))
				fail_msg("version %d: %s", v,
				    redactions[i].what);
			want = v > 2 ? redactions[i].applies :
			    redactions[i].applies_old;
			if (auth_redaction_applies(&ev, &target,
			    event_of(version_n(v), &base_state[0]),
			    event_of(version_n(v), &base_state[1])) != want)
				fail_msg("version %d: %s applies", v,
				    redactions[i].what);
		}
}

static void
test_rooms(void **state)
{
	const struct fact none[OVER_MAX] = { { 0 } };
	struct fact f = { "m.x", NULL, "@a:d", "{}" };
	struct event ev = *event_of(version_n(11), &f);
	struct room_now now = { version_n(11), none };
	struct auth_state st = { state_get, &now };
	struct err e = { .code = M_OK };

	(void)state;
	assert_false(auth_check(a, &ev, NULL, &st, &e));
	assert_int_equal(e.code, M_FORBIDDEN);
	ev.room = S("!other:d");
	assert_false(allowed(11, none, &ev, &e));
}

/* The choice of auth events: each place, by version. */
static const struct {
	const char *what;
	struct fact ev;
	int version;
	const char *places;
} choices[] = {
	{ "create", { CREATE, "", "@c:d", "{}" }, 11, "" },
	{ "a message", { "m.x", NULL, "@j:d", "{}" }, 11,
	    CREATE "/ " LEVELS "/ " MEMBER "/@j:d " },
	{ "a message of version 12", { "m.x", NULL, "@j:d", "{}" }, 12,
	    LEVELS "/ " MEMBER "/@j:d " },
	{ "a membership that is no state event",
	    { MEMBER, NULL, "@j:d", IS("join") }, 12,
	    LEVELS "/ " MEMBER "/@j:d " },
	{ "a join", { MEMBER, "@j:d", "@j:d", IS("join") }, 12,
	    LEVELS "/ " MEMBER "/@j:d " RULES "/ " },
	{ "a leave", { MEMBER, "@j:d", "@j:d", IS("leave") }, 12,
	    LEVELS "/ " MEMBER "/@j:d " },
	{ "a kick", { MEMBER, "@j:d", "@a:d", IS("leave") }, 12,
	    LEVELS "/ " MEMBER "/@a:d " MEMBER "/@j:d " },
	{ "an invite", { MEMBER, "@n:d", "@a:d", IS("invite") }, 12,
	    LEVELS "/ " MEMBER "/@a:d " MEMBER "/@n:d " RULES "/ " },
	{ "a knock", { MEMBER, "@n:d", "@n:d", IS("knock") }, 12,
	    LEVELS "/ " MEMBER "/@n:d " RULES "/ " },
	{ "a third-party invite", { MEMBER, "@n:d", "@a:d",
	    "{\"membership\":\"invite\",\"third_party_invite\":"
	    "{\"signed\":{\"token\":\"tok\"}}}" }, 12,
	    LEVELS "/ " MEMBER "/@a:d " MEMBER "/@n:d " RULES "/ "
	    "m.room.third_party_invite/tok " },
	{ "a join that is vouched for", { MEMBER, "@n:d", "@n:d",
	    "{\"membership\":\"join\","
	    "\"join_authorised_via_users_server\":\"@m:d\"}" }, 8,
	    CREATE "/ " LEVELS "/ " MEMBER "/@n:d " RULES "/ "
	    MEMBER "/@m:d " },
	{ "a voucher before version 8", { MEMBER, "@n:d", "@n:d",
	    "{\"membership\":\"join\","
	    "\"join_authorised_via_users_server\":\"@m:d\"}" }, 7,
	    CREATE "/ " LEVELS "/ " MEMBER "/@n:d " RULES "/ " },
	{ "a join of another who is named too", { MEMBER, "@n:d", "@a:d",
	    "{\"membership\":\"join\","
	    "\"join_authorised_via_users_server\":\"@n:d\"}" }, 12,
	    LEVELS "/ " MEMBER "/@a:d " MEMBER "/@n:d " RULES "/ " },
	{ "a leave with a voucher", { MEMBER, "@n:d", "@n:d",
	    "{\"membership\":\"leave\","
	    "\"join_authorised_via_users_server\":\"@m:d\"}" }, 12,
	    LEVELS "/ " MEMBER "/@n:d " },
	{ "a knock before version 7", { MEMBER, "@n:d", "@n:d",
	    IS("knock") }, 6, CREATE "/ " LEVELS "/ " MEMBER "/@n:d " },
	{ "vouching for oneself", { MEMBER, "@n:d", "@n:d",
	    "{\"membership\":\"join\","
	    "\"join_authorised_via_users_server\":\"@n:d\"}" }, 12,
	    LEVELS "/ " MEMBER "/@n:d " RULES "/ " },
};

static void
test_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(choices); i++) {
		const struct event *ev = event_of(version_n(choices[i].version),
		    &choices[i].ev);
		struct state_at *at;
		struct buf b;
		size_t n;

		auth_places(a, ev->v, ev->type, ev->sender, ev->is_state,
		    ev->state_key, ev->content, &at, &n);
		buf_init(&b, a, SIZE_MAX);
		for (size_t k = 0; k < n; k++)
			buf_fmt(&b, STR_FMT "/" STR_FMT " ",
			    STR_ARG(at[k].type), STR_ARG(at[k].key));
		if (!str_eq_c(buf_view(&b), choices[i].places))
			fail_msg("%s: " STR_FMT, choices[i].what,
			    STR_ARG(buf_view(&b)));
	}
}

/* Sets of auth events for a message by @j:d; indices are of base_state. */
static const struct {
	const char *what;
	int at[4];			/* -1: end */
	int from, until;
} sets[] = {
	{ "create, levels, member", { 0, 1, 7, -1 }, 1, 11 },
	{ "levels, member", { 1, 7, -1 }, 12, 12 },
	{ "member alone", { 7, -1 }, 12, 12 },
	{ "create alone", { 0, -1 }, 1, 11 },
	{ "nothing", { -1 }, 12, 12 },
	{ "levels twice", { 0, 1, 1, -1 }, NEVER },
	{ "levels twice without create", { 1, 1, -1 }, NEVER },
	{ "another's membership", { 0, 8, -1 }, NEVER },
	{ "another's membership without create", { 8, -1 }, NEVER },
	{ "join rules, which a message does not need", { 0, 2, -1 }, NEVER },
	{ "join rules without create", { 2, -1 }, NEVER },
};

static void
test_auth_events(void **state)
{
	static const struct fact f = { "m.x", NULL, "@j:d", "{}" };

	(void)state;
	for (size_t i = 0; i < LEN(sets); i++)
		for (int v = 1; v <= 12; v++) {
			const struct event *auth[4];
			struct err e = { .code = M_OK };
			size_t n = 0;

			for (; sets[i].at[n] >= 0; n++)
				auth[n] = event_of(version_n(v),
				    &base_state[sets[i].at[n]]);
			if (auth_events_ok(a, event_of(version_n(v), &f), auth,
			    n, &e) != (v >= sets[i].from &&
			    v <= sets[i].until))
				fail_msg("version %d: %s", v, sets[i].what);
		}
}

/* The same for a kick of @k:d by @m:d, which needs both memberships. */
static const struct {
	const char *what;
	int at[4];
	bool ok;
} kicks[] = {
	{ "levels and both memberships", { 1, 5, 10, -1 }, true },
	{ "the target's alone", { 10, -1 }, true },
	{ "a third user's as well", { 1, 5, 7, -1 }, false },
	{ "the target's twice", { 10, 10, -1 }, false },
	{ "join rules, which a leave does not need", { 2, 10, -1 }, false },
};

static void
test_auth_events_member(void **state)
{
	static const struct fact f = { MEMBER, "@k:d", "@m:d", IS("leave") };

	(void)state;
	for (size_t i = 0; i < LEN(kicks); i++) {
		const struct event *auth[4];
		struct err e = { .code = M_OK };
		size_t n = 0;

		for (; kicks[i].at[n] >= 0; n++)
			auth[n] = event_of(version_n(12),
			    &base_state[kicks[i].at[n]]);
		if (auth_events_ok(a, event_of(version_n(12), &f), auth, n,
		    &e) != kicks[i].ok)
			fail_msg("%s", kicks[i].what);
	}
}

static void
test_auth_events_odd(void **state)
{
	static const struct fact f = { "m.x", NULL, "@j:d", "{}" },
	    no_state = { LEVELS, NULL, "@j:d", "{}" };
	const struct event *ev = event_of(version_n(12), &f), *one;
	struct event elsewhere = *event_of(version_n(12), &base_state[1]);
	struct err e = { .code = M_OK };

	(void)state;
	elsewhere.room = S("!other:d");
	one = &elsewhere;
	assert_false(auth_events_ok(a, ev, &one, 1, &e));
	one = event_of(version_n(12), &no_state);
	assert_false(auth_events_ok(a, ev, &one, 1, &e));
	one = event_of(version_n(12), &base_state[1]);
	assert_true(auth_events_ok(a, ev, &one, 1, &e));
	/* A create event has none. */
	ev = event_of(version_n(11), &base_state[0]);
	assert_true(auth_events_ok(a, ev, NULL, 0, &e));
	assert_false(auth_events_ok(a, ev, &one, 1, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_sends),
		cmocka_unit_test(test_redactions),
		cmocka_unit_test(test_rooms),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_auth_events),
		cmocka_unit_test(test_auth_events_member),
		cmocka_unit_test(test_auth_events_odd),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
