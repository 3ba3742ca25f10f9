/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table media. */
#ifndef STORE_Q_MEDIA_H
#define STORE_Q_MEDIA_H

#include "store/db.h"

struct media_row {
	struct str server, id, user, type, name, sha256;
	int64_t bytes;			/* -1: created, not uploaded yet */
	int64_t created_ms, expires_ms;
	bool quarantined;
};
bool media_insert(struct db *db, const struct media_row *x, struct err *e) MUST_CHECK;
/* Fills one that was created, once: *done false: it has content already. */
bool media_fill(struct db *db, const struct media_row *x, bool *done, struct err *e) MUST_CHECK;
bool media_find(struct db *db, struct arena *a, struct str server, struct str id, struct media_row *out, bool *found, struct err *e) MUST_CHECK;
bool media_delete(struct db *db, struct str server, struct str id, struct err *e) MUST_CHECK;
/* The oldest copies of other servers' files, but for those in quarantine; max of them at most. */
bool media_oldest(struct db *db, struct arena *a, struct media_row *out, size_t max, size_t *n, struct err *e) MUST_CHECK;
/* The user's bytes; '': of all copies of other servers' files. */
bool media_used(struct db *db, struct str user, int64_t *bytes, struct err *e) MUST_CHECK;
bool media_quarantine(struct db *db, struct str server, struct str id, bool on, int64_t *n, struct err *e) MUST_CHECK;

#endif
