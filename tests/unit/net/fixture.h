/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A server with a small application, and a client of bare sockets that shows
 * every byte. What a path does is said at app_run(). threads: the test's and
 * the workers'.
 */
#ifndef NET_FIXTURE_H
#define NET_FIXTURE_H

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pool.h"
#include "net/http.h"

#define LIMIT_MS 10000		/* nothing takes so long unless it hangs */
#define WAITING_MAX 4096

static struct http_server *server;
static struct pool *pool;
static struct http_listen listen_to[2];
static struct http_conf conf;
static int port;

/* Parked requests, each with a reference. */
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_req *waiting[WAITING_MAX];
static size_t nwaiting;
static atomic_int app_runs, app_gone;
static atomic_bool overloaded;
static atomic_ullong refused_mark;	/* /big and /file are marked with their size; 0: none is refused */

static inline void
nap_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* Waits until *x has at least that value; false: it never came. */
static inline bool
reaches(atomic_int *x, int value)
{
	for (int i = 0; i < LIMIT_MS && atomic_load(x) < value; i++)
		nap_ms(1);
	return atomic_load(x) >= value;
}

static inline int64_t
query_number(const struct http_view *v, int64_t otherwise)
{
	int64_t n = otherwise;

	(void)!str_i64(v->query, &n);
	return n;
}

static inline void
text_reply(struct http_req *rq, int status, struct str text)
{
	struct http_res res;

	http_res_init(&res, status);
	http_res_header(&res, "Content-Type", S("text/plain"));
	buf_str(&res.body, text);
	http_reply(rq, &res);
}

/* n bytes of a pattern that shows if some are lost or moved. */
static inline char
pattern(int64_t i)
{
	return (char)('a' + (i * 7 + i / 251) % 26);
}

static inline int
pattern_file(int64_t n)
{
	char path[] = "/tmp/net-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	for (int64_t i = 0; i < n; i++) {
		static char piece[65536];

		piece[i % 65536] = pattern(i);
		if (i % 65536 == 65535 || i == n - 1)
			assert_int_equal(write(fd, piece, (size_t)(i % 65536) +
			    1), i % 65536 + 1);
	}
	return fd;
}

static inline void
reply_pattern(struct http_req *rq, const struct http_view *v, bool file)
{
	int64_t n = query_number(v, 10);
	struct http_res res;

	http_res_init(&res, 200);
	res.mark.word[0] = (uint64_t)n;
	if (file) {
		res.fd = pattern_file(n + 100);
		res.fd_from = 0;
		res.fd_bytes = n;
	}
	for (int64_t i = 0; !file && i < n; i++)
		buf_char(&res.body, pattern(i));
	http_reply(rq, &res);
}

static inline void
reply_spooled(struct http_req *rq, const struct http_view *v)
{
	char piece[4096], text[100];
	int64_t at = 0;
	bool same = true;
	ssize_t n;

	while ((n = read(v->body_fd, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n; i++)
			same = same && piece[i] == pattern(at++);
	snprintf(text, sizeof(text), "%lld %lld %s %zu", (long long)at,
	    (long long)v->body_bytes, same ? "same" : "other", v->body.n);
	text_reply(rq, 200, str_c(text));
}

static inline void
wait_add(struct http_req *rq)
{
	pthread_mutex_lock(&waiting_lock);
	assert_true(nwaiting < WAITING_MAX);
	http_req_get(rq);
	waiting[nwaiting++] = rq;
	pthread_mutex_unlock(&waiting_lock);
}

/* Forgets the request; false: somebody else did. */
static inline bool
wait_del(struct http_req *rq)
{
	bool found = false;

	pthread_mutex_lock(&waiting_lock);
	for (size_t i = 0; i < nwaiting && !found; i++)
		if (waiting[i] == rq) {
			waiting[i] = waiting[--nwaiting];
			found = true;
		}
	pthread_mutex_unlock(&waiting_lock);
	if (found)
		http_req_put(rq);
	return found;
}

static inline void
wake_all(void)
{
	pthread_mutex_lock(&waiting_lock);
	for (size_t i = 0; i < nwaiting; i++)
		http_wake(waiting[i]);
	pthread_mutex_unlock(&waiting_lock);
}

/* Parks the first time for as many ms as the query says; then answers. */
static inline void
run_park(struct http_req *rq, const struct http_view *v)
{
	char text[100];

	if (v->runs == 0) {
		wait_add(rq);
		http_park(rq, query_number(v, 60000));
		return;
	}
	wait_del(rq);
	snprintf(text, sizeof(text), "runs %d%s" STR_FMT, v->runs,
	    http_req_stopping(rq) ? " stopping " : " ", STR_ARG(v->body));
	text_reply(rq, 200, str_c(text));
}

/* A worker's: what each path does. */
static inline void
app_run(void *state, void *arg)
{
	struct http_req *rq = arg;
	const struct http_view *v = http_view(rq);

	(void)state;
	atomic_fetch_add(&app_runs, 1);
	if (str_eq(v->path, S("/hello"))) {
		text_reply(rq, 200, S("hello"));
	} else if (str_eq(v->path, S("/echo"))) {
		text_reply(rq, 200, v->body);
	} else if (str_eq(v->path, S("/spool"))) {
		reply_spooled(rq, v);
	} else if (str_eq(v->path, S("/big"))) {
		reply_pattern(rq, v, false);
	} else if (str_eq(v->path, S("/file"))) {
		reply_pattern(rq, v, true);
	} else if (str_eq(v->path, S("/park"))) {
		run_park(rq, v);
	} else if (str_eq(v->path, S("/forever"))) {
		http_park(rq, 60000);	/* whatever happens */
	} else if (str_eq(v->path, S("/woken")) && v->runs == 0) {
		http_wake(rq);		/* before it parks */
		http_park(rq, 60000);
	} else if (str_eq(v->path, S("/late")) && v->runs == 0) {
		nap_ms(100);
		http_park(rq, 60000);
	} else if (str_eq(v->path, S("/slow"))) {
		nap_ms((int)query_number(v, 100));
		text_reply(rq, 200, http_gone(rq) ? S("gone") : S("slow"));
	} else if (str_eq(v->path, S("/address"))) {
		text_reply(rq, 200, v->address);
	} else if (str_eq(v->path, S("/tls"))) {
		text_reply(rq, 200, v->tls ? S("tls") : S("plain"));
	} else if (str_eq(v->path, S("/empty"))) {
		text_reply(rq, 204, (struct str){ NULL, 0 });
	} else if (str_eq(v->path, S("/drop"))) {
		http_drop(rq);
	} else {
		text_reply(rq, 404, v->path);
	}
}

static inline void
app_head(void *arg, const struct http_view *v, struct http_body_rule *rule)
{
	(void)arg;
	rule->max_bytes = 1000;
	if (str_eq(v->path, S("/spool"))) {
		rule->spool = true;
		rule->max_bytes = 4 << 20;
	} else if (str_eq(v->path, S("/echo"))) {
		rule->max_bytes = 1 << 20;
	} else if (str_eq(v->path, S("/refused"))) {
		rule->refuse_status = 403;
		rule->refuse_body = S("no");
	}
}

static inline bool
app_request(void *arg, struct http_req *rq)
{
	(void)arg;
	return !atomic_load(&overloaded) && pool_push(pool, app_run, rq);
}

static inline void
app_gone_now(void *arg, struct http_req *rq)
{
	(void)arg;
	wait_del(rq);
	atomic_fetch_add(&app_gone, 1);
}

static inline struct str
app_refusal(void *arg, int status)
{
	(void)arg;
	return status == 413 ? S("{\"errcode\":\"M_TOO_LARGE\"}") : S("{}");
}

static inline bool
app_may_send(void *arg, const struct http_mark *mark)
{
	(void)arg;
	return mark->word[0] != atomic_load(&refused_mark);
}

static const struct http_app app = { .head = app_head,
    .may_send = app_may_send,
    .request = app_request, .gone = app_gone_now, .refusal = app_refusal };

/* What a test changes before start_server(). */
static inline void
conf_defaults(void)
{
	listen_to[0] = (struct http_listen){ .address = S("127.0.0.1:0") };
	conf = (struct http_conf){ .listen = listen_to, .nlisten = 1,
	    .nloops = 2, .spool_dir = "/tmp", .head_max = 4096,
	    .headers_max = 50, .head_ms = LIMIT_MS, .body_ms = LIMIT_MS,
	    .idle_ms = LIMIT_MS, .write_ms = LIMIT_MS, .stop_ms = LIMIT_MS,
	    .upload_min_rate = 1000, .connections_max = 3000,
	    .connections_per_address = 3000, .body_memory_max = 8 << 20,
	    .server_header = "test" };
	atomic_store(&app_runs, 0);
	atomic_store(&app_gone, 0);
	atomic_store(&overloaded, false);
	atomic_store(&refused_mark, 0);
}

static inline void
start_server(void)
{
	struct pool_spec spec = { .name = "worker", .nthreads = 4,
	    .queue_max = 4096 };
	struct err e = { 0 };

	pool = pool_start(&spec);
	server = http_start(&conf, &app, &e);
	if (server == NULL)
		fail_msg("%s", e.text);
	port = http_port(server, 0);
}

static inline void
stop_server(void)
{
	http_stop(server);
	pool_stop(pool);
	assert_int_equal(nwaiting, 0);
}

static inline int
setup(void **state)
{
	(void)state;
	conf_defaults();
	start_server();
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	stop_server();
	return 0;
}

/* The client. */
static inline int
dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port) };
	struct timeval limit = { .tv_sec = LIMIT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail_msg("connect: %s", strerror(errno));
	return fd;
}

/* False: the server closed while we were sending. */
static inline bool
say_str(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		s = str_from(s, (size_t)n);
	}
	return true;
}

static inline void
say(int fd, const char *s)
{
	assert_true(say_str(fd, str_c(s)));
}

/* A reply as it came. */
struct answer {
	int status;		/* 0: the connection closed without one; -1: it hung */
	struct buf head, body;
};

static inline void
answer_free(struct answer *a)
{
	buf_free(&a->head);
	buf_free(&a->body);
}

/* The value of a header of the answer, or empty. */
static inline struct str
answer_header(const struct answer *a, const char *name)
{
	struct str line, rest = buf_view(&a->head), key, value;
	bool more = true;

	while (more) {
		more = str_cut(rest, '\n', &line, &rest);
		if (str_cut(line, ':', &key, &value) &&
		    str_eq_nocase(key, str_c(name)))
			return str_trim(value);
	}
	return (struct str){ NULL, 0 };
}

static inline int
recv_some(int fd, char *to, size_t n)
{
	ssize_t got = recv(fd, to, n, 0);

	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return -1;
	return got > 0 ? (int)got : 0;
}

/* Reads one reply, not a byte further; a 100 is one too. */
static inline struct answer
hear_for(int fd, bool is_head)
{
	struct answer a = { 0 };
	uint64_t status, length = 0;
	char piece[16384];
	int n = 1;

	buf_init(&a.head, NULL, 1 << 16);
	buf_init(&a.body, NULL, 1 << 27);
	while (n > 0 && !str_ends(buf_view(&a.head), S("\r\n\r\n"))) {
		n = recv_some(fd, piece, 1);
		buf_add(&a.head, piece, n > 0 ? (size_t)n : 0);
	}
	if (n <= 0) {
		a.status = n;
		return a;
	}
	assert_true(str_starts(buf_view(&a.head), S("HTTP/1.1 ")));
	assert_true(str_u64(str_sub(buf_view(&a.head), 9, 3), &status));
	a.status = (int)status;
	if (!is_head && a.status != 204 && a.status != 100)
		assert_true(str_u64(answer_header(&a, "Content-Length"),
		    &length));
	while (a.body.n < length) {
		n = recv_some(fd, piece, length - a.body.n < sizeof(piece)
		    ? length - a.body.n : sizeof(piece));
		if (n <= 0) {
			a.status = n;
			break;
		}
		buf_add(&a.body, piece, (size_t)n);
	}
	return a;
}

/* Checks the next reply. */
static inline void
expect(int fd, int status, const char *body)
{
	struct answer a = hear_for(fd, false);

	if (a.status != status ||
	    (body != NULL && !str_eq_c(buf_view(&a.body), body)))
		fail_msg("%d \"" STR_FMT "\", not %d \"%s\"", a.status,
		    STR_ARG(buf_view(&a.body)), status,
		    body == NULL ? "..." : body);
	answer_free(&a);
}

/* The server has closed, or does so within the limit. */
static inline void
expect_closed(int fd)
{
	char c;

	if (recv_some(fd, &c, 1) != 0)
		fail_msg("the connection is still open");
}

static inline int64_t
stat_parked(void)
{
	struct http_stats st;

	http_stats(server, &st);
	return st.parked;
}

static inline bool
parked_are(int64_t n)
{
	for (int i = 0; i < LIMIT_MS && stat_parked() != n; i++)
		nap_ms(1);
	return stat_parked() == n;
}

static inline bool
connections_are(int64_t n)
{
	struct http_stats st = { 0 };

	for (int i = 0; i < LIMIT_MS; i++) {
		http_stats(server, &st);
		if (st.connections == n)
			return true;
		nap_ms(1);
	}
	return false;
}

#define REQ(method, target) method " " target " HTTP/1.1\r\nHost: x\r\n"
#define GET(target) REQ("GET", target) "\r\n"

#endif
