/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who waits for what: long polls sleep on a user (and device), and are woken by
 * what is written for that user or into a room the user is in.
 * Only users who have synced lately are held in memory; all else costs nothing.
 * threads: all.
 */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include "core/ctx.h"

/* A change at pos for everybody joined to (or invited into) the room. Cheap: call after stream_now covers pos. */
void notify_room(int64_t room_nid, int64_t pos);
void notify_user(struct str user, int64_t pos);
void notify_device(struct str user, struct str device, int64_t pos);
/* A change at pos that concerns the user and everybody in a room with the user (device lists). */
void notify_sharers(struct str user, int64_t pos);
/* The user's membership of a room changed: later notify_room calls take it into account. Before notify_room of that event. */
void notify_membership(int64_t room_nid, struct str user, bool in_room);
/* Ends every sleep of a user (device empty: all devices): their requests run again from the first step. */
void notify_kick(struct str user, struct str device);

/*
 * A sleeping request. wake(arg) is called at most once, from any thread, and
 * must be quick. Every wait_begin has exactly one wait_end, also after a wake.
 */
struct waiter;
/* Registers before the last look for news: first wait_begin, then look, then park. */
struct waiter *wait_begin(struct ctx *c, struct str user, struct str device, void (*wake)(void *arg), void *arg);
/* Ends it and frees it; true when wake was not called and never will be (so arg is the caller's again). NULL is fine: false. */
bool wait_end(struct waiter *w);

#endif
