/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables oauth_client, oauth_code, oauth_session, oauth_device_code. */
#ifndef STORE_Q_OAUTH_H
#define STORE_Q_OAUTH_H

#include "store/db.h"

/* At max clients, those go that nobody is signed in by and that were used longest ago. */
bool oauth_client_put(struct db *db, struct str id, struct str metadata, int64_t now_ms, int64_t max, struct err *e) MUST_CHECK;
bool oauth_client_get(struct db *db, struct arena *a, struct str id, struct str *metadata, bool *found, struct err *e) MUST_CHECK;
bool oauth_client_used(struct db *db, struct str id, int64_t now_ms, struct err *e) MUST_CHECK;

struct oauth_code {
	struct str hash, client_id, user_id, redirect_uri, scope, challenge, device_id;
	int64_t created_ms;
};
bool oauth_code_insert(struct db *db, const struct oauth_code *x, struct err *e) MUST_CHECK;
bool oauth_code_find(struct db *db, struct arena *a, struct str hash, struct oauth_code *out, bool *found, struct err *e) MUST_CHECK;
/* *first: nobody had; else it is burnt now. */
bool oauth_code_take(struct db *db, struct str hash, bool *first, struct err *e) MUST_CHECK;
/* Notes what a code gave; *burnt: it was shown again meanwhile. */
bool oauth_code_gave(struct db *db, struct str hash, struct str device, bool *burnt, struct err *e) MUST_CHECK;

struct oauth_session {
	int64_t family;
	struct str client_id, user_id, device_id, scope;
};
bool oauth_session_insert(struct db *db, const struct oauth_session *x, struct err *e) MUST_CHECK;
bool oauth_session_find(struct db *db, struct arena *a, int64_t family, struct oauth_session *out, bool *found, struct err *e) MUST_CHECK;
/* metadata of the client that a device was signed in by; empty: of no client. */
bool oauth_device_client(struct db *db, struct arena *a, struct str user, struct str device, struct str *metadata, struct err *e) MUST_CHECK;

enum oauth_device_state { OAUTH_WAITS, OAUTH_ALLOWED, OAUTH_REFUSED, OAUTH_USED };
struct oauth_device_code {
	struct str hash, user_code, client_id, scope, user_id;
	enum oauth_device_state state;
	int64_t expires_ms, polled_ms;
};
bool oauth_device_insert(struct db *db, const struct oauth_device_code *x, struct err *e) MUST_CHECK;
bool oauth_device_by_code(struct db *db, struct arena *a, struct str hash, struct oauth_device_code *out, bool *found, struct err *e) MUST_CHECK;
bool oauth_device_by_user_code(struct db *db, struct arena *a, struct str hash, struct oauth_device_code *out, bool *found, struct err *e) MUST_CHECK;
bool oauth_device_polled(struct db *db, struct str hash, int64_t now_ms, struct err *e) MUST_CHECK;
/* From one state to another, by a person (empty: as it was); *done false: it was in another. */
bool oauth_device_move(struct db *db, struct str hash, enum oauth_device_state from, enum oauth_device_state to, struct str user, bool *done, struct err *e) MUST_CHECK;
bool oauth_device_count(struct db *db, int64_t *n, struct err *e) MUST_CHECK;

#endif
