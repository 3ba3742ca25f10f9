/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The only writer of events. Used by send.c and create.c. */
#ifndef CORE_PERSIST_H
#define CORE_PERSIST_H

#include "core/room_impl.h"
#include "core/send.h"

/* An event that was authorised and waits to be stored. */
struct pending {
	struct event ev;
	struct str text;
	const struct sev *replaced;	/* the state event whose place it takes, or NULL */
	const struct sev *redacts;	/* the event that it redacts, or NULL */
	struct str pruned;		/* filled: that event's new text */
	int64_t parent;			/* filled: nid of the event it relates to; 0: none in this room */
	struct str txn_place, txn_id;	/* of the actor's device; empty: none */
	const struct sev *stored;	/* filled: held by the ctx's arena */
	struct event_row row;		/* filled in the transaction */
};

/* More rows of the same transaction; fn gets the room's nid. */
struct persist_also {
	bool (*fn)(struct db *db, int64_t room, void *arg, struct err *e);
	void *arg;
};

/*
 * Stores n events in order, all or none, and wakes readers. A room that is not
 * stored yet (nid 0) is made by its first event. also may be NULL.
 * locks   r->write
 */
bool persist_events(struct ctx *c, struct room *r, struct pending *p, size_t n,
    const struct persist_also *also) MUST_CHECK;

#endif
