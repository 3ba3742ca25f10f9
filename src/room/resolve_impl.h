/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the files of state resolution share: the events in play as a graph, and the state that is being built. */
#ifndef ROOM_RESOLVE_IMPL_H
#define ROOM_RESOLVE_IMPL_H

#include "base/map.h"
#include "room/power.h"
#include "room/resolve.h"

#define MAIN_UNKNOWN (-1)

/* An event in play. */
struct node {
	struct str id;
	const struct event *ev;
	bool rejected;
	struct node **auth;		/* its auth events */
	size_t nauth;
	bool linked;			/* auth is filled */

	/* resolve_graph.c */
	uint64_t sets;			/* a bit for each state whose chains have it */
	bool conflicted;		/* differs between the states */
	bool reachable, reaches;	/* from a conflicted event; a conflicted event */
	bool full;			/* in the full conflicted set */
	uint8_t walk;			/* 0 not met, 1 on the way, 2 done */

	/* resolve_order.c */
	bool picked;			/* in the list of power events */
	int64_t power;			/* of its sender */
	size_t waits;			/* auth events that must come before it */
	struct node **after;		/* what waits for it */
	size_t nafter, cap_after;
	int64_t main;			/* place in the mainline counted from its oldest, from 1; 0: none */
};

struct nodes {
	struct node **at;
	size_t n, cap;
};

/* One place of the state that is being built. */
struct slot {
	struct state_at at;
	struct node *node;
};

struct res {
	struct arena *a;
	const struct room_version *v;
	const struct resolve_io *io;
	struct err *e;
	const struct event *create;	/* the room's */
	struct map by_id;		/* -> struct node */
	struct nodes all;
	struct map state;		/* "type NUL key" -> struct slot: the state so far */
};

void nodes_add(struct res *r, struct nodes *x, struct node *n);

/* resolve_graph.c: the node of an event. errors M_UNKNOWN it is not known */
bool node_get(struct res *r, struct str id, struct node **out) MUST_CHECK;
/* Fills n->auth. */
bool node_link(struct res *r, struct node *n) MUST_CHECK;
/*
 * The full conflicted set. place[i] are the events of the i-th state at the
 * places where states differ, same[] those where they don't.
 * spec: rooms/v2, "Definitions"; with the subgraph: rooms/v12.
 */
bool full_conflicted(struct res *r, const struct nodes *place, size_t nsets, const struct nodes *same, bool subgraph,
    struct nodes *out) MUST_CHECK;

/* resolve_order.c */
bool is_power_event(const struct event *ev);
/* The power events of the full conflicted set, and what of it they rest on, in reverse topological power order. */
bool power_order(struct res *r, const struct nodes *full, struct nodes *out) MUST_CHECK;
/* The rest of it, in mainline order based on that event (NULL: none). */
bool mainline_order(struct res *r, const struct nodes *full, struct node *levels, struct nodes *out) MUST_CHECK;

/* resolve.c */
struct str place_key(struct arena *a, struct str type, struct str key);
struct node *resolved_find(const struct res *r, struct str type, struct str key);
void resolved_put(struct res *r, struct state_at at, struct node *n);

/* resolve_v1.c. conflict[i] are the candidates of one place. */
struct conflict {
	struct state_at at;
	struct nodes of;
};
bool resolve_old(struct res *r, struct conflict *conflict, size_t n) MUST_CHECK;

#endif
