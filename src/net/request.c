/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A request's life from its head on: the view, references, and who has it now.
 * See request.h for the states. threads: as said in http.h.
 */
#include "net/request.h"

#include "base/clock.h"
#include "base/heap.h"
#include "net/loop.h"
#include "net/server.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PARK_MAX_MS ((int64_t)24 * 3600 * 1000)
#define READ_AHEAD ((off_t)1 << 20)

static const struct {
	struct str name;
	enum http_method m;
} methods[] = {
	{ S_INIT("GET"), METHOD_GET }, { S_INIT("PUT"), METHOD_PUT },
	{ S_INIT("POST"), METHOD_POST }, { S_INIT("HEAD"), METHOD_HEAD },
	{ S_INIT("DELETE"), METHOD_DELETE },
	{ S_INIT("OPTIONS"), METHOD_OPTIONS },
	{ S_INIT("PATCH"), METHOD_PATCH },
};

static enum http_method
method_of(struct str name)
{
	for (size_t i = 0; i < LEN(methods); i++)
		if (str_eq(methods[i].name, name))
			return methods[i].m;
	return METHOD_OTHER;
}

/* The slice s of `from`, as one of `to`, a copy of it. */
static struct str
moved(struct str s, struct str from, const char *to)
{
	return s.n == 0 ? (struct str){ NULL, 0 }
	    : str_n(to + (s.p - from.p), s.n);
}

static void
view_target(struct http_view *v, struct str url)
{
	v->path = url;
	v->query = (struct str){ NULL, 0 };
	if (str_cut(url, '?', &v->path, &v->query))
		return;
	v->path = url;
}

struct http_req *
req_new(struct loop *l, struct conn *c, const struct http1 *h,
    struct str head, struct str address)
{
	struct http_req *rq = must(malloc(sizeof(*rq) + h->nheaders *
	    sizeof(rq->header[0]) + head.n + address.n));
	char *bytes = (char *)(rq->header + h->nheaders);

	memset(rq, 0, sizeof(*rq));
	rq->s = http_server_get(l->s);
	rq->loop = l;
	rq->conn = c;
	atomic_init(&rq->refs, 1);
	atomic_init(&rq->state, REQ_BUSY);
	buf_init(&rq->body, NULL, 0);
	memcpy(bytes, head.p, head.n);
	memcpy(bytes + head.n, address.p, address.n);
	for (size_t i = 0; i < h->nheaders; i++)
		rq->header[i] = (struct http_header){
		    moved(h->header[i].name, head, bytes),
		    moved(h->header[i].value, head, bytes) };
	rq->v.header = rq->header;
	rq->v.nheaders = h->nheaders;
	rq->v.address = str_n(bytes + head.n, address.n);
	rq->v.body_fd = -1;
	view_target(&rq->v, moved(h->url, head, bytes));
	/* The method is what stands before the target. */
	rq->v.method_name = str_n(bytes + h->lead,
	    (size_t)(h->url.p - head.p) - h->lead - 1);
	rq->v.method = method_of(rq->v.method_name);
	return rq;
}

static void
req_free(struct http_req *rq)
{
	struct http_server *s = rq->s;

	assert(rq->reply == NULL && atomic_load(&rq->state) == REQ_ENDED);
	if (rq->v.body_fd >= 0)
		close(rq->v.body_fd);
	if (rq->memory > 0)
		atomic_fetch_sub(&s->body_memory, rq->memory);
	buf_free(&rq->body);
	free(rq);
	http_server_put(s);
}

void
http_req_get(struct http_req *rq)
{
	atomic_fetch_add_explicit(&rq->refs, 1, memory_order_relaxed);
}

void
http_req_put(struct http_req *rq)
{
	if (atomic_fetch_sub_explicit(&rq->refs, 1, memory_order_acq_rel) == 1)
		req_free(rq);
}

static void
post(struct http_req *rq, enum req_todo bit)
{
	if (atomic_fetch_or(&rq->todo, (unsigned)bit) != 0)
		return;		/* on the list already */
	http_req_get(rq);
	loop_post(rq->loop, rq);
}

unsigned
req_take_todo(struct http_req *rq)
{
	return atomic_exchange(&rq->todo, 0);
}

static bool
change(struct http_req *rq, enum req_state from, enum req_state to)
{
	int was = (int)from;

	return atomic_compare_exchange_strong(&rq->state, &was, to);
}

bool
req_unpark(struct http_req *rq)
{
	if (!change(rq, REQ_PARKED, REQ_BUSY))
		return false;
	atomic_fetch_sub(&rq->s->nparked, 1);
	return true;
}

bool
req_end_parked(struct http_req *rq)
{
	if (!change(rq, REQ_PARKED, REQ_ENDED))
		return false;
	atomic_fetch_sub(&rq->s->nparked, 1);
	return true;
}

void
req_refused(struct http_req *rq)
{
	int was = atomic_exchange(&rq->state, REQ_ENDED);

	assert(was == REQ_BUSY || was == REQ_WOKEN);
}

void
http_reply(struct http_req *rq, struct http_res *res)
{
	int was = atomic_exchange(&rq->state, REQ_ENDED);

	assert(was == REQ_BUSY || was == REQ_WOKEN);
	/* The disk is asked for a file's beginning before the loop needs it. */
	if (res->fd >= 0)
		posix_fadvise(res->fd, (off_t)res->fd_from,
		    res->fd_bytes < READ_AHEAD ? (off_t)res->fd_bytes
		    : READ_AHEAD, POSIX_FADV_WILLNEED);
	rq->reply = reply_new(res, rq->s->server_n);
	/* The loop may be through with it before post() is. */
	http_req_get(rq);
	post(rq, TODO_REPLY);
	http_req_put(rq);
}

void
http_drop(struct http_req *rq)
{
	int was = atomic_exchange(&rq->state, REQ_ENDED);

	assert(was == REQ_BUSY || was == REQ_WOKEN);
	http_req_get(rq);
	post(rq, TODO_DROP);
	http_req_put(rq);
}

void
http_park(struct http_req *rq, int64_t deadline_ms)
{
	if (deadline_ms < 0)
		deadline_ms = 0;
	if (deadline_ms > PARK_MAX_MS)
		deadline_ms = PARK_MAX_MS;
	rq->park_until_ms = clock_mono_us() / 1000 + deadline_ms;
	/* Once parked it is anybody's: it may end before post() is through. */
	http_req_get(rq);
	atomic_fetch_add(&rq->s->nparked, 1);
	if (change(rq, REQ_BUSY, REQ_PARKED)) {
		post(rq, TODO_PARK);
	} else {
		bool woken = change(rq, REQ_WOKEN, REQ_BUSY);

		assert(woken);
		atomic_fetch_sub(&rq->s->nparked, 1);
		post(rq, TODO_RESUME);
	}
	http_req_put(rq);
}

void
http_wake(struct http_req *rq)
{
	int was = atomic_load(&rq->state);

	for (;;) {
		if (was == REQ_PARKED) {
			if (atomic_compare_exchange_weak(&rq->state, &was,
			    REQ_BUSY))
				break;
		} else if (was == REQ_BUSY) {
			if (atomic_compare_exchange_weak(&rq->state, &was,
			    REQ_WOKEN))
				return;
		} else {
			return;		/* another's wake will do, or it ended */
		}
	}
	atomic_fetch_sub(&rq->s->nparked, 1);
	post(rq, TODO_RESUME);
}

const struct http_view *
http_view(const struct http_req *rq)
{
	return &rq->v;
}

struct str
http_header_get(const struct http_view *v, const char *name)
{
	struct str want = str_c(name);

	for (size_t i = 0; i < v->nheaders; i++)
		if (str_eq_nocase(v->header[i].name, want))
			return v->header[i].value;
	return (struct str){ NULL, 0 };
}

bool
http_gone(const struct http_req *rq)
{
	return atomic_load(&rq->gone);
}

bool
http_req_stopping(const struct http_req *rq)
{
	return http_stopping(rq->s);
}

void
http_set_data(struct http_req *rq, void *data)
{
	rq->data = data;
}

void *
http_data(const struct http_req *rq)
{
	return rq->data;
}
