/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Events of other servers: each check in each version. spec: server-server, "Checks performed
 * on receipt of a PDU".
 */
#include "unit.h"

#include <string.h>

#include "auth_fixture.h"
#include "room/received.h"

#define HASH "31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"
#define SIG "{\"ed25519:1\":\"x\"}"

/* A PDU's members, each a text; those of other versions come in when it is written. */
static const char *const base[][2] = {
	{ "content", "{\"name\":\"x\"}" }, { "depth", "7" },
	{ "event_id", "\"$1:d\"" }, { "hashes", "{\"sha256\":\"x\"}" },
	{ "origin_server_ts", "1000" }, { "sender", "\"@u:d\"" },
	{ "signatures", "{\"d\":" SIG "}" }, { "state_key", "\"\"" },
	{ "type", "\"m.room.name\"" },
};

#define OVERS_MAX 3

struct over {
	const char *key, *value;	/* value NULL: it is left out */
};

static const char unset[] = "";

static const char *
value_of(const struct over *over, const char *key, const char *otherwise)
{
	for (size_t i = 0; i < OVERS_MAX && over[i].key != NULL; i++)
		if (strcmp(over[i].key, key) == 0)
			return over[i].value;
	return otherwise;
}

static void
member(struct buf *b, const struct over *over, const char *key,
    const char *otherwise)
{
	const char *v = value_of(over, key, otherwise);

	if (v != NULL)
		buf_fmt(b, "%s\"%s\":%s", b->n > 1 ? "," : "", key, v);
}

static bool
is_base(const char *key)
{
	for (size_t i = 0; i < LEN(base); i++)
		if (strcmp(base[i][0], key) == 0)
			return true;
	return strcmp(key, "room_id") == 0 || strcmp(key, "auth_events") == 0 ||
	    strcmp(key, "prev_events") == 0;
}

/* The PDU, with its content hash unless that is what the case is about. */
static struct str
pdu(int version, const struct over *over)
{
	const char *ref = version <= 2 ? "[[\"$a:d\",{\"sha256\":\"x\"}]]" :
	    "[\"$" HASH "\"]";
	struct json tree, ev, hashes = json_new_obj();
	struct err e = { .code = M_OK };
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_char(&b, '{');
	for (size_t i = 0; i < LEN(base); i++)
		member(&b, over, base[i][0], base[i][1]);
	member(&b, over, "room_id", version < 12 ? "\"!r:d\"" :
	    "\"!" HASH "\"");
	member(&b, over, "auth_events", ref);
	member(&b, over, "prev_events", ref);
	for (size_t i = 0; i < OVERS_MAX && over[i].key != NULL; i++)
		if (!is_base(over[i].key))
			member(&b, over, over[i].key, NULL);
	buf_char(&b, '}');
	if (value_of(over, "hashes", unset) != unset ||
	    !json_parse(a, buf_view(&b), JSON_ANY, &tree, &e))
		return buf_view(&b);
	json_set(a, &hashes, S("sha256"), json_of_str(event_content_hash(a,
	    &tree)));
	ev = json_copy(a, &tree);
	json_set(a, &ev, S("hashes"), hashes);
	return json_text(a, &ev);
}

#define TO5 1, 5
#define FROM6 6, 12
#define ALL 1, 12
#define NONE 13, 13

/* Taken in the versions from..until, refused with `code` in all others. */
static const struct {
	const char *what;
	struct over over[OVERS_MAX];
	int from, until;
	enum errcode code;
} formats[] = {
	{ "as it is", { { 0 } }, ALL, M_OK },
	{ "a message", { { "state_key", NULL } }, ALL, M_OK },
	/* CVE-2018-10657: depths at the end of 63 bits */
	{ "depth 0", { { "depth", "0" } }, ALL, M_OK },
	{ "a negative depth", { { "depth", "-1" } }, NONE, M_BAD_JSON },
	{ "depth 2^53 - 1", { { "depth", "9007199254740991" } }, ALL, M_OK },
	{ "depth 2^53", { { "depth", "9007199254740992" } }, TO5, M_BAD_JSON },
	{ "depth 2^63 - 1", { { "depth", "9223372036854775807" } }, TO5,
	    M_BAD_JSON },
	{ "depth 2^63", { { "depth", "9223372036854775808" } }, NONE,
	    M_BAD_JSON },
	{ "depth -2^63", { { "depth", "-9223372036854775808" } }, NONE,
	    M_BAD_JSON },
	{ "depth with a point", { { "depth", "7.0" } }, NONE, M_BAD_JSON },
	{ "depth with an exponent", { { "depth", "7e0" } }, NONE, M_BAD_JSON },
	{ "depth as text", { { "depth", "\"7\"" } }, NONE, M_BAD_JSON },
	{ "no depth", { { "depth", NULL } }, NONE, M_BAD_JSON },
	/* CVE-2020-26890: what is no JSON number, and what is no integer */
	{ "NaN", { { "content", "{\"x\":NaN}" } }, NONE, M_NOT_JSON },
	{ "Infinity", { { "content", "{\"x\":Infinity}" } }, NONE, M_NOT_JSON },
	{ "-Infinity", { { "content", "{\"x\":-Infinity}" } }, NONE,
	    M_NOT_JSON },
	{ "NaN as depth", { { "depth", "NaN" } }, NONE, M_NOT_JSON },
	{ "a float", { { "content", "{\"x\":1.5}" } }, TO5, M_BAD_JSON },
	{ "an integer written as a float", { { "content", "{\"x\":1.0}" } },
	    TO5, M_BAD_JSON },
	{ "an exponent", { { "content", "{\"x\":1e3}" } }, TO5, M_BAD_JSON },
	{ "past all doubles", { { "content", "{\"x\":1e400}" } }, TO5,
	    M_BAD_JSON },
	{ "a float deep in a list", { { "content", "{\"x\":[[{\"y\":0.5}]]}" } },
	    TO5, M_BAD_JSON },
	{ "2^53 - 1", { { "content", "{\"x\":9007199254740991}" } }, ALL,
	    M_OK },
	{ "2^53", { { "content", "{\"x\":9007199254740992}" } }, TO5,
	    M_BAD_JSON },
	{ "-2^53", { { "content", "{\"x\":-9007199254740992}" } }, TO5,
	    M_BAD_JSON },
	{ "a float in unsigned", { { "unsigned", "{\"age\":1.5}" } }, TO5,
	    M_BAD_JSON },
	{ "a float as time", { { "origin_server_ts", "1.5" } }, NONE,
	    M_BAD_JSON },
	{ "no time", { { "origin_server_ts", NULL } }, NONE, M_BAD_JSON },
	/* hashes, signatures, unsigned */
	{ "no hashes", { { "hashes", NULL } }, NONE, M_BAD_JSON },
	{ "hashes that are a list", { { "hashes", "[]" } }, NONE, M_BAD_JSON },
	{ "another hash alone", { { "hashes", "{\"sha512\":\"x\"}" } }, NONE,
	    M_BAD_JSON },
	{ "a hash that is a number", { { "hashes", "{\"sha256\":1}" } }, NONE,
	    M_BAD_JSON },
	{ "no signatures", { { "signatures", NULL } }, NONE, M_BAD_JSON },
	{ "signatures that are a list", { { "signatures", "[]" } }, NONE,
	    M_BAD_JSON },
	{ "a server's signatures that are a text",
	    { { "signatures", "{\"d\":\"x\"}" } }, NONE, M_BAD_JSON },
	{ "a signature that is a number",
	    { { "signatures", "{\"d\":{\"ed25519:1\":1}}" } }, NONE,
	    M_BAD_JSON },
	{ "signed by nobody", { { "signatures", "{}" } }, NONE, M_FORBIDDEN },
	{ "signed by the server with no key", { { "signatures",
	    "{\"d\":{}}" } }, NONE, M_FORBIDDEN },
	{ "signed by another server", { { "signatures",
	    "{\"e\":" SIG "}" } }, NONE, M_FORBIDDEN },
	{ "signed by another server too", { { "signatures",
	    "{\"d\":" SIG ",\"e\":" SIG "}" } }, ALL, M_OK },
	{ "unsigned that is a list", { { "unsigned", "[]" } }, NONE,
	    M_BAD_JSON },
	{ "unsigned that is null", { { "unsigned", "null" } }, NONE,
	    M_BAD_JSON },
	{ "unsigned", { { "unsigned", "{\"age\":1}" } }, ALL, M_OK },
	/* ids */
	{ "no event_id", { { "event_id", NULL } }, 3, 12, M_BAD_JSON },
	{ "an event_id of another server", { { "event_id", "\"$1:e\"" } }, 3,
	    12, M_FORBIDDEN },
	{ "an event_id of another server that signed", { { "event_id",
	    "\"$1:e\"" }, { "signatures", "{\"d\":" SIG ",\"e\":" SIG "}" } },
	    ALL, M_OK },
	{ "a room_id with a server", { { "room_id", "\"!r:d\"" } }, ALL, M_OK },
	{ "no room_id", { { "room_id", NULL } }, NONE, M_BAD_JSON },
	{ "a create event without room_id", { { "room_id", NULL },
	    { "type", "\"m.room.create\"" } }, 12, 12, M_BAD_JSON },
	{ "a create event with room_id", { { "type", "\"m.room.create\"" } },
	    1, 11, M_BAD_JSON },
};

static void
test_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(formats); i++)
		for (int v = 1; v <= 12; v++) {
			bool want = v >= formats[i].from &&
			    v <= formats[i].until;
			struct err e = { .code = M_OK };
			struct received r;

			if (received_read(a, version_n(v), pdu(v,
			    formats[i].over), &r, &e) != want ||
			    e.code != (want ? M_OK : formats[i].code))
				fail_msg("version %d: %s: %s", v,
				    formats[i].what, e.text);
			assert_true(!want || !r.redacted);
		}
}

/* n references as the version writes them. */
static const char *
references(int version, int n)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_char(&b, '[');
	for (int i = 0; i < n; i++)
		buf_fmt(&b, version <= 2 ? "%s[\"$%d:d\",{}]" : "%s\"$%d:d\"",
		    i > 0 ? "," : "", i);
	buf_char(&b, ']');
	return str_cz(a, buf_view(&b));
}

static const char *
quoted(const char *before, size_t n, const char *after)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_char(&b, '"');
	buf_c(&b, before);
	while (n-- > 0)
		buf_char(&b, 'x');
	buf_c(&b, after);
	buf_char(&b, '"');
	return str_cz(a, buf_view(&b));
}

static enum errcode
code_with(int version, const char *key, const char *value)
{
	struct over over[OVERS_MAX] = { { key, value } };
	struct err e = { .code = M_OK };
	struct received r;
	bool ok = received_read(a, version_n(version), pdu(version, over), &r,
	    &e);

	assert_int_equal(ok, e.code == M_OK);
	return e.code;
}

static void
test_limits(void **state)
{
	(void)state;
	for (int v = 1; v <= 12; v++) {
		assert_int_equal(code_with(v, "prev_events", references(v,
		    20)), M_OK);
		assert_int_equal(code_with(v, "prev_events", references(v,
		    21)), M_BAD_JSON);
		assert_int_equal(code_with(v, "auth_events", references(v,
		    10)), M_OK);
		assert_int_equal(code_with(v, "auth_events", references(v,
		    11)), M_BAD_JSON);
		assert_int_equal(code_with(v, "type", quoted("", 255, "")),
		    M_OK);
		assert_int_equal(code_with(v, "type", quoted("", 256, "")),
		    M_TOO_LARGE);
		assert_int_equal(code_with(v, "state_key", quoted("", 255,
		    "")), M_OK);
		assert_int_equal(code_with(v, "state_key", quoted("", 256,
		    "")), M_TOO_LARGE);
		assert_int_equal(code_with(v, "sender", quoted("@", 252,
		    ":d")), M_OK);
		assert_int_equal(code_with(v, "sender", quoted("@", 253,
		    ":d")), M_TOO_LARGE);
		assert_int_equal(code_with(v, "event_id", quoted("$", 252,
		    ":d")), M_OK);
		assert_int_equal(code_with(v, "event_id", quoted("$", 253,
		    ":d")), v <= 2 ? M_BAD_JSON : M_OK);
	}
}

/* To the byte, signatures and unsigned included. */
static void
test_size(void **state)
{
	(void)state;
	for (int v = 1; v <= 12; v++) {
		struct over over[OVERS_MAX] = { { "unsigned",
		    "{\"x\":\"\"}" } };
		size_t bare = pdu(v, over).n;
		const char *fits = quoted("", EVENT_BYTES_MAX - bare, ""),
		    *over_by_one = quoted("", EVENT_BYTES_MAX - bare + 1, "");

		assert_int_equal(code_with(v, "unsigned", str_cz(a, str_fmt(a,
		    "{\"x\":%s}", fits))), M_OK);
		assert_int_equal(code_with(v, "unsigned", str_cz(a, str_fmt(a,
		    "{\"x\":%s}", over_by_one))), M_TOO_LARGE);
	}
}

static void
test_many_signatures(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, a, SIZE_MAX);
	buf_c(&b, "{\"d\":" SIG);
	for (int i = 1; i < SIGNATURES_MAX; i++)
		buf_fmt(&b, ",\"e%d\":" SIG, i);
	assert_int_equal(code_with(11, "signatures", str_cz(a, str_cat(a,
	    buf_view(&b), S("}")))), M_OK);
	buf_c(&b, ",\"f\":" SIG "}");
	assert_int_equal(code_with(11, "signatures", str_cz(a, buf_view(&b))),
	    M_BAD_JSON);
}

#define TPI "\"third_party_invite\":{\"signed\":{}}"
#define BY(user) "\"join_authorised_via_users_server\":" user

/* Whose signatures are needed: `old` in versions 1 and 2, `mid` in 3 to 7, `now` from 8 on. */
static const struct {
	const char *what, *type, *content, *old, *mid, *now;
} signers[] = {
	{ "a message", "m.room.message", "{}", "d g", "d", "d" },
	{ "a join", MEMBER, IS("join"), "d g", "d", "d" },
	{ "an invite", MEMBER, IS("invite"), "d g", "d", "d" },
	{ "a third-party invite", MEMBER, "{\"membership\":\"invite\"," TPI "}",
	    "g", "", "" },
	{ "a join with a third-party invite", MEMBER,
	    "{\"membership\":\"join\"," TPI "}", "d g", "d", "d" },
	{ "a third-party invite of another type", "m.x",
	    "{\"membership\":\"invite\"," TPI "}", "d g", "d", "d" },
	{ "a join vouched for", MEMBER, "{\"membership\":\"join\","
	    BY("\"@v:far\"") "}", "d g", "d", "d far" },
	{ "a join vouched for at home", MEMBER, "{\"membership\":\"join\","
	    BY("\"@v:d\"") "}", "d g", "d", "d" },
	{ "a leave that keeps who vouched", MEMBER, "{\"membership\":\"leave\","
	    BY("\"@v:far\"") "}", "d g", "d", "d far" },
	{ "a message that says who vouched", "m.room.message",
	    "{" BY("\"@v:far\"") "}", "d g", "d", "d" },
	{ "a third-party invite vouched for", MEMBER,
	    "{\"membership\":\"invite\"," BY("\"@v:far\"") "," TPI "}", "g",
	    "", "far" },
	{ "vouched for by nobody", MEMBER, "{\"membership\":\"join\","
	    BY("\"far\"") "}", "d g", "d", NULL },
	{ "vouched for by a number", MEMBER, "{\"membership\":\"join\","
	    BY("1") "}", "d g", "d", NULL },
};

static void
test_signers(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(signers); i++)
		for (int v = 1; v <= 12; v++) {
			const char *want = v <= 2 ? signers[i].old : v <= 7 ?
			    signers[i].mid : signers[i].now;
			struct fact f = { signers[i].type, "@u:d", "@u:d",
				signers[i].content };
			struct event ev = *event_of(version_n(v), &f);
			struct str out[SIGNERS_MAX];
			struct err e = { .code = M_OK };
			struct buf got;
			size_t n = 0;

			ev.id = S("$x:g");
			if (event_signers(&ev, out, &n, &e) != (want != NULL))
				fail_msg("version %d: %s: %s", v,
				    signers[i].what, e.text);
			buf_init(&got, a, SIZE_MAX);
			for (size_t k = 0; k < n; k++)
				buf_fmt(&got, "%s" STR_FMT, k > 0 ? " " : "",
				    STR_ARG(out[k]));
			if (want != NULL && !str_eq_c(buf_view(&got), want))
				fail_msg("version %d: %s: " STR_FMT, v,
				    signers[i].what, STR_ARG(buf_view(&got)));
			assert_int_equal(e.code, want != NULL ? M_OK :
			    M_FORBIDDEN);
		}
}

/* A hash that does not fit leaves the redacted form, under the same id. */
static void
test_redacted(void **state)
{
	static const struct over whole[OVERS_MAX], cut[OVERS_MAX] = { { "hashes",
	    "{\"sha256\":\"" HASH "\"}" } };

	(void)state;
	for (int v = 1; v <= 12; v++) {
		struct err e = { .code = M_OK };
		struct received r;

		assert_true(received_read(a, version_n(v), pdu(v, whole), &r,
		    &e));
		assert_false(r.redacted);
		assert_true(str_eq(json_str(r.ev.content, S("name")), S("x")));
		assert_true(received_read(a, version_n(v), pdu(v, cut), &r,
		    &e));
		assert_true(r.redacted);
		assert_int_equal(r.ev.content->n, 0);
		assert_true(v <= 2 || str_eq(r.ev.id, event_id_of(a,
		    version_n(v), &r.ev.json)));
		assert_int_equal(r.nsigners, 1);
	}
}

/* Content that the hash does not cover talks nobody's signature away. */
static void
test_forged_invite(void **state)
{
	static const struct over honest[OVERS_MAX] = {
		{ "content", "{\"membership\":\"invite\"," TPI "}" },
		{ "type", "\"m.room.member\"" },
		{ "signatures", "{\"e\":" SIG "}" },
	}, forged[OVERS_MAX] = {
		{ "content", "{\"membership\":\"invite\"," TPI "}" },
		{ "type", "\"m.room.member\"" },
		{ "hashes", "{\"sha256\":\"" HASH "\"}" },
	};

	(void)state;
	for (int v = 3; v <= 10; v++) {
		struct err e = { .code = M_OK };
		struct received r;

		assert_true(received_read(a, version_n(v), pdu(v, honest), &r,
		    &e));
		assert_int_equal(r.nsigners, 0);
		assert_true(received_read(a, version_n(v), pdu(v, forged), &r,
		    &e));
		assert_int_equal(r.nsigners, 1);
	}
}

/* Auth events of a message by @j:d, by their number in base_state. */
static const struct {
	const char *what, *type;
	int at[4];
	int rejected, unknown, other_id;	/* the auth event of that number is; -1: none */
	int from, until;
} auths[] = {
	{ "create, levels, member", "m.x", { 0, 1, 7, -1 }, -1, -1, -1, 1, 11 },
	{ "levels, member", "m.x", { 1, 7, -1 }, -1, -1, -1, 12, 12 },
	{ "without the membership", "m.x", { 0, 1, -1 }, -1, -1, -1, NONE },
	{ "without the membership or create", "m.x", { 1, -1 }, -1, -1, -1,
	    NONE },
	{ "the membership was rejected", "m.x", { 0, 1, 7, -1 }, 2, -1, -1,
	    NONE },
	{ "the levels were rejected", "m.x", { 1, 7, -1 }, 0, -1, -1, NONE },
	{ "the levels are not known", "m.x", { 1, 7, -1 }, -1, 0, -1, NONE },
	{ "another event than the one named", "m.x", { 1, 7, -1 }, -1, -1, 1,
	    NONE },
	{ "the levels forbid it", "m.high", { 0, 1, 7, -1 }, -1, -1, -1, NONE },
	{ "the levels forbid it, without create", "m.high", { 1, 7, -1 }, -1,
	    -1, -1, NONE },
	{ "without the levels nothing forbids it", "m.high", { 0, 7, -1 }, -1,
	    -1, -1, 1, 11 },
	{ "without the levels nor create", "m.high", { 7, -1 }, -1, -1, -1,
	    12, 12 },
};

static bool
auth_ok(size_t i, int v, struct err *e)
{
	const struct fact f = { auths[i].type, NULL, "@j:d", "{}" };
	const struct event *create = event_of(version_n(v), &base_state[0]);
	struct event ev = *event_of(version_n(v), &f);
	struct auth_event auth[4] = { { NULL, false } };
	struct str ids[4];
	int n = 0;

	for (; auths[i].at[n] >= 0; n++) {
		auth[n].ev = event_of(version_n(v),
		    &base_state[auths[i].at[n]]);
		auth[n].rejected = n == auths[i].rejected;
		ids[n] = auth[n].ev->id;
		if (n == auths[i].unknown)
			auth[n].ev = NULL;
		if (n == auths[i].other_id)
			ids[n] = S("$other:d");
	}
	ev.auth = ids;
	ev.nauth = (size_t)n;
	return received_auth_ok(a, &ev, create, auth, (size_t)n, e);
}

static void
test_auth(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(auths); i++)
		for (int v = 1; v <= 12; v++) {
			struct err e = { .code = M_OK };
			bool want = v >= auths[i].from && v <= auths[i].until;

			if (auth_ok(i, v, &e) != want)
				fail_msg("version %d: %s: %s", v,
				    auths[i].what, e.text);
			assert_int_equal(e.code, want ? M_OK : M_FORBIDDEN);
		}
}

/* Fewer or more than the event names; a room whose create event was rejected. */
static void
test_auth_odd(void **state)
{
	static const struct fact f = { "m.x", NULL, "@j:d", "{}" };
	const struct event *create = event_of(version_n(12), &base_state[0]);
	struct auth_event auth = { event_of(version_n(12), &base_state[7]),
		false };
	struct event ev = *event_of(version_n(12), &f);
	struct str id = auth.ev->id;
	struct err e = { .code = M_OK };

	(void)state;
	ev.auth = &id;
	ev.nauth = 1;
	assert_true(received_auth_ok(a, &ev, create, &auth, 1, &e));
	assert_false(received_auth_ok(a, &ev, NULL, &auth, 1, &e));
	assert_false(received_auth_ok(a, &ev, create, &auth, 0, &e));
	ev.nauth = 0;
	assert_false(received_auth_ok(a, &ev, create, &auth, 1, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_many_signatures),
		cmocka_unit_test(test_signers),
		cmocka_unit_test(test_redacted),
		cmocka_unit_test(test_forged_invite),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_auth_odd),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
