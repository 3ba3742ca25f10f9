/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rows that have had their day. */
#ifndef STORE_Q_SWEEP_H
#define STORE_Q_SWEEP_H

#include "store/db.h"

bool sweep_txns(struct db *db, int64_t before_ms, struct err *e) MUST_CHECK;
bool sweep_uia(struct db *db, int64_t before_ms, struct err *e) MUST_CHECK;
/* Access tokens that expired more than a day ago. */
bool sweep_tokens(struct db *db, int64_t now_ms, struct err *e) MUST_CHECK;
/* Refresh tokens that were used more than a day ago, and whose successors were used too. */
bool sweep_refreshes(struct db *db, int64_t now_ms, struct err *e) MUST_CHECK;

#endif
