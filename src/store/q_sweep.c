/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_sweep.h. */
#include "store/q_sweep.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static const struct query txns = {
	.name = "sweep.event_txn",
	.sql = "DELETE FROM event_txn WHERE at_ms < $1",
};
static const struct query uia = {
	.name = "sweep.uia_session",
	.sql = "DELETE FROM uia_session WHERE created_ms < $1",
};
static const struct query tokens = {
	.name = "sweep.access_token",
	.sql = "DELETE FROM access_token WHERE expires_ms < $1"
	    " AND user_id NOT IN (SELECT user_id FROM legal_hold)",
};

/* But the last that was used of each sign-in: its answer may have been lost. */
static const struct query refreshes = {
	.name = "sweep.refresh_token",
	.sql = "DELETE FROM refresh_token WHERE used_ms < $1 AND EXISTS"
	    " (SELECT 1 FROM refresh_token n"
	    " WHERE n.family = refresh_token.family"
	    " AND n.used_ms > refresh_token.used_ms AND n.replaced = 0)",
};

QUERIES(q_sweep, &txns, &uia, &tokens, &refreshes)

bool
sweep_txns(struct db *db, int64_t before_ms, struct err *e)
{
	return db_exec(db, &txns, V(v_int(before_ms)), e);
}

bool
sweep_uia(struct db *db, int64_t before_ms, struct err *e)
{
	return db_exec(db, &uia, V(v_int(before_ms)), e);
}

bool
sweep_tokens(struct db *db, int64_t now_ms, struct err *e)
{
	return db_exec(db, &tokens, V(v_int(now_ms - DAY_MS)), e);
}

bool
sweep_refreshes(struct db *db, int64_t now_ms, struct err *e)
{
	return db_exec(db, &refreshes, V(v_int(now_ms - DAY_MS)), e);
}
