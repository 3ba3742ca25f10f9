/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The only writer of events. Used by send.c and create.c, and for those of other servers by receive.c and its neighbours. */
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

/* A state: that of a root, with some places set otherwise (event 0: nothing there). */
struct state_delta {
	struct state_root root;
	struct state_slot *slot;
	size_t n;
};

#define EVENT_SELF (-1)		/* in a slot: the event that is being stored */

/* Where an event of the graph belongs. */
enum place_how {
	PLACE_REJECTED,		/* kept, so that it is known; never shown */
	PLACE_SOFT_FAILED,	/* stands in the graph, but not in the timeline */
	PLACE_ASIDE,		/* in the graph, waiting for its place in the past */
	PLACE_TIMELINE,		/* at its end */
	PLACE_BACK		/* before its beginning */
};

struct placement {
	enum place_how how;
	int64_t stored;			/* nid of the row it has as an outlier; 0: it has none */
	struct state_delta before;	/* the state before it */
	struct state_delta now;		/* PLACE_TIMELINE: of the room after it; its root is the head's, so its slots are what changes */
	const struct end *end;		/* PLACE_TIMELINE: the forward extremities that stay */
	size_t nends;
	const struct str *missing;	/* previous events that are not here */
	size_t nmissing;
	int64_t seq;			/* PLACE_BACK: its place */
	bool behind;			/* PLACE_TIMELINE: others follow it already, so it is no end and changes no state */
	const struct sev *create;	/* entering: the room's create event */
	bool entering;			/* by it this server comes into the room: readers have nothing before */
};

/*
 * Stores one event of the graph where it belongs, and wakes readers of the
 * timeline. When it brings this server into a room, r may be one of the
 * caller's own that the cache does not know: who asks next loads it.
 * locks   r->write
 */
bool persist_placed(struct ctx *c, struct room *r, struct pending *p,
    const struct placement *pl) MUST_CHECK;

/*
 * Stores n events outside of the timeline and without a state: of an auth
 * chain, of a state that another server gave. Those that are stored already
 * are passed over. With r->nid 0 the room's row is made; r->nid is set then.
 */
struct outlier {
	struct event ev;
	struct str text;
	bool rejected;
	int64_t nid;			/* filled */
};
bool persist_outliers(struct ctx *c, struct room *r, struct outlier *o, size_t n) MUST_CHECK;

#endif
