/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Events of other servers: what can be said of one alone, before its keys, its
 * auth events and the room's state are looked up. Pure.
 * spec: server-server, "Checks performed on receipt of a PDU".
 */
#ifndef ROOM_RECEIVED_H
#define ROOM_RECEIVED_H

#include "room/auth.h"

#define SIGNERS_MAX 3		/* the sender's server, the event id's, that of who vouched for a join */
#define SIGNATURES_MAX 64	/* of one event, by all servers; each may ask for a key */

struct received {
	struct event ev;	/* in its redacted form if redacted */
	bool redacted;		/* its content hash did not fit */
	/* Of each of these servers a signature must fit: event_signature_ok(). */
	struct str signer[SIGNERS_MAX];
	size_t nsigners;
};

/*
 * Reads a PDU: its format by the version, the shape of its hashes and
 * signatures, whether those that are needed are there at all, and its content
 * hash. A PDU whose hash does not fit is read on in its redacted form, whose
 * id and signatures are the same. text lives as long as *out. Its `unsigned`
 * is what the sending server says, and nothing to believe.
 * errors  M_NOT_JSON, M_BAD_JSON 400, M_TOO_LARGE 413, as event_read() has them
 *         M_FORBIDDEN 403  a signature that is needed is not there
 */
bool received_read(struct arena *a, const struct room_version *v, struct str text,
    struct received *out, struct err *e) MUST_CHECK;

/*
 * The servers that must have signed an event: the sender's, unless it is a
 * third-party invite, whose proof auth_check() checks; in versions 1 and 2 the
 * one that made the event's id; from version 8 on the server of who vouched
 * for the join. Each is named once.
 * errors  M_FORBIDDEN 403  who vouched is no user id, so that nobody can have signed
 */
bool event_signers(const struct event *ev, struct str out[SIGNERS_MAX], size_t *n,
    struct err *e) MUST_CHECK;

/* An auth event, as the caller found it. */
struct auth_event {
	const struct event *ev;		/* NULL: it is not known */
	bool rejected;
};

/*
 * Do ev's auth events, in the order in which it names them, carry it? Each is
 * known, none was rejected (CVE-2022-39374), all are such as the selection
 * allows, and by them alone ev is authorized: check 4 of the list.
 * create  from version 12 on the event that room_id names, unless it was
 *         rejected; before, the one among the auth events counts
 * errors  M_FORBIDDEN 403 with the rule in words
 */
bool received_auth_ok(struct arena *a, const struct event *ev, const struct event *create,
    const struct auth_event *auth, size_t n, struct err *e) MUST_CHECK;

#endif
