/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on table server_key. */
#ifndef STORE_Q_SERVER_KEY_H
#define STORE_Q_SERVER_KEY_H

#include "store/db.h"

struct server_key_row {
	struct str server, key_id, public_key;	/* the key as bytes */
	int64_t valid_until_ms;
};
bool server_key_put(struct db *db, const struct server_key_row *x, struct err *e) MUST_CHECK;
bool server_key_find(struct db *db, struct arena *a, struct str server, struct str key_id,
    struct server_key_row *out, bool *found, struct err *e) MUST_CHECK;

#endif
