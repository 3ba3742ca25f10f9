/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_outbound.h. */
#include "store/q_outbound.h"

#include "room/visible.h"

static const struct query room_get = {
	.name = "outbound_room.get",
	.sql = "SELECT seq FROM outbound_room WHERE room = $1",
};
static const struct query room_put = {
	.name = "outbound_room.put",
	.sql = "INSERT INTO outbound_room (room, seq) VALUES ($1, $2)"
	    " ON CONFLICT (room) DO UPDATE SET seq = excluded.seq",
};
static const struct query rooms = {
	.name = "outbound_room.all",
	.sql = "SELECT DISTINCT room FROM membership WHERE membership IN ($2, $3, $4)"
	    " AND user_id NOT LIKE '%:' || $1",
};
static const struct query add = {
	.name = "outbound_pdu.add",
	.sql = "INSERT INTO outbound_pdu (destination, event, room)"
	    " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
};
static const struct query latest = {
	.name = "outbound_pdu.latest",
	.sql = "DELETE FROM outbound_pdu WHERE destination = $1 AND room = $2"
	    " AND event < (SELECT MAX(x.event) FROM outbound_pdu x"
	    " WHERE x.destination = $1 AND x.room = $2)",
};
static const struct query list = {
	.name = "outbound_pdu.list",
	.sql = "SELECT event FROM outbound_pdu WHERE destination = $1"
	    " ORDER BY event LIMIT $2",
};
static const struct query done = {
	.name = "outbound_pdu.done",
	.sql = "DELETE FROM outbound_pdu WHERE destination = $1"
	    " AND event = $2",
};
static const struct query destinations = {
	.name = "outbound_pdu.destinations",
	.sql = "SELECT destination FROM outbound_pdu UNION"
	    " SELECT destination FROM outbound_edu",
};
static const struct query waiting = {
	.name = "outbound_pdu.waiting",
	.sql = "SELECT COUNT(*) FROM outbound_pdu WHERE destination = $1",
};

static const struct query edu_add = {
	.name = "outbound_edu.add",
	.sql = "INSERT INTO outbound_edu (destination, id, edu)"
	    " VALUES ($1, $2, $3)",
};
static const struct query edu_list = {
	.name = "outbound_edu.list",
	.sql = "SELECT id, edu FROM outbound_edu WHERE destination = $1"
	    " ORDER BY id LIMIT $2",
};
static const struct query edu_done = {
	.name = "outbound_edu.done",
	.sql = "DELETE FROM outbound_edu WHERE destination = $1 AND id <= $2",
};

QUERIES(q_outbound, &edu_add, &edu_list, &edu_done, &room_get, &room_put,
    &rooms, &add, &latest, &list, &done, &destinations, &waiting)

bool
outbound_room_get(struct db *db, int64_t room, int64_t *seq, bool *found,
    struct err *e)
{
	*seq = 0;
	return db_one_int(db, &room_get, V(v_int(room)), seq, found, e);
}

bool
outbound_room_put(struct db *db, int64_t room, int64_t seq, struct err *e)
{
	return db_exec(db, &room_put, V(v_int(room), v_int(seq)), e);
}

bool
outbound_rooms(struct db *db, struct str our_name,
    void (*take)(void *arg, int64_t room), void *arg, struct err *e)
{
	struct rows r;

	if (!db_query(db, &rooms, V(v_str(our_name), v_int(MEMBER_JOIN),
	    v_int(MEMBER_INVITE), v_int(MEMBER_KNOCK)), &r, e))
		return false;
	while (db_next(&r))
		take(arg, db_int(&r, 0));
	return db_done(&r, e);
}

bool
outbound_pdu_add(struct db *db, struct str destination, int64_t event,
    int64_t room, struct err *e)
{
	return db_exec(db, &add, V(v_str(destination), v_int(event),
	    v_int(room)), e);
}

bool
outbound_pdu_latest(struct db *db, struct str destination, int64_t room,
    struct err *e)
{
	return db_exec(db, &latest, V(v_str(destination), v_int(room)), e);
}

bool
outbound_pdus(struct db *db, struct str destination, size_t max,
    int64_t *events, size_t *n, struct err *e)
{
	struct rows r;

	*n = 0;
	if (!db_query(db, &list, V(v_str(destination), v_int((int64_t)max)),
	    &r, e))
		return false;
	while (*n < max && db_next(&r))
		events[(*n)++] = db_int(&r, 0);
	return db_done(&r, e);
}

bool
outbound_pdu_done(struct db *db, struct str destination,
    const int64_t *events, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (!db_exec(db, &done, V(v_str(destination),
		    v_int(events[i])), e))
			return false;
	return true;
}

bool
outbound_destinations(struct db *db, struct arena *a, struct str **out,
    size_t *n, struct err *e)
{
	struct str *at = NULL;
	size_t count = 0, cap = 0;
	struct rows r;

	if (!db_query(db, &destinations, V0, &r, e))
		return false;
	while (db_next(&r)) {
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = db_str(&r, 0, a);
	}
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
outbound_waiting(struct db *db, struct str destination, int64_t *n,
    struct err *e)
{
	*n = 0;
	return db_one_int(db, &waiting, V(v_str(destination)), n, NULL, e);
}

bool
outbound_edu_add(struct db *db, struct str destination, int64_t id,
    struct str edu, struct err *e)
{
	return db_exec(db, &edu_add, V(v_str(destination), v_int(id),
	    v_str(edu)), e);
}

bool
outbound_edus(struct db *db, struct arena *a, struct str destination,
    size_t max, struct outbound_edu *out, size_t *n, struct err *e)
{
	struct rows r;

	*n = 0;
	if (!db_query(db, &edu_list, V(v_str(destination),
	    v_int((int64_t)max)), &r, e))
		return false;
	while (*n < max && db_next(&r))
		out[(*n)++] = (struct outbound_edu){ db_int(&r, 0),
		    db_str(&r, 1, a) };
	return db_done(&r, e);
}

bool
outbound_edu_done(struct db *db, struct str destination, int64_t id,
    struct err *e)
{
	return db_exec(db, &edu_done, V(v_str(destination), v_int(id)), e);
}
