/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one room brings in a sync: the timeline since a position, and the state
 * that the client needs to understand it. See docs/sync.md.
 */
#ifndef CORE_SYNC_H
#define CORE_SYNC_H

#include "core/room.h"
#include "room/filter.h"
#include "store/q_member.h"

struct sync_ask {
	struct str user;
	int64_t since, now;		/* positions; since 0: initial */
	bool full_state;
	size_t limit;			/* of the timeline */
	const struct sync_filter *filter;
};

struct sync_room {
	struct room *r;
	const struct sev **ev;		/* the timeline, oldest first */
	size_t nev;
	bool limited;
	int64_t prev_seq;		/* the place before the timeline */
	const struct sev **state;
	size_t nstate;
	bool whole;			/* the client is told everything of the room: first time, or joined anew */
	bool members_changed;
};

/* Was the user in the room before the member event that stands now? */
bool sync_was_joined(struct ctx *c, const struct user_membership *m, struct str user, bool *was) MUST_CHECK;
/* The newest events in (low, high] of out->r that the user may see and wants, oldest first: ev, limited, prev_seq. */
bool sync_timeline(struct ctx *c, const struct sync_ask *ask, int64_t low, int64_t high, struct sync_room *out) MUST_CHECK;
/* The state before the event with that seq; past the end: the current one. */
bool sync_state_at(struct ctx *c, struct room *r, int64_t seq, struct state_root *out) MUST_CHECK;

/* A room that the user is in. */
bool sync_joined(struct ctx *c, const struct sync_ask *ask, const struct user_membership *m, struct sync_room *out) MUST_CHECK;
/* A room that the user left, up to the leaving. */
bool sync_left(struct ctx *c, const struct sync_ask *ask, const struct user_membership *m, struct sync_room *out) MUST_CHECK;
/* Up to five others, for naming the room. spec: "Calculating the display name for a room" */
bool sync_heroes(struct ctx *c, struct room *r, struct str user, struct str out[5], size_t *n) MUST_CHECK;

#endif
