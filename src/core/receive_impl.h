/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What receive.c and receive_fetch.c share: one event's way in. */
#ifndef CORE_RECEIVE_IMPL_H
#define CORE_RECEIVE_IMPL_H

#include "core/receive.h"

/* Who gave it, into which room, and how much may be asked for on its behalf. */
struct recv {
	struct ctx *c;
	struct str origin;
	struct room *r;
	int *fetches;			/* requests that may still be made for this transaction */
	bool within;			/* it came by a fetch itself: gaps before it are not closed too */
	unsigned flags;
	struct err why;			/* why it was rejected or soft-failed */
};

/* What stands before an event. */
struct around {
	const struct sev **prev;	/* that are here, with their state */
	struct str *missing;
	size_t nprev, nmissing;
	struct state_delta before;
};

bool receive_one(struct recv *rx, const struct json *pdu, struct str *id, enum place_how *how) MUST_CHECK;
bool receive_state_before(struct recv *rx, const struct event *ev, struct around *out) MUST_CHECK;
/* Its auth events, and the state before it: *ok, are both for it? */
bool receive_judge(struct recv *rx, const struct event *ev, struct around *x, bool *ok) MUST_CHECK;
bool receive_acl_ok(struct ctx *c, struct room *r, struct str server) MUST_CHECK;

/* receive_fetch.c. What can't be had is no error: the caller looks again. */
bool receive_fetch_auth(struct recv *rx, const struct event *ev) MUST_CHECK;
bool receive_fetch_missing(struct recv *rx, const struct event *ev) MUST_CHECK;
/* The state after a previous event that is not here, as the origin has it. errors when it can't be had */
bool receive_fetch_state(struct recv *rx, struct str prev, struct state_delta *out) MUST_CHECK;

#endif
