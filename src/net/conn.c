/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A connection's life: handshake, head, body, the application, the next one.
 * Bytes are read into the loop's scratch memory and used from there; only what
 * is left over is kept. See conn.h; the sending side is conn_write.c.
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/heap.h"
#include "net/request.h"
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define RATE_WINDOW_MS 10000
#define LINGER_READS 8

void
conn_watch(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->watched == events && !c->unwatched)
		return;
	epoll_ctl(c->loop->epoll, c->unwatched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
	    c->fd, &ev);
	c->watched = events;
	c->unwatched = false;
}

/* A closed peer is reported without end: out of epoll until we can act on it. */
static void
unwatch(struct conn *c)
{
	if (!c->unwatched)
		epoll_ctl(c->loop->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->unwatched = true;
}

void
conn_timer(struct conn *c, int64_t in_ms)
{
	struct loop *l = c->loop;

	if (in_ms < 0)
		wheel_clear(&l->wheel, &c->timer);
	else
		wheel_set(&l->wheel, &c->timer, l->now_ms + in_ms);
}

void
conn_end_request(struct conn *c)
{
	struct http_req *rq = c->rq;

	if (rq == NULL)
		return;
	assert(atomic_load(&rq->state) == REQ_ENDED);
	c->rq = NULL;
	rq->conn = NULL;
	http_req_put(rq);
}

void
conn_close(struct conn *c)
{
	struct loop *l = c->loop;

	if (c->dead)
		return;
	c->dead = true;
	/* A request that the application was not given yet. */
	if (c->state == CONN_BODY && c->rq != NULL)
		req_refused(c->rq);
	conn_end_request(c);
	conn_timer(c, -1);
	tls_free(c->tls);
	c->tls = NULL;
	close(c->fd);
	c->fd = -1;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		l->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->next = l->dead;
	l->dead = c;
	clients_leave(&l->s->clients, &c->peer, c->counted);
}

void
conn_free(struct conn *c)
{
	reply_free(c->reply);
	free(c->in);
	free(c);
}

static void
begin_head(struct conn *c)
{
	c->state = CONN_HEAD;
	c->begun = false;
	http1_init(&c->h, c->loop->header, c->loop->s->conf.headers_max);
}

void
conn_open(struct loop *l, int fd, int listener, const struct addr *peer,
    bool counted)
{
	struct http_server *s = l->s;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP };
	struct conn *c = must(calloc(1, sizeof(*c)));

	c->loop = l;
	c->fd = fd;
	c->listener = listener;
	c->watched = ev.events;
	c->peer = *peer;
	c->counted = counted;
	begin_head(c);
	c->next = l->conns;
	if (c->next != NULL)
		c->next->prev = c;
	l->conns = c;
	ev.data.ptr = c;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		conn_close(c);
		return;
	}
	if (s->listener[listener].tls) {
		c->state = CONN_HANDSHAKE;
		c->tls = tls_accept(s->tls, fd);
		if (c->tls == NULL) {
			conn_close(c);
			return;
		}
	}
	conn_timer(c, s->conf.head_ms);
}

/* > 0: bytes read; 0: nothing now; < 0: the peer closed or failed: closed. */
static ssize_t
sock_read(struct conn *c, char *to, size_t n)
{
	enum tls_want want = TLS_WANT_READ;
	ssize_t got;

	if (c->tls != NULL) {
		got = tls_read(c->tls, to, n, &want);
		if (got < 0 && want != TLS_FAILED) {
			conn_watch(c, want == TLS_WANT_WRITE ? EPOLLOUT
			    : EPOLLIN | EPOLLRDHUP);
			return 0;
		}
	} else {
		got = recv(c->fd, to, n, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
	}
	if (got > 0)
		return got;
	conn_close(c);
	return -1;
}

/* The client as the application shall see it. */
static struct str
client_text(const struct conn *c, char *to)
{
	const struct http_server *s = c->loop->s;
	struct addr client = addr_forwarded(&c->peer, c->h.header,
	    c->h.nheaders, s->trusted, s->conf.ntrusted);

	return addr_text(&client, to);
}

static void
run_request(struct conn *c)
{
	struct http_server *s = c->loop->s;

	conn_timer(c, -1);
	if (s->app.request(s->app.arg, c->rq))
		return;
	req_refused(c->rq);
	/* It was the application's before: it may hold something for it. */
	if (c->rq->v.runs > 0 && s->app.gone != NULL)
		s->app.gone(s->app.arg, c->rq);
	conn_refuse(c, 503);
}

/* The whole request is there. */
static void
give_to_app(struct conn *c)
{
	req_body_end(c->rq);
	c->state = CONN_APP;
	atomic_fetch_add_explicit(&c->loop->s->nrequests, 1,
	    memory_order_relaxed);
	run_request(c);
}

/* Refuses what the application was not given; closes if a body is coming. */
static void
refuse_request(struct conn *c, int status)
{
	if (!c->h.done)
		c->keep_alive = false;
	req_refused(c->rq);
	conn_refuse(c, status);
}

static bool
send_continue(struct conn *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	ssize_t n = (ssize_t)sizeof(line) - 1;
	enum tls_want want;

	return n == (c->tls != NULL ? tls_write(c->tls, line, (size_t)n, &want)
	    : send(c->fd, line, (size_t)n, MSG_NOSIGNAL));
}

static int
on_body(void *arg, struct str piece)
{
	struct conn *c = arg;

	return req_body_add(c->rq, &c->rule, piece);
}

/* A spooled body may take long, as long as it moves. */
static void
body_timer(struct conn *c)
{
	int64_t all = c->loop->s->conf.body_ms;

	if (!c->rule.spool) {
		conn_timer(c, all);
		return;
	}
	c->window_bytes = c->h.body_bytes;
	conn_timer(c, all < RATE_WINDOW_MS ? all : RATE_WINDOW_MS);
}

/* True: the body may come. */
static bool
body_wanted(struct conn *c, bool more_here)
{
	struct http_server *s = c->loop->s;

	c->rule = (struct http_body_rule){ .max_bytes = 0 };
	s->app.head(s->app.arg, &c->rq->v, &c->rule);
	if (c->rule.refuse_status != 0) {
		refuse_request(c, c->rule.refuse_status);
	} else if (c->h.length > c->rule.max_bytes) {
		refuse_request(c, 413);
	} else if (c->h.done) {
		return true;
	} else if (!req_body_begin(c->rq, &c->rule, c->h.length)) {
		refuse_request(c, 503);
	} else if (c->h.expects && !more_here && !send_continue(c)) {
		conn_close(c);
	} else {
		return true;
	}
	return false;
}

/* A whole head was parsed: asks the application how the body may come. */
static void
begin_request(struct conn *c, struct str head, bool more_here)
{
	char text[ADDR_TEXT_MAX];

	c->rq = req_new(c->loop, c, &c->h, head, client_text(c, text));
	c->rq->v.tls = c->tls != NULL;
	c->rq->v.listener = c->listener;
	c->rq->v.began_us = c->began_us;
	atomic_store(&c->rq->gone, c->half_closed);
	c->state = CONN_BODY;
	c->keep_alive = c->h.keep_alive;
	c->is_head = c->rq->v.method == METHOD_HEAD;
	c->h.on_body = on_body;
	c->h.arg = c;
	if (!body_wanted(c, more_here))
		return;
	if (c->h.done)
		give_to_app(c);
	else
		body_timer(c);
}

/* Takes a head from *bytes; false: more is needed. */
static bool
take_head(struct conn *c, struct str *bytes)
{
	struct str head;
	ptrdiff_t n;

	if (!c->begun) {
		c->begun = true;
		c->began_us = clock_mono_us();
		conn_timer(c, c->loop->s->conf.head_ms);
	}
	n = http1_find_head(&c->h, *bytes, c->loop->s->conf.head_max);
	if (n == 0)
		return false;
	head = str_sub(*bytes, 0, n < 0 ? 0 : (size_t)n);
	*bytes = str_from(*bytes, head.n);
	if (n < 0 || !http1_head(&c->h, head)) {
		c->keep_alive = c->is_head = false;
		conn_refuse(c, c->h.status);
		return true;
	}
	begin_request(c, head, bytes->n > 0);
	return true;
}

static void
take_body(struct conn *c, struct str *bytes)
{
	size_t used = 0;

	if (!http1_body(&c->h, *bytes, &used)) {
		refuse_request(c, c->h.status);
		return;
	}
	*bytes = str_from(*bytes, used);
	if (c->h.done)
		give_to_app(c);
}

/* Keeps what could not be used yet. */
static void
keep(struct conn *c, struct str bytes)
{
	if (c->dead || c->state == CONN_LINGER || bytes.n == 0)
		return;
	assert(c->in == NULL);
	c->in = must(malloc(bytes.n));
	memcpy(c->in, bytes.p, bytes.n);
	c->in_n = bytes.n;
}

/* Goes as far as the bytes at the start of the scratch memory allow. */
static void
take(struct conn *c, size_t n)
{
	struct str bytes = str_n(c->loop->scratch, n);

	while (bytes.n > 0 && !c->dead) {
		if (c->state == CONN_BODY)
			take_body(c, &bytes);
		else if (c->state != CONN_HEAD || !take_head(c, &bytes))
			break;
	}
	keep(c, bytes);
}

/* Moves what was kept to the scratch memory. */
static size_t
unkeep(struct conn *c)
{
	size_t n = c->in_n;

	assert(n <= c->loop->scratch_n);
	if (n > 0)
		memcpy(c->loop->scratch, c->in, n);
	free(c->in);
	c->in = NULL;
	c->in_n = 0;
	return n;
}

/* How much to read: not past the request's end, as far as that is known. */
static size_t
appetite(const struct conn *c, size_t have)
{
	size_t head_max = c->loop->s->conf.head_max;
	int64_t left;

	if (c->state == CONN_HEAD)
		return have < head_max ? head_max - have : 1;
	if (c->h.chunked)
		return head_max;
	left = c->h.length - c->h.body_bytes;
	return left < (int64_t)LOOP_READ ? (size_t)left : LOOP_READ;
}

static bool
is_reading(const struct conn *c)
{
	return !c->dead && (c->state == CONN_HEAD || c->state == CONN_BODY);
}

/* Reads once from the socket; of TLS all that has been received. */
static void
read_some(struct conn *c)
{
	ssize_t got;
	size_t have;

	do {
		have = unkeep(c);
		got = sock_read(c, c->loop->scratch + have, appetite(c, have));
		if (got >= 0)
			take(c, have + (size_t)got);
	} while (got > 0 && is_reading(c) && c->tls != NULL &&
	    tls_pending(c->tls));
}

/* After a reply: what the client has already sent is the next request. */
static void
go_on(struct conn *c)
{
	if (c->dead || c->state != CONN_HEAD)
		return;
	if (c->in_n > 0)
		take(c, unkeep(c));
	if (is_reading(c) && c->tls != NULL && tls_pending(c->tls))
		read_some(c);
}

static void
handshake(struct conn *c)
{
	enum tls_want want = tls_handshake(c->tls);

	if (want == TLS_FAILED) {
		conn_close(c);
	} else if (want != TLS_DONE) {
		conn_watch(c, want == TLS_WANT_WRITE ? EPOLLOUT
		    : EPOLLIN | EPOLLRDHUP);
	} else {
		begin_head(c);
		conn_watch(c, EPOLLIN | EPOLLRDHUP);
		read_some(c);
	}
}

/* The client left a parked request. */
static void
left(struct conn *c)
{
	struct http_server *s = c->loop->s;

	if (!req_end_parked(c->rq))
		return;
	if (s->app.gone != NULL)
		s->app.gone(s->app.arg, c->rq);
	conn_close(c);
}

/*
 * While the application has the request, or it is parked. Bytes that come are
 * left where they are. A client that closed its end may still wait for our
 * answer, so a running request goes on; a parked one has nobody waiting.
 */
static void
app_event(struct conn *c, uint32_t events)
{
	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) {
		conn_watch(c, EPOLLRDHUP);
		return;
	}
	c->half_closed = true;
	atomic_store(&c->rq->gone, true);
	unwatch(c);
	left(c);
}

/* Reads away what a client still sends: a reset would lose it our last reply. */
static void
linger(struct conn *c)
{
	for (int i = 0; i < LINGER_READS; i++) {
		ssize_t n = recv(c->fd, c->loop->scratch, c->loop->scratch_n,
		    0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			conn_close(c);
			return;
		}
	}
}

void
conn_event(struct conn *c, uint32_t events)
{
	if (c->dead)
		return;
	switch (c->state) {
	case CONN_HANDSHAKE:
		handshake(c);
		break;
	case CONN_HEAD:
	case CONN_BODY:
		if (c->tls != NULL)
			conn_watch(c, EPOLLIN | EPOLLRDHUP);
		read_some(c);
		break;
	case CONN_APP:
		app_event(c, events);
		break;
	case CONN_WRITE:
		conn_write(c);
		go_on(c);
		break;
	case CONN_LINGER:
		linger(c);
		break;
	}
}

static void
resume(struct conn *c)
{
	c->rq->v.runs++;
	c->rq->stop_told = c->loop->stopping;
	run_request(c);
}

/* It was parked: arms what shall end that, unless it has ended already. */
static void
parked(struct conn *c)
{
	struct http_req *rq = c->rq;
	int64_t left_ms;

	if (atomic_load(&rq->state) != REQ_PARKED)
		return;
	if (c->half_closed) {
		left(c);
		return;
	}
	if (c->loop->stopping && !rq->stop_told) {
		if (req_unpark(rq))
			resume(c);
		return;
	}
	left_ms = rq->park_until_ms - c->loop->now_ms;
	conn_timer(c, left_ms > 0 ? left_ms : 0);
}

void
conn_posted(struct http_req *rq)
{
	unsigned todo = req_take_todo(rq);
	struct conn *c = rq->conn;

	if (c != NULL && (todo & TODO_RESUME) != 0)
		resume(c);
	if ((todo & TODO_REPLY) != 0) {
		struct reply *r = rq->reply;

		assert(c != NULL);
		rq->reply = NULL;
		conn_reply(c, r);
	} else if ((todo & TODO_DROP) != 0) {
		assert(c != NULL);
		conn_close(c);
	} else if ((todo & TODO_PARK) != 0 && rq->conn != NULL) {
		parked(c);
	}
	if (c != NULL)
		go_on(c);
}

static void
body_timeout(struct conn *c)
{
	int64_t got = c->h.body_bytes - c->window_bytes;
	const struct http_conf *conf = &c->loop->s->conf;
	int64_t window_ms = conf->body_ms < RATE_WINDOW_MS ? conf->body_ms
	    : RATE_WINDOW_MS;

	if (c->rule.spool && got * 1000 >= conf->upload_min_rate * window_ms)
		body_timer(c);
	else
		refuse_request(c, 408);
}

void
conn_timeout(struct conn *c)
{
	switch (c->state) {
	case CONN_HEAD:
		if (c->begun) {
			c->keep_alive = c->is_head = false;
			conn_refuse(c, 408);
		} else {
			conn_close(c);
		}
		break;
	case CONN_BODY:
		body_timeout(c);
		break;
	case CONN_APP:
		if (req_unpark(c->rq))
			resume(c);
		break;
	case CONN_HANDSHAKE:
	case CONN_WRITE:
	case CONN_LINGER:
		conn_close(c);
		break;
	}
	go_on(c);
}

void
conn_stop(struct conn *c)
{
	if (c->state == CONN_APP) {
		if (req_unpark(c->rq))
			resume(c);
	} else if (c->state == CONN_HANDSHAKE ||
	    (c->state == CONN_HEAD && !c->begun)) {
		conn_close(c);
	}
}

void
conn_cut(struct conn *c)
{
	if (c->state == CONN_APP)
		left(c);
	else
		conn_close(c);
}
