/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What goes to other servers: one queue a destination, in the store, of which
 * one transaction at a time is under way. Who does not answer rests by
 * core/backoff.h; of what piles up meanwhile only the newest event of a room
 * stays, by which the other finds out what it missed.
 * spec: server-server, "Transactions".
 * threads: all.
 */
#ifndef CORE_OUTBOUND_H
#define CORE_OUTBOUND_H

#include "core/room.h"

/* Called before events leave for a server: the record of what it is shown. False: nothing may be sent. */
typedef bool outbound_note_fn(struct ctx *c, struct str server, const struct sev *const *ev, size_t n);

/* Takes up what was not sent before the last stop. After jobs_start. */
bool outbound_start(outbound_note_fn *note, struct err *e) MUST_CHECK;
void outbound_stop(void);		/* after jobs_stop */

/* Events came into the room; those of ours are sent to the servers in it. After the stream shows them; quick. */
void outbound_noticed(int64_t room);
/* An event of another server that came to us alone, as joins do: it goes on to the rest of the room. */
bool outbound_relay(struct ctx *c, struct room *r, const struct sev *ev) MUST_CHECK;
/* The room has a member of another server. Quick. */
void outbound_has_remote(int64_t room);
/*
 * Something beside events for those servers, kept until it was taken.
 * passing  soon over, such as typing: not for a server that does not answer
 */
bool outbound_edu(struct ctx *c, const struct str *server, size_t n, const struct json *edu, bool passing) MUST_CHECK;
/* Something waits in the store for that server, put there with outbound_edu_add(). */
void outbound_kick(struct str server);
bool outbound_is_federated(int64_t room);

/* That server spoke to us: it is there, so it is tried again now. */
void outbound_heard(struct ctx *c, struct str server);

#endif
