/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables room, room_state, room_alias, and membership by room. */
#ifndef STORE_Q_ROOM_H
#define STORE_Q_ROOM_H

#include "room/visible.h"
#include "store/statetree.h"

struct room_row {
	int64_t nid;
	struct str room_id, version, ends;
	bool published, blocked;
	struct state_root state;
};

bool room_row_find(struct db *db, struct arena *a, struct str room_id, struct room_row *out, bool *found, struct err *e) MUST_CHECK;
bool room_row_find_nid(struct db *db, struct arena *a, int64_t nid, struct room_row *out, bool *found, struct err *e) MUST_CHECK;
bool room_row_insert(struct db *db, int64_t nid, struct str room_id, struct str version, int64_t now_ms, struct err *e) MUST_CHECK;
/* The current state and the forward extremities, after an event. */
bool room_row_head(struct db *db, int64_t nid, const struct state_root *state, struct str ends, struct err *e) MUST_CHECK;
bool room_row_publish(struct db *db, int64_t nid, bool published, struct err *e) MUST_CHECK;
/* Nids of published rooms. */
bool rooms_published(struct db *db, struct arena *a, int64_t **out, size_t *n, struct err *e) MUST_CHECK;

struct state_row {
	struct str type, key;
	int64_t event;
};
/* In a transaction: takes a place out of the current state. */
bool room_state_del(struct db *db, int64_t room, struct str type, struct str key, struct err *e) MUST_CHECK;
/* Current state but for members. */
bool room_state_list(struct db *db, struct arena *a, int64_t room, struct state_row **out, size_t *n, struct err *e) MUST_CHECK;
bool room_state_put(struct db *db, int64_t room, struct str type, struct str key, int64_t event, struct err *e) MUST_CHECK;

struct member_row {
	struct str user;
	enum membership membership;
	int64_t event, seq, pos;
};
bool members_of_room(struct db *db, struct arena *a, int64_t room, struct member_row **out, size_t *n, struct err *e) MUST_CHECK;
/* A change of membership; a join, an invite or a knock undoes forgetting. */
bool member_put(struct db *db, int64_t room, const struct member_row *m, struct err *e) MUST_CHECK;
bool member_del(struct db *db, int64_t room, struct str user, struct err *e) MUST_CHECK;
bool member_forget(struct db *db, int64_t room, struct str user, struct err *e) MUST_CHECK;
bool member_forgotten(struct db *db, int64_t room, struct str user, bool *out, struct err *e) MUST_CHECK;

/* What a user was shown of a room that this server is not in: a JSON array. Empty: nothing. */
bool stripped_put(struct db *db, int64_t room, struct str user, struct str state, struct err *e) MUST_CHECK;
bool stripped_get(struct db *db, struct arena *a, int64_t room, struct str user, struct str *out, struct err *e) MUST_CHECK;

struct alias_row {
	struct str alias, creator;
	int64_t room;
};
bool alias_find(struct db *db, struct arena *a, struct str alias, struct alias_row *out, bool *found, struct err *e) MUST_CHECK;
bool alias_insert(struct db *db, const struct alias_row *x, int64_t now_ms, bool *fresh, struct err *e) MUST_CHECK;
bool alias_delete(struct db *db, struct str alias, struct err *e) MUST_CHECK;
bool aliases_of_room(struct db *db, struct arena *a, int64_t room, struct str **out, size_t *n, struct err *e) MUST_CHECK;
/* Gives one room's aliases and its place in the directory to another. */
bool room_row_move_names(struct db *db, int64_t from, int64_t to, struct err *e) MUST_CHECK;

#endif
