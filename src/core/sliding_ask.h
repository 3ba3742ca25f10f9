/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a client asks of sliding sync, read from its JSON. Pure.
 * spec: MSC4186 (simplified sliding sync).
 */
#ifndef CORE_SLIDING_ASK_H
#define CORE_SLIDING_ASK_H

#include "base/json.h"

#define SLIDING_LISTS_MAX 50
#define SLIDING_RANGES_MAX 20
#define SLIDING_ROOMS_MAX 200
#define SLIDING_NEED_MAX 200
#define SLIDING_NAMES_MAX 100
#define SLIDING_LIMIT_MAX 100		/* of a timeline; more is clipped */

/* One of required_state: "*" stands for any; $ME is filled in. */
struct sliding_pair {
	struct str type, key;
};

struct sliding_need {
	struct sliding_pair *at;
	size_t n;
	bool lazy;			/* m.room.member of $LAZY */
};

/* How a room is wanted. */
struct sliding_want {
	int64_t limit;			/* of the timeline */
	struct sliding_need need;
};

struct sliding_range {
	int64_t first, last;		/* both inclusive */
};

struct sliding_filter {
	int is_dm, is_encrypted, is_invite;	/* -1: not asked */
	const struct json *types, *not_types;	/* arrays of strings and null, or NULL */
	const struct json *tags, *not_tags, *spaces;	/* arrays of strings, or NULL */
	struct str name_like;			/* empty: not asked */
};

struct sliding_list {
	struct str name;
	struct sliding_range range[SLIDING_RANGES_MAX];
	size_t nranges;
	struct sliding_want want;
	struct sliding_filter filter;
};

struct sliding_room_ask {
	struct str room_id;
	struct sliding_want want;
};

/* An extension that is told of rooms: those of the lists and subscriptions named, or of all. */
struct sliding_ext {
	bool on;
	const struct json *lists, *rooms;	/* arrays of strings, or NULL: all */
};

struct sliding_ask {
	struct str conn, txn;
	struct sliding_list *list;
	size_t nlists;
	struct sliding_room_ask *room;
	size_t nrooms;
	bool to_device, e2ee;
	struct str to_device_since;
	int64_t to_device_limit;
	bool sticky;			/* MSC4480 */
	struct str sticky_since;	/* empty: since the connection's position */
	struct sliding_ext account_data, receipts, typing;
	uint64_t mark;			/* tells this asking from another, but for txn and to_device */
};

/*
 * errors  M_BAD_JSON 400 a wrong type; M_INVALID_PARAM 400 a range that ends
 *         before it begins, or more of something than its _MAX
 */
bool sliding_read(struct arena *a, const struct json *body, struct str user, struct sliding_ask *out, struct err *e) MUST_CHECK;
/* The wider of two: what a room wants that is in several lists. */
struct sliding_want sliding_widest(struct arena *a, const struct sliding_want *x, const struct sliding_want *y);
/* Does it ask for that state event? The lazy ones aside. */
bool sliding_needs(const struct sliding_need *need, struct str type, struct str key);
/* As text that tells one from another: pairs in their order. */
struct str sliding_need_text(struct arena *a, const struct sliding_need *need);

#endif
