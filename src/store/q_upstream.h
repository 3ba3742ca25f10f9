/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables upstream_link, upstream_session. */
#ifndef STORE_Q_UPSTREAM_H
#define STORE_Q_UPSTREAM_H

#include "store/db.h"

struct upstream_who {
	struct str issuer, subject;	/* or a session's sid */
	struct str user;
	int64_t created_ms;
};
/* *fresh false: that subject has an account already. */
bool upstream_link_insert(struct db *db, const struct upstream_who *x, bool *fresh, struct err *e) MUST_CHECK;
bool upstream_link_find(struct db *db, struct arena *a, struct str issuer, struct str subject, struct str *user, bool *found, struct err *e) MUST_CHECK;
bool upstream_link_delete_user(struct db *db, struct str user, struct err *e) MUST_CHECK;
bool upstream_session_put(struct db *db, const struct upstream_who *x, struct err *e) MUST_CHECK;
bool upstream_session_find(struct db *db, struct arena *a, struct str issuer, struct str sid, struct str *user, bool *found, struct err *e) MUST_CHECK;
bool sweep_upstream(struct db *db, int64_t before_ms, struct err *e) MUST_CHECK;

#endif
