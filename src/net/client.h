/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one way out to the network: HTTP(S) requests to other servers, and mail.
 * One thread runs them all by libcurl; nobody else opens a connection.
 *
 * A request says how long it may take and how much it may bring; none is
 * without a bound. Where it may go is checked at connect, after names were
 * resolved: by default only public addresses, so no name that leads inside
 * helps (net/client_guard.h). No URL is logged beyond its host.
 * threads: all, between client_open and client_close.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/arena.h"
#include "base/err.h"
#include "net/http.h"

struct client_conf {
	const struct str *allow;	/* networks that may be reached though they are not public */
	size_t nallow;
	const char *ca_file;		/* PEM; NULL: the system's authorities */
	int connections, per_host;	/* open at once, at most */
	int64_t connect_ms;		/* where a request does not say */
};

/* errors M_INVALID_PARAM a network that can't be read */
bool client_open(const struct client_conf *conf, struct err *e) MUST_CHECK;
/* What is under way ends with CLIENT_STOPPED; returns when all were told. Not opened: nothing. */
void client_close(void);

/* How a request ended. */
enum client_end {
	CLIENT_OK = 1,			/* a whole answer came, of whatever status */
	CLIENT_REFUSED,			/* that address may not be reached, or the URL is none that we take */
	CLIENT_UNREACHABLE,		/* no such name, nobody there, TLS failed */
	CLIENT_TIMED_OUT,
	CLIENT_TOO_LARGE,		/* the answer passed its bound */
	CLIENT_BROKEN,			/* the peer said what is not HTTP, or went away */
	CLIENT_CANCELLED, CLIENT_STOPPED,
	CLIENT_NENDS
};

/* An e-mail: the URL is smtp://host:port or smtps://host:port, the body the whole message. */
struct client_mail {
	struct str from, to;		/* bare addresses of the envelope */
	struct str user, password;	/* empty: no authentication */
	bool starttls;			/* with smtp://: nothing is said without TLS */
};

/*
 * What is asked. Zero is the careful choice for all but purpose, method, url.
 * purpose       a word for metrics and the log: "push", "federation"
 * url           http or https (smtp, smtps of a mail), at most 8 KiB
 * body          sent with POST, PUT and whatever else has one
 * connect_to    "host:port", "1.2.3.4:443", "[::1]:443": dialled instead of what
 *               the URL names; Host, SNI and certificate stay those of the URL
 * total_ms      from the start, waiting for a free connection included; 0: 30 s
 * body_max      bytes of the answer, after decoding; 0: 1 MiB
 * to_fd         where a 2xx answer is written when has_fd; others go to memory
 * bytes_a_second  less than that over 20 s is cut; 0: only the total bounds it
 * redirects     hops followed, of a GET, each as guarded as the first; 0: a 3xx
 *               is an answer
 * trusted       the operator wrote this URL: it may lead to any address
 * compressed    gzip, br and the like are asked for, and decoded
 * http2         asked for; over http:// spoken at once
 */
struct client_req {
	const char *purpose;
	struct str method, url, body, connect_to;
	const struct http_header *header;
	size_t nheaders;
	const struct client_mail *mail;
	int64_t connect_ms, total_ms, body_max, bytes_a_second;
	int to_fd, redirects;
	bool has_fd, trusted, compressed, http2;
};

/* With CLIENT_OK status, headers and body are whole; otherwise only `end` counts. */
struct client_res {
	enum client_end end;
	int status;
	struct str body;
	int64_t bytes;			/* of the answer, in memory or in to_fd */
	const struct http_header *header;
	size_t nheaders;		/* of the last hop, at most 100 */
	struct str url;			/* after redirects */
};

/*
 * Asks and waits. Not from a thread that serves requests to others while it
 * matters, nor from `done` below.
 *
 * out     always filled; its memory is a's
 * errors  M_FORBIDDEN refused; M_TIMEOUT 504; M_TOO_LARGE 413; M_UNAVAILABLE
 *         503 for all else. A status of 400 or 500 is no error here.
 */
bool client_call(const struct client_req *req, struct arena *a, struct client_res *out, struct err *e) MUST_CHECK;

/*
 * Asks and returns. done is called exactly once, on the client's thread: it
 * copies what it keeps and hands on; res and e end with it. e->code is M_OK
 * with CLIENT_OK. The request is copied.
 *
 * id      for client_cancel; may be NULL
 * errors  M_UNAVAILABLE  too many wait, or stopping: done is not called
 */
typedef void client_done(void *arg, const struct client_res *res, const struct err *e);
bool client_start(const struct client_req *req, client_done *done, void *arg, uint64_t *id, struct err *e) MUST_CHECK;
/* Hastens the end: done is called with CLIENT_CANCELLED, unless it was or is being called. */
void client_cancel(uint64_t id);

/* The first header of that name, in any case; empty if there is none. */
struct str client_header(const struct client_res *res, const char *name);
const char *client_end_name(enum client_end end);	/* "timed_out": for metrics */

/* An absolute http or https URL as a request would take it; parts decoded as little as possible. */
struct client_url {
	struct str scheme, host, path;	/* host in lower case, IPv6 in brackets; path begins with / */
	int port;			/* the scheme's if none was written */
	bool has_query, has_user, has_fragment;
};
/* False: not such a URL, or longer than 8 KiB. */
bool client_url_parse(struct arena *a, struct str url, struct client_url *out) MUST_CHECK;

#endif
