/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The client against a small server of bare sockets: what bounds it, what it
 * refuses to reach, how it ends. The server runs a thread a connection.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/client.h"
#include "net/client_guard.h"

static int listener, port;
static atomic_int nconns, nrequests;
static pthread_t acceptor;
static struct arena *arena;

static void
say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
answer(int fd, const char *path, const char *whole)
{
	char text[5000];

	if (strcmp(path, "/hello") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nX-Say: one\r\nContent-Length: 5"
		    "\r\n\r\nhello");
	} else if (strcmp(path, "/none") == 0) {
		say(fd, "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno");
	} else if (strcmp(path, "/echo") == 0) {
		const char *body = strstr(whole, "\r\n\r\n") + 4;

		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n"
		    "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
		say(fd, text);
	} else if (strcmp(path, "/big") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (int i = 0; i < 1000; i++)
			say(fd, "a\r\n0123456789\r\n");
		say(fd, "0\r\n\r\n");
	} else if (strcmp(path, "/drip") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		for (int i = 0; i < 30; i++) {
			say(fd, "x");
			poll(NULL, 0, 100);
		}
	} else if (strcmp(path, "/silent") == 0) {
		poll(NULL, 0, 3000);
	} else if (strcmp(path, "/cut") == 0) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
	} else if (strncmp(path, "/to/", 4) == 0) {
		snprintf(text, sizeof(text), "HTTP/1.1 302 Found\r\nLocation:"
		    " http://%s:%d/hello\r\nContent-Length: 0\r\n\r\n",
		    path + 4, port);
		say(fd, text);
	} else if (strcmp(path, "/loop") == 0) {
		say(fd, "HTTP/1.1 302 Found\r\nLocation: /loop\r\n"
		    "Content-Length: 0\r\n\r\n");
	} else {
		say(fd, "what?\r\n\r\n");
	}
}

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char in[4096], path[128];
	ssize_t n;

	while ((n = recv(fd, in, sizeof(in) - 1, 0)) > 0) {
		in[n] = '\0';
		atomic_fetch_add(&nrequests, 1);
		if (sscanf(in, "%*s %127s", path) != 1)
			break;
		answer(fd, path, in);
		if (strcmp(path, "/hello") != 0)
			break;
	}
	close(fd);
	return NULL;
}

static void *
accept_all(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pthread_t t;

		atomic_fetch_add(&nconns, 1);
		pthread_create(&t, NULL, serve, (void *)(intptr_t)fd);
		pthread_detach(t);
	}
	return NULL;
}

static int
set_up(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);

	(void)state;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
	port = ntohs(at.sin_port);
	arena = arena_new(1 << 20);
	return pthread_create(&acceptor, NULL, accept_all, NULL);
}

static int
tear_down(void **state)
{
	(void)state;
	shutdown(listener, SHUT_RDWR);
	pthread_join(acceptor, NULL);
	close(listener);
	arena_free(arena);
	return 0;
}

/* allow: a network, or NULL. */
static void
open_with(const char *allow)
{
	struct str net = str_c(allow);
	struct client_conf conf = { .allow = &net, .nallow = allow != NULL,
		.connections = 10, .per_host = 2, .connect_ms = 2000 };
	struct err e = { .code = M_OK };

	assert_true(client_open(&conf, &e));
}

static struct str
url_of(const char *path)
{
	return str_fmt(arena, "http://127.0.0.1:%d%s", port, path);
}

static struct client_req
get(const char *path)
{
	return (struct client_req){ .purpose = "test", .method = S("GET"),
		.url = url_of(path), .total_ms = 2000 };
}

static enum client_end
call(const struct client_req *req, struct client_res *res)
{
	struct err e = { .code = M_OK };
	bool ok = client_call(req, arena, res, &e);

	assert_int_equal(ok, res->end == CLIENT_OK);
	assert_int_equal(e.code == M_OK, ok);
	return res->end;
}

static void
an_answer_comes_with_status_headers_and_body(void **state)
{
	struct client_req rq = get("/hello"), post = get("/echo");
	struct http_header more = { S("X-One"), S("1") };
	struct client_res res;

	(void)state;
	open_with("127.0.0.0/8");
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.status, 200);
	assert_true(str_eq(res.body, S("hello")));
	assert_true(str_eq(client_header(&res, "x-say"), S("one")));
	rq = get("/none");
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.status, 404);
	post.method = S("POST");
	post.body = S("{\"a\":1}");
	post.header = &more;
	post.nheaders = 1;
	assert_int_equal(call(&post, &res), CLIENT_OK);
	assert_true(str_eq(res.body, S("{\"a\":1}")));
	client_close();
}

static void
connections_are_kept_for_the_next_request(void **state)
{
	struct client_req rq = get("/hello");
	struct client_res res;
	int before = atomic_load(&nconns);

	(void)state;
	open_with("127.0.0.0/8");
	for (int i = 0; i < 5; i++)
		assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(atomic_load(&nconns), before + 1);
	client_close();
}

static void
an_inner_address_is_refused_whatever_leads_there(void **state)
{
	static const char *const host[] = { "127.0.0.1", "localhost",
		"[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0",
		"169.254.169.254", "[::1]", "10.1.2.3", "[fe80::1]" };
	struct client_res res;
	struct client_req rq;
	int before = atomic_load(&nconns);

	(void)state;
	open_with(NULL);
	for (size_t i = 0; i < LEN(host); i++) {
		rq = get("");
		rq.url = str_fmt(arena, "http://%s:%d/hello", host[i], port);
		assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	}
	rq = get("/hello");
	rq.url = S("http://public.example/hello");
	rq.connect_to = str_fmt(arena, "127.0.0.1:%d", port);
	assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	assert_int_equal(atomic_load(&nconns), before);
	client_close();
}

static void
a_trusted_requests_connection_serves_no_other(void **state)
{
	struct client_req rq = get("/hello");
	struct client_res res;
	int before = atomic_load(&nrequests);

	(void)state;
	open_with(NULL);
	rq.trusted = true;
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	rq.trusted = false;
	assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	assert_int_equal(atomic_load(&nrequests), before + 1);
	client_close();
}

static void
another_address_is_dialled_for_a_name(void **state)
{
	struct client_req rq = get("/hello");
	struct client_res res;

	(void)state;
	open_with("127.0.0.0/8");
	rq.url = S("http://matrix.example/hello");
	rq.connect_to = str_fmt(arena, "127.0.0.1:%d", port);
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.status, 200);
	client_close();
}

static void
redirects_are_followed_only_when_asked_and_only_to_allowed_places(void **state)
{
	struct client_req rq = get("/to/127.0.0.1");
	struct client_res res;

	(void)state;
	open_with("127.0.0.1");
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.status, 302);
	rq.redirects = 2;
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.status, 200);
	assert_true(str_ends(res.url, S("/hello")));
	rq.url = url_of("/to/127.0.0.2");
	assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	rq.url = url_of("/loop");
	assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	client_close();
}

static void
what_is_too_large_is_cut(void **state)
{
	struct client_req rq = get("/big");
	struct client_res res;
	FILE *f = tmpfile();

	(void)state;
	open_with("127.0.0.0/8");
	rq.body_max = 9999;
	assert_int_equal(call(&rq, &res), CLIENT_TOO_LARGE);
	rq.body_max = 10000;
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.body.n, 10000);
	rq.has_fd = true;
	rq.to_fd = fileno(f);
	assert_int_equal(call(&rq, &res), CLIENT_OK);
	assert_int_equal(res.bytes, 10000);
	assert_int_equal(lseek(fileno(f), 0, SEEK_CUR), 10000);
	client_close();
	fclose(f);
}

static void
what_takes_too_long_is_cut(void **state)
{
	static const char *const path[] = { "/drip", "/silent" };
	struct client_res res;

	(void)state;
	open_with("127.0.0.0/8");
	for (size_t i = 0; i < LEN(path); i++) {
		struct client_req rq = get(path[i]);
		int64_t began = clock_mono_us();

		rq.total_ms = 300;
		assert_int_equal(call(&rq, &res), CLIENT_TIMED_OUT);
		assert_true(clock_mono_us() - began < 2000000);
	}
	client_close();
}

static void
a_peer_that_breaks_off_is_told_apart_from_none(void **state)
{
	struct client_req rq = get("/cut");
	struct client_res res;

	(void)state;
	open_with("127.0.0.0/8");
	assert_int_equal(call(&rq, &res), CLIENT_BROKEN);
	rq.url = S("http://127.0.0.1:1/");
	assert_int_equal(call(&rq, &res), CLIENT_UNREACHABLE);
	rq.url = S("http://nowhere.invalid/");
	assert_int_equal(call(&rq, &res), CLIENT_UNREACHABLE);
	client_close();
}

static void
no_url_but_of_http_is_taken(void **state)
{
	static const char *const url[] = { "file:///etc/passwd", "gopher://x/",
		"smtp://127.0.0.1:25", "http://", "//x", "", "ftp://x/" };
	struct client_res res;

	(void)state;
	open_with("0.0.0.0/0");
	for (size_t i = 0; i < LEN(url); i++) {
		struct client_req rq = get("");

		rq.url = str_c(url[i]);
		assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	}
	client_close();
}

static void
a_header_cannot_bring_in_another(void **state)
{
	struct http_header evil = { S("X-One"), S("1\r\nX-Two: 2") };
	struct client_req rq = get("/hello");
	struct client_res res;

	(void)state;
	open_with("127.0.0.0/8");
	rq.header = &evil;
	rq.nheaders = 1;
	assert_int_equal(call(&rq, &res), CLIENT_REFUSED);
	client_close();
}

static atomic_int ended[CLIENT_NENDS];

static void
note_end(void *arg, const struct client_res *res, const struct err *e)
{
	(void)arg;
	(void)e;
	atomic_fetch_add(&ended[res->end], 1);
}

static bool
reaches(atomic_int *x, int value)
{
	for (int i = 0; i < 5000 && atomic_load(x) < value; i++)
		poll(NULL, 0, 1);
	return atomic_load(x) >= value;
}

static void
stopping_ends_what_is_under_way(void **state)
{
	struct client_req rq = get("/silent");
	struct err e = { .code = M_OK };
	int64_t began = clock_mono_us();
	uint64_t id = 0;

	(void)state;
	open_with("127.0.0.0/8");
	for (int i = 0; i < 5; i++)
		assert_true(client_start(&rq, note_end, NULL, &id, &e));
	client_cancel(id);
	client_cancel(id + 1000);
	assert_true(reaches(&ended[CLIENT_CANCELLED], 1));
	client_close();
	assert_int_equal(atomic_load(&ended[CLIENT_STOPPED]), 4);
	assert_int_equal(atomic_load(&ended[CLIENT_CANCELLED]), 1);
	assert_false(client_start(&rq, note_end, NULL, NULL, &e));
	assert_true(clock_mono_us() - began < 2000000);
}

static void *
call_often(void *arg)
{
	struct arena *a = arena_new(1 << 20);
	struct client_req rq = *(struct client_req *)arg;
	struct client_res res;
	struct err e = { .code = M_OK };

	for (int i = 0; i < 25; i++)
		assert_true(client_call(&rq, a, &res, &e));
	arena_free(a);
	return NULL;
}

static void
many_threads_ask_at_once_over_few_connections(void **state)
{
	struct client_req rq = get("/hello");
	int before = atomic_load(&nconns);
	pthread_t t[8];

	(void)state;
	rq.total_ms = 20000;
	open_with("127.0.0.0/8");
	for (size_t i = 0; i < LEN(t); i++)
		pthread_create(&t[i], NULL, call_often, &rq);
	for (size_t i = 0; i < LEN(t); i++)
		pthread_join(t[i], NULL);
	assert_true(atomic_load(&nconns) - before <= 2);
	client_close();
}

static void
only_public_addresses_are_public(void **state)
{
	static const struct {
		const char *text;
		bool is_public;
	} t[] = {
		{ "8.8.8.8", true }, { "1.1.1.1", true },
		{ "193.51.24.1", true }, { "172.15.255.255", true },
		{ "172.32.0.1", true }, { "100.63.255.255", true },
		{ "100.128.0.1", true }, { "2001:41d0::1", true },
		{ "2a01:e0a::1", true }, { "::ffff:8.8.8.8", true },
		{ "64:ff9b::808:808", true }, { "2002:808:808::1", true },
		{ "0.0.0.0", false }, { "0.1.2.3", false },
		{ "10.0.0.1", false }, { "127.9.9.9", false },
		{ "100.64.0.1", false }, { "100.127.255.255", false },
		{ "169.254.169.254", false }, { "172.16.0.1", false },
		{ "172.31.255.255", false }, { "192.168.1.1", false },
		{ "198.19.0.1", false }, { "224.0.0.1", false },
		{ "255.255.255.255", false }, { "::", false },
		{ "::1", false }, { "::7f00:1", false },
		{ "::ffff:10.0.0.1", false }, { "64:ff9b::a00:1", false },
		{ "64:ff9b:1::1", false }, { "2002:a00:1::1", false },
		{ "2002:7f00:1::1", false }, { "2001::1", false },
		{ "2001:db8::1", false }, { "fc00::1", false },
		{ "fd12::1", false }, { "fe80::1", false },
		{ "fec0::1", false }, { "ff02::1", false },
		{ "100::1", false }, { "3fff::1", false },
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < LEN(t); i++) {
		assert_true(addr_parse(str_c(t[i].text), &a));
		if (client_addr_public(&a) != t[i].is_public)
			fail_msg("%s", t[i].text);
	}
}

static void
urls_are_taken_apart_as_requests_read_them(void **state)
{
	struct client_url u;

	(void)state;
	assert_true(client_url_parse(arena,
	    S("https://Push.Example:8443/_matrix/x?y=1"), &u));
	assert_true(str_eq(u.host, S("push.example")));
	assert_true(str_eq(u.path, S("/_matrix/x")));
	assert_int_equal(u.port, 8443);
	assert_true(u.has_query && !u.has_user && !u.has_fragment);
	assert_true(client_url_parse(arena, S("http://u:p@h/#f"), &u));
	assert_int_equal(u.port, 80);
	assert_true(u.has_user && u.has_fragment);
	assert_false(client_url_parse(arena, S("ftp://x/"), &u));
	assert_false(client_url_parse(arena, S("nothing"), &u));
	assert_false(client_url_parse(arena, S("http://a b/"), &u));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_comes_with_status_headers_and_body),
		cmocka_unit_test(connections_are_kept_for_the_next_request),
		cmocka_unit_test(an_inner_address_is_refused_whatever_leads_there),
		cmocka_unit_test(a_trusted_requests_connection_serves_no_other),
		cmocka_unit_test(another_address_is_dialled_for_a_name),
		cmocka_unit_test(
		    redirects_are_followed_only_when_asked_and_only_to_allowed_places),
		cmocka_unit_test(what_is_too_large_is_cut),
		cmocka_unit_test(what_takes_too_long_is_cut),
		cmocka_unit_test(a_peer_that_breaks_off_is_told_apart_from_none),
		cmocka_unit_test(no_url_but_of_http_is_taken),
		cmocka_unit_test(a_header_cannot_bring_in_another),
		cmocka_unit_test(stopping_ends_what_is_under_way),
		cmocka_unit_test(many_threads_ask_at_once_over_few_connections),
		cmocka_unit_test(only_public_addresses_are_public),
		cmocka_unit_test(urls_are_taken_apart_as_requests_read_them),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
