/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What another server may read of a room. spec: server-server, "Room History Visibility" and what it asks of backfill. */
#ifndef CORE_FED_READ_H
#define CORE_FED_READ_H

#include "core/room.h"

/* Is the server in the room, this one too, and does the ACL let it? errors M_FORBIDDEN 403, whatever the reason */
bool fed_may_read(struct ctx *c, struct room *r, struct str server) MUST_CHECK;
/* Which of n events may a server in the room see? By the history visibility at each; outliers are parts of states, and are seen. */
bool fed_visible(struct ctx *c, struct room *r, struct str server, const struct sev *const *ev, size_t n,
    bool *keep) MUST_CHECK;
/* Events for the asking server; where keep[i] is false it may have the redacted form only. */
struct fed_page {
	const struct sev **ev;
	bool *keep;
	size_t n;
};
/* The named events and what came before them in the graph, newest first. */
bool fed_back(struct ctx *c, struct room *r, const struct str *from, size_t nfrom, size_t max, struct fed_page *out) MUST_CHECK;
/* Events that come before `late` and are neither `early` nor before those, oldest first. */
struct fed_gap {
	struct str early[100], late[100];
	size_t nearly, nlate, max;
	int64_t min_depth;
};
bool fed_between(struct ctx *c, struct room *r, const struct fed_gap *gap, struct fed_page *out) MUST_CHECK;

#endif
