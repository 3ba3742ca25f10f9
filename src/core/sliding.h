/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sliding sync: the rooms of a user, filtered and in order of recency, windows
 * upon them, and what one room brings since it was last sent on a connection.
 * spec: MSC4186 (simplified sliding sync). What /sync does: sync.h.
 */
#ifndef CORE_SLIDING_H
#define CORE_SLIDING_H

#include "core/sliding_ask.h"
#include "core/sliding_conn.h"
#include "core/sync.h"

/* One room of the user. */
struct sliding_room {
	struct user_membership m;
	struct room *r;
	int64_t bump;			/* position of what people said last */
	bool newly_left;
	bool in_window, subscribed;	/* wanted now, and how: */
	struct sliding_want want;
};

struct sliding_rooms {
	struct sliding_room *at;	/* newest first */
	size_t n;
	const struct json *direct;	/* content of m.direct, or NULL */
};

/* All that may be in lists: joined, invited, knocked, and left since that position. */
bool sliding_rooms(struct ctx *c, int64_t since, int64_t now, struct sliding_rooms *out) MUST_CHECK;
/*
 * Marks those in the windows of the list as wanted; *count is how many pass its
 * filter in all. member: a flag for each room, set for those in a window.
 */
bool sliding_window(struct ctx *c, struct sliding_rooms *x, const struct sliding_list *list, int64_t *count,
    bool *member) MUST_CHECK;
/* Marks a room that is asked for by its id; one that the user is not in is passed over. *at: its index, or SIZE_MAX. */
void sliding_subscribe(struct ctx *c, struct sliding_rooms *x, const struct sliding_room_ask *ask, size_t *at);
bool sliding_is_direct(const struct sliding_rooms *x, struct str room_id);

/* What one room brings. */
struct sliding_delta {
	struct sync_room room;		/* timeline and state */
	bool initial;			/* everything of the room */
	bool expanded;			/* a longer timeline than before */
	bool stripped;			/* an invitation or knock: state is what may be known of it */
	bool facts;			/* name, picture or members may have changed */
	int64_t live;			/* events at the timeline's end that are new since */
	bool found;			/* there is something to tell */
};
/* since: the client's position. sent: what it has of the room, or NULL. */
bool sliding_delta(struct ctx *c, const struct sliding_room *x, const struct sliding_conn *conn,
    const struct sliding_sent *sent, int64_t since, int64_t now, struct sliding_delta *out) MUST_CHECK;

#endif
