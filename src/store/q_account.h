/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables account, registration_token, device, access_token, refresh_token, uia_session. */
#ifndef STORE_Q_ACCOUNT_H
#define STORE_Q_ACCOUNT_H

#include "store/db.h"

struct account {
	struct str user_id, password, kind;
	bool admin, locked, suspended, deactivated, erased;
	int64_t created_ms;
};
/* *fresh false: the name is taken. */
bool account_insert(struct db *db, const struct account *x, bool *fresh, struct err *e) MUST_CHECK;
bool account_find(struct db *db, struct arena *a, struct str user, struct account *out, bool *found, struct err *e) MUST_CHECK;
bool account_set_password(struct db *db, struct str user, struct str hash, struct err *e) MUST_CHECK;
/* 1, 0, or -1: stays as it is. One statement, so that two who change different flags do not undo each other. */
struct account_flags {
	int admin, locked, suspended, deactivated, erased;
};
#define ACCOUNT_FLAGS_KEEP { -1, -1, -1, -1, -1 }
bool account_set_flags(struct db *db, struct str user, const struct account_flags *f, struct err *e) MUST_CHECK;
bool account_list(struct db *db, struct arena *a, struct str after, size_t max, struct account **out, size_t *n, struct err *e) MUST_CHECK;

struct reg_token {
	struct str token;
	int64_t uses_allowed;		/* -1: without limit */
	int64_t pending, completed;
	int64_t expires_ms;		/* 0: never */
};
bool reg_token_find(struct db *db, struct arena *a, struct str token, struct reg_token *out, bool *found, struct err *e) MUST_CHECK;
/* Uses it once, if it still may be used. */
bool reg_token_use(struct db *db, struct str token, int64_t now_ms, bool *used, struct err *e) MUST_CHECK;
bool reg_token_put(struct db *db, const struct reg_token *x, struct err *e) MUST_CHECK;
bool reg_token_delete(struct db *db, struct str token, int64_t *n, struct err *e) MUST_CHECK;
bool reg_token_list(struct db *db, struct arena *a, struct reg_token **out, size_t *n, struct err *e) MUST_CHECK;

struct device {
	struct str user_id, device_id, name, seen_address, seen_agent;
	int64_t created_ms, seen_ms;
};
bool device_put(struct db *db, const struct device *x, struct err *e) MUST_CHECK;	/* makes it; keeps the name of one that is there unless given */
bool device_list(struct db *db, struct arena *a, struct str user, struct device **out, size_t *n, struct err *e) MUST_CHECK;
bool device_find(struct db *db, struct arena *a, struct str user, struct str device, struct device *out, bool *found, struct err *e) MUST_CHECK;
bool device_rename(struct db *db, struct str user, struct str device, struct str name, int64_t *n, struct err *e) MUST_CHECK;
bool device_seen(struct db *db, const struct device *x, struct err *e) MUST_CHECK;
/* The device and its tokens; keys are e2ee's to delete. */
bool device_delete(struct db *db, struct str user, struct str device, struct err *e) MUST_CHECK;

struct access {
	struct str hash, user_id, device_id;
	int64_t family, created_ms, expires_ms;	/* expires 0: never */
};
struct access_found {
	struct access t;
	struct account account;
};
bool access_insert(struct db *db, const struct access *x, struct err *e) MUST_CHECK;
bool access_find(struct db *db, struct arena *a, struct str hash, struct access_found *out, bool *found, struct err *e) MUST_CHECK;
bool tokens_delete_family(struct db *db, int64_t family, struct err *e) MUST_CHECK;
/* Access tokens of a family but this one. */

struct refresh {
	struct str hash, user_id, device_id;
	int64_t family, created_ms, used_ms;	/* used 0: not yet */
};
bool refresh_insert(struct db *db, const struct refresh *x, struct err *e) MUST_CHECK;
bool refresh_find(struct db *db, struct arena *a, struct str hash, struct refresh *out, bool *found, struct err *e) MUST_CHECK;
bool refresh_use(struct db *db, struct str hash, int64_t now_ms, bool *first, struct err *e) MUST_CHECK;
/* Was a refresh token of x's family that was made after x was used itself used? */
bool refresh_successor_used(struct db *db, const struct refresh *x, bool *used, struct err *e) MUST_CHECK;
/* Those of a family that nobody used count as used from now on: others are made in their place. */
bool refresh_replace(struct db *db, int64_t family, int64_t now_ms, struct err *e) MUST_CHECK;

struct uia_row {
	struct str id, user_id, operation, body, done, params;
	int64_t created_ms;
};
bool uia_insert(struct db *db, const struct uia_row *x, struct err *e) MUST_CHECK;
bool uia_find(struct db *db, struct arena *a, struct str id, struct uia_row *out, bool *found, struct err *e) MUST_CHECK;
bool uia_set_done(struct db *db, struct str id, struct str done, struct err *e) MUST_CHECK;
bool uia_delete(struct db *db, struct str id, struct err *e) MUST_CHECK;

#endif
