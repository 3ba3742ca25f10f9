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
	struct str txn_place, txn_id;	/* of the actor's device; empty: none */
	const struct sev *stored;	/* filled: held by the ctx's arena */
	struct event_row row;		/* filled in the transaction */
};

/*
 * Stores n events in order, all or none, and wakes readers. A room that is not
 * stored yet (nid 0) is made by its first event.
 * locks   r->write
 */
bool persist_events(struct ctx *c, struct room *r, struct pending *p, size_t n) MUST_CHECK;

#endif
