/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What clients may cost: time, connections, memory, descriptors. */
#include "fixture.h"

#include <sys/resource.h>
#include <time.h>

#define SHORT_MS 200

/* Sends s piece by piece with pauses, until it is sent or somebody answers. */
static void
drip(int fd, struct str s, size_t piece, int pause_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (; s.n > 0; s = str_from(s, piece < s.n ? piece : s.n)) {
		if (poll(&p, 1, pause_ms) > 0 ||
		    !say_str(fd, str_sub(s, 0, piece)))
			return;
	}
}

static int64_t
now_ms(void)
{
	return clock_mono_us() / 1000;
}

/* The time of a head is its own, not that of each byte. */
static void
test_slow_head(void **state)
{
	static const struct {
		const char *name, *bytes;
		int status;		/* 0: closed without a word */
	} cases[] = {
		{ "nothing at all", "", 0 },
		{ "half a head", "GET /hello HTTP/1.1\r\nHo", 408 },
		{ "a byte now and then",
		    "GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: yyyyyyyyyyyyyyy"
		    "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n", 408 },
	};

	(void)state;
	conf_defaults();
	conf.head_ms = SHORT_MS;
	start_server();
	for (size_t i = 0; i < LEN(cases); i++) {
		int64_t began = now_ms();
		int fd = dial();

		drip(fd, str_c(cases[i].bytes), i == 2 ? 1 : 100, 20);
		if (cases[i].status != 0)
			expect(fd, cases[i].status, NULL);
		expect_closed(fd);
		if (now_ms() - began < SHORT_MS ||
		    now_ms() - began > SHORT_MS + 2000)
			fail_msg("%s: after %lld ms", cases[i].name,
			    (long long)(now_ms() - began));
		close(fd);
	}
	stop_server();
}

static void
test_idle(void **state)
{
	int64_t began;
	int fd;

	(void)state;
	conf_defaults();
	conf.idle_ms = SHORT_MS;
	start_server();
	fd = dial();
	say(fd, GET("/hello"));
	expect(fd, 200, "hello");
	began = now_ms();
	expect_closed(fd);
	assert_in_range(now_ms() - began, SHORT_MS - 20, SHORT_MS + 2000);
	close(fd);
	stop_server();
}

/* A parked or running request is not idle. */
static void
test_waiting_is_not_idle(void **state)
{
	int fd;

	(void)state;
	conf_defaults();
	conf.idle_ms = conf.head_ms = conf.body_ms = conf.write_ms = 100;
	start_server();
	fd = dial();
	say(fd, GET("/park?500"));
	expect(fd, 200, "runs 1 ");
	say(fd, GET("/slow?300"));
	expect(fd, 200, "slow");
	close(fd);
	stop_server();
}

static void
test_slow_body(void **state)
{
	int64_t began;
	int fd;

	(void)state;
	conf_defaults();
	conf.body_ms = SHORT_MS;
	start_server();
	fd = dial();
	began = now_ms();
	say(fd, REQ("POST", "/echo") "Content-Length: 100\r\n\r\n");
	drip(fd, S("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), 1, 20);
	expect(fd, 408, NULL);
	expect_closed(fd);
	assert_in_range(now_ms() - began, SHORT_MS, SHORT_MS + 2000);
	close(fd);
	stop_server();
}

/* An upload may take as long as it moves: here 200 bytes in 200 ms. */
static void
test_upload_rate(void **state)
{
	char body[3000];
	int64_t began;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = pattern((int64_t)i);
	conf_defaults();
	conf.body_ms = SHORT_MS;
	conf.upload_min_rate = 1000;
	start_server();
	fd = dial();
	began = now_ms();
	say(fd, REQ("POST", "/spool") "Content-Length: 3000\r\n\r\n");
	drip(fd, str_n(body, sizeof(body)), 100, 20);
	expect(fd, 200, "3000 3000 same 0");
	assert_true(now_ms() - began > 2 * SHORT_MS);
	say(fd, REQ("POST", "/spool") "Content-Length: 3000\r\n\r\n");
	drip(fd, str_n(body, sizeof(body)), 1, 20);
	expect(fd, 408, NULL);
	expect_closed(fd);
	close(fd);
	stop_server();
}

/* Who does not take the answer is cut; who takes it slowly is not. */
static void
test_slow_reader(void **state)
{
	char piece[100000];
	int deaf, slow;

	(void)state;
	conf_defaults();
	conf.write_ms = SHORT_MS;
	start_server();
	deaf = dial();
	say(deaf, GET("/big?20000000"));
	assert_true(connections_are(0));
	close(deaf);
	slow = dial();
	say(slow, GET("/file?20000000"));
	for (int i = 0; i < 8; i++) {
		int left = (int)sizeof(piece) * 10;

		while (left > 0) {
			int n = recv_some(slow, piece, sizeof(piece));

			assert_true(n > 0);
			left -= n;
		}
		nap_ms(SHORT_MS / 2);
	}
	close(slow);
	stop_server();
}

static void
test_caps(void **state)
{
	static const struct {
		const char *name;
		size_t all, each;
	} cases[] = {
		{ "of an address", 100, 3 },
		{ "of all", 3, 100 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		int fd[3], more;

		conf_defaults();
		conf.connections_max = cases[i].all;
		conf.connections_per_address = cases[i].each;
		start_server();
		for (size_t k = 0; k < LEN(fd); k++) {
			fd[k] = dial();
			say(fd[k], GET("/hello"));
			expect(fd[k], 200, "hello");
		}
		more = dial();
		expect_closed(more);
		close(more);
		close(fd[0]);
		assert_true(connections_are(2));
		fd[0] = dial();
		say(fd[0], GET("/hello"));
		expect(fd[0], 200, "hello");
		for (size_t k = 0; k < LEN(fd); k++)
			close(fd[k]);
		stop_server();
	}
}

static int64_t
body_memory(void)
{
	struct http_stats st;

	http_stats(server, &st);
	return st.body_memory;
}

/* Bodies in memory have a ceiling, all together; what is declared is no cost. */
static void
test_body_memory(void **state)
{
	char body[90000];
	int first, second;

	(void)state;
	memset(body, 'b', sizeof(body));
	conf_defaults();
	conf.body_memory_max = 200000;
	start_server();
	first = dial();
	say(first, REQ("POST", "/echo") "Content-Length: 90000\r\n\r\n");
	second = dial();
	say(second, REQ("POST", "/echo") "Content-Length: 90000\r\n\r\nx");
	nap_ms(50);
	assert_in_range(body_memory(), 1, 1000);
	assert_true(say_str(first, str_n(body, sizeof(body) - 1)));
	for (int i = 0; i < 2000 && body_memory() < 90000; i++)
		nap_ms(1);
	say_str(second, str_n(body, sizeof(body) - 1));
	expect(second, 503, NULL);
	close(second);
	second = dial();
	say(second, REQ("POST", "/echo") "Content-Length: 180000\r\n\r\n");
	expect(second, 503, NULL);
	close(second);
	say(first, "b");
	expect(first, 200, NULL);
	close(first);
	assert_true(connections_are(0));
	for (int i = 0; i < 2000 && body_memory() != 0; i++)
		nap_ms(1);
	assert_int_equal(body_memory(), 0);
	stop_server();
}

static void
test_no_spool(void **state)
{
	int fd;

	(void)state;
	conf_defaults();
	conf.spool_dir = "/nowhere/at/all";
	start_server();
	fd = dial();
	say(fd, REQ("POST", "/spool") "Content-Length: 5\r\n\r\nhello");
	expect(fd, 503, NULL);
	close(fd);
	stop_server();
}

static void
test_head_caps(void **state)
{
	static const struct {
		const char *name, *start, *each;
		int times, status;
	} cases[] = {
		{ "a long target", "GET /", "aaaaaaaaaa", 500, 414 },
		{ "a long header", "GET / HTTP/1.1\r\nX: ", "aaaaaaaaaa", 500,
		    431 },
		{ "many headers", "GET / HTTP/1.1\r\n", "X: y\r\n", 60, 431 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		int fd = dial();
		struct answer a;

		say(fd, cases[i].start);
		for (int k = 0; k < cases[i].times; k++)
			if (!say_str(fd, str_c(cases[i].each)))
				break;
		a = hear_for(fd, false);
		if (a.status != cases[i].status)
			fail_msg("%s: %d", cases[i].name, a.status);
		answer_free(&a);
		expect_closed(fd);
		close(fd);
	}
}

static int64_t
cpu_ms(void)
{
	return (int64_t)clock() * 1000 / CLOCKS_PER_SEC;
}

/* Without descriptors a connection is refused, not left to spin or to hang. */
static void
test_no_descriptors(void **state)
{
	int client[8], filler[400], n = 0;
	struct rlimit was, low;
	int64_t before;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &was);
	conf_defaults();
	start_server();
	for (size_t i = 0; i < LEN(client); i++)
		client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	low = was;
	low.rlim_cur = 300;
	setrlimit(RLIMIT_NOFILE, &low);
	while (n < (int)LEN(filler) && (filler[n] = dup(client[0])) >= 0)
		n++;
	assert_true(n > 0 && n < (int)LEN(filler));
	before = cpu_ms();
	for (size_t i = 0; i < LEN(client); i++) {
		struct sockaddr_in to = { .sin_family = AF_INET,
		    .sin_port = htons((uint16_t)port) };
		struct pollfd p = { .fd = client[i], .events = POLLIN };
		char c;

		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		assert_int_equal(connect(client[i], (struct sockaddr *)&to,
		    sizeof(to)), 0);
		assert_int_equal(poll(&p, 1, LIMIT_MS), 1);
		assert_true(recv(client[i], &c, 1, 0) <= 0);
	}
	nap_ms(300);
	assert_true(cpu_ms() - before < 200);
	while (n > 0)
		close(filler[--n]);
	setrlimit(RLIMIT_NOFILE, &was);
	for (size_t i = 0; i < LEN(client); i++)
		close(client[i]);
	client[0] = dial();
	say(client[0], GET("/hello"));
	expect(client[0], 200, "hello");
	close(client[0]);
	stop_server();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_head), cmocka_unit_test(test_idle),
		cmocka_unit_test(test_waiting_is_not_idle),
		cmocka_unit_test(test_slow_body),
		cmocka_unit_test(test_upload_rate),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_body_memory),
		cmocka_unit_test(test_no_spool),
		cmocka_unit_test_setup_teardown(test_head_caps, setup,
		    teardown),
		cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
