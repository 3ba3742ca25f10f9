/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table receipt. */
#ifndef STORE_Q_RECEIPT_H
#define STORE_Q_RECEIPT_H

#include "store/db.h"

struct receipt {
	int64_t room;
	struct str user, kind, thread, event_id;
	int64_t seq, ts, pos;
};

/* Puts it in place of the one for (room, user, kind, thread). */
bool receipt_put(struct db *db, const struct receipt *x, struct err *e) MUST_CHECK;
/* Those of a room with pos > since, oldest first; private ones of `user` only. */
bool receipts_of_room(struct db *db, struct arena *a, int64_t room, struct str user, int64_t since,
    struct receipt **out, size_t *n, struct err *e) MUST_CHECK;
/* All of a user, in every room: what unread counts start from. */
bool receipts_of_user(struct db *db, struct arena *a, struct str user, struct receipt **out, size_t *n, struct err *e) MUST_CHECK;

#endif
