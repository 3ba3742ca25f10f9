/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A room in memory, as only room.c, room_load.c and persist.c know it. It knows
 * its events by number; the events are evcache.c's, which has a budget of its own.
 *
 * Two locks: `write` serialises those who add events, across their commit;
 * `lock` guards the fields, for short reads and for the moment after a commit.
 */
#ifndef CORE_ROOM_IMPL_H
#define CORE_ROOM_IMPL_H

#include "base/map.h"
#include "core/evcache.h"
#include "core/room.h"
#include "store/q_event.h"
#include "store/q_room.h"

#include <pthread.h>

#define RING 64
#define ENDS_MAX 20

/* One place of the current state but members. The key of the map is "type NUL key". */
struct place {
	int64_t event;
	uint32_t type_n, key_n;
	char bytes[];			/* type NUL key */
};

struct room_member {
	int64_t event, seq, pos;
	enum membership membership;
	uint32_t user_n;
	char user[];
};

struct end {
	int64_t nid;
	size_t n;
	char id[256];
};

struct room {
	struct room *older, *newer;	/* the cache's list */
	int refs;			/* atomic; the cache has one */
	int64_t nid;
	struct str id;
	char *id_bytes;
	const struct room_version *v;
	const struct sev *create;	/* NULL while the room is being made, or when this server has never been in it */
	pthread_mutex_t write, lock;

	/* under lock */
	struct map places;		/* -> struct place */
	struct map members;		/* user -> struct room_member */
	int64_t joined, invited;
	struct room_head head;
	int64_t touched;		/* greatest position of anything of the room: events, receipts, typing */
	int64_t first_seq;		/* the oldest event's: below 1 when the past was fetched */
	int64_t bump_seq, bump_pos;	/* see room_bump */
	struct end end[ENDS_MAX];
	size_t nends;
	struct event_place ring[RING];	/* the newest events: the one with seq s is at s % RING */
	size_t bytes;			/* atomic */
	size_t counted;			/* of them, what the cache has counted; under its lock */
};

struct room *room_alloc(int64_t nid, struct str id, const struct room_version *v);
/* One that the cache does not know; held by the ctx. */
struct room *room_new_held(struct ctx *c, struct str id, const struct room_version *v);
void room_unref(struct room *r);
/* Loads what the store has. */
bool room_load(struct ctx *c, struct room *r, const struct room_row *row) MUST_CHECK;
/* NULL: that room is not in memory. */
const struct room_version *room_cached_version(int64_t nid);
/* Enters a room made by this thread into the cache; it has been committed. */
void room_cache_add(struct room *r);

/* The past goes back to there. */
void room_first(struct room *r, int64_t seq);
/* With the lock held: */
void room_set_place(struct room *r, struct str type, struct str key, int64_t event);
void room_set_member(struct room *r, const struct member_row *m);
struct place *room_place(struct room *r, struct str type, struct str key);
struct room_member *room_find_member(struct room *r, struct str user);

void room_cache_start(size_t bytes_max);
size_t room_cache_bytes(void);
void room_cache_stop(void);

#endif
