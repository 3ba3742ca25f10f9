/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading a room's past: who may, pages, aggregations. */
#ifndef CORE_HISTORY_H
#define CORE_HISTORY_H

#include "core/room.h"
#include "room/filter.h"

/* May the actor read this room at all (now or in the past)? errors M_FORBIDDEN 403 */
bool history_may_read(struct ctx *c, struct room *r) MUST_CHECK;

struct history_ask {
	int64_t from;			/* place: between seq from and from + 1 */
	int64_t to;			/* where to stop; has_to */
	bool has_to, back;
	size_t limit;
	struct event_filter filter;
};
struct history_page {
	const struct sev **ev;
	size_t n;
	int64_t end;			/* the place after the last event looked at */
	bool more;			/* end is worth asking from */
};
/* A page of events that the actor may see and the filter lets through. */
bool history_page(struct ctx *c, struct room *r, const struct history_ask *ask, struct history_page *out) MUST_CHECK;

/* An event of the room, if the actor may see it; else M_NOT_FOUND 404. */
bool history_event(struct ctx *c, struct room *r, struct str event_id, const struct sev **out) MUST_CHECK;

/* The event nearest to ts, from it on or (back) up to it, that the actor may see; else M_NOT_FOUND 404. */
bool history_near(struct ctx *c, struct room *r, int64_t ts, bool back, const struct sev **out) MUST_CHECK;

/* Member events of the senders of ev (lazy loading), each once, as they are now or were. */
bool history_senders(struct ctx *c, struct room *r, const struct sev *const *ev, size_t n,
    const struct sev ***out, size_t *nout) MUST_CHECK;

/* The room's state as the actor may see it: now, or as it was when the actor left. */
bool history_state(struct ctx *c, struct room *r, const struct sev *const **out, size_t *n) MUST_CHECK;
/* One event of it; *out NULL: there is none. */
bool history_state_one(struct ctx *c, struct room *r, struct str type, struct str key, const struct sev **out) MUST_CHECK;
/* The same after the event with that seq, if the actor may see that event; else as history_state. */
bool history_state_at(struct ctx *c, struct room *r, int64_t seq, const struct sev *const **out, size_t *n) MUST_CHECK;

struct relation_ask {
	struct str parent;		/* event id */
	struct str rel_type, type;	/* empty: any */
	int64_t from, to;		/* places */
	bool has_from, has_to, back;
	bool recurse;			/* also what relates to what relates to it, RELATION_DEPTH deep */
	size_t limit;
};
/* A page of what relates to an event, those that the actor may see. */
bool history_relations(struct ctx *c, struct room *r, const struct relation_ask *ask, struct history_page *out) MUST_CHECK;

struct thread_ask {
	int64_t from;			/* place: threads whose newest event is not after it */
	bool participated;		/* only those that the actor has written in */
	size_t limit;
};
/* Roots of threads, the thread with the newest event first. */
bool history_threads(struct ctx *c, struct room *r, const struct thread_ask *ask, struct history_page *out) MUST_CHECK;

/* "m.relations" of an event as JSON text, empty when there is nothing. spec: "Server-side aggregation" */
bool history_bundle(struct ctx *c, struct room *r, const struct sev *ev, struct str *out) MUST_CHECK;

#endif
