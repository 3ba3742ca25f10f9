/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Pushers: telling a gateway of events that a user should look at. Sending
 * never waits for it: an event only names its room to a job, which finds out
 * for whom there is something, from the position each pusher has reached. So
 * a gateway that is down, or a restart, loses nothing that is still unread.
 * spec: client-server, "Push Notifications"; push gateway API.
 */
#ifndef CORE_PUSH_H
#define CORE_PUSH_H

#include "core/room.h"
#include "room/pushrule.h"
#include "store/q_pusher.h"

#define PUSHERS_MAX 50			/* of one user */

/* Sets the actor's pusher; append: others may have the same app and key. errors M_LIMIT_EXCEEDED */
bool pusher_set(struct ctx *c, struct pusher *p, bool append) MUST_CHECK;
bool pusher_remove(struct ctx *c, struct str app_id, struct str pushkey) MUST_CHECK;

/*
 * Called before an event's content leaves for a gateway: the record of what is
 * disclosed. False: nothing may be sent.
 */
typedef bool push_note_fn(struct ctx *c, struct str user, struct str device, const struct room *r, const struct sev *ev);

/* Takes up what was not pushed before the last stop. After jobs_start. */
bool push_start(push_note_fn *note, struct err *e) MUST_CHECK;
void push_stop(void);			/* after jobs_stop */

/* There are new events in the room. Quick, and nothing when nobody has a pusher. */
void push_noticed(int64_t room_nid);
/* The user has read something: the count on their devices may have changed. */
void push_read(struct str user);

/* The body for the gateway; ev NULL: the count only. Pure but for the room's state. */
bool push_body(struct ctx *c, const struct pusher *p, struct room *r, const struct sev *ev,
    const struct push_result *how, int64_t unread, struct str *out) MUST_CHECK;

#endif
