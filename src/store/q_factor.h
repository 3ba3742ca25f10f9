/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables totp, recovery_code, passkey. */
#ifndef STORE_Q_FACTOR_H
#define STORE_Q_FACTOR_H

#include "store/db.h"

struct totp_row {
	struct str user_id, secret;
	int64_t last_step;
};
bool totp_put(struct db *db, const struct totp_row *x, struct err *e) MUST_CHECK;
bool totp_find(struct db *db, struct arena *a, struct str user, struct totp_row *out, bool *found, struct err *e) MUST_CHECK;
/* *done false: a code of that step or a later one was taken already. */
bool totp_use(struct db *db, struct str user, int64_t step, bool *done, struct err *e) MUST_CHECK;
bool totp_delete(struct db *db, struct str user, struct err *e) MUST_CHECK;

bool recovery_insert(struct db *db, struct str user, struct str hash, struct err *e) MUST_CHECK;
bool recovery_use(struct db *db, struct str user, struct str hash, bool *was, struct err *e) MUST_CHECK;
bool recovery_count(struct db *db, struct str user, int64_t *n, struct err *e) MUST_CHECK;
bool recovery_delete_all(struct db *db, struct str user, struct err *e) MUST_CHECK;

struct passkey_row {
	struct str id, user_id, name, public_key;
	int64_t alg, counter, created_ms, used_ms;
};
#define PASSKEYS_MAX 20
/* *fresh false: somebody has that credential. */
bool passkey_insert(struct db *db, const struct passkey_row *x, bool *fresh, struct err *e) MUST_CHECK;
bool passkey_find(struct db *db, struct arena *a, struct str id, struct passkey_row *out, bool *found, struct err *e) MUST_CHECK;
bool passkey_list(struct db *db, struct arena *a, struct str user, struct passkey_row **out, size_t *n, struct err *e) MUST_CHECK;
/* *done false: its counter has not grown since; a key without a counter stays at 0. */
bool passkey_used(struct db *db, struct str id, int64_t counter, int64_t now_ms, bool *done, struct err *e) MUST_CHECK;
/* id empty: all of the person's. */
bool passkey_delete(struct db *db, struct str user, struct str id, struct err *e) MUST_CHECK;

#endif
