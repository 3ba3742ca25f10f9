/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A loop thread: epoll, the timer wheel, posts from other threads, accepting.
 * It never blocks but in epoll_wait.
 */
#define _GNU_SOURCE
#include "net/conn.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS 256
#define ACCEPT_ROUND 64

void
loop_post(struct loop *l, enum post_kind kind, struct http_req *rq,
    struct http_res *res)
{
	struct post *p = malloc(sizeof(*p)), *head;
	uint64_t one = 1;

	if (p == NULL)
		abort();
	http_req_get(rq);
	p->kind = kind;
	p->rq = rq;
	if (res != NULL)
		p->res = *res;
	head = __atomic_load_n(&l->posts, __ATOMIC_RELAXED);
	do {
		p->next = head;
	} while (!__atomic_compare_exchange_n(&l->posts, &head, p, true,
	    __ATOMIC_RELEASE, __ATOMIC_RELAXED));
	/* Only who finds the list empty needs to wake the loop. */
	if (head == NULL && write(l->event, &one, sizeof(one)) < 0 &&
	    errno != EAGAIN)
		abort();
}

static void
take_posts(struct loop *l)
{
	struct post *p = __atomic_exchange_n(&l->posts, NULL,
	    __ATOMIC_ACQUIRE), *in_order = NULL;

	while (p != NULL) {
		struct post *next = p->next;

		p->next = in_order;
		in_order = p;
		p = next;
	}
	while (in_order != NULL) {
		p = in_order;
		in_order = p->next;
		conn_post(l, p);
	}
}

/* Out of descriptors: gives up the spare one to take a connection and close it. */
static void
shed(struct http_server *s, int fd)
{
	int victim;

	if (s->spare_fd < 0)
		return;
	close(s->spare_fd);
	victim = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (victim >= 0)
		close(victim);
	s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
accept_round(struct loop *l, int listener)
{
	struct http_server *s = l->s;
	int fd = s->listen_fd[listener], one = 1;

	for (int i = 0; i < ACCEPT_ROUND; i++) {
		struct sockaddr_storage ss;
		socklen_t n = sizeof(ss);
		struct addr peer, client;
		int got;

		memset(&ss, 0, sizeof(ss));
		got = accept4(fd, (struct sockaddr *)&ss, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got < 0) {
			if (errno == EMFILE || errno == ENFILE)
				shed(s, fd);
			return;
		}
		addr_of(&ss, &peer);
		if (!client_enter(s, &peer, &client)) {
			close(got);
			continue;
		}
		if (ss.ss_family != AF_UNIX)
			setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one,
			    sizeof(one));
		conn_open(l, got, listener, s->conf.listen[listener].tls,
		    &peer);
	}
}

static void
run_timers(struct loop *l)
{
	int64_t tick = l->now_ms / WHEEL_TICK_MS;

	if (tick - l->wheel_tick > WHEEL_SLOTS)
		l->wheel_tick = tick - WHEEL_SLOTS;
	for (; l->wheel_tick < tick; l->wheel_tick++) {
		struct conn *c = l->wheel[(size_t)(l->wheel_tick + 1) %
		    WHEEL_SLOTS], *next;

		for (; c != NULL; c = next) {
			next = c->tnext;
			if (c->deadline_ms > l->now_ms)
				continue;	/* another round of the wheel */
			conn_timer(c, 0);
			conn_timeout(c);
			/* It may have moved others of this slot: begin again. */
			next = l->wheel[(size_t)(l->wheel_tick + 1) %
			    WHEEL_SLOTS];
		}
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

static void
begin_stop(struct loop *l)
{
	struct conn *next;

	l->stopping = true;
	l->stop_at_ms = l->now_ms + l->s->conf.stop_ms;
	for (size_t i = 0; i < l->s->conf.nlisten; i++)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->s->listen_fd[i], NULL);
	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		conn_stop(c);
	}
}

/* After stop_ms whoever still sends, or does not take the reply, is cut. */
static void
cut_late(struct loop *l)
{
	struct conn *next;

	for (struct conn *c = l->conns; c != NULL; c = next) {
		next = c->next;
		if (c->state != CONN_APP)
			conn_close(c);
	}
}

static void
handle(struct loop *l, struct epoll_event *ev)
{
	uint64_t n;

	if (ev->data.ptr == l) {
		while (read(l->event, &n, sizeof(n)) > 0)
			;
		return;
	}
	for (size_t i = 0; i < l->s->conf.nlisten; i++) {
		if (ev->data.ptr == &l->s->listen_fd[i]) {
			accept_round(l, (int)i);
			return;
		}
	}
	conn_event(ev->data.ptr, ev->events);
}

static int64_t
mono_ms(void)
{
	return clock_mono_us() / 1000;
}

void *
loop_main(void *arg)
{
	struct loop *l = arg;
	struct epoll_event ev[EVENTS];

	l->now_ms = mono_ms();
	l->wheel_tick = l->now_ms / WHEEL_TICK_MS;
	for (;;) {
		int n = epoll_wait(l->epoll, ev, EVENTS, WHEEL_TICK_MS * 2);

		l->now_ms = mono_ms();
		for (int i = 0; i < n; i++)
			handle(l, &ev[i]);
		take_posts(l);
		run_timers(l);
		if (!l->stopping && __atomic_load_n(&l->s->stopping,
		    __ATOMIC_ACQUIRE) != 0)
			begin_stop(l);
		if (l->stopping && l->now_ms >= l->stop_at_ms)
			cut_late(l);
		free_dead(l);
		if (l->stopping && l->conns == NULL)
			return NULL;
	}
}
