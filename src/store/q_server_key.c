/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_server_key.h. */
#include "store/q_server_key.h"

static const struct query put = {
	.name = "server_key.put",
	.sql = "INSERT INTO server_key (server, key_id, public_key,"
	    " valid_until_ms) VALUES ($1, $2, $3, $4)"
	    " ON CONFLICT (server, key_id) DO UPDATE SET"
	    " public_key = excluded.public_key,"
	    " valid_until_ms = excluded.valid_until_ms",
};
static const struct query find = {
	.name = "server_key.find",
	.sql = "SELECT public_key, valid_until_ms FROM server_key"
	    " WHERE server = $1 AND key_id = $2",
};

QUERIES(q_server_key, &put, &find)

bool
server_key_put(struct db *db, const struct server_key_row *x, struct err *e)
{
	return db_exec(db, &put, V(v_str(x->server), v_str(x->key_id),
	    v_bytes(x->public_key), v_int(x->valid_until_ms)), e);
}

struct take {
	struct arena *a;
	struct server_key_row *out;
};

static void
take_row(struct rows *r, void *arg)
{
	struct take *t = arg;

	t->out->public_key = db_str(r, 0, t->a);
	t->out->valid_until_ms = db_int(r, 1);
}

bool
server_key_find(struct db *db, struct arena *a, struct str server,
    struct str key_id, struct server_key_row *out, bool *found, struct err *e)
{
	struct take t = { a, out };

	*out = (struct server_key_row){ .server = server, .key_id = key_id };
	return db_one(db, &find, V(v_str(server), v_str(key_id)), take_row,
	    &t, found, e);
}
