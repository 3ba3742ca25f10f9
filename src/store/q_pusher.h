/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table pusher. A device's pushers go with it: device_delete in q_account.h. */
#ifndef STORE_Q_PUSHER_H
#define STORE_Q_PUSHER_H

#include "store/db.h"

struct pusher {
	struct str user, app_id, pushkey, device, kind;
	struct str app_name, device_name, profile_tag, lang, data;
	int64_t set_ms, pos, badge, failures, retry_ms;
};
/* One that is there keeps its pos and badge. */
bool pusher_put(struct db *db, const struct pusher *x, struct err *e) MUST_CHECK;
bool pusher_delete(struct db *db, struct str user, struct str app_id, struct str pushkey, struct err *e) MUST_CHECK;
/* The same app and key of everybody else. */
bool pusher_delete_elsewhere(struct db *db, struct str user, struct str app_id, struct str pushkey, struct err *e) MUST_CHECK;
/* All of a user but those of one device; keep empty: all. */
bool pusher_delete_others(struct db *db, struct str user, struct str keep, struct err *e) MUST_CHECK;
bool pushers_of_user(struct db *db, struct arena *a, struct str user, struct pusher **out, size_t *n, struct err *e) MUST_CHECK;
/* Calls take for each user who has one. */
bool pusher_users(struct db *db, void (*take)(void *arg, struct str user), void *arg, struct err *e) MUST_CHECK;
/* Writes pos, badge, failures, retry_ms. */
bool pusher_progress(struct db *db, const struct pusher *x, struct err *e) MUST_CHECK;

#endif
