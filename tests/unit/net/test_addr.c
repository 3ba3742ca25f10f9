/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Addresses, networks, and who is believed about the client. */
#include "unit.h"

#include <netinet/in.h>
#include <string.h>

#include "net/addr.h"

static void
test_text(void **state)
{
	static const struct {
		const char *in, *out;	/* NULL: no address */
	} cases[] = {
		{ "127.0.0.1", "127.0.0.1" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "::ffff:10.1.2.3", "10.1.2.3" },
		{ "::1", "::1" },
		{ "", NULL },
		{ "1.2.3", NULL },
		{ "1.2.3.4.5", NULL },
		{ "256.1.1.1", NULL },
		{ "1.2.3.4 ", NULL },
		{ "01.2.3.4", NULL },
		{ "localhost", NULL },
		{ "fe80::1%eth0", NULL },
		{ "[::1]", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		bool ok = addr_parse(str_c(cases[i].in), &a);

		if (ok != (cases[i].out != NULL) || (ok &&
		    !str_eq_c(addr_text(&a, text), cases[i].out)))
			fail_msg("\"%s\"", cases[i].in);
	}
	assert_false(addr_parse(str_n("127.0.0.1\0x", 11), &a));
}

static void
test_networks(void **state)
{
	static const struct {
		const char *net, *addr;
		int in;			/* -1: no network */
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", 1 },
		{ "10.0.0.0/8", "11.0.0.1", 0 },
		{ "10.1.2.3/8", "10.9.9.9", 1 },
		{ "192.168.4.0/22", "192.168.7.255", 1 },
		{ "192.168.4.0/22", "192.168.8.0", 0 },
		{ "127.0.0.1", "127.0.0.1", 1 },
		{ "127.0.0.1", "127.0.0.2", 0 },
		{ "127.0.0.1/32", "::ffff:127.0.0.1", 1 },
		{ "0.0.0.0/0", "203.0.113.9", 1 },
		{ "0.0.0.0/0", "2001:db8::1", 0 },
		{ "::/0", "2001:db8::1", 1 },
		{ "::/0", "1.2.3.4", 1 },
		{ "2001:db8::/33", "2001:db8:7fff::1", 1 },
		{ "2001:db8::/33", "2001:db8:8000::1", 0 },
		{ "::1", "::1", 1 },
		{ "::1/128", "::2", 0 },
		{ "10.0.0.0/33", "10.0.0.0", -1 },
		{ "::/129", "::1", -1 },
		{ "10.0.0.0/-1", "10.0.0.0", -1 },
		{ "10.0.0.0/", "10.0.0.0", -1 },
		{ "10.0.0.0/x", "10.0.0.0", -1 },
		{ "10.0.0/8", "10.0.0.0", -1 },
		{ "/8", "10.0.0.0", -1 },
		{ "", "10.0.0.0", -1 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct addr_net net;
		struct addr a;
		bool ok = addr_net_parse(str_c(cases[i].net), &net);

		assert_true(addr_parse(str_c(cases[i].addr), &a));
		if (ok != (cases[i].in >= 0) ||
		    (ok && addr_in(&a, &net) != (cases[i].in == 1)))
			fail_msg("%s in %s", cases[i].addr, cases[i].net);
	}
}

/* One /64 is one client; IPv4 addresses are each one. */
static void
test_client(void **state)
{
	static const struct {
		const char *x, *y;
		bool same;
	} cases[] = {
		{ "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true },
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct addr x, y;

		assert_true(addr_parse(str_c(cases[i].x), &x));
		assert_true(addr_parse(str_c(cases[i].y), &y));
		x = addr_client(&x);
		y = addr_client(&y);
		if ((memcmp(&x, &y, sizeof(x)) == 0) != cases[i].same)
			fail_msg("%s and %s", cases[i].x, cases[i].y);
	}
}

/* Trusted are 10.0.0.0/8, ::1 and unix sockets. */
static void
test_forwarded(void **state)
{
	static const struct {
		const char *name, *peer;
		const char *said[3];	/* X-Forwarded-For, in the order of the headers */
		const char *client;
	} cases[] = {
		{ "no header", "10.0.0.1", { NULL }, "10.0.0.1" },
		{ "a proxy says so", "10.0.0.1", { "1.2.3.4" }, "1.2.3.4" },
		{ "anybody may say so", "9.9.9.9", { "1.2.3.4" }, "9.9.9.9" },
		{ "only the last is the proxy's word", "10.0.0.1",
		    { "6.6.6.6, 1.2.3.4" }, "1.2.3.4" },
		{ "two proxies", "10.0.0.1", { "6.6.6.6, 1.2.3.4, 10.0.0.2" },
		    "1.2.3.4" },
		{ "all are proxies", "10.0.0.1", { "10.0.0.3,10.0.0.2" },
		    "10.0.0.3" },
		{ "a proxy that adds a header of its own", "10.0.0.1",
		    { "6.6.6.6", "1.2.3.4" }, "1.2.3.4" },
		{ "two proxies, a header each", "10.0.0.1",
		    { "6.6.6.6", "1.2.3.4", "10.0.0.2" }, "1.2.3.4" },
		{ "what is no address ends it", "10.0.0.1",
		    { "1.2.3.4, nonsense" }, "10.0.0.1" },
		{ "an empty entry ends it", "10.0.0.1", { "1.2.3.4," },
		    "10.0.0.1" },
		{ "an empty header", "10.0.0.1", { "" }, "10.0.0.1" },
		{ "nonsense does not reach an earlier header", "10.0.0.1",
		    { "1.2.3.4", "unknown" }, "10.0.0.1" },
		{ "IPv6", "::1", { "2001:db8::5" }, "2001:db8::5" },
		{ "a port", "10.0.0.1", { "1.2.3.4:5678" }, "1.2.3.4" },
		{ "IPv6 in brackets", "10.0.0.1", { "[2001:db8::5]" },
		    "2001:db8::5" },
		{ "IPv6 with a port", "10.0.0.1", { "[2001:db8::5]:80" },
		    "2001:db8::5" },
		{ "a bracket too few", "10.0.0.1", { "[2001:db8::5" },
		    "10.0.0.1" },
		{ "spaces and tabs", "10.0.0.1", { "\t1.2.3.4 \t" },
		    "1.2.3.4" },
		{ "a unix socket is a proxy here", "unix", { "1.2.3.4" },
		    "1.2.3.4" },
		{ "nobody can claim to be one", "10.0.0.1",
		    { "6.6.6.6, ::" }, "10.0.0.1" },
	};
	struct addr_net trusted[3];

	(void)state;
	assert_true(addr_net_parse(S("10.0.0.0/8"), &trusted[0]));
	assert_true(addr_net_parse(S("::1"), &trusted[1]));
	assert_true(addr_net_parse(S("unix"), &trusted[2]));
	for (size_t i = 0; i < LEN(cases); i++) {
		struct http_header header[5] = {
		    { S("Forwarded"), S("for=7.7.7.7") } };
		struct addr peer = { 0 }, client;
		char text[ADDR_TEXT_MAX];
		size_t n = 1;

		if (strcmp(cases[i].peer, "unix") != 0)
			assert_true(addr_parse(str_c(cases[i].peer), &peer));
		for (size_t k = 0; k < 3 && cases[i].said[k] != NULL; k++)
			header[n++] = (struct http_header){
			    S("x-forwarded-FOR"), str_c(cases[i].said[k]) };
		client = addr_forwarded(&peer, header, n, trusted, 3);
		if (!str_eq_c(addr_text(&client, text), cases[i].client))
			fail_msg("%s: " STR_FMT, cases[i].name,
			    STR_ARG(addr_text(&client, text)));
	}
}

static void
test_unix_peer(void **state)
{
	struct sockaddr_storage ss;
	char text[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_UNIX;
	addr_of(&ss, &a);
	assert_true(str_eq_c(addr_text(&a, text), "unix"));
}

static void
test_bind(void **state)
{
	static const struct {
		const char *s;
		int family;		/* 0: refused */
	} cases[] = {
		{ "127.0.0.1:8008", AF_INET },
		{ "0.0.0.0:0", AF_INET },
		{ "[::1]:8008", AF_INET6 },
		{ "unix:/run/x.sock", AF_UNIX },
		{ "127.0.0.1", 0 },
		{ "127.0.0.1:", 0 },
		{ "127.0.0.1:65536", 0 },
		{ "127.0.0.1:-1", 0 },
		{ "127.0.0.1:http", 0 },
		{ ":8008", 0 },
		{ "::1:8008", 0 },
		{ "[::1]", 0 },
		{ "[127.0.0.1]:80", 0 },
		{ "[]:80", 0 },
		{ "[:80", 0 },
		{ "localhost:80", 0 },
		{ "unix:", 0 },
		{ "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct addr_bind to;
		struct err e = { 0 };
		bool ok = addr_bind_parse(str_c(cases[i].s), &to, &e);

		if (ok != (cases[i].family != 0) ||
		    (ok && to.ss.ss_family != cases[i].family) ||
		    (!ok && e.code != M_INVALID_PARAM))
			fail_msg("\"%s\": %s", cases[i].s, e.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_unix_peer),
		cmocka_unit_test(test_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
