/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The HTTP/1.1 server: listeners, connections, requests handed to the
 * application and replies taken back. Knows no Matrix.
 *
 * Loop threads own the sockets and never block. A whole request (or one whose
 * body was spooled to a file) is given to app.request on a loop thread, which
 * must only queue it. Any thread then ends it by exactly one of http_reply(),
 * http_park() or http_drop().
 *
 * threads: as said at each function.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/err.h"
#include "base/str.h"

struct http_server;
struct http_req;		/* opaque; counted references */

enum http_method {
	METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT,
	METHOD_DELETE, METHOD_OPTIONS, METHOD_PATCH
};

struct http_header {
	struct str name, value;		/* name as sent; compare with str_eq_nocase */
};

/* What the application reads of a request; valid until it is ended. */
struct http_view {
	enum http_method method;
	struct str method_name;
	struct str path;		/* before '?', still percent-encoded */
	struct str query;		/* after '?', or empty */
	const struct http_header *header;
	size_t nheaders;
	struct str body;		/* whole; empty when spooled */
	int body_fd;			/* >= 0: the body is in this unnamed file, at offset 0 (owned by the request) */
	int64_t body_bytes;
	struct str address;		/* the client's, as text: after X-Forwarded-For of trusted proxies; "unix" */
	bool tls;
	int listener;			/* index in the configuration */
	int64_t began_us;		/* clock_mono_us() at the first byte */
	int runs;			/* 0 first; counts the times it was woken after a park */
};

/* How the body may arrive, said by app.head once the head is read. */
struct http_body_rule {
	int64_t max_bytes;		/* more: 413 M_TOO_LARGE */
	bool spool;			/* to an unnamed file in spool_dir, not to memory */
	int refuse_status;		/* not 0: answer this now with refuse_body, and close if a body is coming */
	struct str refuse_body;		/* static */
};

/* Whose reply it is, in the application's own words; all zero: nobody's. */
struct http_mark {
	uint64_t word[4];
};

struct http_app {
	void *arg;
	/* On a loop thread, quick. */
	void (*head)(void *arg, const struct http_view *v, struct http_body_rule *rule);
	/* On a loop thread; must queue. False: overload, 503 is answered. */
	bool (*request)(void *arg, struct http_req *rq);
	/*
	 * A request that had been parked ended without the application: its client went away, stop_ms passed, or
	 * app.request would not have it again. Called once, on a loop thread. May be NULL.
	 */
	void (*gone)(void *arg, struct http_req *rq);
	/*
	 * May a reply that bears this mark be sent, or sent on? Asked before it begins, and of all that are under way by
	 * http_recheck(). False: the connection is reset, with what the kernel still holds. On a loop thread, quick.
	 * May be NULL: yes.
	 */
	bool (*may_send)(void *arg, const struct http_mark *mark);
	/* The body of replies that the server makes itself (400, 408, 413, 431, 503): JSON with errcode and error. */
	struct str (*refusal)(void *arg, int status);
};

struct http_listen {
	struct str address;		/* "127.0.0.1:8008", "[::1]:8008", "unix:/path" */
	bool tls;
	unsigned mode;			/* of a unix socket's file; 0: 0600 */
};

/* What it points to must live as long as the server. */
struct http_conf {
	const struct http_listen *listen;
	size_t nlisten;
	int nloops;
	const char *tls_cert, *tls_key;	/* NULL without TLS */
	const char *spool_dir;
	const struct str *trusted_proxies;	/* addresses or CIDR; "unix": the peers of unix sockets */
	size_t ntrusted;
	size_t head_max;		/* bytes of request line and headers */
	size_t headers_max;		/* count: 100 */
	int64_t head_ms, body_ms, idle_ms, write_ms, stop_ms;
	int64_t upload_min_rate;	/* bytes per second of a spooled body, measured over 10 s */
	/* Of IPv6 a /64 counts as one address; trusted proxies count only in all. */
	size_t connections_max, connections_per_address;
	size_t body_memory_max;		/* bodies in memory, all connections together; over it 503 */
	const char *server_header;	/* "beffroi" */
};

/* A reply. Its buffer is given away to the server by http_reply. */
struct http_res {
	int status;
	struct buf head;		/* extra header lines, each "Name: value\r\n"; heap buffer */
	struct buf body;		/* heap buffer */
	int fd;				/* >= 0: file sent after the body by sendfile, closed at the end */
	int64_t fd_from, fd_bytes;
	struct buf tail;		/* sent after the file, if there is one; heap buffer */
	bool close;			/* close the connection after it */
	struct http_mark mark;		/* for app.may_send */
};

/* Starts listeners and loop threads. threads: main */
struct http_server *http_start(const struct http_conf *conf, const struct http_app *app, struct err *e) MUST_CHECK;
/* The port of listener i (for ":0"). */
int http_port(const struct http_server *s, size_t i);
/* New certificate files for new connections. */
bool http_reload_tls(struct http_server *s, const char *cert, const char *key, struct err *e) MUST_CHECK;
/*
 * Stops accepting, wakes what is parked (v->runs grows, http_stopping() is
 * true), lets what is under way end for stop_ms, closes, joins, frees. What
 * the application still has it waits for: every request given must be ended.
 * References to requests may outlive it.
 */
void http_stop(struct http_server *s);
/*
 * Asks app.may_send about every reply that is on its way, or was the last on
 * its connection, and resets the connections that must not go on. Returns when
 * all loops have done so, or after a second. threads: any but a loop's
 */
void http_recheck(struct http_server *s);
bool http_stopping(const struct http_server *s);
bool http_req_stopping(const struct http_req *rq);	/* of the request's server */

const struct http_view *http_view(const struct http_req *rq);
/* The value of the first header of that name, or empty. */
struct str http_header_get(const struct http_view *v, const char *name);
/* The client closed its end; a reply is sent all the same, as it may still listen. threads: any */
bool http_gone(const struct http_req *rq);
/* A word of the application's own, kept over parks (not freed by the server). */
void http_set_data(struct http_req *rq, void *data);
void *http_data(const struct http_req *rq);

void http_res_init(struct http_res *res, int status);
void http_res_header(struct http_res *res, const char *name, struct str value);	/* CR and LF in value: assert */
void http_res_free(struct http_res *res);		/* one that is not given away */

/* Sends the reply and ends the request; takes res's buffers and fd. HEAD sends no body. threads: any */
void http_reply(struct http_req *rq, struct http_res *res);
/* Closes the connection without a reply. threads: any */
void http_drop(struct http_req *rq);
/*
 * Parks the request: the connection keeps only its head and small body (about
 * 1.3 kB beside them). It is given to app.request again when http_wake() is
 * called, when deadline_ms (from now) has passed, or on stop. An http_wake()
 * between the last app.request and http_park() is not lost. threads: any
 */
void http_park(struct http_req *rq, int64_t deadline_ms);
/* Wakes a parked request; nothing if it was woken already or is gone. threads: any holder of a reference */
void http_wake(struct http_req *rq);
void http_req_get(struct http_req *rq);		/* one more reference: the object stays valid, not its view */
void http_req_put(struct http_req *rq);

struct http_stats {
	int64_t connections, parked, requests, body_memory;
};
void http_stats(const struct http_server *s, struct http_stats *out);

#endif
