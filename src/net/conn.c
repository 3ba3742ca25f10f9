/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A connection's life: head, body, the application, the reply, the next one.
 * One request is under way at a time; what a client sends beyond it waits
 * unread. See conn.h. threads: the loop's only.
 */
#define _GNU_SOURCE
#include "net/conn.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_SIZE 16384
#define LINGER_MS 1000
#define RATE_AFTER_MS 10000

static void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

void
conn_watch(struct conn *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (c->events == events && !c->unwatched)
		return;
	c->events = events;
	epoll_ctl(c->loop->epoll, c->unwatched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
	    c->fd, &ev);
	c->unwatched = false;
}

/* A closed peer is reported again and again: out of the set until there is something to do. */
static void
unwatch(struct conn *c)
{
	if (!c->unwatched)
		epoll_ctl(c->loop->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	c->unwatched = true;
}

void
conn_timer(struct conn *c, int64_t deadline_ms)
{
	struct loop *l = c->loop;
	struct conn **slot;

	if (c->tprev != NULL) {
		*c->tprev = c->tnext;
		if (c->tnext != NULL)
			c->tnext->tprev = c->tprev;
		c->tprev = NULL;
	}
	c->deadline_ms = deadline_ms;
	if (deadline_ms == 0)
		return;
	slot = &l->wheel[(size_t)(deadline_ms / WHEEL_TICK_MS + 1) %
	    WHEEL_SLOTS];
	c->tnext = *slot;
	if (c->tnext != NULL)
		c->tnext->tprev = &c->tnext;
	c->tprev = slot;
	*slot = c;
}

static void
req_free(struct http_req *rq)
{
	if (rq->v.body_fd >= 0)
		close(rq->v.body_fd);
	__atomic_sub_fetch(&rq->loop->s->body_memory, (int64_t)rq->memory,
	    __ATOMIC_RELAXED);
	buf_free(&rq->body);
	free(rq->header);
	free(rq->head);
	free(rq);
}

void
http_req_get(struct http_req *rq)
{
	__atomic_add_fetch(&rq->refs, 1, __ATOMIC_RELAXED);
}

void
http_req_put(struct http_req *rq)
{
	if (__atomic_sub_fetch(&rq->refs, 1, __ATOMIC_ACQ_REL) == 0)
		req_free(rq);
}

static void
req_end(struct conn *c)
{
	struct http_req *rq = c->rq;

	if (rq == NULL)
		return;
	c->rq = NULL;
	rq->conn = NULL;
	http_req_put(rq);
}

/* Closes the socket now; the memory goes when the loop has done its round. */
void
conn_close(struct conn *c)
{
	struct loop *l = c->loop;

	if (c->dead)
		return;
	conn_timer(c, 0);
	tls_free(c->tls);
	c->tls = NULL;
	close(c->fd);
	c->fd = -1;
	if (c->rq != NULL && c->state == CONN_APP)
		__atomic_store_n(&c->rq->gone, 1, __ATOMIC_RELEASE);
	if (c->rq != NULL && c->state == CONN_APP && __atomic_load_n(
	    &c->rq->state, __ATOMIC_ACQUIRE) != REQ_ENDED)
		return;		/* the application still has it: conn_post ends it */
	c->dead = true;
	req_end(c);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		l->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->next = l->dead;
	l->dead = c;
}

void
conn_free(struct conn *c)
{
	struct http_server *s = c->loop->s;

	client_leave(s, &c->client);
	__atomic_sub_fetch(&s->nconns, 1, __ATOMIC_RELAXED);
	if (c->res.fd >= 0)
		close(c->res.fd);
	buf_free(&c->res.head);
	buf_free(&c->res.body);
	free(c->res_head_bytes);
	free(c->in);
	free(c->h);
	free(c);
}

void
conn_open(struct loop *l, int fd, int listener, bool tls,
    const struct addr *peer)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP };
	struct conn *c = must(calloc(1, sizeof(*c)));

	*c = (struct conn){ .loop = l, .fd = fd, .listener = listener,
	    .peer = *peer, .res.fd = -1, .events = ev.events,
	    .state = tls ? CONN_HANDSHAKE : CONN_HEAD };
	c->client = addr_client(peer);
	if (tls)
		c->tls = tls_accept(l->s->tls, fd);
	ev.data.ptr = c;
	if ((tls && c->tls == NULL) ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) != 0) {
		tls_free(c->tls);
		close(fd);
		client_leave(l->s, &c->client);
		free(c);
		return;
	}
	__atomic_add_fetch(&l->s->nconns, 1, __ATOMIC_RELAXED);
	c->next = l->conns;
	if (c->next != NULL)
		c->next->prev = c;
	l->conns = c;
	conn_timer(c, l->now_ms + l->s->conf.head_ms);
}

/* Reads what there is; false: wait, or it was closed. */
static bool
fill(struct conn *c)
{
	enum tls_want want = TLS_WANT_READ;
	ssize_t n;

	if (c->in_cap - c->in_n < READ_SIZE / 4) {
		c->in_cap = c->in_n + READ_SIZE;
		c->in = must(realloc(c->in, c->in_cap));
	}
	if (c->tls != NULL)
		n = tls_read(c->tls, c->in + c->in_n, c->in_cap - c->in_n,
		    &want);
	else
		n = read(c->fd, c->in + c->in_n, c->in_cap - c->in_n);
	if (n > 0) {
		c->in_n += (size_t)n;
		return true;
	}
	if (n < 0 && c->tls != NULL && want != TLS_FAILED) {
		conn_watch(c, EPOLLRDHUP | (want == TLS_WANT_WRITE ? EPOLLOUT
		    : EPOLLIN));
		return false;
	}
	if (n < 0 && c->tls == NULL && (errno == EAGAIN || errno == EINTR))
		return false;
	conn_close(c);
	return false;
}

static void
consume(struct conn *c, size_t n)
{
	c->in_n -= n;
	if (c->in_n > 0) {
		memmove(c->in, c->in + n, c->in_n);
		return;
	}
	free(c->in);
	c->in = NULL;
	c->in_cap = 0;
}

static const struct {
	struct str name;
	enum http_method m;
} methods[] = {
	{ S_INIT("GET"), METHOD_GET }, { S_INIT("HEAD"), METHOD_HEAD },
	{ S_INIT("POST"), METHOD_POST }, { S_INIT("PUT"), METHOD_PUT },
	{ S_INIT("DELETE"), METHOD_DELETE },
	{ S_INIT("OPTIONS"), METHOD_OPTIONS },
	{ S_INIT("PATCH"), METHOD_PATCH },
};

static void
view_method(struct http_req *rq)
{
	ptrdiff_t end = str_find(str_n(rq->head, rq->head_n), ' ');

	rq->v.method_name = str_n(rq->head, end < 0 ? 0 : (size_t)end);
	rq->v.method = METHOD_OTHER;
	for (size_t i = 0; i < LEN(methods); i++)
		if (str_eq(methods[i].name, rq->v.method_name))
			rq->v.method = methods[i].m;
}

static void
view_client(struct conn *c, struct http_req *rq)
{
	struct http_server *s = c->loop->s;
	struct addr client = addr_forwarded(&c->peer,
	    http_header_get(&rq->v, "X-Forwarded-For"), s->trusted,
	    s->ntrusted);

	rq->v.address = addr_text(&client, rq->address);
}

/* The request object, with a head of its own that the view points into. */
static struct http_req *
req_new(struct conn *c, const char *head, size_t n)
{
	struct http_req *rq = must(calloc(1, sizeof(*rq)));
	struct http1 *h = c->h;
	struct str url, path, query;

	rq->refs = 1;
	rq->state = REQ_BUSY;
	rq->loop = c->loop;
	rq->conn = c;
	rq->head = must(malloc(n));
	memcpy(rq->head, head, n);
	rq->head_n = n;
	rq->header = must(calloc(h->nheaders + 1, sizeof(*rq->header)));
	for (size_t i = 0; i < h->nheaders; i++) {
		struct http_header x = h->header[i];

		x.name.p = rq->head + (x.name.p - head);
		if (x.value.n > 0)
			x.value.p = rq->head + (x.value.p - head);
		rq->header[i] = x;
	}
	url = str_n(rq->head + (h->url.p - head), h->url.n);
	if (!str_cut(url, '?', &path, &query)) {
		path = url;
		query = (struct str){ NULL, 0 };
	}
	rq->v = (struct http_view){
		.path = path, .query = query, .header = rq->header,
		.nheaders = h->nheaders, .body_fd = -1, .tls = c->tls != NULL,
		.listener = c->listener, .began_us = clock_mono_us(),
	};
	view_method(rq);
	view_client(c, rq);
	buf_init(&rq->body, NULL, 0);
	return rq;
}

static bool
body_piece(void *arg, struct str piece)
{
	struct conn *c = arg;
	struct http_req *rq = c->rq;

	c->body_bytes += (int64_t)piece.n;
	if (c->body_bytes > c->rule.max_bytes)
		return false;
	if (rq->v.body_fd < 0) {
		buf_str(&rq->body, piece);
		return !rq->body.over;
	}
	while (piece.n > 0) {
		ssize_t n = write(rq->v.body_fd, piece.p, piece.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		piece = str_from(piece, (size_t)n);
	}
	return true;
}

/* Reserves memory for a body; false: all bodies together take too much. */
static bool
reserve(struct conn *c, struct http_req *rq)
{
	struct http_server *s = c->loop->s;
	int64_t want = c->h->length >= 0 ? c->h->length : c->rule.max_bytes;

	if (__atomic_add_fetch(&s->body_memory, want, __ATOMIC_RELAXED) >
	    (int64_t)s->conf.body_memory_max) {
		__atomic_sub_fetch(&s->body_memory, want, __ATOMIC_RELAXED);
		return false;
	}
	rq->memory = (size_t)want;
	buf_init(&rq->body, NULL, (size_t)c->rule.max_bytes);
	return true;
}

static bool
open_spool(struct conn *c, struct http_req *rq)
{
	rq->v.body_fd = open(c->loop->s->conf.spool_dir, O_TMPFILE | O_RDWR |
	    O_CLOEXEC, 0600);
	return rq->v.body_fd >= 0;
}

static void
give_to_app(struct conn *c)
{
	struct http_req *rq = c->rq;
	struct http_server *s = c->loop->s;

	free(c->h);
	c->h = NULL;
	c->state = CONN_APP;
	rq->v.body = buf_view(&rq->body);
	rq->v.body_bytes = c->body_bytes;
	if (rq->v.body_fd >= 0)
		lseek(rq->v.body_fd, 0, SEEK_SET);
	conn_timer(c, 0);
	conn_watch(c, EPOLLRDHUP);
	__atomic_add_fetch(&s->nrequests, 1, __ATOMIC_RELAXED);
	if (!s->app.request(s->app.arg, rq)) {
		__atomic_store_n(&rq->state, REQ_ENDED, __ATOMIC_RELEASE);
		conn_refuse(c, 503);
	}
}

static void
read_body(struct conn *c)
{
	size_t used = 0;

	while (c->in_n > 0 && !c->h->done) {
		if (!http1_body(c->h, str_n(c->in, c->in_n), &used)) {
			conn_refuse(c, c->body_bytes > c->rule.max_bytes ? 413
			    : c->h->status != 0 ? c->h->status : 503);
			return;
		}
		consume(c, used);
	}
	if (c->h->done)
		give_to_app(c);
}

static bool
send_continue(struct conn *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	enum tls_want want;
	ssize_t n;

	if (!c->h->expects || c->continued || c->in_n > 0)
		return true;
	c->continued = true;
	n = c->tls != NULL ? tls_write(c->tls, line, sizeof(line) - 1, &want)
	    : write(c->fd, line, sizeof(line) - 1);
	return n == (ssize_t)(sizeof(line) - 1);
}

/* The head is there: asks the application how the body may come. */
static void
begin_request(struct conn *c, size_t head_n)
{
	struct http_server *s = c->loop->s;
	struct http_req *rq = req_new(c, c->in, head_n);
	bool has_body = c->h->chunked || c->h->length > 0;

	c->rq = rq;
	consume(c, head_n);
	c->keep_alive = c->h->keep_alive;
	c->is_head = rq->v.method == METHOD_HEAD;
	c->body_bytes = 0;
	c->continued = false;
	c->rule = (struct http_body_rule){ .max_bytes = 0 };
	c->state = CONN_BODY;
	s->app.head(s->app.arg, &rq->v, &c->rule);
	if (c->rule.refuse_status != 0 || c->h->length > c->rule.max_bytes) {
		conn_refuse(c, c->rule.refuse_status != 0
		    ? c->rule.refuse_status : 413);
		return;
	}
	if (has_body && (c->rule.spool ? !open_spool(c, rq)
	    : !reserve(c, rq))) {
		conn_refuse(c, 503);
		return;
	}
	c->h->on_body = body_piece;
	c->h->arg = c;
	c->body_began_ms = c->loop->now_ms;
	conn_timer(c, c->loop->now_ms + (c->rule.spool ? RATE_AFTER_MS
	    : s->conf.body_ms));
	if (c->h->done)
		give_to_app(c);
	else if (!send_continue(c))
		conn_close(c);
	else
		read_body(c);
}

static void
read_head(struct conn *c)
{
	ptrdiff_t n;

	if (c->in_n == 0)
		return;
	if (c->h == NULL) {
		c->h = must(malloc(sizeof(*c->h)));
		http1_init(c->h);
		conn_timer(c, c->loop->now_ms + c->loop->s->conf.head_ms);
	}
	n = http1_head_length(c->h, str_n(c->in, c->in_n),
	    c->loop->s->conf.head_max);
	if (n == 0)
		return;
	if (n < 0 || !http1_head(c->h, str_n(c->in, (size_t)n))) {
		conn_refuse(c, c->h->status);
		return;
	}
	begin_request(c, (size_t)n);
}

/* After a reply: what the client has already sent is the next request. */
void
conn_next_request(struct conn *c)
{
	req_end(c);
	free(c->h);
	c->h = NULL;
	c->state = CONN_HEAD;
	if (c->loop->stopping) {
		conn_close(c);
		return;
	}
	conn_watch(c, EPOLLIN | EPOLLRDHUP);
	conn_timer(c, c->loop->now_ms + c->loop->s->conf.idle_ms);
	read_head(c);
}

static void
handshake(struct conn *c)
{
	enum tls_want want = tls_handshake(c->tls);

	if (want == TLS_FAILED) {
		conn_close(c);
		return;
	}
	if (want != TLS_DONE) {
		conn_watch(c, EPOLLRDHUP | (want == TLS_WANT_WRITE ? EPOLLOUT
		    : EPOLLIN));
		return;
	}
	c->state = CONN_HEAD;
	conn_watch(c, EPOLLIN | EPOLLRDHUP);
	if (fill(c))
		read_head(c);
}

/*
 * The client closed (or, half: only its sending side) while the application
 * has the request. A parked one ends; who half closed still gets the reply.
 */
static void
hung_up(struct conn *c, bool half)
{
	struct http_req *rq = c->rq;
	struct http_server *s = c->loop->s;
	int parked = REQ_PARKED;

	c->keep_alive = false;
	if (!half)
		__atomic_store_n(&rq->gone, 1, __ATOMIC_RELEASE);
	if (!__atomic_compare_exchange_n(&rq->state, &parked, REQ_ENDED, false,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		/* Busy: the reply will find out. */
		unwatch(c);
		return;
	}
	__atomic_sub_fetch(&s->nparked, 1, __ATOMIC_RELAXED);
	if (s->app.gone != NULL)
		s->app.gone(s->app.arg, rq);
	conn_close(c);
}

static void
linger(struct conn *c)
{
	char waste[4096];

	/* Reads what a refused client still sends, so that it sees our answer. */
	for (int i = 0; i < 16; i++) {
		ssize_t n = read(c->fd, waste, sizeof(waste));

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			conn_close(c);
			return;
		}
		if (n < 0)
			return;
	}
}

void
conn_event(struct conn *c, uint32_t events)
{
	if (c->dead || c->fd < 0)
		return;
	switch (c->state) {
	case CONN_HANDSHAKE:
		handshake(c);
		break;
	case CONN_HEAD:
		if (c->tls != NULL)
			conn_watch(c, EPOLLIN | EPOLLRDHUP);
		if (fill(c))
			read_head(c);
		break;
	case CONN_BODY:
		if (fill(c))
			read_body(c);
		break;
	case CONN_APP:
		if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
			hung_up(c, (events & (EPOLLHUP | EPOLLERR)) == 0);
		break;
	case CONN_WRITE:
		conn_write_more(c);
		break;
	case CONN_LINGER:
		linger(c);
		break;
	}
}

static void
resume(struct conn *c)
{
	struct http_server *s = c->loop->s;
	struct http_req *rq = c->rq;

	conn_timer(c, 0);
	rq->v.runs++;
	if (!s->app.request(s->app.arg, rq)) {
		__atomic_store_n(&rq->state, REQ_ENDED, __ATOMIC_RELEASE);
		conn_refuse(c, 503);
	}
}

/* True: this thread took it from being parked. */
static bool
unpark(struct http_req *rq)
{
	int parked = REQ_PARKED;

	if (!__atomic_compare_exchange_n(&rq->state, &parked, REQ_BUSY, false,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	__atomic_sub_fetch(&rq->loop->s->nparked, 1, __ATOMIC_RELAXED);
	return true;
}

static bool
too_slow(const struct conn *c)
{
	int64_t ms = c->loop->now_ms - c->body_began_ms;
	int64_t rate = c->loop->s->conf.upload_min_rate;

	return !c->rule.spool || c->body_bytes < rate * (ms / 1000);
}

void
conn_timeout(struct conn *c)
{
	switch (c->state) {
	case CONN_APP:
		if (unpark(c->rq))
			resume(c);
		break;
	case CONN_HEAD:
		if (c->h != NULL)
			conn_refuse(c, 408);
		else
			conn_close(c);
		break;
	case CONN_BODY:
		if (too_slow(c))
			conn_refuse(c, 408);
		else
			conn_timer(c, c->loop->now_ms + RATE_AFTER_MS);
		break;
	case CONN_HANDSHAKE:
	case CONN_WRITE:
	case CONN_LINGER:
		conn_close(c);
		break;
	}
}

void
conn_stop(struct conn *c)
{
	if (c->state == CONN_APP && c->fd >= 0) {
		if (unpark(c->rq))
			resume(c);
	} else if (c->state == CONN_HEAD && c->h == NULL) {
		conn_close(c);
	}
}

/* The socket is closed but the application only now gave the request back. */
static void
bury(struct conn *c)
{
	c->fd = -1;
	if (!c->dead) {
		c->state = CONN_LINGER;
		c->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		conn_close(c);
	}
}

static void
park(struct conn *c)
{
	struct http_req *rq = c->rq;

	if (__atomic_load_n(&rq->state, __ATOMIC_ACQUIRE) != REQ_PARKED)
		return;
	if (c->fd < 0 || __atomic_load_n(&rq->gone, __ATOMIC_ACQUIRE) != 0) {
		hung_up(c, false);
		if (c->fd < 0)
			bury(c);
		return;
	}
	if (c->loop->stopping) {
		if (unpark(rq))
			resume(c);
		return;
	}
	conn_timer(c, rq->park_ms);
}

void
conn_post(struct loop *l, struct post *p)
{
	struct http_req *rq = p->rq;
	struct conn *c = rq->conn;

	(void)l;
	if (c == NULL) {
		if (p->kind == POST_REPLY)
			http_res_free(&p->res);
		http_req_put(rq);
		free(p);
		return;
	}
	switch (p->kind) {
	case POST_REPLY:
		if (c->fd < 0 || __atomic_load_n(&rq->gone,
		    __ATOMIC_ACQUIRE) != 0) {
			http_res_free(&p->res);
			if (c->fd < 0)
				bury(c);
			else
				conn_close(c);
		} else {
			conn_reply(c, &p->res);
		}
		break;
	case POST_DROP:
		if (c->fd < 0)
			bury(c);
		else
			conn_close(c);
		break;
	case POST_PARK:
		park(c);
		break;
	case POST_RESUME:
		resume(c);
		break;
	}
	http_req_put(rq);
	free(p);
}
