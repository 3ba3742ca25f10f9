/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Making events of our own: draft, authorise against the current state, sign,
 * persist. persist_event() behind it is the only writer of events.
 */
#ifndef CORE_SEND_H
#define CORE_SEND_H

#include "core/room.h"

struct send {
	struct str sender;		/* a local user; empty: the actor */
	struct str type;
	bool is_state;
	struct str state_key;
	struct json content;		/* an object */
	struct str redacts;
	int64_t ts;			/* 0: now */
	int64_t sticky_ms;		/* how long it is sticky (MSC4354); 0: not at all */
	struct str txn_place, txn_id;	/* idempotence for the actor's device; txn_id empty: none */
};

/*
 * Sends one event into a room: takes the room's write lock, looks up the
 * transaction id (the same id gives the same event again), authorises, stores,
 * wakes readers.
 *
 * out     the event (or the earlier one of the same transaction)
 * errors  M_FORBIDDEN 403 by the authorization rules; M_TOO_LARGE 413;
 *         M_DUPLICATE_ANNOTATION 400; M_UNAVAILABLE 503 the store is full
 */
bool send_event(struct ctx *c, struct room *r, const struct send *s, const struct sev **out) MUST_CHECK;
/* Several in one transaction of the store, in order, all or none: createRoom, upgrades. */
bool send_events(struct ctx *c, struct room *r, const struct send *s, size_t n, const struct sev **out) MUST_CHECK;
/* Is the event allowed now? Nothing is sent. */
bool send_allowed(struct ctx *c, struct room *r, const struct send *s) MUST_CHECK;

#endif
