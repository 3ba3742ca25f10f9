/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * States in a graph that forks: what the state before an event is, and what a
 * room's is when its graph has several ends. The resolution itself is
 * room/resolve.h's. spec: server-server, "Room State Resolution".
 */
#ifndef CORE_DAG_H
#define CORE_DAG_H

#include "core/persist.h"

/* The state after a stored event that has one. */
struct state_delta dag_after(struct arena *a, const struct sev *ev);
/*
 * Resolves n states (at least one) into one, as a delta on *base. Equal states
 * cost nothing. locks: none
 * errors  M_UNKNOWN an event that a state rests on is not here
 */
bool dag_resolve(struct ctx *c, struct room *r, const struct state_delta *sets, size_t n,
    const struct state_root *base, struct state_delta *out) MUST_CHECK;
/* The event at a place of a state; *out NULL: none. */
bool dag_get(struct ctx *c, const struct state_delta *d, struct str type, struct str key,
    const struct sev **out) MUST_CHECK;
/* All events of a state, in no order. */
bool dag_all(struct ctx *c, const struct state_delta *d, const struct sev ***out, size_t *n) MUST_CHECK;

/* auth_check's view of such a state; failed: the store could not be read, err is set. */
struct dag_view {
	struct ctx *c;
	const struct state_delta *d;
	bool failed;
};
const struct event *dag_view_get(void *view, struct str type, struct str key);

/*
 * The ids of all events that these rest on by their auth events, themselves not
 * included unless one rests on another; each once, in no order. Missing ones
 * are passed over.
 */
bool dag_auth_chain(struct ctx *c, const struct sev *const *ev, size_t n,
    const struct sev ***out, size_t *nout) MUST_CHECK;

#endif
