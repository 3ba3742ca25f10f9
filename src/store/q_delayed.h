/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table delayed_event. */
#ifndef STORE_Q_DELAYED_H
#define STORE_Q_DELAYED_H

#include "store/db.h"

enum delayed_status { DELAYED_WAITS, DELAYED_SENT, DELAYED_CANCELLED, DELAYED_FAILED };

struct delayed_row {
	struct str delay_id, user, device, room_id, type, state_key, content, txn;
	bool is_state;
	int64_t sticky_ms, delay_ms, since_ms, due_ms;
	enum delayed_status status;
};

bool delayed_insert(struct db *db, const struct delayed_row *x, struct err *e) MUST_CHECK;
bool delayed_find(struct db *db, struct arena *a, struct str delay_id, struct delayed_row *out, bool *found, struct err *e) MUST_CHECK;
/* What the same request has scheduled before; empty: nothing. */
bool delayed_of_txn(struct db *db, struct arena *a, struct str user, struct str device, struct str txn,
    struct str *delay_id, struct err *e) MUST_CHECK;
/* Those of a user that wait, the next to be sent first. */
bool delayed_of_user(struct db *db, struct arena *a, struct str user, size_t max, struct delayed_row **out, size_t *n,
    struct err *e) MUST_CHECK;
bool delayed_count(struct db *db, struct str user, int64_t *n, struct err *e) MUST_CHECK;
/* Those that are due at now_ms, the oldest first. */
bool delayed_due(struct db *db, struct arena *a, int64_t now_ms, size_t max, struct delayed_row **out, size_t *n,
    struct err *e) MUST_CHECK;
/* When the next one is due; INT64_MAX: none waits. *states: how many that wait are state events. */
bool delayed_next(struct db *db, int64_t *due_ms, int64_t *states, struct err *e) MUST_CHECK;
/* Of one that waits: *changed false, it waits no more. */
bool delayed_restart(struct db *db, struct str delay_id, int64_t now_ms, bool *changed, struct err *e) MUST_CHECK;
bool delayed_finish(struct db *db, struct str delay_id, enum delayed_status status, int64_t now_ms, bool *changed,
    struct err *e) MUST_CHECK;
/* Cancels what others than `but` have scheduled for that place of the state. */
bool delayed_cancel_place(struct db *db, struct str room_id, struct str type, struct str key, struct str but,
    int64_t now_ms, struct err *e) MUST_CHECK;
bool delayed_sweep(struct db *db, int64_t before_ms, struct err *e) MUST_CHECK;

#endif
