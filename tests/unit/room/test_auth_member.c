/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The authorization rules of m.room.member. spec: rooms/ v1 to v12, "Authorization rules". */
#include "unit.h"

#include <string.h>

#include "auth_fixture.h"
#include "base/enc.h"
#include "crypto/sign.h"

#define ME(user, membership) { MEMBER, user, user, IS(membership) }
#define BY(sender, user, membership) { MEMBER, user, sender, IS(membership) }
#define JOINABLE(rule) { RULES, "", "@c:d", RULE(rule) }
#define NO_LEVELS { LEVELS, "", "@c:d", NULL }

static const struct auth_case forms[] = {
	{ "no state_key", { { 0 } }, { MEMBER, NULL, "@j:d", IS("leave") },
	    NEVER },
	{ "no membership", { { 0 } }, { MEMBER, "@j:d", "@j:d", "{}" }, NEVER },
	{ "a membership that is a number", { { 0 } },
	    { MEMBER, "@j:d", "@j:d", "{\"membership\":1}" }, NEVER },
	{ "an unknown membership", { { 0 } }, ME("@j:d", "dance"), NEVER },
	{ "an empty membership", { { 0 } }, ME("@j:d", ""), NEVER },
};

static const struct auth_case joins[] = {
	{ "joining a public room", { JOINABLE("public") }, ME("@n:d", "join"),
	    ALWAYS },
	{ "joining again what was left, if public", { JOINABLE("public") },
	    ME("@l:d", "join"), ALWAYS },
	{ "making another join", { JOINABLE("public") },
	    BY("@a:d", "@n:d", "join"), NEVER },
	{ "joining a public room when banned", { JOINABLE("public") },
	    ME("@b:d", "join"), NEVER },
	{ "joining a room of the invited", { { 0 } }, ME("@n:d", "join"),
	    NEVER },
	{ "accepting an invite", { { 0 } }, ME("@i:d", "join"), ALWAYS },
	{ "changing one's own name", { { 0 } }, ME("@j:d", "join"), ALWAYS },
	{ "joining again a room of the invited", { { 0 } }, ME("@l:d", "join"),
	    NEVER },
	{ "joining while knocking", { JOINABLE("knock") }, ME("@k:d", "join"),
	    NEVER },
	{ "accepting an invite where one knocks", { JOINABLE("knock") },
	    ME("@i:d", "join"), 7, 12 },
	{ "a name where one knocks", { JOINABLE("knock") }, ME("@j:d", "join"),
	    7, 12 },
	{ "no join rules: only the invited", { { RULES, "", "", NULL } },
	    ME("@n:d", "join"), NEVER },
	{ "no join rules: an invite counts", { { RULES, "", "", NULL } },
	    ME("@i:d", "join"), ALWAYS },
	{ "empty join rules: an invite counts", { { RULES, "", "@c:d", "{}" } },
	    ME("@i:d", "join"), ALWAYS },
	{ "a join rule of a wrong type: nobody",
	    { { RULES, "", "@c:d", "{\"join_rule\":1}" } }, ME("@i:d", "join"),
	    NEVER },
	{ "a private room", { JOINABLE("private") }, ME("@i:d", "join"),
	    NEVER },
	{ "an unknown join rule", { JOINABLE("x") }, ME("@i:d", "join"),
	    NEVER },
};

#define VOUCHED(by) "{\"membership\":\"join\"," \
	"\"join_authorised_via_users_server\":\"" by "\"}"

static const struct auth_case restricted[] = {
	{ "vouched for by a user who may invite", { JOINABLE("restricted") },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@m:d") }, 8, 12 },
	{ "vouched for by the creator", { JOINABLE("restricted"), NO_LEVELS },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@c:d") }, 8, 12 },
	{ "vouched for, where one may knock as well",
	    { JOINABLE("knock_restricted") },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@m:d") }, 10, 12 },
	{ "nobody vouches", { JOINABLE("restricted") }, ME("@n:d", "join"),
	    NEVER },
	{ "nobody vouches, where one may knock as well",
	    { JOINABLE("knock_restricted") }, ME("@n:d", "join"), NEVER },
	{ "vouched for by a user who may not invite",
	    { JOINABLE("restricted") },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@j:d") }, NEVER },
	{ "vouched for by a user who is not in the room",
	    { JOINABLE("restricted"), { MEMBER, "@m:d", "@m:d", IS("leave") } },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@m:d") }, NEVER },
	{ "vouched for by an unknown user", { JOINABLE("restricted") },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@x:y") }, NEVER },
	{ "a voucher of a wrong type", { JOINABLE("restricted") },
	    { MEMBER, "@n:d", "@n:d", "{\"membership\":\"join\","
	    "\"join_authorised_via_users_server\":1}" }, NEVER },
	{ "vouched for but banned", { JOINABLE("restricted") },
	    { MEMBER, "@b:d", "@b:d", VOUCHED("@m:d") }, NEVER },
	{ "vouched for in a room of the invited", { { 0 } },
	    { MEMBER, "@n:d", "@n:d", VOUCHED("@m:d") }, NEVER },
	{ "the invited need no voucher", { JOINABLE("restricted") },
	    ME("@i:d", "join"), 8, 12 },
	{ "a name needs no voucher", { JOINABLE("restricted") },
	    ME("@j:d", "join"), 8, 12 },
	{ "a name, where one may knock as well",
	    { JOINABLE("knock_restricted") }, ME("@j:d", "join"), 10, 12 },
};

static const struct auth_case invites[] = {
	{ "by a user with the power", { { 0 } }, BY("@m:d", "@n:d", "invite"),
	    ALWAYS },
	{ "by a user without it", { { 0 } }, BY("@j:d", "@n:d", "invite"),
	    NEVER },
	{ "by a user who was invited", { { 0 } }, BY("@i:d", "@n:d", "invite"),
	    NEVER },
	{ "by nobody of the room", { { 0 } }, BY("@n:d", "@o:d", "invite"),
	    NEVER },
	{ "of a member", { { 0 } }, BY("@m:d", "@j:d", "invite"), NEVER },
	{ "of a banned user", { { 0 } }, BY("@m:d", "@b:d", "invite"), NEVER },
	{ "of one who left", { { 0 } }, BY("@m:d", "@l:d", "invite"), ALWAYS },
	{ "of one who knocks", { { 0 } }, BY("@m:d", "@k:d", "invite"),
	    ALWAYS },
	{ "again", { { 0 } }, BY("@m:d", "@i:d", "invite"), ALWAYS },
	{ "by anybody where no level is set",
	    { { LEVELS, "", "@c:d", "{}" } }, BY("@j:d", "@n:d", "invite"),
	    ALWAYS },
	{ "at a level given as text",
	    { { LEVELS, "", "@c:d", "{\"invite\":\"1\"}" } },
	    BY("@j:d", "@n:d", "invite"), 10, 12 },
};

static const struct auth_case leaves[] = {
	{ "a member", { { 0 } }, ME("@j:d", "leave"), ALWAYS },
	{ "declining an invite", { { 0 } }, ME("@i:d", "leave"), ALWAYS },
	{ "taking back a knock", { { 0 } }, ME("@k:d", "leave"), 7, 12 },
	{ "one who left", { { 0 } }, ME("@l:d", "leave"), NEVER },
	{ "one who never was there", { { 0 } }, ME("@n:d", "leave"), NEVER },
	{ "the banned", { { 0 } }, ME("@b:d", "leave"), NEVER },
	{ "a kick with power", { { 0 } }, BY("@m:d", "@j:d", "leave"), ALWAYS },
	{ "a kick without", { { 0 } }, BY("@j:d", "@f:far", "leave"), NEVER },
	{ "a kick of an equal", { { 0 } }, BY("@m:d", "@m2:d", "leave"),
	    NEVER },
	{ "a kick of one above", { { 0 } }, BY("@m:d", "@a:d", "leave"),
	    NEVER },
	{ "a kick by one who is not there", { { 0 } },
	    BY("@n:d", "@j:d", "leave"), NEVER },
	{ "a kick of the creator, whom levels do not name", { { 0 } },
	    BY("@m:d", "@c:d", "leave"), 1, 11 },
	{ "a kick by the creator, whom levels do not name", { { 0 } },
	    BY("@c:d", "@a:d", "leave"), 12, 12 },
	{ "taking back another's invite", { { 0 } },
	    BY("@m:d", "@i:d", "leave"), ALWAYS },
	{ "refusing a knock", { { 0 } }, BY("@m:d", "@k:d", "leave"), ALWAYS },
	{ "lifting a ban", { { 0 } }, BY("@m:d", "@b:d", "leave"), ALWAYS },
	{ "lifting a ban without power", { { 0 } }, BY("@j:d", "@b:d", "leave"),
	    NEVER },
	{ "lifting a ban with the power to kick alone",
	    { { LEVELS, "", "@c:d", "{\"users\":{\"@m:d\":50},\"ban\":51}" } },
	    BY("@m:d", "@b:d", "leave"), NEVER },
	{ "lifting a ban with the power to ban alone",
	    { { LEVELS, "", "@c:d", "{\"users\":{\"@m:d\":50},\"kick\":51}" } },
	    BY("@m:d", "@b:d", "leave"), NEVER },
};

static const struct auth_case bans[] = {
	{ "with power", { { 0 } }, BY("@m:d", "@j:d", "ban"), ALWAYS },
	{ "of one who is not there", { { 0 } }, BY("@m:d", "@n:d", "ban"),
	    ALWAYS },
	{ "again", { { 0 } }, BY("@m:d", "@b:d", "ban"), ALWAYS },
	{ "without power", { { 0 } }, BY("@j:d", "@n:d", "ban"), NEVER },
	{ "of an equal", { { 0 } }, BY("@m:d", "@m2:d", "ban"), NEVER },
	{ "of one above", { { 0 } }, BY("@m:d", "@a:d", "ban"), NEVER },
	{ "of oneself", { { 0 } }, ME("@m:d", "ban"), NEVER },
	{ "by one who is not there", { { 0 } }, BY("@n:d", "@j:d", "ban"),
	    NEVER },
	{ "of a creator by the highest level", { { 0 } },
	    BY("@a:d", "@c:d", "ban"), 1, 11 },
};

static const struct auth_case knocks[] = {
	{ "where one may", { JOINABLE("knock") }, ME("@n:d", "knock"), 7, 12 },
	{ "again", { JOINABLE("knock") }, ME("@k:d", "knock"), 7, 12 },
	{ "after leaving", { JOINABLE("knock") }, ME("@l:d", "knock"), 7, 12 },
	{ "where one may, or be a member elsewhere",
	    { JOINABLE("knock_restricted") }, ME("@n:d", "knock"), 10, 12 },
	{ "where it is not taken", { { 0 } }, ME("@n:d", "knock"), NEVER },
	{ "at a public room", { JOINABLE("public") }, ME("@n:d", "knock"),
	    NEVER },
	{ "at a restricted room", { JOINABLE("restricted") },
	    ME("@n:d", "knock"), NEVER },
	{ "for another", { JOINABLE("knock") }, BY("@a:d", "@n:d", "knock"),
	    NEVER },
	{ "for another, by one who could knock", { JOINABLE("knock") },
	    BY("@l:d", "@n:d", "knock"), NEVER },
	{ "by a member", { JOINABLE("knock") }, ME("@j:d", "knock"), NEVER },
	{ "by one who is invited", { JOINABLE("knock") }, ME("@i:d", "knock"),
	    NEVER },
	{ "by one who is banned", { JOINABLE("knock") }, ME("@b:d", "knock"),
	    NEVER },
};

static void
test_forms(void **state)
{
	(void)state;
	check_cases(forms, LEN(forms));
}

static void
test_joins(void **state)
{
	(void)state;
	check_cases(joins, LEN(joins));
	check_cases(restricted, LEN(restricted));
}

static void
test_invites(void **state)
{
	(void)state;
	check_cases(invites, LEN(invites));
}

static void
test_leaves(void **state)
{
	(void)state;
	check_cases(leaves, LEN(leaves));
}

static void
test_bans(void **state)
{
	(void)state;
	check_cases(bans, LEN(bans));
}

static void
test_knocks(void **state)
{
	(void)state;
	check_cases(knocks, LEN(knocks));
}

/* The creator's first join: right after the create event, before any rule. */
static const struct {
	const char *what, *user, *sender, *create;
	struct str prev[2];
	size_t nprev;
	int from, until;
} firsts[] = {
	{ "the creator after the create event", "@c:d", "@c:d",
	    "{\"creator\":\"@c:d\"}", { S_INIT("$create:d") }, 1, ALWAYS },
	{ "somebody else", "@n:d", "@n:d", "{\"creator\":\"@c:d\"}",
	    { S_INIT("$create:d") }, 1, NEVER },
	{ "after another event", "@c:d", "@c:d", "{\"creator\":\"@c:d\"}",
	    { S_INIT("$other:d") }, 1, NEVER },
	{ "after two events", "@c:d", "@c:d", "{\"creator\":\"@c:d\"}",
	    { S_INIT("$create:d"), S_INIT("$other:d") }, 2, NEVER },
	{ "after none", "@c:d", "@c:d", "{\"creator\":\"@c:d\"}",
	    { { 0 } }, 0, NEVER },
	{ "the sender when another is named", "@c:d", "@c:d",
	    "{\"creator\":\"@n:d\"}", { S_INIT("$create:d") }, 1, 11, 12 },
	{ "the user named when another sent it", "@n:d", "@n:d",
	    "{\"creator\":\"@n:d\"}", { S_INIT("$create:d") }, 1, 1, 10 },
	{ "an additional creator", "@n:d", "@n:d", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":[\"@n:d\"]}", { S_INIT("$create:d") }, 1,
	    NEVER },
	/* The rule asks for the state_key alone. */
	{ "the creator, sent by another", "@c:d", "@n:d",
	    "{\"creator\":\"@c:d\"}", { S_INIT("$create:d") }, 1, ALWAYS },
	{ "another, sent by the creator", "@n:d", "@c:d",
	    "{\"creator\":\"@c:d\"}", { S_INIT("$create:d") }, 1, NEVER },
};

static void
test_first_join(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(firsts); i++)
		for (int v = 1; v <= 12; v++) {
			struct fact f = { MEMBER, firsts[i].user,
			    firsts[i].sender, IS("join") };
			struct fact over[OVER_MAX] = {
				{ CREATE, "", "@c:d", firsts[i].create },
				{ MEMBER, "@c:d", "@c:d", NULL } };
			struct event ev = *event_of(version_n(v), &f);
			struct str prev[2] = { firsts[i].prev[0],
			    firsts[i].prev[1] };
			struct err e = { .code = M_OK };

			ev.prev = prev;
			ev.nprev = firsts[i].nprev;
			if (allowed(v, over, &ev, &e) != (v >= firsts[i].from &&
			    v <= firsts[i].until))
				fail_msg("version %d: %s", v, firsts[i].what);
		}
}

/* Third-party invites: what the identity server signed with `key`. */
static struct str
signed_proof(const struct sign_key *key, const char *mxid, const char *token)
{
	struct json v = json_new_obj();

	json_set(a, &v, S("mxid"), json_of_str(str_c(mxid)));
	json_set(a, &v, S("token"), json_of_str(str_c(token)));
	sign_json(a, &v, S("id.example"), key);
	return json_text(a, &v);
}

static char *
b64(enum b64 alphabet, const struct sign_key *key, const char *padding)
{
	struct str s = b64_encode(a, alphabet, str_n(
	    (const char *)key->public_key, SIGN_PUBLIC_BYTES));

	return str_cz(a, str_fmt(a, STR_FMT "%s", STR_ARG(s), padding));
}

#define OFFER "m.room.third_party_invite"

static bool
invite_with(const char *proof, const char *offer, const char *by,
    const char *user)
{
	struct fact over[OVER_MAX] = { { OFFER, "token", "@j:d", offer } };
	struct fact f = { MEMBER, user, by, NULL };
	bool ok[13];

	f.content = str_cz(a, str_fmt(a, "{\"membership\":\"invite\","
	    "\"third_party_invite\":%s}", proof));
	for (int v = 1; v <= 12; v++) {
		struct err e = { .code = M_OK };

		ok[v] = allowed(v, over, event_of(version_n(v), &f), &e);
		assert_int_equal(ok[v], ok[1]);
	}
	return ok[1];
}

static char *
offer_of(const char *public_key, const char *const *more, size_t n)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_fmt(&b, "{\"display_name\":\"x\",\"public_key\":\"%s\","
	    "\"public_keys\":[1,{}", public_key);
	for (size_t i = 0; i < n; i++)
		buf_fmt(&b, ",{\"public_key\":\"%s\"}", more[i]);
	buf_c(&b, "]}");
	return str_cz(a, buf_view(&b));
}

/* No key at all, or one that is too short or too long. */
static const char *const bad_keys[] = { "", "A", "!", "AAAA",
    "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJA",
    "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNIAA" };

static void
test_third_party(void **state)
{
	struct sign_key key, other;
	struct str proof;
	const char *good, *one, *keys[1];

	(void)state;
	sign_key_new(a, &key);
	sign_key_new(a, &other);
	proof = signed_proof(&key, "@n:d", "token");
	good = str_cz(a, str_fmt(a, "{\"signed\":" STR_FMT "}",
	    STR_ARG(proof)));
	one = offer_of(b64(B64_STD, &key, ""), NULL, 0);
	/* The inviter needs no power now: it was checked with the offer. */
	assert_true(invite_with(good, one, "@j:d", "@n:d"));
	assert_true(invite_with(good, offer_of(b64(B64_URL, &key, ""), NULL, 0),
	    "@j:d", "@n:d"));
	assert_true(invite_with(good, offer_of(b64(B64_STD, &key, "="), NULL,
	    0), "@j:d", "@n:d"));
	keys[0] = b64(B64_STD, &key, "");
	assert_true(invite_with(good, offer_of(b64(B64_STD, &other, ""), keys,
	    1), "@j:d", "@n:d"));
	assert_true(invite_with(good, offer_of("bad", keys, 1), "@j:d",
	    "@n:d"));
	assert_false(invite_with(good, offer_of(b64(B64_STD, &other, ""), NULL,
	    0), "@j:d", "@n:d"));
	assert_false(invite_with(good, "{}", "@j:d", "@n:d"));
	for (size_t i = 0; i < LEN(bad_keys); i++)
		if (invite_with(good, offer_of(bad_keys[i], bad_keys,
		    LEN(bad_keys)), "@j:d", "@n:d"))
			fail_msg("the key \"%s\"", bad_keys[i]);
	assert_false(invite_with(good, NULL, "@j:d", "@n:d"));
	assert_false(invite_with(good, one, "@m:d", "@n:d"));
	assert_false(invite_with(good, one, "@j:d", "@o:d"));
	assert_false(invite_with("{}", one, "@j:d", "@n:d"));
	assert_false(invite_with("1", one, "@a:d", "@n:d"));
	assert_false(invite_with("{\"signed\":{}}", one, "@j:d", "@n:d"));
	assert_false(invite_with("{\"signed\":{\"mxid\":\"@n:d\","
	    "\"token\":\"token\"}}", one, "@j:d", "@n:d"));
	assert_false(invite_with("{\"signed\":{\"mxid\":\"@n:d\"}}", one,
	    "@j:d", "@n:d"));
	/* Signed for somebody else, or for another token. */
	proof = signed_proof(&key, "@n:d", "other");
	assert_false(invite_with(str_cz(a, str_fmt(a, "{\"signed\":" STR_FMT
	    "}", STR_ARG(proof))), one, "@j:d", "@n:d"));
	proof = signed_proof(&key, "@b:d", "token");
	assert_false(invite_with(str_cz(a, str_fmt(a, "{\"signed\":" STR_FMT
	    "}", STR_ARG(proof))), one, "@j:d", "@b:d"));
}

/* Hundreds of signatures and of keys: refused in bounded time, not tried each with each. */
static void
test_third_party_many(void **state)
{
	struct sign_key key;
	const char *keys[500];
	struct buf b;

	(void)state;
	for (size_t i = 0; i < LEN(keys); i++) {
		sign_key_new(a, &key);
		keys[i] = b64(B64_STD, &key, "");
	}
	buf_init(&b, a, SIZE_MAX);
	buf_c(&b, "{\"signed\":{\"mxid\":\"@n:d\",\"token\":\"token\","
	    "\"signatures\":{\"x\":{\"ed25519:0\":1");
	for (int i = 1; i < 500; i++)
		buf_fmt(&b, ",\"ed25519:%d\":\"K8280/U9SSy9IVtjBuVeLr+HpOB4BQ"
		    "FWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"
		    "\"", i);
	buf_c(&b, "}}}}");
	assert_false(invite_with(str_cz(a, buf_view(&b)), offer_of(keys[0],
	    keys, LEN(keys)), "@j:d", "@n:d"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_invites),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_bans),
		cmocka_unit_test(test_knocks),
		cmocka_unit_test(test_first_join),
		cmocka_unit_test(test_third_party),
		cmocka_unit_test(test_third_party_many),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
