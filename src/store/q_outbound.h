/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables outbound_room and outbound_pdu. */
#ifndef STORE_Q_OUTBOUND_H
#define STORE_Q_OUTBOUND_H

#include "store/db.h"

/* *seq 0: no row. */
bool outbound_room_get(struct db *db, int64_t room, int64_t *seq, bool *found, struct err *e) MUST_CHECK;
bool outbound_room_put(struct db *db, int64_t room, int64_t seq, struct err *e) MUST_CHECK;
/* Rooms with a member of another server, joined, invited or knocking. Reads all memberships: for the start. */
bool outbound_rooms(struct db *db, struct str our_name, void (*take)(void *arg, int64_t room), void *arg, struct err *e) MUST_CHECK;

bool outbound_pdu_add(struct db *db, struct str destination, int64_t event, int64_t room, struct err *e) MUST_CHECK;
/* Of a room only the newest stays: who was away long asks for the rest. */
bool outbound_pdu_latest(struct db *db, struct str destination, int64_t room, struct err *e) MUST_CHECK;
/* The oldest, at most max. */
bool outbound_pdus(struct db *db, struct str destination, size_t max, int64_t *events, size_t *n, struct err *e) MUST_CHECK;
bool outbound_pdu_done(struct db *db, struct str destination, const int64_t *events, size_t n, struct err *e) MUST_CHECK;
/* Destinations for which something waits. */
bool outbound_destinations(struct db *db, struct arena *a, struct str **out, size_t *n, struct err *e) MUST_CHECK;
bool outbound_waiting(struct db *db, struct str destination, int64_t *n, struct err *e) MUST_CHECK;
/* The table of EDUs. */
struct outbound_edu {
	int64_t id;
	struct str edu;
};
bool outbound_edu_add(struct db *db, struct str destination, int64_t id, struct str edu, struct err *e) MUST_CHECK;
/* The oldest, at most max. */
bool outbound_edus(struct db *db, struct arena *a, struct str destination, size_t max, struct outbound_edu *out,
    size_t *n, struct err *e) MUST_CHECK;
bool outbound_edu_done(struct db *db, struct str destination, int64_t id, struct err *e) MUST_CHECK;

#endif
