/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables event, relation and event_txn. */
#ifndef STORE_Q_EVENT_H
#define STORE_Q_EVENT_H

#include "store/statetree.h"

struct event_row {
	int64_t nid, room, seq, pos, depth, ts;
	unsigned flags;
	struct str event_id, type, state_key, sender, redacted_by, json;
	bool is_state;
	struct state_root state;	/* before it, by the graph */
	struct state_root shown;	/* of the room when it came: mostly the same */
};

/* A list of rows in an arena. */
struct event_rows {
	struct event_row *at;
	size_t n;
};

bool event_row_insert(struct db *db, const struct event_row *x, struct err *e) MUST_CHECK;
bool event_row_by_id(struct db *db, struct arena *a, struct str event_id, struct event_row *out, bool *found, struct err *e) MUST_CHECK;
bool event_row_by_nid(struct db *db, struct arena *a, int64_t nid, struct event_row *out, bool *found, struct err *e) MUST_CHECK;
/*
 * Gives an event that was stored without a place (seq 0) or without a state a
 * place: seq, pos, state, shown and those flags that say where it stands are set.
 */
bool event_row_place(struct db *db, const struct event_row *x, struct err *e) MUST_CHECK;
/* The least seq of a room's timeline; 1 when it has none. */
bool event_first_seq(struct db *db, int64_t room, int64_t *seq, struct err *e) MUST_CHECK;

/* Events that are named as previous and are not here. */
bool gap_add(struct db *db, int64_t room, struct str missing, int64_t event, struct err *e) MUST_CHECK;
bool gap_close(struct db *db, int64_t room, struct str missing, struct err *e) MUST_CHECK;
bool gap_known(struct db *db, int64_t room, struct str missing, bool *out, struct err *e) MUST_CHECK;
/* Ids of events of the timeline up to that seq whose previous events are missing, the newest first, at most max. */
bool gaps_before(struct db *db, struct arena *a, int64_t room, int64_t seq, size_t max,
    struct str **out, size_t *n, struct err *e) MUST_CHECK;

/* seq in [from, to], newest first when back, at most max. */
bool event_rows_range(struct db *db, struct arena *a, int64_t room, int64_t from, int64_t to, bool back, size_t max,
    struct event_rows *out, struct err *e) MUST_CHECK;
/* pos of the event at that seq; 0: none. */
bool event_pos_at(struct db *db, int64_t room, int64_t seq, int64_t *pos, struct err *e) MUST_CHECK;
bool event_last_seq(struct db *db, int64_t room, int64_t *seq, int64_t *pos, int64_t *depth, struct err *e) MUST_CHECK;
/* Puts the redacted text in place and names the redaction. */
bool event_redact_row(struct db *db, int64_t nid, struct str json, struct str redacted_by, unsigned flag, struct err *e) MUST_CHECK;
bool event_flag_set(struct db *db, int64_t nid, unsigned flag, struct err *e) MUST_CHECK;
/* Without its text. *nid 0: there is no such event in that room. */
bool event_in_room(struct db *db, struct str event_id, int64_t room, int64_t *nid, unsigned *flags, struct err *e) MUST_CHECK;

/* Where an event of the timeline stands. */
struct event_place {
	int64_t seq, nid, pos;
};
/* The places of the events after seq, in order. */
bool event_places_after(struct db *db, int64_t room, int64_t seq,
    void (*take)(void *arg, const struct event_place *p), void *arg, struct err *e) MUST_CHECK;
/* The event nearest to a place in time: after it or, when back, before it. nid 0: none. */
struct event_near {
	int64_t ts, seq;		/* in: the place; out: that of the event */
	int64_t nid;
};
bool event_near_ts(struct db *db, int64_t room, struct event_near *at, bool back, struct err *e) MUST_CHECK;

struct relation_row {
	int64_t event, room, seq;
	struct str parent, rel_type, type, sender, key;
};
bool relation_insert(struct db *db, const struct relation_row *x, struct err *e) MUST_CHECK;
bool relation_delete(struct db *db, int64_t event, struct err *e) MUST_CHECK;
bool annotation_exists(struct db *db, const struct relation_row *x, bool *exists, struct err *e) MUST_CHECK;
/* Relations of a parent within its room; rel_type and type empty: any. seq in (after, before) in the direction asked, at most max. */
bool relation_list(struct db *db, struct arena *a, int64_t room, struct str parent, struct str rel_type, struct str type,
    int64_t after, int64_t before, bool back, size_t max, struct relation_row **out, size_t *n, struct err *e) MUST_CHECK;

/* The same, with what relates to those, RELATION_DEPTH steps from the parent at most. */
#define RELATION_DEPTH 3
bool relation_tree(struct db *db, struct arena *a, int64_t room, struct str parent, struct str rel_type, struct str type,
    int64_t after, int64_t before, bool back, size_t max, struct relation_row **out, size_t *n, struct err *e) MUST_CHECK;
/*
 * Threads of a room whose newest event has a seq of at most `from`, newest
 * first: event is the root's nid, parent its id, seq that of the newest event.
 * who: only those that this user has written in; empty: all.
 */
bool thread_list(struct db *db, struct arena *a, int64_t room, struct str who, int64_t from, size_t max,
    struct relation_row **out, size_t *n, struct err *e) MUST_CHECK;

/* The newest edits of parent by its sender and of its type, in its room: those of others are none. */
#define RELATION_EDITS_MAX 20
bool relation_edits(struct db *db, const struct relation_row *of, int64_t events[RELATION_EDITS_MAX], size_t *n, struct err *e) MUST_CHECK;

bool event_txn_find(struct db *db, struct arena *a, struct str user, struct str device, struct str place, struct str txn,
    struct str *event_id, struct err *e) MUST_CHECK;	/* empty: not there */
bool event_txn_add(struct db *db, struct str user, struct str device, struct str place, struct str txn,
    struct str event_id, int64_t now_ms, struct err *e) MUST_CHECK;

#endif
