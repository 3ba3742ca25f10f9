/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Events of other servers: checked, given their place in the graph, stored.
 * Nothing is taken on trust: each is signed, allowed by its auth events, by
 * the state before it, and (else it is soft-failed) by the room's own state.
 * spec: server-server, "Checks performed on receipt of a PDU".
 * threads: all; waits for other servers where something is missing.
 */
#ifndef CORE_RECEIVE_H
#define CORE_RECEIVE_H

#include "core/persist.h"
#include "room/received.h"

/* What became of one PDU. */
struct pdu_result {
	struct str event_id;		/* empty: it could not be read */
	struct err err;			/* code M_OK: it was taken, or was here */
};

/*
 * The PDUs of a transaction, one after the other: a bad one never holds the
 * rest. Events that are missing are fetched from the origin, within bounds.
 * out     n results
 */
void receive_pdus(struct ctx *c, struct str origin, const struct json *const *pdu, size_t n,
    struct pdu_result *out);

/* One event that must be accepted here and now: send_join and its like. *out: as stored. */
bool receive_now(struct ctx *c, struct str origin, struct room *r, const struct json *pdu,
    const struct sev **out) MUST_CHECK;

/*
 * Reads a PDU for a room of that version: its form, its hash, its signatures.
 * *text: what is to be stored, without `unsigned`.
 */
bool receive_read(struct ctx *c, const struct room_version *v, const struct json *pdu,
    struct received *out, struct str *text) MUST_CHECK;

/*
 * Events that another server gave as parts of an auth chain or a state: those
 * that are well-formed and signed are stored as outliers, each judged by its
 * auth events. r may be a room that is not stored yet; its nid is set.
 */
bool receive_outliers(struct ctx *c, struct room *r, const struct json *const *pdu, size_t n) MUST_CHECK;

/*
 * Older events from a server that has them: they go before the beginning of
 * the timeline. *n: how many came.
 */
bool receive_backfill(struct ctx *c, struct room *r, size_t want, size_t *n) MUST_CHECK;

/* Does the past that is here end before the room began? */
bool room_has_gap(struct ctx *c, struct room *r, bool *out) MUST_CHECK;
/* Is somebody of that server joined? */
bool room_has_server(struct room *r, struct str server);
/* The servers in the room but ours, the first joined first, at most max. */
size_t room_servers(struct ctx *c, struct room *r, struct str *out, size_t max);

#endif
