/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_member.h. */
#include "store/q_member.h"

static const struct query of_user = {
	.name = "membership.of_user",
	.sql = "SELECT room, membership, event, seq, pos, forgotten"
	    " FROM membership WHERE user_id = $1",
};
static const struct query shared = {
	.name = "membership.shared",
	.sql = "SELECT a.room FROM membership a JOIN membership b"
	    " ON b.room = a.room AND b.user_id = $2 AND b.membership = $3"
	    " WHERE a.user_id = $1 AND a.membership = $3 ORDER BY a.room",
};

QUERIES(q_member, &of_user, &shared)

static void
read_row(struct rows *r, struct user_membership *m)
{
	*m = (struct user_membership){
		.room = db_int(r, 0),
		.membership = (enum membership)db_int(r, 1),
		.event = db_int(r, 2),
		.seq = db_int(r, 3),
		.pos = db_int(r, 4),
		.forgotten = db_bool(r, 5),
	};
}

bool
memberships_of_user(struct db *db, struct arena *a, struct str user,
    unsigned mask, struct user_membership **out, size_t *n, struct err *e)
{
	struct user_membership *at = NULL, row;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &of_user, V(v_str(user)), &r, e))
		return false;
	while (db_next(&r)) {
		read_row(&r, &row);
		if ((mask & 1U << row.membership) == 0)
			continue;
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = row;
	}
	if (!db_done(&r, e))
		return false;
	*out = at;
	*n = count;
	return true;
}

bool
memberships_shared(struct db *db, struct arena *a, struct str user,
    struct str other, int64_t **out, size_t *n, struct err *e)
{
	int64_t *at = NULL;
	size_t cap = 0, count = 0;
	struct rows r;

	if (!db_query(db, &shared, V(v_str(user), v_str(other),
	    v_int(MEMBER_JOIN)), &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = db_int(&r, 0);
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}
