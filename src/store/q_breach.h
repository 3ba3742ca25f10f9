/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries for the breach report: whose events a range of a room's order holds. */
#ifndef STORE_Q_BREACH_H
#define STORE_Q_BREACH_H

#include "store/db.h"

struct breach_author {
	struct str user;
	int64_t events, cipher;		/* cipher: of them encrypted */
	int64_t earliest_ms, latest_ms;
};
/* Calls take for every author of the events first..last of the room's order; x is good during the call. */
bool breach_authors(struct db *db, int64_t room, int64_t first, int64_t last,
    void (*take)(void *arg, const struct breach_author *x), void *arg, struct err *e) MUST_CHECK;

#endif
