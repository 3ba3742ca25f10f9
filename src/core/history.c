/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See history.h. */
#include "core/history.h"

#include "base/map.h"
#include "core/evcache.h"
#include "store/q_event.h"
#include "store/q_room.h"

#include <string.h>

#define LOOK_MAX 2000			/* events looked at for one page */

static bool
is_world_readable(struct ctx *c, struct room *r, bool *out)
{
	const struct sev *ev;

	if (!room_state(c, r, S("m.room.history_visibility"), S(""), &ev))
		return false;
	*out = ev != NULL && history_of_event(&ev->ev) == HISTORY_WORLD;
	return true;
}

bool
history_may_read(struct ctx *c, struct room *r)
{
	const struct sev *left, *joined;
	bool world, forgotten = false;

	if (room_membership(r, c->who.user) == MEMBER_JOIN)
		return true;
	if (!room_departure(c, r, c->who.user, &left, &joined) ||
	    !is_world_readable(c, r, &world) || (left != NULL &&
	    !member_forgotten(c->db, room_nid(r), c->who.user, &forgotten,
	    &c->err)))
		return false;
	return (left != NULL && !forgotten) || world ||
	    fail(&c->err, M_FORBIDDEN, "You are not in this room");
}

/* Those of ev that the actor may see and the filter wants; gives their number. */
static bool
keep_visible(struct ctx *c, struct room *r, const struct event_filter *f,
    const struct sev **ev, size_t *n)
{
	size_t kept = 0;

	if (!room_keep_visible(c, r, c->who.user, ev, n))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (filter_event(f, &ev[i]->ev))
			ev[kept++] = ev[i];
	*n = kept;
	return true;
}

bool
history_page(struct ctx *c, struct room *r, const struct history_ask *ask,
    struct history_page *out)
{
	int64_t last = room_head(r).last_seq, at = ask->from, looked = 0;
	int64_t stop = ask->has_to ? ask->to : ask->back ? room_floor(r) : last;
	size_t want = ask->limit;

	out->ev = arena_array(c->a, const struct sev *, want);
	out->n = 0;
	if (at > last)
		at = last;
	while (out->n < want && looked < LOOK_MAX &&
	    (ask->back ? at > stop : at < stop)) {
		const struct sev **ev;
		size_t n, got, room = want - out->n;
		int64_t end;

		if (!room_range(c, r, ask->back ? stop + 1 : at + 1,
		    ask->back ? at : stop, ask->back, room, &ev, &n))
			return false;
		got = n;
		end = stop;
		if (n > 0 && n == room)
			end = ask->back ? ev[n - 1]->seq - 1 : ev[n - 1]->seq;
		if (!keep_visible(c, r, &ask->filter, ev, &n))
			return false;
		for (size_t i = 0; i < n; i++)
			out->ev[out->n++] = ev[i];
		looked += (int64_t)got;
		at = end;
	}
	out->end = at;
	out->more = ask->back ? at > stop : out->n > 0;
	return true;
}

bool
history_event(struct ctx *c, struct room *r, struct str event_id,
    const struct sev **out)
{
	bool keep = false;

	if (!event_find(c, event_id, out))
		return false;
	if (*out != NULL && (*out)->room == room_nid(r) &&
	    (sev_flags(*out) & (EVENT_F_REJECTED | EVENT_F_SOFT_FAILED)) == 0 &&
	    !room_visible(c, r, c->who.user, out, 1, &keep))
		return false;
	return keep || fail(&c->err, M_NOT_FOUND,
	    "There is no such event, or you may not see it");
}

bool
history_near(struct ctx *c, struct room *r, int64_t ts, bool back,
    const struct sev **out)
{
	struct event_near at = { .ts = ts, .seq = back ? INT64_MAX
	    : INT64_MIN };
	bool keep;

	for (int i = 0; i < LOOK_MAX; i++) {
		if (!event_near_ts(c->db, room_nid(r), &at, back, &c->err))
			return false;
		if (at.nid == 0)
			break;
		if (!event_by_nid(c, at.nid, out))
			return false;
		if (*out == NULL || (sev_flags(*out) & (EVENT_F_REJECTED |
		    EVENT_F_SOFT_FAILED)) != 0)
			continue;
		if (!room_visible(c, r, c->who.user, out, 1, &keep))
			return false;
		if (keep)
			return true;
	}
	return fail(&c->err, M_NOT_FOUND, "There is no event there");
}

bool
history_senders(struct ctx *c, struct room *r, const struct sev *const *ev,
    size_t n, const struct sev ***out, size_t *nout)
{
	const struct sev **at = arena_array(c->a, const struct sev *, n);
	struct map seen = { 0 };
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; i < n && ok; i++) {
		struct str who = ev[i]->ev.sender;

		if (map_get(&seen, who) != NULL)
			continue;
		map_put(&seen, who, c);
		ok = room_state(c, r, S("m.room.member"), who, &at[count]);
		if (ok && at[count] != NULL)
			count++;
	}
	map_done(&seen);
	*out = at;
	*nout = count;
	return ok;
}

/* The event by which the actor, who may read the room, left it; NULL: they did not. */
static bool
left_by(struct ctx *c, struct room *r, const struct sev **left)
{
	const struct sev *joined;

	*left = NULL;
	return history_may_read(c, r) &&
	    (room_membership(r, c->who.user) == MEMBER_JOIN ||
	    room_departure(c, r, c->who.user, left, &joined));
}

static bool
is_own_member(const struct ctx *c, struct str type, struct str key)
{
	return str_eq(type, S("m.room.member")) && str_eq(key, c->who.user);
}

bool
history_state(struct ctx *c, struct room *r, const struct sev *const **out,
    size_t *n)
{
	const struct sev *left, **ev;
	int64_t *nids;
	size_t count;

	if (!left_by(c, r, &left))
		return false;
	if (left == NULL)
		return room_state_all(c, r, out, n);
	if (!state_all(c->db, &left->state, c->a, &nids, &count, &c->err) ||
	    !events_by_nid(c, nids, count, &ev, n))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (is_own_member(c, ev[i]->ev.type, ev[i]->ev.state_key))
			ev[i] = left;
	*out = ev;
	return true;
}

bool
history_state_one(struct ctx *c, struct room *r, struct str type,
    struct str key, const struct sev **out)
{
	const struct sev *left;
	int64_t nid;

	*out = NULL;
	if (!left_by(c, r, &left))
		return false;
	if (left == NULL)
		return room_state(c, r, type, key, out);
	if (is_own_member(c, type, key)) {
		*out = left;
		return true;
	}
	return state_get(c->db, &left->state, type, key, &nid, &c->err) &&
	    (nid == 0 || event_by_nid(c, nid, out));
}

/* Is there an event at that place or before it, and may the actor see it? */
static bool
may_see_at(struct ctx *c, struct room *r, int64_t seq, bool *may)
{
	const struct sev **ev;
	size_t n;

	*may = false;
	if (!room_range(c, r, 1, seq, true, 1, &ev, &n))
		return false;
	return n == 0 || room_visible(c, r, c->who.user, ev, 1, may);
}

bool
history_state_at(struct ctx *c, struct room *r, int64_t seq,
    const struct sev *const **out, size_t *n)
{
	struct room_head head = room_head(r);
	struct state_root root = head.state;
	const struct sev **ev;
	int64_t *nids;
	size_t count;
	bool may;

	if (!history_may_read(c, r) || !may_see_at(c, r, seq, &may))
		return false;
	if (!may || seq >= head.last_seq)
		return history_state(c, r, out, n);
	if (!room_range(c, r, seq + 1, head.last_seq, false, 1, &ev, &count))
		return false;
	if (count > 0)
		root = ev[0]->shown;
	if (!state_all(c->db, &root, c->a, &nids, &count, &c->err) ||
	    !events_by_nid(c, nids, count, &ev, n))
		return false;
	*out = ev;
	return true;
}
