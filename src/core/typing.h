/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is typing where: memory only. spec: client-server, "Typing Notifications".
 * threads: all.
 */
#ifndef CORE_TYPING_H
#define CORE_TYPING_H

#include "core/room.h"

#define TYPING_MS_MAX (120 * 1000)

/* The actor types in the room for timeout_ms (clipped to TYPING_MS_MAX), or stops. errors M_FORBIDDEN 403 not in the room */
bool typing_set(struct ctx *c, struct room *r, bool typing, int64_t timeout_ms) MUST_CHECK;
/* Who types now, if that changed after `since`; *changed false: nothing to tell. Users are copied into c->a. */
bool typing_since(struct ctx *c, int64_t room_nid, int64_t since, bool *changed, struct str **users, size_t *n) MUST_CHECK;
/* The next time at which somebody's typing runs out, or INT64_MAX; what has run out by now_ms is told to readers. Called by the housekeeping timer. */
int64_t typing_expire(struct ctx *c);
/* The user left the room or sent a message: they type no more. */
void typing_stop(struct ctx *c, int64_t room_nid, struct str user);

#endif
