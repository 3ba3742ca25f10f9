/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A batch of events for one room: send.c makes them, create.c begins rooms with one. */
#ifndef CORE_SEND_BATCH_H
#define CORE_SEND_BATCH_H

#include "core/persist.h"

struct batch {
	struct ctx *c;
	struct room *r;			/* of a new room: nid 0, id set once the create event is built */
	const struct room_version *v;
	struct pending *p;
	size_t n, max;
};

void batch_init(struct batch *b, struct ctx *c, struct room *r, const struct room_version *v, size_t max);
/* Builds and authorises one more. locks: r->write, unless the room is new */
bool batch_add(struct batch *b, const struct send *s) MUST_CHECK;

#endif
