/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one request discloses, gathered while its reply is written (api/res.c
 * and the handlers beside it are the only callers of seen_*), and given to the
 * ledger before the reply leaves. Events and state are exact sets, kept as
 * ranges: of the room's order (seq) for its timeline, of the store's numbers
 * (nid) for its state.
 */
#ifndef GUARD_SEEN_H
#define GUARD_SEEN_H

#include "base/arena.h"
#include "base/json.h"

enum seen_kind {
	SEEN_EVENTS,		/* room; ranges of seq */
	SEEN_STATE,		/* room; ranges of nid: state and member events, and those outside of the timeline */
	SEEN_STRIPPED,		/* room; ranges of nid: name, topic, ... to one who is not in it */
	SEEN_MEDIA,		/* media: "server/id", first..last byte, bytes */
	SEEN_PROFILE,		/* object: user id */
	SEEN_DIRECTORY,		/* object: the query; first..last row; rows: room ids */
	SEEN_USERS,		/* object: the search term; rows: user ids */
	SEEN_DEVICES,		/* object: user id whose devices and names were shown; count */
	SEEN_TO_DEVICE,		/* count of messages, without their content */
	SEEN_ROOM_KEYS,		/* object: backup version; count */
	SEEN_ACCOUNT,		/* admin view of an account; object: user id */
	SEEN_NKINDS
};

struct seen_range {
	int64_t first, last;
};

struct seen_item {
	enum seen_kind kind;
	struct str object;	/* room id, media, user id, query; clipped to 255 bytes */
	int64_t first, last, count, bytes;	/* of a set: least, greatest, how many were shown */
	struct seen_range *range;		/* sets; after seen_finish ascending and apart */
	size_t nrange, cap_range;
	struct str *row;			/* who or what the rows of an answer were */
	size_t nrow, cap_row;
};

struct seen {
	struct arena *a;
	struct seen_item *item;
	size_t n, cap;
};

void seen_init(struct seen *s, struct arena *a);
void seen_reset(struct seen *s);
/* One event of a room's timeline, in any order. */
void seen_event(struct seen *s, struct str room_id, int64_t seq);
/* One event of a room's state. */
void seen_state(struct seen *s, struct str room_id, int64_t nid);
/* One event of the state that those see who are not in the room. */
void seen_stripped(struct seen *s, struct str room_id, int64_t nid);
void seen_add(struct seen *s, enum seen_kind kind, struct str object, int64_t first, int64_t last, int64_t count, int64_t bytes);
/* Names one more row of the item added last: a user id, a room id. */
void seen_row(struct seen *s, struct str row);
/* Sorts and merges the ranges, whose order no longer matters. Twice is harmless. */
void seen_finish(struct seen *s);
struct str seen_kind_name(enum seen_kind k);
bool seen_is_set(enum seen_kind k);		/* items of it carry ranges */

#endif
