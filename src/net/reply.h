/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A reply on its way: taken from the application by http_reply, given its head
 * by the loop, sent by conn_write.c. threads: one at a time.
 */
#ifndef NET_REPLY_H
#define NET_REPLY_H

#include "net/http.h"

struct reply {
	struct http_res res;
	bool bodiless;			/* HEAD, 204, 304: only the head is sent */
	size_t memory_sent;		/* of head, body and tail together */
	int64_t file_sent;
	size_t head_n;
	char head[];
};

/* What the head says beside the application's lines. */
struct reply_how {
	bool is_head;			/* the request was HEAD */
	bool keep_alive;
	int minor;			/* the request's version: 1.0 must be told of keep-alive */
	struct str server, date;
};

/* Takes res's buffers and fd. */
struct reply *reply_new(struct http_res *res, size_t server_n);
void reply_head(struct reply *r, const struct reply_how *how);
void reply_free(struct reply *r);	/* closes its fd; NULL is fine */

#define REPLY_DATE 32
/* "Mon, 23 Nov 2026 22:45:14 GMT" for a time in seconds since 1970. */
void reply_date(char to[REPLY_DATE], int64_t s);

#endif
