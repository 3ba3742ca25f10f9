/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Coming into rooms of other servers and going out of them, and letting theirs
 * in. spec: server-server, "Joining Rooms", "Knocking", "Inviting", "Leaving".
 * threads: all; waits for other servers, so never with a room's lock.
 */
#ifndef CORE_FED_JOIN_H
#define CORE_FED_JOIN_H

#include "core/receive.h"

#define FED_VIA_MAX 8			/* servers that are asked for one join */

/*
 * The actor joins a room that this server is not in. Each of via is asked in
 * turn; what a server gives is checked as if it had come by itself.
 * extra   members of the event's content, or NULL
 * errors  M_FORBIDDEN and others as the first server that answers has them;
 *         M_NOT_FOUND 404 nobody to ask; M_UNAVAILABLE 503
 */
bool fed_join(struct ctx *c, struct str room_id, const struct str *via, size_t nvia, struct str reason,
    const struct json *extra) MUST_CHECK;
/* The actor knocks at such a room. */
bool fed_knock(struct ctx *c, struct str room_id, const struct str *via, size_t nvia, struct str reason) MUST_CHECK;
/* The actor refuses an invitation to, or takes back a knock at, a room that this server is not in. Its servers may be gone: then it is so here alone. */
bool fed_leave(struct ctx *c, struct room *r, struct str reason) MUST_CHECK;

/*
 * An event by which an invitation is taken back, of a room that this server is
 * not in; its form and signatures were checked.
 * errors  M_FORBIDDEN 403 it is none
 */
bool fed_retracted(struct ctx *c, struct room *r, const struct event *ev, struct str text) MUST_CHECK;

/* What room an alias of another server names, and the servers in it. errors M_NOT_FOUND 404 */
bool fed_directory(struct ctx *c, struct str alias, struct str *room_id, struct str *via, size_t max, size_t *nvia) MUST_CHECK;

/* A local room's invitation to a user of another server: it must take it first. *out: the event with its signature. */
bool fed_invite(struct ctx *c, struct room *r, const struct pending *p, struct json *out) MUST_CHECK;

/* Another server's user asks for a membership: the event as it should be, without hashes and signatures. */
bool fed_template(struct ctx *c, struct room *r, struct str user, enum membership m, struct json *out) MUST_CHECK;

/* An invitation of another server to one of our users; *out: the event with our signature. */
struct fed_invited {
	struct str room_id, event_id, version;
	const struct json *event;
	const struct json *state;	/* invite_room_state; NULL: none */
};
bool fed_invited(struct ctx *c, struct str origin, const struct fed_invited *x, struct json *out) MUST_CHECK;

#endif
