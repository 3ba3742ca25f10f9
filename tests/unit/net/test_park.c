/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Waiting requests: what ends a park, that exactly one thing does, and that a
 * stop leaves nobody behind.
 */
#include "fixture.h"

static void
test_wake(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 20; i++) {
		say(fd, GET("/park"));
		assert_true(parked_are(1));
		wake_all();
		expect(fd, 200, "runs 1 ");
	}
	assert_int_equal(stat_parked(), 0);
	close(fd);
}

static void
test_deadline(void **state)
{
	static const struct {
		const char *request;
		int64_t ms;
	} cases[] = {
		{ GET("/park?150"), 150 },
		{ GET("/park?0"), 0 },
		{ GET("/park?-5"), 0 },
	};
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		int64_t began_us = clock_mono_us(), took_ms;

		say(fd, cases[i].request);
		expect(fd, 200, "runs 1 ");
		took_ms = (clock_mono_us() - began_us) / 1000;
		if (took_ms < cases[i].ms || took_ms > cases[i].ms + 2000)
			fail_msg("%s: %lld ms", cases[i].request,
			    (long long)took_ms);
	}
	close(fd);
}

/* A wake before http_park() is not lost. */
static void
test_wake_before_park(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 20; i++) {
		say(fd, GET("/woken"));
		expect(fd, 404, "/woken");	/* its second run */
	}
	assert_int_equal(atomic_load(&app_runs), 40);
	close(fd);
}

static void
test_body_is_kept(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, REQ("PUT", "/park") "Content-Length: 3\r\n\r\nabc" GET("/hello"));
	assert_true(parked_are(1));
	wake_all();
	expect(fd, 200, "runs 1 abc");
	expect(fd, 200, "hello");
	close(fd);
}

/* However the client leaves, it is noticed at once. */
static void
test_gone(void **state)
{
	struct linger hard = { .l_onoff = 1 };

	(void)state;
	for (int way = 0; way < 3; way++) {
		int fd = dial();

		say(fd, way == 2 ? GET("/park") GET("/hello") : GET("/park"));
		assert_true(parked_are(1));
		if (way == 0)
			shutdown(fd, SHUT_WR);
		if (way == 1)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard,
			    sizeof(hard));
		if (way != 0)
			close(fd);
		assert_true(parked_are(0));
		assert_true(reaches(&app_gone, way + 1));
		assert_true(connections_are(0));
		if (way == 0)
			close(fd);
	}
	assert_int_equal(atomic_load(&app_runs), 3);
}

/* The client had left before its request was parked. */
static void
test_gone_before_park(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, GET("/late"));
	assert_true(reaches(&app_runs, 1));
	close(fd);
	assert_true(reaches(&app_gone, 1));
	assert_true(connections_are(0));
	assert_int_equal(stat_parked(), 0);
}

/* The application will not have it again: 503, and it is told to let go. */
static void
test_overload_after_park(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, GET("/park"));
	assert_true(parked_are(1));
	atomic_store(&overloaded, true);
	wake_all();
	expect(fd, 503, "{}");
	assert_int_equal(atomic_load(&app_gone), 1);
	assert_int_equal(nwaiting, 0);
	close(fd);
}

#define RACERS 8
#define RACES 150

static atomic_bool racing;
static atomic_int answered, walked_out;

static void *
waker(void *arg)
{
	(void)arg;
	while (atomic_load(&racing)) {
		wake_all();
		nap_ms(1);
	}
	return NULL;
}

/* Parks for moments; every third time leaves without an answer. */
static void *
racer(void *arg)
{
	int seed = *(int *)arg, fd = dial();
	char request[100];

	for (int i = 0; i < RACES; i++) {
		snprintf(request, sizeof(request),
		    REQ("GET", "/park?%d") "\r\n", (seed + i) % 40);
		say(fd, request);
		if ((seed + i) % 3 == 0) {
			if (i % 2 == 0)
				nap_ms(1);
			close(fd);
			fd = dial();
			atomic_fetch_add(&walked_out, 1);
			continue;
		}
		expect(fd, 200, "runs 1 ");
		atomic_fetch_add(&answered, 1);
	}
	close(fd);
	return NULL;
}

/* Wakes, deadlines and clients that leave, all at once: each request ends once. */
static void
test_races(void **state)
{
	pthread_t wakers[2], racers[RACERS];
	int seeds[RACERS];

	(void)state;
	atomic_store(&racing, true);
	atomic_store(&answered, 0);
	atomic_store(&walked_out, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&wakers[i], NULL, waker, NULL);
	for (int i = 0; i < RACERS; i++) {
		seeds[i] = i;
		pthread_create(&racers[i], NULL, racer, &seeds[i]);
	}
	for (int i = 0; i < RACERS; i++)
		pthread_join(racers[i], NULL);
	atomic_store(&racing, false);
	for (int i = 0; i < 2; i++)
		pthread_join(wakers[i], NULL);
	assert_int_equal(atomic_load(&answered) + atomic_load(&walked_out),
	    RACERS * RACES);
	assert_true(connections_are(0));
	assert_int_equal(stat_parked(), 0);
	assert_int_equal(nwaiting, 0);
	assert_in_range(atomic_load(&app_gone), 0, atomic_load(&walked_out));
}

/* A park that nothing ends but the wake: none may be lost. */
static void
test_no_wake_lost(void **state)
{
	int fd[20];

	(void)state;
	for (size_t i = 0; i < LEN(fd); i++)
		fd[i] = dial();
	for (int round = 0; round < 50; round++) {
		pthread_t t;

		atomic_store(&racing, true);
		pthread_create(&t, NULL, waker, NULL);
		for (size_t i = 0; i < LEN(fd); i++)
			say(fd[i], GET("/park"));
		for (size_t i = 0; i < LEN(fd); i++)
			expect(fd[i], 200, "runs 1 ");
		atomic_store(&racing, false);
		pthread_join(t, NULL);
	}
	for (size_t i = 0; i < LEN(fd); i++)
		close(fd[i]);
}

static void *
stopper(void *arg)
{
	(void)arg;
	http_stop(server);
	return NULL;
}

/* On stop: the idle are closed, the parked answered, the running let end. */
static void
test_stop(void **state)
{
	int parked[10], slow, idle, begun;
	struct answer a;
	pthread_t t;

	(void)state;
	conf_defaults();
	start_server();
	idle = dial();
	say(idle, GET("/hello"));
	expect(idle, 200, "hello");
	for (size_t i = 0; i < LEN(parked); i++) {
		parked[i] = dial();
		say(parked[i], GET("/park"));
	}
	assert_true(parked_are(LEN(parked)));
	slow = dial();
	say(slow, GET("/slow?300") GET("/hello"));
	begun = dial();
	say(begun, "GET /hello HTTP/1.1\r\n");
	assert_true(reaches(&app_runs, 2 + (int)LEN(parked)));
	nap_ms(50);
	pthread_create(&t, NULL, stopper, NULL);
	expect_closed(idle);
	for (size_t i = 0; i < LEN(parked); i++) {
		expect(parked[i], 200, "runs 1 stopping ");
		expect_closed(parked[i]);
		close(parked[i]);
	}
	a = hear_for(slow, false);
	assert_int_equal(a.status, 200);
	assert_true(str_eq_c(answer_header(&a, "Connection"), "close"));
	answer_free(&a);
	expect_closed(slow);
	say(begun, "Host: x\r\n\r\n");
	expect(begun, 200, "hello");
	expect_closed(begun);
	close(idle);
	close(slow);
	close(begun);
	pthread_join(t, NULL);
	pool_stop(pool);
	assert_int_equal(nwaiting, 0);
}

/* Those who don't come to an end in stop_ms are cut. */
static void
test_stop_cuts(void **state)
{
	int forever, deaf, mute;
	int64_t began_us, took_ms;

	(void)state;
	conf_defaults();
	conf.stop_ms = 200;
	start_server();
	forever = dial();
	say(forever, GET("/forever"));
	deaf = dial();
	say(deaf, GET("/big?30000000"));
	mute = dial();
	say(mute, REQ("POST", "/echo") "Content-Length: 10\r\n\r\nx");
	assert_true(parked_are(1));
	assert_true(reaches(&app_runs, 2));
	nap_ms(100);
	began_us = clock_mono_us();
	http_stop(server);
	took_ms = (clock_mono_us() - began_us) / 1000;
	assert_in_range(took_ms, 200, 3000);
	assert_int_equal(atomic_load(&app_gone), 1);
	assert_in_range(atomic_load(&app_runs), 3, 4);
	expect_closed(forever);
	close(forever);
	close(deaf);
	close(mute);
	pool_stop(pool);
}

/* A client that comes, asks, parks and leaves until it is refused. */
static void *
hammer(void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port) };
	char waste[4096];

	(void)arg;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 10000; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct str ask = i % 2 == 0 ? S(GET("/hello"))
		    : S(GET("/park?5") GET("/hello"));

		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
			close(fd);
			break;
		}
		say_str(fd, ask);
		if (i % 5 != 0)
			while (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) < 0 &&
			    (errno == EAGAIN || errno == EWOULDBLOCK))
				nap_ms(1);
		close(fd);
	}
	return NULL;
}

static void
test_stop_under_load(void **state)
{
	(void)state;
	for (int round = 0; round < 12; round++) {
		pthread_t t[4];

		conf_defaults();
		conf.stop_ms = 2000;
		start_server();
		for (size_t i = 0; i < LEN(t); i++)
			pthread_create(&t[i], NULL, hammer, NULL);
		nap_ms(10 + round * 5);
		http_stop(server);
		for (size_t i = 0; i < LEN(t); i++)
			pthread_join(t[i], NULL);
		pool_stop(pool);
		assert_int_equal(nwaiting, 0);
	}
}

/* A reference keeps the object, and what it stands on, past the stop. */
static void
test_reference_outlives(void **state)
{
	struct http_req *rq;
	int fd;

	(void)state;
	conf_defaults();
	start_server();
	fd = dial();
	say(fd, GET("/park"));
	assert_true(parked_are(1));
	rq = waiting[0];
	http_req_get(rq);
	http_stop(server);
	http_wake(rq);
	assert_true(http_req_stopping(rq));
	http_req_put(rq);
	pool_stop(pool);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wake), TEST(test_deadline),
		TEST(test_wake_before_park), TEST(test_body_is_kept),
		TEST(test_gone), TEST(test_gone_before_park),
		TEST(test_overload_after_park),
		TEST(test_races), TEST(test_no_wake_lost),
		cmocka_unit_test(test_stop), cmocka_unit_test(test_stop_cuts),
		cmocka_unit_test(test_stop_under_load),
		cmocka_unit_test(test_reference_outlives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
