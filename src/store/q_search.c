/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See q_search.h. */
#include "store/q_search.h"

#include "room/visible.h"

static const struct query pos_get = {
	.name = "search.pos",
	.sql = "SELECT pos FROM search_pos WHERE id = 1",
};
static const struct query pos_move = {
	.name = "search.pos_move",
	.sql = "UPDATE search_pos SET pos = $2 WHERE id = 1 AND pos = $1",
};
static const struct query events = {
	.name = "search.events",
	.sql = "SELECT nid, room, type, json FROM event WHERE nid > $1"
	    " AND nid <= $2 AND seq IS NOT NULL AND redacted_by IS NULL"
	    " AND (type = 'm.room.message' OR (type IN ('m.room.name',"
	    " 'm.room.topic') AND state_key = '')) ORDER BY nid LIMIT $3",
};
static const struct query put = {
	.name = "search.put",
	.sql = "INSERT INTO search_text (nid, stems) SELECT e.nid, CAST("
	    "CAST($2 AS TEXT) || ' ' || CAST($3 AS TEXT) AS TSVECTOR)"
	    " FROM event e WHERE e.nid = $1 AND e.redacted_by IS NULL"
	    " ON CONFLICT (nid) DO NOTHING",
	.sqlite = "INSERT OR REPLACE INTO search_text (rowid, stems, marks)"
	    " SELECT e.nid, $2, $3 FROM event e WHERE e.nid = $1"
	    " AND e.redacted_by IS NULL",
};
static const struct query remove_one = {
	.name = "search.remove",
	.sql = "DELETE FROM search_text WHERE nid = $1",
	.sqlite = "DELETE FROM search_text WHERE rowid = $1",
};

/*
 * The newest hits first, which the index gives as they stand; then, by rank,
 * the closest of them; events, which are large, are looked up last.
 */
#define OF_USER " JOIN membership m ON m.room = e.room AND m.user_id = $2" \
	" AND m.membership IN ($3, $4, $5) AND m.forgotten = 0"
#define PG_QUERY "CAST(replace(replace(CAST($1 AS TEXT), ' AND ', ' & ')," \
	" ' OR ', ' | ') AS TSQUERY)"
#define PG_HITS "(SELECT nid, CAST(1000000 * ts_rank(stems, " PG_QUERY ")" \
	" AS BIGINT) AS closeness FROM search_text WHERE stems @@ " PG_QUERY \
	" ORDER BY nid DESC LIMIT $6)"
/* Marks weigh nothing. The less bm25 is, the closer. */
#define SQLITE_HITS "(SELECT rowid AS nid, -rank AS closeness" \
	" FROM search_text WHERE search_text MATCH $1" \
	" AND rank MATCH 'bm25(1.0, 0.0)' ORDER BY rowid DESC LIMIT $6)"
#define CLOSEST(hits) "(SELECT nid, closeness FROM " hits " h" \
	" ORDER BY closeness DESC, nid DESC LIMIT $7)"
static const struct query find_recent = {
	.name = "search.recent",
	.sql = "SELECT s.nid, e.room, s.closeness FROM " PG_HITS " s"
	    " JOIN event e ON e.nid = s.nid" OF_USER
	    " ORDER BY s.nid DESC LIMIT $7",
	.sqlite = "SELECT s.nid, e.room, CAST(1000000 * s.closeness AS"
	    " INTEGER) FROM " SQLITE_HITS " s"
	    " CROSS JOIN event e ON e.nid = s.nid" OF_USER
	    " ORDER BY s.nid DESC LIMIT $7",
};
static const struct query find_rank = {
	.name = "search.rank",
	.sql = "SELECT s.nid, e.room, s.closeness FROM " CLOSEST(PG_HITS) " s"
	    " JOIN event e ON e.nid = s.nid" OF_USER
	    " ORDER BY s.closeness DESC, s.nid DESC LIMIT $8",
	.sqlite = "SELECT s.nid, e.room, CAST(1000000 * s.closeness AS"
	    " INTEGER) FROM " CLOSEST(SQLITE_HITS) " s"
	    " CROSS JOIN event e ON e.nid = s.nid" OF_USER
	    " ORDER BY s.closeness DESC, s.nid DESC LIMIT $8",
};

QUERIES(q_search, &pos_get, &pos_move, &events, &put, &remove_one,
    &find_recent, &find_rank)

bool
search_pos_get(struct db *db, int64_t *pos, struct err *e)
{
	*pos = 0;
	return db_one_int(db, &pos_get, V0, pos, NULL, e);
}

bool
search_pos_move(struct db *db, int64_t from, int64_t to, bool *moved,
    struct err *e)
{
	int64_t n = 0;

	if (!db_change(db, &pos_move, V(v_int(from), v_int(to)), &n, e))
		return false;
	*moved = n > 0;
	return true;
}

bool
search_events(struct db *db, struct arena *a, int64_t after, int64_t upto,
    size_t max, struct search_event **out, size_t *n, bool *more,
    struct err *e)
{
	struct search_event *at = arena_array(a, struct search_event, max);
	size_t count = 0, bytes = 0;
	struct rows r;

	if (!db_query(db, &events, V(v_int(after), v_int(upto),
	    v_int((int64_t)max)), &r, e))
		return false;
	while (count < max && bytes < SEARCH_BYTES && db_next(&r)) {
		at[count] = (struct search_event){ db_int(&r, 0),
		    db_int(&r, 1), db_str(&r, 2, a), db_str(&r, 3, a) };
		bytes += at[count++].json.n;
	}
	*more = count == max || bytes >= SEARCH_BYTES;
	*out = at;
	*n = count;
	return db_done(&r, e);
}

bool
search_put(struct db *db, int64_t nid, struct str stems, struct str marks,
    struct err *e)
{
	return db_exec(db, &put, V(v_int(nid), v_str(stems), v_str(marks)), e);
}

bool
search_remove(struct db *db, int64_t nid, struct err *e)
{
	return db_exec(db, &remove_one, V(v_int(nid)), e);
}

bool
search_find(struct db *db, struct arena *a, const struct search_query *q,
    size_t max, struct search_hit **out, size_t *n, struct err *e)
{
	struct search_hit *at = arena_array(a, struct search_hit, max);
	size_t count = 0;
	struct rows r;

	if (!(q->by_rank ? db_query(db, &find_rank, V(v_str(q->expression),
	    v_str(q->user), v_int(MEMBER_JOIN), v_int(MEMBER_LEAVE),
	    v_int(MEMBER_BAN), v_int(SEARCH_RANKED), v_int(q->look),
	    v_int((int64_t)max)), &r, e)
	    : db_query(db, &find_recent, V(v_str(q->expression),
	    v_str(q->user), v_int(MEMBER_JOIN), v_int(MEMBER_LEAVE),
	    v_int(MEMBER_BAN), v_int(q->look), v_int((int64_t)max)), &r, e)))
		return false;
	while (count < max && db_next(&r))
		at[count++] = (struct search_hit){ db_int(&r, 0),
		    db_int(&r, 1), db_int(&r, 2) };
	*out = at;
	*n = count;
	return db_done(&r, e);
}
