/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one connection of sliding sync has been sent, room by room. It is kept in
 * the store, so that a restart of the server is none for the client: the state
 * behind the client's last position, and the one after it.
 * spec: MSC4186.
 */
#ifndef CORE_SLIDING_CONN_H
#define CORE_SLIDING_CONN_H

#include "core/ctx.h"
#include "store/q_sliding.h"

#define SLIDING_LIVE INT64_MAX		/* kept up to date with every answer */
#define SLIDING_CONNS_MAX 20		/* of one device */

struct sliding_sent {
	int64_t nid;
	int64_t upto;			/* position up to which the client has the room, or SLIDING_LIVE */
	int64_t limit;			/* of the timeline, as it was last wanted */
	uint32_t need;			/* index into `need` */
};

struct sliding_conn {
	struct sliding_row row;		/* pos 0: nothing was sent yet */
	uint64_t mark;			/* of what was asked last: sliding_ask.mark */
	struct str *need;		/* texts of required_state: sliding_need_text */
	size_t nneeds, needs_cap;
	struct sliding_sent *room;	/* by nid, ascending */
	size_t n, cap;
	bool changed;			/* must be saved before the client is told */
};

/* pos 0: begins anew. errors M_UNKNOWN_POS 400 the position is not known any more: the client begins anew */
bool sliding_open(struct ctx *c, struct str conn, int64_t pos, struct sliding_conn *out) MUST_CHECK;
/* NULL: never sent. */
const struct sliding_sent *sliding_sent_of(const struct sliding_conn *x, int64_t nid);
void sliding_sent_set(struct ctx *c, struct sliding_conn *x, int64_t nid, int64_t upto, int64_t limit, struct str need);
/* Saves what changed; x->row.pos is the position for the answer. */
bool sliding_save(struct ctx *c, struct sliding_conn *x) MUST_CHECK;

#endif
