/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reading, hashing, signing and building events. spec: server-server, "PDUs"; rooms/,
 * "Event format".
 */
#include "unit.h"

#include <string.h>

#include "base/enc.h"
#include "crypto/digest.h"
#include "fixture.h"

#define HASH "31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"
#define HASH2 "acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk"

/* An event of version 11, some members set to another text, or left out (NULL). */
static const char *const base_keys[] = { "auth_events", "content", "depth",
    "hashes", "origin_server_ts", "prev_events", "room_id", "sender",
    "signatures", "state_key", "type" };
static const char *const base_values[] = { "[\"$" HASH "\"]",
    "{\"name\":\"x\"}", "7", "{\"sha256\":\"x\"}", "1000000",
    "[\"$" HASH2 "\"]", "\"!r:domain\"", "\"@u:domain\"", "{}", "\"\"",
    "\"m.room.name\"" };

static struct str
text_with(const char *key, const char *value)
{
	struct buf b;
	bool first = true, done = key == NULL;

	buf_init(&b, a, SIZE_MAX);
	buf_char(&b, '{');
	for (size_t i = 0; i < LEN(base_keys); i++) {
		const char *v = base_values[i];

		if (key != NULL && strcmp(key, base_keys[i]) == 0) {
			v = value;
			done = true;
		}
		if (v == NULL)
			continue;
		buf_fmt(&b, "%s\"%s\":%s", first ? "" : ",", base_keys[i], v);
		first = false;
	}
	if (!done)
		buf_fmt(&b, ",\"%s\":%s", key, value);
	buf_char(&b, '}');
	return buf_view(&b);
}

static void
test_view(void **state)
{
	struct event ev;
	struct err e = { .code = M_OK };

	(void)state;
	assert_true(event_read(a, version_n(11), text_with(NULL, NULL), &ev,
	    &e));
	assert_ptr_equal(ev.v, version_n(11));
	assert_true(str_eq(ev.room, S("!r:domain")));
	assert_true(str_eq(ev.type, S("m.room.name")));
	assert_true(str_eq(ev.sender, S("@u:domain")));
	assert_true(ev.is_state);
	assert_int_equal(ev.state_key.n, 0);
	assert_true(str_eq(json_str(ev.content, S("name")), S("x")));
	assert_int_equal(ev.redacts.n, 0);
	assert_int_equal(ev.ts, 1000000);
	assert_int_equal(ev.depth, 7);
	assert_int_equal(ev.nauth, 1);
	assert_true(str_eq(ev.auth[0], S("$" HASH)));
	assert_int_equal(ev.nprev, 1);
	assert_true(str_eq(ev.prev[0], S("$" HASH2)));
	assert_int_equal(ev.id.n, 44);
	assert_true(event_read(a, version_n(11), text_with("state_key", NULL),
	    &ev, &e));
	assert_false(ev.is_state);
}

static const struct {
	const char *what, *key, *value;
	int version;
	enum errcode code;		/* M_OK: accepted */
} formats[] = {
	{ "as it is", NULL, NULL, 11, M_OK },
	{ "no type", "type", NULL, 11, M_BAD_JSON },
	{ "a type that is a number", "type", "1", 11, M_BAD_JSON },
	{ "an empty type", "type", "\"\"", 11, M_OK },
	{ "no sender", "sender", NULL, 11, M_BAD_JSON },
	{ "a sender that is no user", "sender", "\"u\"", 11, M_BAD_JSON },
	{ "a sender without a server", "sender", "\"@u\"", 11, M_BAD_JSON },
	{ "a sender of old grammar", "sender", "\"@U !:domain\"", 11, M_OK },
	{ "no room_id", "room_id", NULL, 11, M_BAD_JSON },
	{ "a room_id that is an alias", "room_id", "\"#r:domain\"", 11,
	    M_BAD_JSON },
	{ "an empty room_id", "room_id", "\"\"", 11, M_BAD_JSON },
	{ "no room_id in version 12", "room_id", NULL, 12, M_BAD_JSON },
	{ "a room_id of version 12", "room_id", "\"!" HASH "\"", 12, M_OK },
	{ "a state_key that is null", "state_key", "null", 11, M_BAD_JSON },
	{ "no content", "content", NULL, 11, M_BAD_JSON },
	{ "content that is a list", "content", "[]", 11, M_BAD_JSON },
	{ "no origin_server_ts", "origin_server_ts", NULL, 11, M_BAD_JSON },
	{ "origin_server_ts as text", "origin_server_ts", "\"1\"", 11,
	    M_BAD_JSON },
	{ "a negative origin_server_ts", "origin_server_ts", "-1", 11, M_OK },
	{ "no depth", "depth", NULL, 11, M_BAD_JSON },
	{ "depth zero", "depth", "0", 11, M_OK },
	{ "a negative depth", "depth", "-1", 11, M_BAD_JSON },
	{ "a float as depth", "depth", "1.5", 11, M_BAD_JSON },
	{ "a float as depth, version 5", "depth", "1.5", 5, M_BAD_JSON },
	{ "the largest depth", "depth", "9007199254740991", 11, M_OK },
	{ "a depth past 2^53", "depth", "9007199254740992", 11, M_BAD_JSON },
	{ "a depth past 2^53, version 5", "depth", "9223372036854775807", 5,
	    M_OK },
	{ "a depth past 2^63, version 5", "depth", "9223372036854775808", 5,
	    M_BAD_JSON },
	{ "a float in content", "content", "{\"x\":1.5}", 6, M_BAD_JSON },
	{ "a float in content, version 5", "content", "{\"x\":1.5}", 5, M_OK },
	{ "no auth_events", "auth_events", NULL, 11, M_BAD_JSON },
	{ "auth_events of a wrong type", "auth_events", "{}", 11, M_BAD_JSON },
	{ "an auth event that is a number", "auth_events", "[1]", 11,
	    M_BAD_JSON },
	{ "an auth event without sigil", "auth_events", "[\"x\"]", 11,
	    M_BAD_JSON },
	{ "pairs of version 1 in version 3", "auth_events",
	    "[[\"$a:b\",{}]]", 3, M_BAD_JSON },
	{ "ten auth events", "auth_events", "[\"$0\",\"$1\",\"$2\",\"$3\","
	    "\"$4\",\"$5\",\"$6\",\"$7\",\"$8\",\"$9\"]", 11, M_OK },
	{ "eleven auth events", "auth_events", "[\"$0\",\"$1\",\"$2\",\"$3\","
	    "\"$4\",\"$5\",\"$6\",\"$7\",\"$8\",\"$9\",\"$10\"]", 11,
	    M_BAD_JSON },
	{ "no prev_events", "prev_events", NULL, 11, M_BAD_JSON },
	{ "no prev event at all", "prev_events", "[]", 11, M_OK },
	{ "unknown members", "x", "[1,{}]", 11, M_OK },
	{ "an event_id of its own, which does not count", "event_id",
	    "\"no id\"", 11, M_OK },
};

static void
test_formats(void **state)
{
	struct event ev;

	(void)state;
	for (size_t i = 0; i < LEN(formats); i++) {
		struct err e = { .code = M_OK };
		bool ok = event_read(a, version_n(formats[i].version),
		    text_with(formats[i].key, formats[i].value), &ev, &e);

		if (ok != (formats[i].code == M_OK) ||
		    e.code != formats[i].code)
			fail_msg("%s: %s", formats[i].what, e.text);
	}
}

/* What is built on such an event must still be an event. */
static void
test_depth(void **state)
{
	struct event ev;
	struct err e = { .code = M_OK };

	(void)state;
	assert_true(event_read(a, version_n(5), text_with("depth",
	    "9223372036854775807"), &ev, &e));
	assert_int_equal(ev.depth, EVENT_DEPTH_MAX);
	assert_true(event_read(a, version_n(5), text_with("depth",
	    "9007199254740991"), &ev, &e));
	assert_int_equal(ev.depth, EVENT_DEPTH_MAX);
}

static struct str
many(const char *before, size_t n, const char *after)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_c(&b, before);
	for (size_t i = 0; i < n; i++)
		buf_char(&b, 'x');
	buf_c(&b, after);
	return buf_view(&b);
}

static bool
reads(int version, struct str text, enum errcode *code)
{
	struct event ev;
	struct err e = { .code = M_OK };
	bool ok = event_read(a, version_n(version), text, &ev, &e);

	*code = e.code;
	return ok;
}

static const struct {
	const char *key, *before, *after;
	size_t most;
} fields[] = {
	{ "type", "\"", "\"", 255 },
	{ "state_key", "\"", "\"", 255 },
	{ "sender", "\"@", ":domain\"", 255 - 8 },
	{ "room_id", "\"!", ":domain\"", 255 - 8 },
};

static void
test_field_lengths(void **state)
{
	enum errcode code;

	(void)state;
	for (size_t i = 0; i < LEN(fields); i++) {
		assert_true(reads(11, text_with(fields[i].key, str_cz(a,
		    many(fields[i].before, fields[i].most, fields[i].after))),
		    &code));
		assert_false(reads(11, text_with(fields[i].key, str_cz(a,
		    many(fields[i].before, fields[i].most + 1,
		    fields[i].after))), &code));
		assert_int_equal(code, M_TOO_LARGE);
	}
}

/* The limit is of the canonical form: 64 KiB to the byte, spaces do not count. */
static void
test_size(void **state)
{
	size_t bare = text_with("content", "{\"b\":\"\"}").n;
	struct str text;
	enum errcode code;

	(void)state;
	text = text_with("content", str_cz(a, many("{\"b\":\"",
	    EVENT_BYTES_MAX - bare, "\"}")));
	assert_int_equal(text.n, EVENT_BYTES_MAX);
	assert_true(reads(11, text, &code));
	assert_true(reads(11, str_cat(a, S("     "), text), &code));
	text = text_with("content", str_cz(a, many("{\"b\":\"",
	    EVENT_BYTES_MAX - bare + 1, "\"}")));
	assert_false(reads(11, text, &code));
	assert_int_equal(code, M_TOO_LARGE);
}

static const struct {
	const char *what, *text;
} not_events[] = {
	{ "nothing", "" }, { "a list", "[]" }, { "a number", "1" },
	{ "an empty object", "{}" }, { "cut text", "{\"type\":\"x\"" },
	{ "the same key twice", "{\"type\":\"x\",\"type\":\"x\"}" },
	{ "bad UTF-8", "{\"type\":\"\xff\"}" },
};

static void
test_not_events(void **state)
{
	enum errcode code;

	(void)state;
	for (size_t i = 0; i < LEN(not_events); i++)
		for (int v = 1; v <= 12; v++) {
			if (reads(v, str_c(not_events[i].text), &code))
				fail_msg("%s", not_events[i].what);
			assert_true(code == M_NOT_JSON || code == M_BAD_JSON);
		}
}

/* Versions 1 and 2: the id is in the event, references are pairs. */
#define OLD(id, refs) "{\"auth_events\":" refs ",\"content\":{}," \
	"\"depth\":1," id "\"origin_server_ts\":1,\"prev_events\":" refs "," \
	"\"room_id\":\"!r:d\",\"sender\":\"@u:d\",\"type\":\"x\"}"
#define PAIR "[[\"$a:b\",{\"sha256\":\"x\"}]]"

static const struct {
	const char *what, *text;
	bool ok;
} olds[] = {
	{ "a given id", OLD("\"event_id\":\"$1:d\",", PAIR), true },
	{ "no references", OLD("\"event_id\":\"$1:d\",", "[]"), true },
	{ "no id", OLD("", PAIR), false },
	{ "an id that is a number", OLD("\"event_id\":1,", PAIR), false },
	{ "an id without a server", OLD("\"event_id\":\"$1\",", PAIR), false },
	{ "an id of a room", OLD("\"event_id\":\"!1:d\",", PAIR), false },
	{ "references that are plain ids",
	    OLD("\"event_id\":\"$1:d\",", "[\"$a:b\"]"), false },
	{ "an empty pair", OLD("\"event_id\":\"$1:d\",", "[[]]"), false },
};

static void
test_old(void **state)
{
	struct event ev;
	struct err e = { .code = M_OK };
	enum errcode code;

	(void)state;
	for (size_t i = 0; i < LEN(olds); i++)
		for (int v = 1; v <= 2; v++)
			if (reads(v, str_c(olds[i].text), &code) != olds[i].ok)
				fail_msg("%s", olds[i].what);
	assert_true(event_read(a, version_n(1), str_c(olds[0].text), &ev,
	    &e));
	assert_true(str_eq(ev.id, S("$1:d")));
	assert_true(str_eq(ev.auth[0], S("$a:b")));
}

/* The id is the hash of the redacted form without signatures and unsigned. */
static void
test_id(void **state)
{
	struct str text = text_with(NULL, NULL), redacted, want;
	struct event ev, again;
	struct err e = { .code = M_OK };

	(void)state;
	redacted = S("{\"auth_events\":[\"$" HASH "\"],\"content\":{},"
	    "\"depth\":7,\"hashes\":{\"sha256\":\"x\"},"
	    "\"origin_server_ts\":1000000,\"prev_events\":[\"$" HASH2 "\"],"
	    "\"room_id\":\"!r:domain\",\"sender\":\"@u:domain\","
	    "\"state_key\":\"\",\"type\":\"m.room.name\"}");
	for (int v = 3; v <= 11; v++) {
		assert_true(event_read(a, version_n(v), text, &ev, &e));
		want = str_cat(a, S("$"), b64_encode(a,
		    v == 3 ? B64_STD : B64_URL, sha256_raw(a, redacted)));
		assert_true(str_eq(ev.id, want));
		assert_true(event_read(a, version_n(v), text_with("content",
		    "{\"name\":\"y\"}"), &again, &e));
		assert_true(str_eq(ev.id, again.id));
		assert_true(event_read(a, version_n(v), text_with("signatures",
		    "{\"x\":{}}"), &again, &e));
		assert_true(str_eq(ev.id, again.id));
		assert_true(event_read(a, version_n(v), text_with("unsigned",
		    "{}"), &again, &e));
		assert_true(str_eq(ev.id, again.id));
		assert_true(event_read(a, version_n(v), text_with("depth",
		    "8"), &again, &e));
		assert_false(str_eq(ev.id, again.id));
	}
}

/* The create event of version 12 has no room_id: its id names the room. */
#define CREATE12(more) "{\"auth_events\":[],\"content\":" \
	"{\"room_version\":\"12\"},\"depth\":1,\"origin_server_ts\":1," \
	"\"prev_events\":[]," more "\"sender\":\"@u:d\",\"state_key\":\"\"," \
	"\"type\":\"m.room.create\"}"

static void
test_create_12(void **state)
{
	struct event ev, loaded;
	struct err e = { .code = M_OK };
	enum errcode code;

	(void)state;
	assert_true(event_read(a, version_n(12), S(CREATE12("")), &ev, &e));
	assert_int_equal(ev.room.n, 44);
	assert_int_equal(ev.room.p[0], '!');
	assert_true(str_eq(str_from(ev.room, 1), str_from(ev.id, 1)));
	assert_true(event_load(a, version_n(12), ev.id, S(CREATE12("")),
	    &loaded, &e));
	assert_true(str_eq(loaded.room, ev.room));
	assert_false(reads(12, S(CREATE12("\"room_id\":\"!r:d\",")), &code));
	assert_int_equal(code, M_BAD_JSON);
	assert_false(reads(11, S(CREATE12("")), &code));
	assert_true(reads(11, S(CREATE12("\"room_id\":\"!r:d\",")), &code));
}

static void
test_load(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "{\"type\":" };
	struct err e = { .code = M_OK };
	struct event ev;

	(void)state;
	/* The id is the caller's word: nothing is hashed. */
	assert_true(event_load(a, version_n(11), S("$given"),
	    text_with(NULL, NULL), &ev, &e));
	assert_true(str_eq(ev.id, S("$given")));
	assert_true(str_eq(ev.room, S("!r:domain")));
	assert_int_equal(ev.nprev, 1);
	for (size_t i = 0; i < LEN(bad); i++)
		assert_false(event_load(a, version_n(11), S("$given"),
		    str_c(bad[i]), &ev, &e));
}

static void
test_redacts(void **state)
{
	static const struct {
		const char *what, *top, *content, *want;
		int version;
	} cases[] = {
		{ "at the top in version 10", "\"$t\"", "\"$c\"", "$t", 10 },
		{ "in content in version 11", "\"$t\"", "\"$c\"", "$c", 11 },
		{ "not a string", "1", "1", "", 11 },
		{ "not a string", "1", "1", "", 10 },
	};
	struct event ev;
	struct err e = { .code = M_OK };
	struct str text;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		text = str_fmt(a, "{\"auth_events\":[],\"content\":"
		    "{\"redacts\":%s},\"depth\":1,\"origin_server_ts\":1,"
		    "\"prev_events\":[],\"redacts\":%s,\"room_id\":\"!r:d\","
		    "\"sender\":\"@u:d\",\"type\":\"m.room.redaction\"}",
		    cases[i].content, cases[i].top);
		assert_true(event_read(a, version_n(cases[i].version), text,
		    &ev, &e));
		if (!str_eq_c(ev.redacts, cases[i].want))
			fail_msg("%s", cases[i].what);
	}
	assert_true(event_read(a, version_n(10), text_with("redacts",
	    "\"$t\""), &ev, &e));
	assert_int_equal(ev.redacts.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_field_lengths),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_not_events),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_create_12),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_redacts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
