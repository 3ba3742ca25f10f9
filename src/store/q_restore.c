/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_restore.h. */
#include "store/q_restore.h"

static const struct query forget = {
	.name = "restore.forget_keys",
	.sql = "DELETE FROM one_time_key",
};

QUERIES(q_restore, &forget)

static bool
body(struct db *db, void *arg, struct err *e)
{
	(void)arg;
	return db_exec(db, &forget, V0, e);
}

bool
restore_forget_keys(struct store *s, struct err *e)
{
	struct db *db = db_attach(s, e);
	bool ok = db != NULL && db_transact(db, body, NULL, e);

	db_detach(db);
	return ok;
}
