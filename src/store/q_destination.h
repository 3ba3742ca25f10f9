/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table destination: who did not answer, and when to try again. */
#ifndef STORE_Q_DESTINATION_H
#define STORE_Q_DESTINATION_H

#include "store/db.h"

struct destination {
	struct str kind, name;
	int64_t failures, first_failed_ms, retry_ms;
};
bool destination_put(struct db *db, const struct destination *x, struct err *e) MUST_CHECK;
bool destination_get(struct db *db, struct arena *a, struct str kind, struct str name, struct destination *out, bool *found, struct err *e) MUST_CHECK;
bool destination_delete(struct db *db, struct str kind, struct str name, struct err *e) MUST_CHECK;
/* Those of a kind whose names come after `after`, by name; at most limit. */
bool destination_list(struct db *db, struct arena *a, struct str kind, struct str after, int64_t limit, struct destination **out, size_t *n, struct err *e) MUST_CHECK;

#endif
