/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_receipt.h. */
#include "store/q_receipt.h"

static const struct query put = {
	.name = "receipt.put",
	.sql = "INSERT INTO receipt (room, user_id, kind, thread, event_id,"
	    " seq, ts, pos) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	    " ON CONFLICT (room, user_id, kind, thread) DO UPDATE SET"
	    " event_id = excluded.event_id, seq = excluded.seq,"
	    " ts = excluded.ts, pos = excluded.pos",
};

static const struct query of_room = {
	.name = "receipt.of_room",
	.sql = "SELECT room, user_id, kind, thread, event_id, seq, ts, pos"
	    " FROM receipt WHERE room = $1 AND pos > $2"
	    " AND (kind <> 'm.read.private' OR user_id = $3) ORDER BY pos",
};

static const struct query of_user = {
	.name = "receipt.of_user",
	.sql = "SELECT room, user_id, kind, thread, event_id, seq, ts, pos"
	    " FROM receipt WHERE user_id = $1 ORDER BY pos",
};

QUERIES(q_receipt, &put, &of_room, &of_user)

bool
receipt_put(struct db *db, const struct receipt *x, struct err *e)
{
	return db_exec(db, &put, V(v_int(x->room), v_str(x->user),
	    v_str(x->kind), v_str(x->thread), v_str(x->event_id),
	    v_int(x->seq), v_int(x->ts), v_int(x->pos)), e);
}

static bool
read_all(struct rows *r, struct arena *a, struct receipt **out, size_t *n,
    struct err *e)
{
	struct receipt *at = NULL;
	size_t cap = 0, count = 0;

	while (db_next(r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = (struct receipt){
			.room = db_int(r, 0),
			.user = db_str(r, 1, a),
			.kind = db_str(r, 2, a),
			.thread = db_str(r, 3, a),
			.event_id = db_str(r, 4, a),
			.seq = db_int(r, 5),
			.ts = db_int(r, 6),
			.pos = db_int(r, 7),
		};
	}
	if (!db_done(r, e))
		return false;
	*out = at;
	*n = count;
	return true;
}

bool
receipts_of_room(struct db *db, struct arena *a, int64_t room, struct str user,
    int64_t since, struct receipt **out, size_t *n, struct err *e)
{
	struct rows r;

	return db_query(db, &of_room, V(v_int(room), v_int(since),
	    v_str(user)), &r, e) && read_all(&r, a, out, n, e);
}

bool
receipts_of_user(struct db *db, struct arena *a, struct str user,
    struct receipt **out, size_t *n, struct err *e)
{
	struct rows r;

	return db_query(db, &of_user, V(v_str(user)), &r, e) &&
	    read_all(&r, a, out, n, e);
}
