/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table sliding. */
#ifndef STORE_Q_SLIDING_H
#define STORE_Q_SLIDING_H

#include "store/db.h"

/* A connection of a device, and one of its positions. */
struct sliding_row {
	struct str user, device, conn;
	int64_t pos;
};

/* *body empty: there is none. */
bool sliding_get(struct db *db, struct arena *a, const struct sliding_row *x, struct str *body, struct err *e) MUST_CHECK;
bool sliding_put(struct db *db, const struct sliding_row *x, struct str body, int64_t now_ms, struct err *e) MUST_CHECK;
/* All positions of the connection but `x->pos`; 0: all. */
bool sliding_drop_others(struct db *db, const struct sliding_row *x, struct err *e) MUST_CHECK;
/* Of a device the connections that are not among its `keep` latest used. */
bool sliding_trim(struct db *db, const struct sliding_row *x, int64_t keep, struct err *e) MUST_CHECK;
bool sliding_delete_device(struct db *db, struct str user, struct str device, struct err *e) MUST_CHECK;
bool sliding_sweep(struct db *db, int64_t before_ms, struct err *e) MUST_CHECK;

#endif
