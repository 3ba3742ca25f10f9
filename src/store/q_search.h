/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The full-text index: SQLite's FTS5, PostgreSQL's tsvector. Both are given
 * stems and marks of a-z, 0-9 and _ and know nothing of languages; an
 * expression is terms with " AND ", " OR " and parentheses.
 */
#ifndef STORE_Q_SEARCH_H
#define STORE_Q_SEARCH_H

#include "store/db.h"

/* An event to be indexed. */
struct search_event {
	int64_t nid, room;
	struct str type, json;
};

struct search_hit {
	int64_t nid, room;
	int64_t rank;			/* in millionths; more is closer */
};

bool search_pos_get(struct db *db, int64_t *pos, struct err *e) MUST_CHECK;
/* *moved false: it is not at `from` any more. */
bool search_pos_move(struct db *db, int64_t from, int64_t to, bool *moved, struct err *e) MUST_CHECK;

/*
 * Events with text to search in, positions in (after, upto], in order, at most
 * max or about SEARCH_BYTES of text; redacted ones left out. *more: there are.
 */
#define SEARCH_BYTES (4 << 20)
bool search_events(struct db *db, struct arena *a, int64_t after, int64_t upto, size_t max, struct search_event **out,
    size_t *n, bool *more, struct err *e) MUST_CHECK;

/* Unless the event was redacted meanwhile. */
bool search_put(struct db *db, int64_t nid, struct str stems, struct str marks, struct err *e) MUST_CHECK;
bool search_remove(struct db *db, int64_t nid, struct err *e) MUST_CHECK;

#define SEARCH_RANKED 20000		/* the newest hits, of which the closest are found */
struct search_query {
	struct str expression;
	struct str user;		/* hits in rooms that they are or were in and have not forgotten */
	bool by_rank;			/* the closest first; else the newest */
	int64_t look;			/* hits of anybody's rooms that are looked at for them */
};
bool search_find(struct db *db, struct arena *a, const struct search_query *q, size_t max, struct search_hit **out,
    size_t *n, struct err *e) MUST_CHECK;

#endif
