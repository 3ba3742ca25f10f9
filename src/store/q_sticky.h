/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table sticky_event. */
#ifndef STORE_Q_STICKY_H
#define STORE_Q_STICKY_H

#include "store/db.h"

bool sticky_insert(struct db *db, int64_t event, int64_t room, int64_t pos, int64_t until_ms, struct err *e) MUST_CHECK;
/* Nids of a room's that are sticky at now_ms, with positions in (after, upto], in order. */
bool sticky_list(struct db *db, struct arena *a, int64_t room, int64_t after, int64_t upto, int64_t now_ms, size_t max,
    int64_t **out, size_t *n, struct err *e) MUST_CHECK;
/* Until when any event is sticky; 0: none is. */
bool sticky_last(struct db *db, int64_t *until_ms, struct err *e) MUST_CHECK;
bool sticky_sweep(struct db *db, int64_t now_ms, struct err *e) MUST_CHECK;

#endif
