/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables account_data, push_rules, sync_filter. */
#ifndef STORE_Q_ACCDATA_H
#define STORE_Q_ACCDATA_H

#include "store/db.h"

struct accdata {
	int64_t room;			/* 0: global */
	struct str type, content;
	int64_t pos;
};
bool accdata_put(struct db *db, struct str user, const struct accdata *x, struct err *e) MUST_CHECK;
bool accdata_get(struct db *db, struct arena *a, struct str user, int64_t room, struct str type, struct str *content, struct err *e) MUST_CHECK;	/* empty: none */
bool accdata_since(struct db *db, struct arena *a, struct str user, int64_t since, struct accdata **out, size_t *n, struct err *e) MUST_CHECK;

bool pushrules_row(struct db *db, struct arena *a, struct str user, struct str *stored, int64_t *pos, struct err *e) MUST_CHECK;	/* empty: defaults */
bool pushrules_row_put(struct db *db, struct str user, struct str stored, int64_t pos, struct err *e) MUST_CHECK;

bool filter_row_get(struct db *db, struct arena *a, struct str user, int64_t id, struct str *body, struct err *e) MUST_CHECK;	/* empty: none */
/* The id of an equal one that is there, or of a new one. */
bool filter_row_put(struct db *db, struct str user, struct str body, int64_t *id, struct err *e) MUST_CHECK;

#endif
