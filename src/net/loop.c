/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See loop.h. It never blocks but in epoll_wait. Posts are a list that other
 * threads push onto; who finds it empty writes to the eventfd, so that a burst
 * wakes the loop once. The eventfd is edge-triggered and never read.
 */
#define _GNU_SOURCE		/* accept4 */
#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/conn.h"
#include "base/heap.h"
#include "net/request.h"
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EVENTS 256
#define ACCEPT_ROUND 8		/* then the other loops have their turn */
#define DEAF_MS 200
#define SHED_LOG_MS 10000

void
loop_wake(struct loop *l)
{
	uint64_t one = 1;

	/* A full counter is a wake-up too. */
	if (write(l->event, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

void
loop_post(struct loop *l, struct http_req *rq)
{
	struct http_req *head = atomic_load(&l->posts);

	do {
		rq->next = head;
	} while (!atomic_compare_exchange_weak(&l->posts, &head, rq));
	if (head == NULL)
		loop_wake(l);
}

static void
take_posts(struct loop *l)
{
	struct http_req *rq = atomic_exchange(&l->posts, NULL), *next;
	struct http_req *in_order = NULL;

	for (; rq != NULL; rq = next) {
		next = rq->next;
		rq->next = in_order;
		in_order = rq;
	}
	for (rq = in_order; rq != NULL; rq = next) {
		/* From conn_posted() on it may be posted again. */
		next = rq->next;
		conn_posted(rq);
		http_req_put(rq);
	}
}

const char *
loop_date(struct loop *l)
{
	int64_t s = clock_now_ms() / 1000;

	if (s != l->date_s || l->date[0] == '\0')
		reply_date(l->date, s);
	l->date_s = s;
	return l->date;
}

static bool
watch_listener(struct loop *l, struct listener *x)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE,
	    .data.ptr = x };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, x->fd, &ev) == 0;
}

static void
unwatch_listeners(struct loop *l)
{
	for (size_t i = 0; i < l->s->conf.nlisten; i++)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->s->listener[i].fd, NULL);
}

static int
spare_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
hear_again(struct loop *l)
{
	l->deaf = false;
	if (l->spare_fd < 0)
		l->spare_fd = spare_open();
	for (size_t i = 0; i < l->s->conf.nlisten; i++)
		if (!watch_listener(l, &l->s->listener[i]))
			abort();
}

/* Listeners rest for a moment, or epoll would report them without end. */
static void
turn_deaf(struct loop *l)
{
	unwatch_listeners(l);
	l->deaf = true;
	wheel_set(&l->wheel, &l->hear, l->now_ms + DEAF_MS);
}

/* The spare descriptor's place takes a connection, which is closed: why not, or 0. */
static int
swap_spare(struct loop *l, int fd)
{
	int victim, why;

	pthread_mutex_lock(&l->s->accepting);
	close(l->spare_fd);
	victim = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	why = victim < 0 ? errno : 0;
	if (victim >= 0)
		close(victim);
	l->spare_fd = spare_open();
	pthread_mutex_unlock(&l->s->accepting);
	return why;
}

/* Out of descriptors: a connection is refused. False: no more for now. */
static bool
shed(struct loop *l, int fd)
{
	int why;

	if (l->now_ms >= l->shed_log_ms) {
		log_warn("net", "out of descriptors: connections are refused");
		l->shed_log_ms = l->now_ms + SHED_LOG_MS;
	}
	if (l->spare_fd < 0) {
		turn_deaf(l);
		return false;
	}
	why = swap_spare(l, fd);
	if (why != 0 && why != EAGAIN)
		turn_deaf(l);
	return why == 0;
}

/* Not while another loop's spare descriptor is given up: we would take its place. */
static int
accept_one(struct loop *l, int fd, struct sockaddr_storage *ss)
{
	socklen_t n = sizeof(*ss);
	int got, why;

	memset(ss, 0, sizeof(*ss));
	pthread_mutex_lock(&l->s->accepting);
	got = accept4(fd, (struct sockaddr *)ss, &n,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	why = errno;
	pthread_mutex_unlock(&l->s->accepting);
	errno = why;
	return got;
}

static void
enter(struct loop *l, int fd, int listener, const struct sockaddr_storage *ss)
{
	struct http_server *s = l->s;
	struct addr peer;
	bool counted;
	int one = 1;

	addr_of(ss, &peer);
	/* Many clients are behind a proxy's or a unix socket's one address. */
	counted = ss->ss_family != AF_UNIX &&
	    !addr_in_any(&peer, s->trusted, s->conf.ntrusted);
	if (!clients_enter(&s->clients, &peer, counted)) {
		close(fd);
		return;
	}
	if (ss->ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	conn_open(l, fd, listener, &peer, counted);
}

static void
accept_round(struct loop *l, const struct listener *x)
{
	for (int i = 0; i < ACCEPT_ROUND; i++) {
		struct sockaddr_storage ss;
		int fd = accept_one(l, x->fd, &ss);

		if (fd >= 0) {
			enter(l, fd, (int)(x - l->s->listener), &ss);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			if (!shed(l, x->fd))
				return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void
handle(struct loop *l, const struct epoll_event *ev)
{
	struct listener *x = l->s->listener;
	void *what = ev->data.ptr;

	if (what == l)
		return;		/* a wake-up: posts are taken in any case */
	for (size_t i = 0; i < l->s->conf.nlisten; i++) {
		if (what == &x[i]) {
			accept_round(l, &x[i]);
			return;
		}
	}
	conn_event(what, ev->events);
}

static void
run_timers(struct loop *l)
{
	struct timer *t;

	while ((t = wheel_due(&l->wheel, l->now_ms)) != NULL) {
		if (t == &l->hear)
			hear_again(l);
		else
			conn_timeout((struct conn *)t);
	}
}

static void
free_dead(struct loop *l)
{
	while (l->dead != NULL) {
		struct conn *c = l->dead;

		l->dead = c->next;
		conn_free(c);
	}
}

/* Calls fn for every connection; it may close the one it is called for. */
static void
for_all(struct loop *l, void (*fn)(struct conn *c))
{
	struct conn *next;

	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		fn(c);
	}
}

static void
look_at_stop(struct loop *l)
{
	if (!l->stopping && atomic_load(&l->s->stopping)) {
		l->stopping = true;
		l->stop_at_ms = l->now_ms + l->s->conf.stop_ms;
		wheel_clear(&l->wheel, &l->hear);
		if (!l->deaf)
			unwatch_listeners(l);
		for_all(l, conn_stop);
	}
	if (l->stopping && l->now_ms >= l->stop_at_ms)
		for_all(l, conn_cut);
}

/* Somebody's replies may not go on. */
static void
look_at_recheck(struct loop *l)
{
	unsigned now = atomic_load(&l->s->recheck);

	if (now == l->rechecked)
		return;
	for_all(l, conn_recheck);
	pthread_mutex_lock(&l->s->rechecking);
	l->rechecked = now;
	pthread_cond_broadcast(&l->s->rechecked);
	pthread_mutex_unlock(&l->s->rechecking);
}

static int
wait_ms(const struct loop *l)
{
	int ms = wheel_wait_ms(&l->wheel, l->now_ms);

	if (l->stopping && (ms < 0 || ms > WHEEL_TICK_MS))
		ms = WHEEL_TICK_MS;
	return ms;
}

static void *
loop_main(void *arg)
{
	struct loop *l = arg;
	struct epoll_event ev[EVENTS];

	prctl(PR_SET_NAME, "loop");
	while (!l->stopping || l->conns != NULL) {
		int n = epoll_wait(l->epoll, ev, EVENTS, wait_ms(l));

		l->now_ms = clock_mono_us() / 1000;
		for (int i = 0; i < n; i++)
			handle(l, &ev[i]);
		take_posts(l);
		run_timers(l);
		look_at_recheck(l);
		look_at_stop(l);
		free_dead(l);
	}
	return NULL;
}

bool
loop_init(struct loop *l, struct http_server *s)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = l };

	l->s = s;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->spare_fd = spare_open();
	l->now_ms = clock_mono_us() / 1000;
	l->scratch_n = s->conf.head_max + LOOP_READ;
	l->scratch = must(malloc(l->scratch_n));
	l->out = must(malloc(LOOP_READ));
	l->header = must(calloc(s->conf.headers_max, sizeof(*l->header)));
	atomic_init(&l->posts, NULL);
	wheel_init(&l->wheel, l->now_ms);
	if (l->epoll < 0 || l->event < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->event, &ev) != 0)
		return false;
	for (size_t i = 0; i < s->conf.nlisten; i++)
		if (!watch_listener(l, &s->listener[i]))
			return false;
	return true;
}

/* No signals here: those of the process are its own, and SIGPIPE is nobody's. */
void
loop_start(struct loop *l)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&l->thread, NULL, loop_main, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		abort();
}

void
loop_done(struct loop *l)
{
	assert(l->conns == NULL && l->dead == NULL);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->event >= 0)
		close(l->event);
	if (l->spare_fd >= 0)
		close(l->spare_fd);
	free(l->scratch);
	free(l->out);
	free(l->header);
}
