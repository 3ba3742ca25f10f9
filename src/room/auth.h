/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Authorization rules of events, by room version. Pure.
 * spec: rooms/ v1 to v12, "Authorization rules"; server-server, "Auth events selection".
 */
#ifndef ROOM_AUTH_H
#define ROOM_AUTH_H

#include "room/event.h"

/* Finds an event of a state (or of an event's own auth events). */
struct auth_state {
	/* NULL: there is none. */
	const struct event *(*get)(void *arg, struct str type, struct str state_key);
	void *arg;
};

/* A place in a room's state. */
struct state_at {
	struct str type, key;
};

/*
 * Is ev allowed by that state? Checks everything but its hash, signatures of
 * servers, and the choice of its auth events (auth_events_ok does).
 * create: the room's create event, also where v12 leaves it out of auth_events; NULL only for create itself.
 * false   errors  M_FORBIDDEN 403 with the rule in words
 */
bool auth_check(struct arena *a, const struct event *ev, const struct event *create,
    const struct auth_state *st, struct err *e) MUST_CHECK;

/*
 * Are ev's auth events such as the selection allows: no duplicates, no place
 * that the selection does not name, all of the same room? That none of them was
 * rejected is the caller's to look up.
 * false   errors  M_FORBIDDEN 403 with the rule in words
 */
bool auth_events_ok(struct arena *a, const struct event *ev, const struct event *const *auth,
    size_t nauth, struct err *e) MUST_CHECK;

/* The places of the state from which an event's auth events are taken. */
void auth_places(struct arena *a, const struct room_version *v, struct str type,
    struct str sender, bool is_state, struct str state_key, const struct json *content,
    struct state_at **out, size_t *n);

/*
 * Does a redaction (already allowed) take effect on target? By power, or when
 * both senders (in versions 1 and 2: both event ids) are of one server.
 * spec: rooms/v3, "Handling redactions".
 */
bool auth_redaction_applies(const struct event *redaction, const struct event *target,
    const struct event *create, const struct event *levels);

#endif
