/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sticky events (MSC4354): for up to an hour they reach who is in the room,
 * even where a timeline is cut before them, and who comes in, whatever they may
 * see of the room's history. Rooms without any cost nothing.
 */
#ifndef CORE_STICKY_H
#define CORE_STICKY_H

#include "core/room.h"

#define STICKY_MAX 500			/* of a room that are shown at once: the oldest first */

/* How much longer the event is sticky, in ms; 0: it is not, or no more. */
int64_t sticky_left(const struct sev *ev, int64_t now_ms);

struct sticky_ask {
	int64_t since, now;		/* positions: those in (since, now] */
	const struct sev *const *shown;	/* the timeline of the same answer: not again */
	size_t nshown;
};
/* Those of a room that are sticky still. */
bool sticky_events(struct ctx *c, struct room *r, const struct sticky_ask *ask, const struct sev ***out, size_t *n) MUST_CHECK;

/* An event is sticky until then: after it is stored. */
void sticky_noted(int64_t until_ms);
/* Asks the store whether there are any. */
bool sticky_start(struct db *db, struct err *e) MUST_CHECK;

#endif
