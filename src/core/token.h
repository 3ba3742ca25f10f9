/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Tokens as clients hold them. "s12": a place in the stream, everything up to
 * and including position 12 is seen. "t7": a place in a room's order, between
 * the events with seq 7 and 8; "t7_12" says besides how far its giver saw.
 */
#ifndef CORE_TOKEN_H
#define CORE_TOKEN_H

#include "core/room.h"

struct str token_sync(struct arena *a, int64_t pos);
struct str token_room(struct arena *a, int64_t seq);
/* The same place, of a timeline that was whole as of that position of the stream: "t7_12". */
struct str token_room_as_of(struct arena *a, int64_t seq, int64_t pos);
/* errors M_INVALID_PARAM 400 */
bool token_sync_read(struct str s, int64_t *pos, struct err *e) MUST_CHECK;
/* Either kind as a place in that room. */
bool token_place(struct ctx *c, struct room *r, struct str s, int64_t *seq) MUST_CHECK;
/* The place up to which the giver of the token knew the room: for "as of" questions (/members?at). */
bool token_as_of(struct ctx *c, struct room *r, struct str s, int64_t *seq) MUST_CHECK;

#endif
