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

/* A room that the user is in. */
bool sync_joined(struct ctx *c, const struct sync_ask *ask, const struct user_membership *m, struct sync_room *out) MUST_CHECK;
/* A room that the user left, up to the leaving. */
bool sync_left(struct ctx *c, const struct sync_ask *ask, const struct user_membership *m, struct sync_room *out) MUST_CHECK;
/* Up to five others, for naming the room. spec: "Calculating the display name for a room" */
bool sync_heroes(struct ctx *c, struct room *r, struct str user, struct str out[5], size_t *n) MUST_CHECK;

#endif
