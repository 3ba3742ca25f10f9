/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Identifiers. spec: appendices, "Identifier Grammar". */
#include "arena_fixture.h"

#include <string.h>

#include "room/ids.h"

#define HASH "31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"	/* 43 letters */

struct id_case {
	struct str id;
	bool ok;
};
#define YES(s) { S_INIT(s), true }
#define NO(s) { S_INIT(s), false }

static void
each(const struct id_case *c, size_t n, bool (*ok)(struct str))
{
	for (size_t i = 0; i < n; i++)
		if (ok(c[i].id) != c[i].ok)
			fail_msg("\"" STR_FMT "\" must be %s",
			    STR_ARG(c[i].id), c[i].ok ? "taken" : "refused");
	assert_false(ok((struct str){ NULL, 0 }));
}

/* prefix, n times a letter, suffix */
static struct str
padded(const char *prefix, size_t n, const char *suffix)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_c(&b, prefix);
	for (size_t i = 0; i < n; i++)
		buf_char(&b, 'x');
	buf_c(&b, suffix);
	return buf_view(&b);
}

static const struct id_case servers[] = {
	YES("matrix.org"), YES("matrix.org:8888"), YES("1.2.3.4"),
	YES("1.2.3.4:1234"), YES("[1234:5678::abcd]"),
	YES("[1234:5678::abcd]:5678"), YES("localhost"), YES("A-b.C"),
	YES("x:1"), YES("x:65535"), YES("[::]"), YES("[::ffff:1.2.3.4]:80"),
	NO(""), NO(":80"), NO("x:"), NO("x:65536"), NO("x:123456"), NO("x:-1"),
	NO("x:+1"), NO("x:1a"), NO("x: 1"), NO("x:1:2"), NO("a_b"), NO("a b"),
	NO("a/b"), NO("a@b"), NO("x\0y"), NO("é.org"), NO("[::1"), NO("[]"),
	NO("[:]"), NO("[::g]"), NO("[::1]x"), NO("[::1]:"), NO("[::1]:x"),
	NO("::1"), NO("[[::1]]"), NO("[::\0]"),
};

static void
test_server_name(void **state)
{
	(void)state;
	each(servers, LEN(servers), id_server_name_ok);
	/* 230 is only advice: an identifier's own limit is what counts. */
	assert_true(id_server_name_ok(padded("", ID_MAX, "")));
	assert_true(id_server_name_ok(S("[1111:2222:3333:4444:5555:6666:"
	    "111.222.333.444]:1")));
	assert_false(id_server_name_ok(S("[1111:2222:3333:4444:5555:6666:"
	    "111.222.333.4444]:1")));
	assert_false(id_server_name_ok(padded("", ID_MAX + 1, "")));
}

static const struct id_case users[] = {
	YES("@a:b"), YES("@alice:example.org:8448"), YES("@a:[::1]"),
	YES("@A B!:b"), YES("@\xc3\xa9:b"), YES("@:b"), YES("@a@b:c"),
	NO("@a"), NO("@a:"), NO("a:b"), NO("@"), NO("!a:b"), NO("@a\0:b"),
	NO("@a:b c"), NO("@a:b:c"), NO("@\xff:b"), NO(" @a:b"),
};

static void
test_user(void **state)
{
	(void)state;
	each(users, LEN(users), id_user_ok);
	assert_true(id_user_ok(padded("@", ID_MAX - 3, ":b")));
	assert_false(id_user_ok(padded("@", ID_MAX - 2, ":b")));
}

static const struct id_case localparts[] = {
	YES("a"), YES("abcdefghijklmnopqrstuvwxyz0123456789"), YES("._=-/+"),
	NO(""), NO("A"), NO("a b"), NO("a:b"), NO("a@"), NO("\xc3\xa9"),
	NO("a\0"), NO("~"), NO("\\"),
};

static const struct id_case rooms[] = {
	YES("!a:b"), YES("!" HASH), YES("!" HASH ":b"), YES("!a b:c.d:1"),
	NO("!a"), NO("!:b"), NO("!" HASH "x"), NO("!"), NO("#a:b"),
	NO("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3og+M"),
	NO("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3og\0M"),
	NO("$" HASH), NO("!a\0:b"), NO("!a:b/c"),
};

static const struct id_case events[] = {
	YES("$a:b"), YES("$" HASH), YES("$a+/b"), YES("$ "),
	NO("$"), NO("a"), NO("$a\0"), NO("$\xff"), NO("!a:b"),
};

static const struct id_case aliases[] = {
	YES("#a:b"), YES("#\xc3\xa9 x:b"), YES("#a#:b:1"),
	NO("#:b"), NO("#a"), NO("#a:"), NO("a:b"), NO("#a\0:b"),
	NO("#\xc3:b"),
};

static const struct id_case devices[] = {
	YES("ABCDEFGHIJ"), YES("\xc3\xa9"), YES("a b"), YES("~"),
	NO(""), NO("a\n"), NO("\x7f"), NO("\xff"), NO("a\0"),
};

static const struct id_case opaques[] = {
	YES("aZ09._~=-"), YES("a"), NO(""), NO("a/b"), NO("a b"), NO("a\0"), NO("%"),
};

static void
test_others(void **state)
{
	(void)state;
	each(localparts, LEN(localparts), id_localpart_ok);
	each(rooms, LEN(rooms), id_room_ok);
	each(events, LEN(events), id_event_ok);
	each(aliases, LEN(aliases), id_alias_ok);
	each(devices, LEN(devices), id_device_ok);
	each(opaques, LEN(opaques), id_opaque_ok);
}

static void
test_lengths(void **state)
{
	(void)state;
	assert_true(id_room_ok(padded("!", ID_MAX - 3, ":b")));
	assert_false(id_room_ok(padded("!", ID_MAX - 2, ":b")));
	assert_true(id_event_ok(padded("$", ID_MAX - 1, "")));
	assert_false(id_event_ok(padded("$", ID_MAX, "")));
	assert_true(id_alias_ok(padded("#", ID_MAX - 3, ":b")));
	assert_false(id_alias_ok(padded("#", ID_MAX - 2, ":b")));
	assert_true(id_device_ok(padded("", ID_MAX, "")));
	assert_false(id_device_ok(padded("", ID_MAX + 1, "")));
	assert_true(id_opaque_ok(padded("", ID_MAX, "")));
	assert_false(id_opaque_ok(padded("", ID_MAX + 1, "")));
}

static const struct id_case mxcs[] = {
	YES("mxc://example.org/abc_-Z9"), YES("mxc://h:80/a"),
	YES("mxc://[::1]/a"),
	NO(""), NO("mxc://"), NO("mxc://a"), NO("mxc://a/"), NO("mxc:///b"),
	NO("mxc://a/b/c"), NO("mxc://a/../b"), NO("mxc://a/."),
	NO("mxc://a/b?x"), NO("mxc://a_b/c"), NO("https://a/b"),
	NO("MXC://a/b"), NO("mxc://a/b\0"), NO("mxc://a/%41"),
};

static void
test_mxc(void **state)
{
	struct str server, media;

	(void)state;
	for (size_t i = 0; i < LEN(mxcs); i++)
		if (id_mxc_ok(mxcs[i].id, &server, &media) != mxcs[i].ok)
			fail_msg(STR_FMT, STR_ARG(mxcs[i].id));
	assert_true(id_mxc_ok(mxcs[1].id, &server, &media));
	assert_true(str_eq(server, S("h:80")));
	assert_true(str_eq(media, S("a")));
	assert_true(id_mxc_ok(padded("mxc://a/", ID_MAX - 8, ""), &server,
	    &media));
	assert_false(id_mxc_ok(padded("mxc://a/", ID_MAX - 7, ""), &server,
	    &media));
}

static const struct {
	struct str id;
	const char *local, *server, *host;
} parts[] = {
	{ S_INIT("@a:b"), "a", "b", "b" },
	{ S_INIT("@a:b:80"), "a", "b:80", "b" },
	{ S_INIT("@a:[::1]:80"), "a", "[::1]:80", "[::1]" },
	{ S_INIT("!" HASH), HASH, "", "" },
	{ S_INIT("@:b"), "", "b", "b" },
	{ S_INIT("@a:"), "a", "", "" },
	{ S_INIT("@"), "", "", "" },
	{ { NULL, 0 }, "", "", "" },
	{ S_INIT("@a:[::1"), "a", "[::1", "[::1" },
};

static void
test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(parts); i++) {
		struct str server = id_server(parts[i].id);

		assert_true(str_eq_c(id_localpart(parts[i].id),
		    parts[i].local));
		assert_true(str_eq_c(server, parts[i].server));
		assert_true(str_eq_c(id_host(server), parts[i].host));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_mxc),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
