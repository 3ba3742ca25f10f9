/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a user is signed in by ends, in every table that has such a thing.
 * Access tokens stay as rows that are over: who shows one is told to sign in
 * anew and keeps the device. A table of sign-ins that comes later belongs here.
 * See q_contain.h.
 */
#include "store/q_contain.h"

static const struct query access_over = {
	.name = "revoke.access_token",
	.sql = "UPDATE access_token SET expires_ms = $3 WHERE user_id = $1"
	    " AND ($2 = '' OR device_id = $2)"
	    " AND (expires_ms IS NULL OR expires_ms > $3)",
};
static const struct query refresh = {
	.name = "revoke.refresh_token",
	.sql = "DELETE FROM refresh_token WHERE user_id = $1"
	    " AND ($2 = '' OR device_id = $2)",
};
static const struct query delayed = {
	.name = "revoke.delayed_event",
	.sql = "UPDATE delayed_event SET status = 2, done_ms = $3"
	    " WHERE user_id = $1 AND ($2 = '' OR device_id = $2)"
	    " AND status = 0",
};
static const struct query sliding = {
	.name = "revoke.sliding",
	.sql = "DELETE FROM sliding WHERE user_id = $1"
	    " AND ($2 = '' OR device_id = $2)",
};
static const struct query code = {
	.name = "revoke.oauth_code",
	.sql = "DELETE FROM oauth_code WHERE user_id = $1",
};
static const struct query device_code = {
	.name = "revoke.oauth_device_code",
	.sql = "DELETE FROM oauth_device_code WHERE user_id = $1",
};
static const struct query approval = {
	.name = "revoke.oauth_approval",
	.sql = "DELETE FROM oauth_approval WHERE user_id = $1",
};
static const struct query login = {
	.name = "revoke.login_token",
	.sql = "DELETE FROM onetime WHERE purpose IN ('login', 'openid')"
	    " AND data = $1",
};
static const struct query uia = {
	.name = "revoke.uia_session",
	.sql = "DELETE FROM uia_session WHERE user_id = $1",
};
static const struct query browsers = {
	.name = "revoke.browser_session",
	.sql = "DELETE FROM browser_session WHERE user_id = $1",
};

/* They could give a new sign-in to any device. */
static const struct query *const of_user[] = { &code, &device_code, &approval,
    &login, &uia };

QUERIES(q_revoke, &access_over, &refresh, &delayed, &sliding, &code,
    &device_code, &approval, &login, &uia, &browsers)

bool
revoke_sessions(struct db *db, struct str user, struct str device,
    int64_t now_ms, int64_t *tokens, int64_t *ndelayed, struct err *e)
{
	if (!db_change(db, &access_over, V(v_str(user), v_str(device),
	    v_int(now_ms)), tokens, e) ||
	    !db_change(db, &delayed, V(v_str(user), v_str(device),
	    v_int(now_ms)), ndelayed, e) ||
	    !db_exec(db, &refresh, V(v_str(user), v_str(device)), e) ||
	    !db_exec(db, &sliding, V(v_str(user), v_str(device)), e))
		return false;
	for (size_t i = 0; i < LEN(of_user); i++)
		if (!db_exec(db, of_user[i], V(v_str(user)), e))
			return false;
	return device.n > 0 || db_exec(db, &browsers, V(v_str(user)), e);
}
