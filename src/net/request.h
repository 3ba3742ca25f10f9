/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A request inside the server. http.h says what the application may do to it.
 *
 * Whose it is, is one atomic number:
 *
 *	BUSY	the application's; or a loop is about to give it to it
 *	WOKEN	the same, and it was woken meanwhile: it will not stay parked
 *	PARKED	nobody's: a wake, its deadline, stop or the client's end takes it
 *	ENDED	replied to, dropped or gone: the last state
 *
 *	from	to	by			then
 *	BUSY	WOKEN	http_wake		nothing: http_park will see it
 *	BUSY	PARKED	http_park		post PARK: the loop arms its deadline
 *	WOKEN	BUSY	http_park		post RESUME: it runs again at once
 *	PARKED	BUSY	http_wake		post RESUME
 *	PARKED	BUSY	loop: deadline, stop	it runs again
 *	PARKED	ENDED	loop: client gone	app.gone
 *	BUSY, WOKEN  ENDED  http_reply, http_drop, loop: app.request said no
 *
 * Each change is one compare-and-exchange, so of several that want a parked
 * request one wins and the others find it taken. A wake is never lost: it finds
 * PARKED, and runs the request; or BUSY, and http_park finds WOKEN; or WOKEN,
 * and another's wake will run it after now.
 *
 * What other threads want of the loop are bits of `todo`. Who sets the first
 * one puts the request on the loop's list with a reference, so a request is
 * there once at most and posting allocates nothing. RESUME and PARK may be set
 * together and in any order: the loop does RESUME first, and PARK only looks
 * whether the request is parked now.
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "net/http1.h"
#include "net/reply.h"

#include <stdatomic.h>

enum req_state { REQ_BUSY, REQ_WOKEN, REQ_PARKED, REQ_ENDED };
enum req_todo { TODO_RESUME = 1, TODO_PARK = 2, TODO_REPLY = 4, TODO_DROP = 8 };

struct conn;
struct loop;

struct http_req {
	struct http_view v;
	struct http_server *s;		/* a reference */
	struct loop *loop;		/* whose connection's it is */
	struct conn *conn;		/* the loop's thread only; NULL once ended */
	struct http_req *next;		/* on the loop's list of posts */
	atomic_uint todo;		/* of enum req_todo */
	atomic_int refs, state;
	atomic_bool gone;		/* the client closed its end */
	bool stop_told;			/* loop: it was run after the stop began */
	int64_t park_until_ms;		/* monotonic; from http_park to the loop */
	void *data;
	struct reply *reply;		/* from http_reply to the loop */
	struct buf body;
	int64_t memory;			/* of it, counted in the server's body_memory */
	struct http_header header[];	/* then the head's bytes, then the address */
};

/* head: its bytes, which h's slices are of; address: the client's. Everything is copied. One reference. */
struct http_req *req_new(struct loop *l, struct conn *c, const struct http1 *h, struct str head, struct str address);
/* Takes a parked request: false, another did. */
bool req_unpark(struct http_req *rq);
/* PARKED to ENDED: false, it was not parked. */
bool req_end_parked(struct http_req *rq);
/* The bits posted since the last call. threads: the loop's */
unsigned req_take_todo(struct http_req *rq);
/* The server refuses a request that the application did not take. */
void req_refused(struct http_req *rq);

/* Where the body goes. False: neither memory nor disk for it. */
bool req_body_begin(struct http_req *rq, const struct http_body_rule *rule, int64_t length);
/* Adds a piece of at most rule->max_bytes in all. Not 0: the status to refuse with. */
int req_body_add(struct http_req *rq, const struct http_body_rule *rule, struct str piece);
void req_body_end(struct http_req *rq);

#endif
