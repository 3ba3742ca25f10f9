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
/* The named events and what came before them in the graph, newest first, those that the asking server may see. */
bool fed_back(struct ctx *c, struct room *r, const struct str *from, size_t nfrom, size_t max,
    const struct sev ***out, size_t *n) MUST_CHECK;
/* Events that come before `late` and are neither `early` nor before those, oldest first. */
bool fed_between(struct ctx *c, struct room *r, const struct str *early, size_t nearly, const struct str *late,
    size_t nlate, size_t max, const struct sev ***out, size_t *n) MUST_CHECK;

#endif
