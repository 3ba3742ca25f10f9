/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A loop thread: epoll, timers, what other threads post, accepting. Everything
 * here but `posts` is its own thread's.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "net/reply.h"
#include "net/wheel.h"

#include <pthread.h>
#include <stdatomic.h>

/* Bytes of body taken from a socket at once. */
#define LOOP_READ ((size_t)64 * 1024)

struct conn;
struct http_req;
struct http_server;

struct loop {
	struct http_server *s;
	pthread_t thread;
	int epoll;
	int event;			/* eventfd: something was posted */
	int spare_fd;			/* given up to refuse a connection when descriptors run out */
	int64_t now_ms;			/* monotonic, of this round */
	int64_t stop_at_ms;
	bool stopping;
	unsigned rechecked;		/* the server's `recheck` that this loop has come to */
	bool deaf;			/* listeners are out of epoll, for lack of descriptors */
	struct timer hear;		/* when they come back */
	int64_t shed_log_ms;		/* when running out may be logged again */
	struct wheel wheel;
	struct conn *conns;		/* all of this loop */
	struct conn *dead;		/* closed in this round: freed at its end */
	_Atomic(struct http_req *) posts;	/* the newest first */
	struct http_header *header;	/* conf.headers_max, while a head is parsed */
	char *scratch;			/* what was just read; head_max + LOOP_READ */
	size_t scratch_n;
	char *out;			/* LOOP_READ, for what is encrypted */
	int64_t date_s;			/* of date */
	char date[REPLY_DATE];
};

bool loop_init(struct loop *l, struct http_server *s);
void loop_start(struct loop *l);
void loop_done(struct loop *l);		/* after its thread was joined, or never started */
/* Puts a request on the list, which keeps the caller's reference. threads: any */
void loop_post(struct loop *l, struct http_req *rq);
void loop_wake(struct loop *l);		/* threads: any */
/* The Date header's value. */
const char *loop_date(struct loop *l);

#endif
