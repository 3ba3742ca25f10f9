/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Inside the server: loops, connections, requests. See http.h for the outside.
 *
 * A request's state is one atomic number:
 *
 *	BUSY    the application has it
 *	WOKEN   the application has it, and was woken: it will not park
 *	PARKED  nobody has it: a wake, its deadline or the client's end takes it
 *	ENDED   replied, dropped or gone
 *
 * Whoever changes PARKED to something else owns the request from then on. A
 * connection belongs to its loop's thread; others reach it by post().
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/map.h"
#include "net/addr.h"
#include "net/http1.h"
#include "net/tls.h"

#include <pthread.h>

#define WHEEL_SLOTS 512
#define WHEEL_TICK_MS 50

enum req_state { REQ_BUSY, REQ_WOKEN, REQ_PARKED, REQ_ENDED };

struct conn;
struct loop;

struct http_req {
	struct http_view v;
	struct loop *loop;		/* never changes: who may be posted to */
	struct conn *conn;		/* loop's thread only; NULL once it is closed */
	int refs;			/* atomic */
	int state;			/* atomic: enum req_state */
	int gone;			/* atomic: the client closed */
	int64_t park_ms;		/* deadline, monotonic, while parked */
	void *data;
	char *head;			/* its bytes; slices of the view point here */
	size_t head_n;
	struct http_header *header;
	struct buf body;
	size_t memory;			/* counted in the server's body_memory */
	char address[ADDR_TEXT_MAX];
};

enum conn_state { CONN_HANDSHAKE, CONN_HEAD, CONN_BODY, CONN_APP, CONN_WRITE, CONN_LINGER };

struct conn {
	struct conn *next, *prev;	/* of the loop's list */
	struct conn *tnext, **tprev;	/* of its slot in the timer wheel; tprev NULL: no timer */
	struct loop *loop;
	struct tls *tls;		/* NULL: plain */
	int fd;
	int listener;
	enum conn_state state;
	uint32_t events;		/* what epoll watches */
	int64_t deadline_ms;
	struct addr peer, client;
	char *in;			/* bytes received and not used */
	size_t in_n, in_cap;
	struct http1 *h;		/* while a request is being received */
	struct http_req *rq;
	struct http_body_rule rule;
	int64_t body_bytes, body_began_ms;
	bool keep_alive, dead, is_head, continued;
	bool unwatched;			/* not in the epoll set */
	struct http_res res;		/* while being written */
	struct str res_head;
	char *res_head_bytes;
	size_t sent;			/* of head and body together */
	int64_t file_sent;
};

enum post_kind { POST_REPLY, POST_DROP, POST_PARK, POST_RESUME };
struct post {
	struct post *next;
	enum post_kind kind;
	struct http_req *rq;
	struct http_res res;
};

struct loop {
	struct http_server *s;
	pthread_t thread;
	int epoll, event;
	int64_t now_ms;			/* monotonic */
	struct conn *conns, *dead;
	struct conn *wheel[WHEEL_SLOTS];
	int64_t wheel_tick;
	struct post *posts;		/* atomic: newest first */
	bool stopping, drained;
	int64_t stop_at_ms;
};

struct http_server {
	struct http_conf conf;
	struct http_app app;
	struct addr_net *trusted;
	size_t ntrusted;
	int *listen_fd;
	int *port;
	int spare_fd;			/* given up to accept and close when descriptors run out */
	struct tls_ctx *tls;
	struct loop *loop;
	int stopping;			/* atomic */
	pthread_mutex_t lock;		/* clients */
	struct map clients;		/* addr_client -> struct client */
	int64_t nconns, nparked, nrequests, body_memory;	/* atomic */
};

void *loop_main(void *arg);
void loop_post(struct loop *l, enum post_kind kind, struct http_req *rq, struct http_res *res);

void conn_open(struct loop *l, int fd, int listener, bool tls, const struct addr *peer);
void conn_event(struct conn *c, uint32_t events);
void conn_timeout(struct conn *c);
void conn_post(struct loop *l, struct post *p);
void conn_stop(struct conn *c);
void conn_free(struct conn *c);
void conn_timer(struct conn *c, int64_t deadline_ms);	/* 0: none */
void conn_watch(struct conn *c, uint32_t events);
void conn_close(struct conn *c);
/* conn_write.c */
void conn_reply(struct conn *c, struct http_res *res);
void conn_refuse(struct conn *c, int status);
void conn_write_more(struct conn *c);
void conn_next_request(struct conn *c);

bool client_enter(struct http_server *s, const struct addr *peer, struct addr *client);
void client_leave(struct http_server *s, const struct addr *client);

#endif
