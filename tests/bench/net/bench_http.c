/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Claims: a small request, handed to a worker and back, costs the server some
 * 10 us of CPU; a parked one at most 2 kB beside its head. The clients are
 * a child process, whose cost is not counted. With an argument the program only
 * serves, until its input ends, and prints its port: for other load tools.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pool.h"
#include "net/http.h"

#define RUN_US 2000000
#define NPARKED 10000
#define NCONNS_MAX 512

static struct pool *pool;
static char json[200];

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void
run(void *state, void *arg)
{
	struct http_req *rq = arg;
	struct http_res res;

	(void)state;
	if (str_eq(http_view(rq)->path, S("/park"))) {
		http_park(rq, 600000);
		return;
	}
	http_res_init(&res, 200);
	http_res_header(&res, "Content-Type", S("application/json"));
	buf_add(&res.body, json, sizeof(json));
	http_reply(rq, &res);
}

static void
on_head(void *arg, const struct http_view *v, struct http_body_rule *rule)
{
	(void)arg;
	(void)v;
	rule->max_bytes = 1000;
}

static bool
on_request(void *arg, struct http_req *rq)
{
	(void)arg;
	return pool_push(pool, run, rq);
}

static const struct http_app app = { .head = on_head, .request = on_request };

static struct http_server *
start(void)
{
	static const struct http_listen to = { .address = S_INIT("127.0.0.1:0") };
	struct http_conf conf = { .listen = &to, .nlisten = 1, .nloops = 2,
	    .spool_dir = "/tmp", .head_max = 16384, .headers_max = 100,
	    .head_ms = 60000, .body_ms = 60000, .idle_ms = 60000,
	    .write_ms = 60000, .stop_ms = 0, .upload_min_rate = 1000,
	    .connections_max = 20000, .connections_per_address = 20000,
	    .body_memory_max = 64 << 20, .server_header = "bench" };
	struct pool_spec spec = { .name = "worker", .nthreads = 2,
	    .queue_max = 20000 };
	struct http_server *s;
	struct err e = { 0 };

	memset(json, ' ', sizeof(json));
	json[0] = '{';
	json[sizeof(json) - 1] = '}';
	pool = pool_start(&spec);
	s = http_start(&conf, &app, &e);
	must(s != NULL, e.text);
	return s;
}

static int
dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
	    "connect");
	return fd;
}

/* Many connections, each asking again as soon as it was answered. */
static void
load(int port, const char *request, int n)
{
	struct pollfd p[NCONNS_MAX];
	int64_t end_us = clock_mono_us() + RUN_US;
	size_t len = strlen(request);
	char waste[4096];

	for (int i = 0; i < n; i++) {
		p[i] = (struct pollfd){ .fd = dial(port), .events = POLLIN };
		must(send(p[i].fd, request, len, 0) == (ssize_t)len, "send");
	}
	while (clock_mono_us() < end_us) {
		must(poll(p, (nfds_t)n, 5000) > 0, "poll");
		for (int i = 0; i < n; i++) {
			if (p[i].revents == 0)
				continue;
			must(recv(p[i].fd, waste, sizeof(waste), 0) > 0, "recv");
			must(send(p[i].fd, request, len, 0) == (ssize_t)len,
			    "send");
		}
	}
}

static void
park(int port)
{
	static const char request[] = "GET /park HTTP/1.1\r\nHost: localhost\r\n"
	    "Authorization: Bearer syt_YWxpY2U_abcdefghijklmnop_1a2b3c\r\n"
	    "Accept: application/json\r\nUser-Agent: bench\r\n\r\n";
	static int fd[NPARKED];

	for (int i = 0; i < NPARKED; i++) {
		fd[i] = dial(port);
		must(send(fd[i], request, sizeof(request) - 1, 0) > 0, "send");
	}
	pause();
}

static int64_t
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	    u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

static int64_t
rss_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long long all = 0, resident = 0;

	must(f != NULL && fscanf(f, "%lld %lld", &all, &resident) == 2, "statm");
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE) / 1024;
}

/* A child with the load must be born before the server has threads. */
static pid_t
child_load(int to_child[2], const char *request, int n)
{
	pid_t pid;
	int port;

	must(pipe(to_child) == 0, "pipe");
	pid = fork();
	must(pid >= 0, "fork");
	if (pid > 0)
		return pid;
	if (read(to_child[0], &port, sizeof(port)) != sizeof(port))
		_exit(0);
	if (request != NULL)
		load(port, request, n);
	else
		park(port);
	_exit(0);
}

static void
bench_requests(const char *name, const char *request, int n)
{
	struct http_stats st;
	struct http_server *s;
	int to_child[2], port;
	int64_t cpu, began_us;
	pid_t pid = child_load(to_child, request, n);

	s = start();
	port = http_port(s, 0);
	cpu = cpu_us();
	began_us = clock_mono_us();
	must(write(to_child[1], &port, sizeof(port)) == sizeof(port), "write");
	waitpid(pid, NULL, 0);
	http_stats(s, &st);
	cpu = cpu_us() - cpu;
	printf("%s, %3d connections: %.1f us of CPU a request, %lld a second\n",
	    name, n, (double)cpu / (double)st.requests, (long long)(st.requests *
	    1000000 / (clock_mono_us() - began_us)));
	http_stop(s);
	pool_stop(pool);
}

static void
bench_parked(void)
{
	struct http_stats st = { 0 };
	struct http_server *s;
	int to_child[2], port;
	int64_t kb, heap, cpu;
	pid_t pid = child_load(to_child, NULL, 0);

	s = start();
	port = http_port(s, 0);
	kb = rss_kb();
	heap = (int64_t)mallinfo2().uordblks;
	must(write(to_child[1], &port, sizeof(port)) == sizeof(port), "write");
	for (int i = 0; i < 3000 && st.parked < NPARKED; i++) {
		poll(NULL, 0, 10);
		http_stats(s, &st);
	}
	cpu = cpu_us();
	poll(NULL, 0, 2000);
	printf("%lld parked: %.2f kB of heap each (resident %.2f kB),"
	    " %.1f ms of CPU a second while they wait\n", (long long)st.parked,
	    (double)((int64_t)mallinfo2().uordblks - heap) / 1000 / NPARKED,
	    (double)(rss_kb() - kb) / NPARKED, (double)(cpu_us() - cpu) / 2000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	http_stop(s);
	pool_stop(pool);
}

static void
serve(void)
{
	struct http_server *s = start();
	char c;

	printf("%d\n", http_port(s, 0));
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	printf("%.1f ms of CPU\n", (double)cpu_us() / 1000);
	http_stop(s);
	pool_stop(pool);
}

int
main(int argc, char **argv)
{
	static const char get[] = "GET /j HTTP/1.1\r\nHost: localhost\r\n"
	    "Accept: application/json\r\nUser-Agent: bench\r\n\r\n";
	static char put[1000];
	struct rlimit files;

	(void)argv;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (argc > 1) {
		serve();
		return 0;
	}
	snprintf(put, sizeof(put), "PUT /j HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Length: 500\r\n\r\n%500d", 0);
	bench_requests("GET, 200 bytes back", get, 64);
	bench_requests("GET, 200 bytes back", get, 512);
	bench_requests("PUT of 500 bytes   ", put, 64);
	bench_parked();
	return 0;
}
