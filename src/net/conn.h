/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A connection. One request is under way at a time; what a client sends beyond
 * it waits. While the application has a request, or it is parked, nothing is
 * kept for the connection but this struct and what had been read too far.
 * threads: its loop's only.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/addr.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/tls.h"

enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD,		/* between requests, or a head is coming */
	CONN_BODY,
	CONN_APP,		/* the application has the request, or it is parked */
	CONN_WRITE,
	CONN_LINGER		/* replied, and closed at our end: waits for theirs */
};

struct conn {
	struct timer timer;		/* first: the wheel gives it back */
	struct conn *next, *prev;	/* of the loop's list */
	struct loop *loop;
	struct tls *tls;		/* NULL: plain */
	int fd;
	int listener;
	enum conn_state state;
	uint32_t watched;		/* epoll events */
	bool unwatched;			/* out of epoll: the peer closed, nothing to do about it yet */
	bool dead;			/* closed; freed at the end of the round */
	bool counted;			/* among its address's */
	bool begun;			/* bytes of a request have come */
	bool keep_alive, is_head, half_closed;
	struct addr peer;
	int64_t began_us;		/* the request's first byte */
	char *in;			/* read too far, or an unfinished head */
	size_t in_n;
	struct http1 h;
	struct http_body_rule rule;
	int64_t window_bytes;		/* of a spooled body, when its rate was last looked at */
	struct http_req *rq;		/* BODY, APP; a reference */
	struct reply *reply;		/* WRITE */
	struct http_mark mark;		/* of the last reply */
};

/* Takes an accepted socket, already counted in clients. */
void conn_open(struct loop *l, int fd, int listener, const struct addr *peer, bool counted);
/* Closes the socket now; the memory goes at the end of the round. */
void conn_close(struct conn *c);
void conn_free(struct conn *c);

void conn_event(struct conn *c, uint32_t events);
void conn_timeout(struct conn *c);
/* What other threads want of the request's connection. */
void conn_posted(struct http_req *rq);
/* The server stops: idle ones are closed, parked ones run again. */
void conn_stop(struct conn *c);
/* stop_ms have passed: whatever the application doesn't have is closed. */
void conn_cut(struct conn *c);
/* Resets the connection if its last reply must not go on. */
void conn_recheck(struct conn *c);

/* For conn_write.c and back. */
void conn_watch(struct conn *c, uint32_t events);
void conn_timer(struct conn *c, int64_t in_ms);		/* from now; < 0: none */
/* Ends the request and sends its reply; then CONN_HEAD, CONN_LINGER, or closed. */
void conn_reply(struct conn *c, struct reply *r);
/* A reply of the server's own. Its text: refuse_body if it refused, else app.refusal's. */
void conn_refuse(struct conn *c, int status);
void conn_write(struct conn *c);
/* Lets go of the request. */
void conn_end_request(struct conn *c);

#endif
