/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one request discloses, gathered while its reply is written (api/res.c is
 * the only caller of seen_*), and given to the ledger before the reply leaves.
 * Contiguous events of a room become one range.
 */
#ifndef GUARD_SEEN_H
#define GUARD_SEEN_H

#include "base/arena.h"
#include "base/json.h"

enum seen_kind {
	SEEN_EVENTS,		/* room, first..last seq, count (of events in the range) */
	SEEN_STATE,		/* room, count: state or member events, with first..last nid */
	SEEN_STRIPPED,		/* room: name, topic, ... to one who is not in it */
	SEEN_MEDIA,		/* media: "server/id", bytes */
	SEEN_PROFILE,		/* object: user id */
	SEEN_DIRECTORY,		/* object: the query; count of rows */
	SEEN_USERS,		/* object: the search term; count of rows */
	SEEN_DEVICES,		/* object: user id whose devices and names were shown; count */
	SEEN_TO_DEVICE,		/* count of messages, without their content */
	SEEN_ROOM_KEYS,		/* object: backup version; count */
	SEEN_ACCOUNT,		/* admin view of an account; object: user id */
	SEEN_NKINDS
};

struct seen_item {
	enum seen_kind kind;
	struct str object;	/* room id, media, user id, query; clipped to 255 bytes */
	int64_t first, last, count, bytes;
};

struct seen {
	struct arena *a;
	struct seen_item *item;
	size_t n, cap;
};

void seen_init(struct seen *s, struct arena *a);
void seen_reset(struct seen *s);
/* One event of a room's timeline; merges with the last range when seq follows it (either way). */
void seen_event(struct seen *s, struct str room_id, int64_t seq);
/* One event of a room's state; those of one room that follow each other become one item with count, least and greatest nid. */
void seen_state(struct seen *s, struct str room_id, int64_t nid);
void seen_add(struct seen *s, enum seen_kind kind, struct str object, int64_t first, int64_t last, int64_t count, int64_t bytes);
struct str seen_kind_name(enum seen_kind k);

#endif
