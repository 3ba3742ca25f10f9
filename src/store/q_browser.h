/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables browser_session, oauth_approval, onetime, and their sweeping with oauth's. */
#ifndef STORE_Q_BROWSER_H
#define STORE_Q_BROWSER_H

#include "store/db.h"

struct browser_row {
	struct str hash, user_id;
	bool partial;
	int64_t created_ms, auth_ms;
	bool locked, deactivated;	/* the account's; not written */
};
bool browser_insert(struct db *db, const struct browser_row *x, struct err *e) MUST_CHECK;
bool browser_get(struct db *db, struct arena *a, struct str hash, struct browser_row *out, bool *found, struct err *e) MUST_CHECK;
bool browser_delete(struct db *db, struct str hash, struct err *e) MUST_CHECK;
/* Every browser of a person; keep: one to spare, or empty. */
bool browser_delete_user(struct db *db, struct str user, struct str keep, struct err *e) MUST_CHECK;

bool approval_put(struct db *db, struct str user, struct str operation, int64_t expires_ms, struct err *e) MUST_CHECK;
/* Takes it away; *was: there was one, and it was young. */
bool approval_take(struct db *db, struct str user, struct str operation, int64_t now_ms, bool *was, struct err *e) MUST_CHECK;

bool onetime_insert(struct db *db, struct str hash, struct str purpose, struct str data, int64_t expires_ms, struct err *e) MUST_CHECK;
bool onetime_get(struct db *db, struct arena *a, struct str hash, struct str purpose, int64_t now_ms, struct str *data, bool *found, struct err *e) MUST_CHECK;
/* *first: it was there to be deleted. */
bool onetime_delete(struct db *db, struct str hash, bool *first, struct err *e) MUST_CHECK;

/* What is over: codes, device codes, browsers, approvals, one-time things, clients that nobody is signed in by. */
bool sweep_oauth(struct db *db, int64_t now_ms, int64_t browser_lifetime_ms, struct err *e) MUST_CHECK;

#endif
