/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Replies that the application no longer wants to be sent. */
#include "fixture.h"

#define LARGE "50000000"

/* Reads until the connection ends: how many bytes came. */
static int64_t
drain(int fd)
{
	static char piece[65536];
	int64_t all = 0;
	ssize_t n;

	while ((n = recv(fd, piece, sizeof(piece), 0)) > 0)
		all += n;
	return all;
}

static void
test_a_file_on_its_way_is_cut(void **state)
{
	int fd = dial();
	char c;

	(void)state;
	say(fd, GET("/file?" LARGE));
	assert_int_equal(recv_some(fd, &c, 1), 1);
	atomic_store(&refused_mark, 50000000);
	http_recheck(server);
	assert_true(drain(fd) < 50000000);
	close(fd);
}

static void
test_others_go_on(void **state)
{
	int fd = dial();
	char c;

	(void)state;
	say(fd, "GET /file?20000000 HTTP/1.1\r\nHost: x\r\n"
	    "Connection: close\r\n\r\n");
	assert_int_equal(recv_some(fd, &c, 1), 1);
	atomic_store(&refused_mark, 50000000);
	http_recheck(server);
	assert_true(drain(fd) >= 20000000);
	close(fd);
}

static void
test_a_reply_that_has_not_begun_is_not_sent(void **state)
{
	int fd = dial();

	(void)state;
	atomic_store(&refused_mark, 77);
	say(fd, GET("/big?77"));
	assert_int_equal(drain(fd), 0);
	close(fd);
}

static void
test_an_idle_connection_ends_and_a_new_one_is_served(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, GET("/big?3"));
	expect(fd, 200, NULL);
	atomic_store(&refused_mark, 3);
	http_recheck(server);
	assert_int_equal(drain(fd), 0);
	close(fd);
	fd = dial();
	say(fd, GET("/hello"));
	expect(fd, 200, "hello");
	close(fd);
}

#define CUT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CUT(test_a_file_on_its_way_is_cut),
		CUT(test_others_go_on),
		CUT(test_a_reply_that_has_not_begun_is_not_sent),
		CUT(test_an_idle_connection_ends_and_a_new_one_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
