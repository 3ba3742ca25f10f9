/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Signed requests to other servers of the federation.
 * spec: server-server, "Request Authentication".
 * threads: all; a call waits for the answer, so never with a room's lock.
 */
#ifndef CORE_FED_H
#define CORE_FED_H

#include "core/ctx.h"

struct fed_req {
	struct str server;		/* the destination's name */
	const char *method;
	struct str path;		/* with its query, percent-encoded */
	const struct json *body;	/* an object; NULL: none */
	int64_t total_ms, body_max;	/* 0: 30 s, 8 MiB */
};

/*
 * Finds the server, signs, asks, parses.
 *
 * out     the answer, an object; its memory is the ctx's
 * errors  what the other said with 4xx, its errcode where we know it;
 *         M_FORBIDDEN 403 federation with that server is not allowed here;
 *         M_UNAVAILABLE 503, M_TIMEOUT 504 it could not be asked
 */
bool fed_call(struct ctx *c, const struct fed_req *q, const struct json **out) MUST_CHECK;
/* An answer that went to a file. */
struct fed_file {
	struct str type;		/* its Content-Type */
	int64_t bytes;
};
/* As fed_call, but the answer is written to fd, from its start. */
bool fed_fetch(struct ctx *c, const struct fed_req *q, int fd, struct fed_file *out) MUST_CHECK;
/* The same from an https URL (q->path) that the server named for it: unsigned, and only from public addresses. */
bool fed_fetch_elsewhere(struct ctx *c, const struct fed_req *q, int fd, struct fed_file *out) MUST_CHECK;
/* What the server publishes of its keys, unchecked; this is asked unsigned. errors M_UNAVAILABLE 503, M_FORBIDDEN 403 */
bool fed_ask_keys(struct ctx *c, struct str server, const struct json **out) MUST_CHECK;
/* May that server talk with us, and we with it? By federation.enabled, .allow, .deny; case and port do not count. */
bool fed_allowed(struct str server);
/* "/_matrix/federation/v1/" and the rest by a format with %s for each part, percent-encoded. At most 8 parts. */
struct str fed_path(struct arena *a, const char *format, const struct str *parts, size_t n);

#endif
