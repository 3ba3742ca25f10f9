/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * HTTP/1.1 requests from bytes, strictly: what a proxy before us could read in
 * another way is refused. Knows no sockets.
 * spec: RFC 9110, RFC 9112.
 */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "net/http.h"

#include <llhttp.h>

#define HTTP1_HEADERS_MAX 100

struct http1 {
	llhttp_t parser;
	struct http_header header[HTTP1_HEADERS_MAX];
	size_t nheaders;
	struct str url;
	bool head_done, done, failed;
	bool keep_alive, expects;	/* Expect: 100-continue */
	bool chunked;
	int64_t length;			/* Content-Length; -1: none */
	int status;			/* of the refusal when failed: 400, 414, 417, 431, 501, 505 */
	/* Called for each piece of body. False: stop (the caller knows why). */
	bool (*on_body)(void *arg, struct str piece);
	void *arg;
};

void http1_init(struct http1 *h);
/*
 * Looks for a whole head in bytes.
 * > 0: its length; 0: not yet; < 0: refused with h->status.
 */
ptrdiff_t http1_head_length(struct http1 *h, struct str bytes, size_t max);
/* Parses a whole head of that length; slices are of `head`, which must stay. False: refused with h->status. */
bool http1_head(struct http1 *h, struct str head) MUST_CHECK;
/* Feeds body bytes; *used is how many belonged to this request. False: refused, or on_body said so. */
bool http1_body(struct http1 *h, struct str bytes, size_t *used) MUST_CHECK;

#endif
