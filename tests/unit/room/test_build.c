/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Hashes and signatures of events against the spec's vectors; building one and
 * writing it for clients. spec: appendices, "Event Signing".
 */
#include "unit.h"

#include <sodium.h>
#include <string.h>

#include "base/enc.h"
#include "crypto/digest.h"
#include "fixture.h"

static struct sign_key key;

static int
setup_key(void **state)
{
	struct str seed;

	setup(state);
	crypto_start();
	if (!b64_decode(a, B64_STD,
	    S("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"), &seed))
		return -1;
	key.id = S("ed25519:1");
	return crypto_sign_seed_keypair(key.public_key, key.secret_key,
	    (const unsigned char *)seed.p);
}

static const struct {
	const char *text, *hash, *sig;
} vectors[] = {
	{ "{\"room_id\":\"!x:domain\",\"sender\":\"@a:domain\","
	    "\"origin\":\"domain\",\"origin_server_ts\":1000000,"
	    "\"signatures\":{},\"hashes\":{},\"type\":\"X\",\"content\":{},"
	    "\"prev_events\":[],\"auth_events\":[],\"depth\":3,"
	    "\"unsigned\":{\"age_ts\":1000000}}",
	    "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos",
	    "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5"
	    "KLjAWbOoMszkwsQma+lYAg" },
	{ "{\"content\":{\"body\":\"Here is the message content\"},"
	    "\"event_id\":\"$0:domain\",\"origin\":\"domain\","
	    "\"origin_server_ts\":1000000,\"type\":\"m.room.message\","
	    "\"room_id\":\"!r:domain\",\"sender\":\"@u:domain\","
	    "\"signatures\":{},\"unsigned\":{\"age_ts\":1000000}}",
	    "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g",
	    "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn2"
	    "41eYHYMGCA5McEiVPdhzBA" },
};

/* The event with that hash and that signature. */
static struct json
completed(const char *text, const char *hash, const char *sig)
{
	struct json t = parse(str_c(text)), ev = json_copy(a, &t);
	struct json hashes = json_new_obj(), of = hashes, all = hashes;

	json_set(a, &hashes, S("sha256"), json_of_str(str_c(hash)));
	json_set(a, &of, S("ed25519:1"), json_of_str(str_c(sig)));
	json_set(a, &all, S("domain"), of);
	json_set(a, &ev, S("hashes"), hashes);
	json_set(a, &ev, S("signatures"), all);
	return ev;
}

static bool
signature_ok(const struct json *ev)
{
	return event_signature_ok(a, version_n(1), ev, S("domain"),
	    S("ed25519:1"), key.public_key);
}

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(vectors); i++) {
		struct json bare = parse(str_c(vectors[i].text));
		struct json ev = completed(vectors[i].text, vectors[i].hash,
		    vectors[i].sig);

		assert_true(str_eq_c(event_content_hash(a, &bare),
		    vectors[i].hash));
		assert_false(event_hash_ok(a, &bare));
		assert_true(event_hash_ok(a, &ev));
		assert_true(signature_ok(&ev));
		/* A changed body breaks the hash, not the signature. */
		json_set(a, &ev, S("content"), json_new_obj());
		assert_true(signature_ok(&ev));
		assert_int_equal(event_hash_ok(a, &ev), i == 0);
		json_set(a, &ev, S("unsigned"), json_new_obj());
		assert_true(signature_ok(&ev));
		json_set(a, &ev, S("sender"), json_of_str(S("@b:domain")));
		assert_false(signature_ok(&ev));
	}
}

static void
test_bad_hashes(void **state)
{
	static const char *const hashes[] = { "{}", "[]", "{\"sha256\":1}",
	    "{\"sha256\":\"\"}", "{\"sha512\":\"x\"}", "null" };

	(void)state;
	for (size_t i = 0; i < LEN(hashes); i++) {
		struct json t = parse(str_c(vectors[0].text));
		struct json ev = json_copy(a, &t);

		json_set(a, &ev, S("hashes"), parse(str_c(hashes[i])));
		assert_false(event_hash_ok(a, &ev));
	}
}

static bool
hash_ok_as(const struct json *ev, struct str hash)
{
	struct json with = json_copy(a, ev), hashes = json_new_obj();

	json_set(a, &hashes, S("sha256"), json_of_str(hash));
	json_set(a, &with, S("hashes"), hashes);
	return event_hash_ok(a, &with);
}

/* Bytes are compared, not their base64: peers pad it, and leave bits over. */
static void
test_hash_forms(void **state)
{
	struct json ev = parse(S("{\"type\":\"x1\"}"));
	struct str hash = event_content_hash(a, &ev);
	struct str cut = str_sub(hash, 0, hash.n - 1);

	(void)state;
	assert_true(str_eq_c(hash,
	    "HkRaMZhqWcrN+d1o5Caeh4Cvw0TQKIZvRT5QMTbXoLI"));
	assert_true(hash_ok_as(&ev, hash));
	assert_true(hash_ok_as(&ev, str_cat(a, hash, S("="))));
	assert_true(hash_ok_as(&ev, str_cat(a, cut, S("J"))));
	assert_false(hash_ok_as(&ev, str_cat(a, cut, S("M"))));
	assert_false(hash_ok_as(&ev, cut));
	assert_false(hash_ok_as(&ev, str_cat(a, hash, S("AAAA"))));
	assert_false(hash_ok_as(&ev, str_cat(a, hash, S("!"))));
	assert_false(hash_ok_as(&ev,
	    S("HkRaMZhqWcrN-d1o5Caeh4Cvw0TQKIZvRT5QMTbXoLI")));
}

static const struct str refs[] = {
	S_INIT("$one:domain"), S_INIT("$two:domain"),
};

static struct draft
draft_of(const char *type, const char *content)
{
	return (struct draft){ .room = S("!r:domain"), .type = str_c(type),
		.sender = S("@u:domain"), .content = parse(str_c(content)),
		.ts = 1000, .depth = 4, .auth = refs, .nauth = 2,
		.prev = refs, .nprev = 1, .server = S("domain"),
		.random_id = S("opaque") };
}

/* What is built can be read by anybody: format, hash, signature and id fit. */
static void
test_build(void **state)
{
	struct err e = { .code = M_OK };
	struct event ev, read;
	struct str text;
	struct draft d = draft_of("m.room.message",
	    "{\"msgtype\":\"m.text\",\"body\":\"h\\u00e9 \\\"\\n\"}");

	(void)state;
	for (int v = 1; v <= 12; v++) {
		d.room = v < 12 ? S("!r:domain") :
		    S("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM");
		assert_true(event_build(a, version_n(v), &d, &key, &ev, &text,
		    &e));
		assert_true(event_read(a, version_n(v), text, &read, &e));
		assert_true(str_eq(ev.id, read.id));
		assert_true(str_eq(json_text(a, &read.json), text));
		assert_true(event_hash_ok(a, &read.json));
		assert_true(event_signature_ok(a, version_n(v), &read.json,
		    S("domain"), S("ed25519:1"), key.public_key));
		assert_true(str_eq(ev.room, d.room));
		assert_false(ev.is_state);
		assert_int_equal(ev.depth, 4);
		assert_int_equal(ev.ts, 1000);
		assert_int_equal(ev.nauth, 2);
		assert_true(str_eq(ev.auth[1], refs[1]));
		assert_int_equal(ev.nprev, 1);
		assert_true(json_equal(ev.content, &d.content));
		if (v <= 2)
			assert_true(str_eq(ev.id, S("$opaque:domain")));
		else
			assert_null(json_get(&ev.json, S("event_id")));
	}
}

static void
test_build_create_12(void **state)
{
	struct err e = { .code = M_OK };
	struct draft d = draft_of("m.room.create", "{\"room_version\":\"12\"}");
	struct event ev;
	struct str text;

	(void)state;
	d.room = S("");
	d.is_state = true;
	d.nauth = d.nprev = 0;
	assert_true(event_build(a, version_n(12), &d, &key, &ev, &text, &e));
	assert_null(json_get(&ev.json, S("room_id")));
	assert_true(str_eq(str_from(ev.room, 1), str_from(ev.id, 1)));
	assert_true(ev.is_state);
}

static void
test_build_redacts(void **state)
{
	struct err e = { .code = M_OK };
	struct draft d = draft_of("m.room.redaction", "{\"reason\":\"x\"}");
	struct event ev;
	struct str text;

	(void)state;
	d.redacts = S("$gone");
	for (int v = 1; v <= 11; v++) {
		assert_true(event_build(a, version_n(v), &d, &key, &ev, &text,
		    &e));
		assert_true(str_eq(ev.redacts, S("$gone")));
		assert_int_equal(json_get(&ev.json, S("redacts")) != NULL,
		    v < 11);
		assert_int_equal(json_get(ev.content, S("redacts")) != NULL,
		    v >= 11);
		assert_true(str_eq(json_str(ev.content, S("reason")), S("x")));
	}
	/* The caller's content is not changed. */
	assert_null(json_get(&d.content, S("redacts")));
}

static bool
builds(int version, const struct draft *d, enum errcode *code)
{
	struct err e = { .code = M_OK };
	struct event ev;
	struct str text;
	bool ok = event_build(a, version_n(version), d, &key, &ev, &text, &e);

	*code = e.code;
	return ok;
}

static struct str
letters(size_t n)
{
	char *p = arena_alloc(a, n);

	memset(p, 'x', n);
	return str_n(p, n);
}

static void
test_build_refused(void **state)
{
	struct draft d = draft_of("x", "{\"n\":[{\"y\":1.5}]}");
	struct json content = json_new_obj();
	enum errcode code;

	(void)state;
	assert_true(builds(5, &d, &code));
	assert_false(builds(6, &d, &code));
	assert_int_equal(code, M_BAD_JSON);
	d = draft_of("x", "{\"n\":9007199254740992}");
	assert_false(builds(11, &d, &code));
	assert_int_equal(code, M_BAD_JSON);
	d = draft_of("", "{}");
	assert_false(builds(11, &d, &code));
	d = draft_of("x", "{}");
	d.type = letters(255);
	assert_true(builds(11, &d, &code));
	d.type = letters(256);
	assert_false(builds(11, &d, &code));
	assert_int_equal(code, M_TOO_LARGE);
	d = draft_of("x", "{}");
	d.is_state = true;
	d.state_key = letters(256);
	assert_false(builds(11, &d, &code));
	assert_int_equal(code, M_TOO_LARGE);
	d = draft_of("x", "{}");
	json_set(a, &content, S("b"), json_of_str(letters(EVENT_BYTES_MAX)));
	d.content = content;
	assert_false(builds(11, &d, &code));
	assert_int_equal(code, M_TOO_LARGE);
}

/* The largest event that can be built is as large as one that can be read. */
static void
test_build_largest(void **state)
{
	struct err e = { .code = M_OK };
	struct draft d = draft_of("x", "{\"b\":\"\"}");
	struct event ev;
	struct str text;
	size_t bare;

	(void)state;
	assert_true(event_build(a, version_n(11), &d, &key, &ev, &text, &e));
	bare = text.n;
	for (size_t over = 0; over <= 1; over++) {
		enum errcode code;
		struct json content = json_new_obj();

		json_set(a, &content, S("b"), json_of_str(letters(
		    EVENT_BYTES_MAX - bare + over)));
		d.content = content;
		assert_int_equal(builds(11, &d, &code), over == 0);
	}
}

static const struct {
	const char *what, *event, *client;
	int version;
} clients[] = {
	{ "a message", "\"content\":{\"b\" : 1, \"a\":2},\"type\":\"x\"",
	    "{\"content\":{\"b\" : 1, \"a\":2},\"event_id\":\"$id\","
	    "\"origin_server_ts\":1,\"sender\":\"@u:d\",\"type\":\"x\"", 11 },
	{ "a state event", "\"content\":{},\"type\":\"x\",\"state_key\":\"\\\"\"",
	    "{\"content\":{},\"event_id\":\"$id\",\"origin_server_ts\":1,"
	    "\"sender\":\"@u:d\",\"state_key\":\"\\\"\",\"type\":\"x\"", 11 },
	{ "an old redaction has redacts in content too",
	    "\"content\":{\"reason\":\"r\"},\"type\":\"m.room.redaction\","
	    "\"redacts\":\"$r\"",
	    "{\"content\":{\"redacts\":\"$r\",\"reason\":\"r\"},"
	    "\"event_id\":\"$id\",\"origin_server_ts\":1,"
	    "\"redacts\":\"$r\",\"sender\":\"@u:d\","
	    "\"type\":\"m.room.redaction\"", 10 },
	{ "a new redaction has redacts at the top too",
	    "\"content\":{\"redacts\":\"$r\"},\"type\":\"m.room.redaction\"",
	    "{\"content\":{\"redacts\":\"$r\"},\"event_id\":\"$id\","
	    "\"origin_server_ts\":1,\"redacts\":\"$r\",\"sender\":\"@u:d\","
	    "\"type\":\"m.room.redaction\"", 11 },
};

static void
test_client(void **state)
{
	struct err e = { .code = M_OK };
	struct event ev;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < LEN(clients); i++) {
		struct str text = str_fmt(a, "{\"auth_events\":[],\"depth\":1,"
		    "\"origin_server_ts\":1,\"prev_events\":[],\"room_id\":"
		    "\"!r:d\",\"sender\":\"@u:d\",%s}", clients[i].event);

		assert_true(event_load(a, version_n(clients[i].version),
		    S("$id"), text, &ev, &e));
		buf_init(&b, a, SIZE_MAX);
		event_write_client(&b, &ev);
		if (!str_eq_c(buf_view(&b), clients[i].client))
			fail_msg("%s: " STR_FMT, clients[i].what,
			    STR_ARG(buf_view(&b)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_bad_hashes),
		cmocka_unit_test(test_hash_forms),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_build_create_12),
		cmocka_unit_test(test_build_redacts),
		cmocka_unit_test(test_build_refused),
		cmocka_unit_test(test_build_largest),
		cmocka_unit_test(test_client),
	};

	return cmocka_run_group_tests(tests, setup_key, teardown);
}
