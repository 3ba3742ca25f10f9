/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Rooms and events as the server holds them: a cache over the store, with the
 * current state, membership and the recent timeline of each room in memory.
 * What is handed out is referenced until the ctx's arena ends.
 *
 * threads: all. A room's writes are serialised by its write lock (send.c,
 * persist.c); readers take short locks inside room.c only.
 */
#ifndef CORE_ROOM_H
#define CORE_ROOM_H

#include "core/ctx.h"
#include "room/auth.h"
#include "room/event.h"
#include "room/power.h"
#include "room/visible.h"
#include "store/statetree.h"

enum event_flags {
	EVENT_F_REJECTED = 1, EVENT_F_SOFT_FAILED = 2, EVENT_F_OUTLIER = 4,
	EVENT_F_REDACTED = 8,
	EVENT_F_RELATED = 16		/* other events relate to it: look for aggregations */
};

/* A stored event: immutable and shared. A redaction makes a new one in its place. */
struct sev {
	int64_t nid;
	int64_t room;			/* nid of the room */
	int64_t seq;			/* place in the room's order; 0 for outliers (no event has seq 0) */
	int64_t pos;			/* place in the stream */
	unsigned flags;
	struct state_root state;	/* before it, by the graph */
	struct state_root shown;	/* of the room, when it came into the timeline: what readers had until then */
	struct event ev;		/* the view; ev.json is the whole tree */
	struct str text;		/* as stored */
	struct str client;		/* event_write_client()'s text: to be completed with unsigned, room_id and '}' */
	struct str redacted_by;		/* event id of the redaction, or empty */
	struct str prev_content;	/* JSON text of the content it replaced, state events only; or empty */
	struct str replaces;		/* event id it replaced, or empty */
	struct str txn_device, txn_id;	/* unsigned.transaction_id is for this device of the sender; empty when not known any more */
};

struct room;	/* opaque */

/* By room id. errors M_NOT_FOUND 404 unknown here. */
bool room_open(struct ctx *c, struct str room_id, struct room **out) MUST_CHECK;
/* These two give rooms too that this server has never been in: without a create event and a state. */
bool room_open_any(struct ctx *c, struct str room_id, struct room **out) MUST_CHECK;
bool room_open_nid(struct ctx *c, int64_t nid, struct room **out) MUST_CHECK;
struct str room_id(const struct room *r);
int64_t room_nid(const struct room *r);
const struct room_version *room_ver(const struct room *r);
const struct event *room_create_event(const struct room *r);

/* Current state. *out NULL: no such event. */
bool room_state(struct ctx *c, struct room *r, struct str type, struct str key, const struct sev **out) MUST_CHECK;
/* All current state, in no order. */
bool room_state_all(struct ctx *c, struct room *r, const struct sev *const **out, size_t *n) MUST_CHECK;
/* The current state events of one type, in no order; not of m.room.member. The list is the caller's. */
bool room_state_of_type(struct ctx *c, struct room *r, struct str type, const struct sev ***out, size_t *n) MUST_CHECK;
/* The root of the current state, and the newest seq and pos: one moment. */
struct room_head {
	struct state_root state;
	int64_t last_seq, last_pos, depth;
};
struct room_head room_head(struct room *r);
/*
 * The greatest position of anything new in the room: events, receipts, typing.
 * A writer raises it before the stream shows the position, so a reader who took
 * stream_now() first misses nothing.
 */
int64_t room_touched(struct room *r);
void room_touch(struct room *r, int64_t pos);
/* The seq before the oldest event: 0, or less where the past was fetched from others. */
int64_t room_floor(struct room *r);
/* For ordering rooms by what people said last: the position of that, as far as events up to *seq were looked at. */
void room_bump(struct room *r, int64_t *seq, int64_t *pos);
void room_bump_set(struct room *r, int64_t seq, int64_t pos);
bool room_power(struct ctx *c, struct room *r, struct power *out) MUST_CHECK;

/* One entry of the current members. */
struct member {
	struct str user;
	enum membership membership;
	int64_t event;			/* nid of the member event */
	int64_t pos;			/* of the change */
};
enum membership room_membership(struct room *r, struct str user);
struct room_counts {
	int64_t joined, invited;
};
struct room_counts room_counts(struct room *r);
/* mask: bits (1 << MEMBER_JOIN) ...; sorted by user id. */
bool room_members(struct ctx *c, struct room *r, unsigned mask, const struct member **out, size_t *n) MUST_CHECK;
/* errors M_FORBIDDEN unless the actor is joined */
bool room_must_be_in(struct ctx *c, struct room *r) MUST_CHECK;

/* Events. *out NULL: not known. */
bool event_find(struct ctx *c, struct str event_id, const struct sev **out) MUST_CHECK;
bool event_by_nid(struct ctx *c, int64_t nid, const struct sev **out) MUST_CHECK;
/* Many at once, in the order of nids; unknown ones are left out. */
bool events_by_nid(struct ctx *c, const int64_t *nids, size_t n, const struct sev ***out, size_t *nout) MUST_CHECK;
/* Timeline events with seq in [from, to], newest first when back; at most max; rejected and soft-failed ones left out. */
bool room_range(struct ctx *c, struct room *r, int64_t from, int64_t to, bool back, size_t max,
    const struct sev ***out, size_t *n) MUST_CHECK;
/* The greatest seq whose pos is <= pos (0: none): a sync token turned into a place in the room. */
bool room_seq_at(struct ctx *c, struct room *r, int64_t pos, int64_t *seq) MUST_CHECK;

/* State at an event: before it, or after it. *event 0: none there. */
bool state_before(struct ctx *c, const struct sev *ev, struct str type, struct str key, int64_t *event) MUST_CHECK;

/*
 * Of a user who is not joined: the event by which their last stay ended, and the
 * join before it. Both NULL: they were never in, as far as the last 200 changes
 * of their membership tell; "leave" alone does not say that somebody was in.
 */
bool room_departure(struct ctx *c, struct room *r, struct str user, const struct sev **left,
    const struct sev **joined) MUST_CHECK;

/*
 * Which of n events of one room may the user see? Marks keep[i]; by history
 * visibility and the user's membership at each event, memoised by state root.
 * spec: client-server, "Room History Visibility".
 */
bool room_visible(struct ctx *c, struct room *r, struct str user, const struct sev *const *ev, size_t n, bool *keep) MUST_CHECK;
/* Keeps those of ev that the user may see, in place. */
bool room_keep_visible(struct ctx *c, struct room *r, struct str user, const struct sev **ev, size_t *n) MUST_CHECK;
/*
 * unsigned.membership: what the user was in the room at an event of it, their
 * own member event included; "leave" when they had never been there.
 */
bool room_membership_at(struct ctx *c, struct room *r, struct str user, const struct sev *ev, struct str *out) MUST_CHECK;

#endif
