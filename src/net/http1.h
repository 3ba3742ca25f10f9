/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * HTTP/1.1 requests from bytes, strictly: what a proxy before us could read in
 * another way is refused. Knows no sockets and allocates nothing.
 * spec: RFC 9110, RFC 9112.
 */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "net/http.h"

#include <llhttp.h>

struct http1 {
	llhttp_t parser;
	int status;			/* not 0: refused with it: 400, 413, 414, 417, 431, 501, 505... */
	/* The search for the head's end, resumed with every piece. */
	size_t line_at, lines, lead;
	/* The head. Slices of what http1_head was given. */
	struct str url;
	struct http_header *header;
	size_t nheaders, headers_max;
	int minor;			/* HTTP/1.minor */
	bool keep_alive, expects, chunked;
	int64_t length;			/* Content-Length; -1: none */
	/* The body. */
	bool head_done, done;		/* done: the whole request was read */
	bool in_trailers, after_cr;	/* in them: the byte before was a CR */
	size_t trailer_n;		/* bytes of this line so far */
	int64_t body_bytes, wire_bytes;	/* of content; with the framing of chunks */
	/* Takes a piece of body. Not 0: the status to refuse with. */
	int (*on_body)(void *arg, struct str piece);
	void *arg;
};

/* For the next request. header: room for headers_max of them while http1_head runs. */
void http1_init(struct http1 *h, struct http_header *header, size_t headers_max);
/*
 * Looks for a whole head in bytes, which begin with the request and are as
 * before or longer at each call; max: the head's.
 * > 0: its length; 0: not yet; < 0: refused with h->status.
 */
ptrdiff_t http1_find_head(struct http1 *h, struct str bytes, size_t max) MUST_CHECK;
/* Parses the head that was found; slices are of `head`. False: refused with h->status. */
bool http1_head(struct http1 *h, struct str head) MUST_CHECK;
/* Feeds body bytes; *used is how many belonged to this request. False: refused with h->status. */
bool http1_body(struct http1 *h, struct str bytes, size_t *used) MUST_CHECK;

#endif
