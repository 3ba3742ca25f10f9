/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * State resolution v1, v2 and v2.1. Pure: events come through a callback.
 * spec: rooms/v1, v2, v12, "State resolution".
 */
#ifndef ROOM_RESOLVE_H
#define ROOM_RESOLVE_H

#include "room/auth.h"

/* One state: entries in any order, places distinct. */
struct state_entry {
	struct state_at at;
	struct str event_id;
};
struct state_set {
	const struct state_entry *at;
	size_t n;
};

struct resolve_io {
	/* The event, with its auth events, or NULL when it is not known. The same pointer for the same id. */
	const struct event *(*event)(void *arg, struct str id);
	/* Was it rejected by its own auth events? Rejected events never enter the result. */
	bool (*rejected)(void *arg, struct str id);
	void *arg;
};

/*
 * Resolves n states of one room into one; entries are sorted by type, then key.
 * The order of the sets and of their entries never changes the result.
 * cost    O((conflicted + chain difference) log) events asked for
 * errors  M_UNKNOWN  an event that is needed is not known; a cycle in auth events;
 *         no create event, or different ones
 */
bool resolve_state(struct arena *a, const struct room_version *v, const struct state_set *sets,
    size_t n, const struct resolve_io *io, struct state_entry **out, size_t *nout,
    struct err *e) MUST_CHECK;

#endif
