/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The server as a client sees it: replies, order, bodies, refusals. */
#include "fixture.h"

#include <sys/stat.h>

static void
test_reply(void **state)
{
	int fd = dial();
	struct answer a;

	(void)state;
	say(fd, GET("/hello"));
	a = hear_for(fd, false);
	assert_int_equal(a.status, 200);
	assert_true(str_eq_c(buf_view(&a.body), "hello"));
	assert_true(str_eq_c(answer_header(&a, "Server"), "test"));
	assert_true(str_eq_c(answer_header(&a, "Content-Type"), "text/plain"));
	assert_true(str_eq_c(answer_header(&a, "Content-Length"), "5"));
	assert_true(str_ends(answer_header(&a, "Date"), S(" GMT")));
	assert_int_equal(answer_header(&a, "Date").n, 29);
	assert_int_equal(answer_header(&a, "Connection").n, 0);
	answer_free(&a);
	close(fd);
}

static void
test_keep_alive(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 50; i++) {
		say(fd, GET("/hello"));
		expect(fd, 200, "hello");
	}
	close(fd);
}

/* Which connections stay open, and what they are told. */
static void
test_connection_header(void **state)
{
	static const struct {
		const char *name, *request, *says;
		bool closes;
	} cases[] = {
		{ "1.1", GET("/hello"), "", false },
		{ "1.1 that closes",
		    REQ("GET", "/hello") "Connection: close\r\n\r\n",
		    "close", true },
		{ "1.0", "GET /hello HTTP/1.0\r\n\r\n", "close", true },
		{ "1.0 that keeps",
		    "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		    "keep-alive", false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		int fd = dial();
		struct answer a;

		say(fd, cases[i].request);
		a = hear_for(fd, false);
		if (a.status != 200 || !str_eq_c(answer_header(&a,
		    "Connection"), cases[i].says))
			fail_msg("%s: " STR_FMT, cases[i].name,
			    STR_ARG(buf_view(&a.head)));
		answer_free(&a);
		if (cases[i].closes) {
			expect_closed(fd);
		} else {
			say(fd, GET("/hello"));
			expect(fd, 200, "hello");
		}
		close(fd);
	}
}

/* Answers come in the order of the questions, though workers are many. */
static void
test_pipelining(void **state)
{
	int fd = dial();
	char body[20];
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 1 << 20);
	for (int i = 0; i < 200; i++) {
		snprintf(body, sizeof(body), "body %d", i);
		buf_fmt(&b, REQ("POST", "/echo") "Content-Length: %zu\r\n\r\n%s",
		    strlen(body), body);
		buf_c(&b, i % 20 == 0 ? GET("/slow?5") : GET("/refused"));
	}
	assert_true(say_str(fd, buf_view(&b)));
	for (int i = 0; i < 200; i++) {
		snprintf(body, sizeof(body), "body %d", i);
		expect(fd, 200, body);
		if (i % 20 == 0)
			expect(fd, 200, "slow");
		else
			expect(fd, 403, "no");
	}
	buf_free(&b);
	close(fd);
}

static void
test_byte_by_byte(void **state)
{
	struct str s = S(REQ("POST", "/echo") "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n" GET("/hello"));
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < s.n; i++) {
		assert_true(say_str(fd, str_sub(s, i, 1)));
		if (i % 16 == 0)
			nap_ms(1);
	}
	expect(fd, 200, "abcde");
	expect(fd, 200, "hello");
	close(fd);
}

static void
test_head(void **state)
{
	int fd = dial();
	struct answer a;

	(void)state;
	say(fd, REQ("HEAD", "/big?1000") "\r\n" GET("/hello"));
	a = hear_for(fd, true);
	assert_int_equal(a.status, 200);
	assert_true(str_eq_c(answer_header(&a, "Content-Length"), "1000"));
	answer_free(&a);
	expect(fd, 200, "hello");	/* no body came between */
	say(fd, REQ("HEAD", "/file?1000") "\r\n" GET("/empty") GET("/hello"));
	a = hear_for(fd, true);
	assert_true(str_eq_c(answer_header(&a, "Content-Length"), "1000"));
	answer_free(&a);
	a = hear_for(fd, false);
	assert_int_equal(a.status, 204);
	assert_int_equal(answer_header(&a, "Content-Length").n, 0);
	answer_free(&a);
	expect(fd, 200, "hello");
	close(fd);
}

/* Replies larger than any buffer, taken slowly: partial writes, sendfile. */
static void
test_large(void **state)
{
	static const char *path[] = { "/big", "/file" };
	static const int64_t size[] = { 0, 1, 65536, 3000017 };

	(void)state;
	for (size_t p = 0; p < LEN(path); p++)
		for (size_t k = 0; k < LEN(size); k++) {
			int fd = dial();
			char request[200];
			struct answer a;

			snprintf(request, sizeof(request),
			    REQ("GET", "%s?%lld") "\r\n", path[p],
			    (long long)size[k]);
			say(fd, request);
			say(fd, GET("/hello"));
			nap_ms(20);
			a = hear_for(fd, false);
			assert_int_equal(a.status, 200);
			assert_int_equal(a.body.n, size[k]);
			for (size_t i = 0; i < a.body.n; i++)
				if (a.body.p[i] != pattern((int64_t)i))
					fail_msg("%s: byte %zu", path[p], i);
			answer_free(&a);
			expect(fd, 200, "hello");
			close(fd);
		}
}

static void
test_bodies(void **state)
{
	int fd = dial();
	struct answer a;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 1 << 21);
	buf_c(&b, REQ("POST", "/echo") "Content-Length: 1048576\r\n\r\n");
	for (int i = 0; i < 1048576; i++)
		buf_char(&b, pattern(i));
	assert_true(say_str(fd, buf_view(&b)));
	a = hear_for(fd, false);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.body.n, 1048576);
	assert_memory_equal(a.body.p, b.p + b.n - 1048576, 1048576);
	answer_free(&a);
	buf_free(&b);
	close(fd);
}

static void
test_spool(void **state)
{
	int fd = dial();
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 1 << 23);
	buf_c(&b, REQ("POST", "/spool") "Content-Length: 3000000\r\n\r\n");
	for (int i = 0; i < 3000000; i++)
		buf_char(&b, pattern(i));
	assert_true(say_str(fd, buf_view(&b)));
	expect(fd, 200, "3000000 3000000 same 0");
	buf_reset(&b);
	buf_c(&b, REQ("POST", "/spool") "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 100000; i++) {
		if (i % 1000 == 0)
			buf_c(&b, "3e8\r\n");
		buf_char(&b, pattern(i));
		if (i % 1000 == 999)
			buf_c(&b, "\r\n");
	}
	buf_c(&b, "0\r\n\r\n" GET("/hello"));
	assert_true(say_str(fd, buf_view(&b)));
	expect(fd, 200, "100000 100000 same 0");
	expect(fd, 200, "hello");
	buf_free(&b);
	close(fd);
}

/* An upload that ends too early reaches nobody. */
static void
test_truncated(void **state)
{
	static const char *const path[] = { "/spool", "/echo" };

	(void)state;
	for (size_t i = 0; i < LEN(path); i++) {
		char request[200];
		int fd = dial();

		snprintf(request, sizeof(request), REQ("POST", "%s")
		    "Content-Length: 1000\r\n\r\nonly this", path[i]);
		say(fd, request);
		shutdown(fd, SHUT_WR);
		expect_closed(fd);
		close(fd);
	}
	assert_true(connections_are(0));
	assert_int_equal(atomic_load(&app_runs), 0);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *name, *request;
		int status;
		const char *body;
		bool stays;
	} cases[] = {
		{ "by the application", GET("/refused"), 403, "no", true },
		{ "with a body of no length",
		    REQ("POST", "/refused") "Content-Length: 0\r\n\r\n",
		    403, "no", true },
		{ "with a body to come",
		    REQ("POST", "/refused") "Content-Length: 9\r\n\r\n",
		    403, "no", false },
		{ "too large a length",
		    REQ("POST", "/hello") "Content-Length: 1001\r\n\r\n",
		    413, "{\"errcode\":\"M_TOO_LARGE\"}", false },
		{ "a length near 2^63",
		    REQ("POST", "/hello")
		    "Content-Length: 999999999999999999\r\n\r\n",
		    413, "{\"errcode\":\"M_TOO_LARGE\"}", false },
		{ "a bad length", REQ("POST", "/hello")
		    "Content-Length: +5\r\n\r\n", 400, "{}", false },
		{ "two ways to tell the length", REQ("POST", "/hello")
		    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		    400, "{}", false },
		{ "a bad chunk", REQ("POST", "/hello")
		    "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "{}",
		    false },
		{ "no HTTP at all", "hello?\r\n\r\n", 400, "{}", false },
		{ "an unknown version", "GET / HTTP/3.0\r\n\r\n", 505, "{}",
		    false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		int fd = dial();
		struct answer a;

		say(fd, cases[i].request);
		a = hear_for(fd, false);
		if (a.status != cases[i].status ||
		    !str_eq_c(buf_view(&a.body), cases[i].body))
			fail_msg("%s: %d", cases[i].name, a.status);
		answer_free(&a);
		if (cases[i].stays) {
			say(fd, GET("/hello"));
			expect(fd, 200, "hello");
		} else {
			expect_closed(fd);
		}
		close(fd);
	}
}

/* Chunks may say too late that they are too many. */
static void
test_chunks_too_large(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, REQ("POST", "/hello") "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 11; i++) {
		char chunk[110];

		snprintf(chunk, sizeof(chunk), "64\r\n%0100d\r\n", i);
		say(fd, chunk);
	}
	expect(fd, 413, NULL);
	expect_closed(fd);
	close(fd);
}

/* A refused client that is still sending is not reset: it could lose the reply. */
static void
test_refused_while_sending(void **state)
{
	char junk[1000];

	(void)state;
	memset(junk, 'x', sizeof(junk));
	for (int round = 0; round < 5; round++) {
		int fd = dial();

		say(fd, REQ("POST", "/refused") "Content-Length: 900000\r\n\r\n");
		for (int i = 0; i < 900; i++)
			assert_true(say_str(fd, str_n(junk, sizeof(junk))));
		expect(fd, 403, "no");
		close(fd);
	}
}

static void
test_expect(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, REQ("POST", "/echo")
	    "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	expect(fd, 100, NULL);
	say(fd, "hello");
	expect(fd, 200, "hello");
	/* The body is there already: nothing to say. */
	say(fd, REQ("POST", "/echo")
	    "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
	expect(fd, 200, "hello");
	/* No body. */
	say(fd, REQ("GET", "/hello") "Expect: 100-continue\r\n\r\n");
	expect(fd, 200, "hello");
	/* Who would not take the body says so instead. */
	say(fd, REQ("POST", "/refused")
	    "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	expect(fd, 403, "no");
	close(fd);
}

/* A client that closes its sending side still gets all its answers. */
static void
test_half_closed(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, GET("/slow?100") GET("/hello"));
	nap_ms(20);
	shutdown(fd, SHUT_WR);
	expect(fd, 200, "gone");
	expect(fd, 200, "hello");
	expect_closed(fd);
	close(fd);
}

static void
test_client_dies(void **state)
{
	struct linger hard = { .l_onoff = 1 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		int fd = dial();

		say(fd, i % 2 == 0 ? GET("/slow?20") : GET("/big?3000000"));
		if (i % 4 < 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
			    sizeof(hard));
		close(fd);
	}
	assert_true(connections_are(0));
}

static void
test_drop(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, GET("/drop"));
	expect_closed(fd);
	close(fd);
}

static void
test_overload(void **state)
{
	int fd = dial();

	(void)state;
	atomic_store(&overloaded, true);
	say(fd, GET("/hello"));
	expect(fd, 503, "{}");
	atomic_store(&overloaded, false);
	say(fd, GET("/hello"));
	expect(fd, 200, "hello");
	close(fd);
}

static void
test_address(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, REQ("GET", "/address") "X-Forwarded-For: 1.2.3.4\r\n\r\n");
	expect(fd, 200, "127.0.0.1");
	close(fd);
}

static void
test_trusted_proxy(void **state)
{
	static const struct str trusted[] = { S_INIT("127.0.0.0/8") };
	int fd[6];

	(void)state;
	conf_defaults();
	conf.trusted_proxies = trusted;
	conf.ntrusted = 1;
	conf.connections_per_address = 2;
	start_server();
	/* A proxy is not one client. */
	for (size_t i = 0; i < LEN(fd); i++) {
		fd[i] = dial();
		say(fd[i], REQ("GET", "/address")
		    "X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n\r\n");
		expect(fd[i], 200, "1.2.3.4");
	}
	for (size_t i = 0; i < LEN(fd); i++)
		close(fd[i]);
	stop_server();
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What a server that was killed leaves behind. */
static void
leave_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	close(fd);
}

static void
test_unix(void **state)
{
	char dir[] = "/tmp/net-test-XXXXXX", path[100], address[120];
	struct http_server *second;
	struct err e = { 0 };
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(address, sizeof(address), "unix:%s", path);
	leave_socket(path);
	conf_defaults();
	listen_to[1] = (struct http_listen){ .address = str_c(address),
	    .mode = 0660 };
	conf.nlisten = 2;
	start_server();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	fd = dial_unix(path);
	assert_true(fd >= 0);
	say(fd, REQ("GET", "/address") "X-Forwarded-For: 1.2.3.4\r\n\r\n");
	expect(fd, 200, "unix");
	/* A living server's socket is not taken away. */
	second = http_start(&conf, &app, &e);
	assert_null(second);
	close(fd);
	fd = dial_unix(path);
	assert_true(fd >= 0);
	close(fd);
	stop_server();
	assert_int_equal(access(path, F_OK), -1);
	/* Nor is a file that is no socket. */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	err_clear(&e);
	assert_null(http_start(&conf, &app, &e));
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	rmdir(dir);
}

static void
test_start_fails(void **state)
{
	static const struct str junk[] = { S_INIT("10.0.0.0/99") };
	struct err e = { 0 };

	(void)state;
	conf_defaults();
	listen_to[0].address = S("nowhere");
	assert_null(http_start(&conf, &app, &e));
	conf_defaults();
	listen_to[0].tls = true;
	err_clear(&e);
	assert_null(http_start(&conf, &app, &e));
	listen_to[0].tls = false;
	conf.trusted_proxies = junk;
	conf.ntrusted = 1;
	err_clear(&e);
	assert_null(http_start(&conf, &app, &e));
	assert_int_equal(e.code, M_INVALID_PARAM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reply), TEST(test_keep_alive),
		TEST(test_connection_header), TEST(test_pipelining),
		TEST(test_byte_by_byte), TEST(test_head), TEST(test_large),
		TEST(test_bodies), TEST(test_spool), TEST(test_truncated),
		TEST(test_refused), TEST(test_chunks_too_large),
		TEST(test_refused_while_sending), TEST(test_expect),
		TEST(test_half_closed), TEST(test_client_dies),
		TEST(test_drop), TEST(test_overload), TEST(test_address),
		cmocka_unit_test(test_trusted_proxy),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_start_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
