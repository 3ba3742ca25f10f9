/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The events of a user's rooms, or of one room that may be peeked into, in the
 * order of the stream: what came before /sync. spec: client-server, "Room
 * Previews" and the deprecated GET /events.
 */
#ifndef CORE_EVENTSTREAM_H
#define CORE_EVENTSTREAM_H

#include "core/room.h"

#define EVENTSTREAM_MAX 500		/* events of one answer */

struct eventstream_ask {
	int64_t since, now;		/* positions: events in (since, now] */
	struct room *room;		/* only of this one; NULL: of all that the actor is in */
};

struct eventstream {
	const struct sev **ev;
	struct room **room;		/* of each */
	size_t n;
	int64_t end;			/* where to go on */
};

bool eventstream_read(struct ctx *c, const struct eventstream_ask *ask, struct eventstream *out) MUST_CHECK;

#endif
