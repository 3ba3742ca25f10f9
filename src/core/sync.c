/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See sync.h. */
#include "core/outbound.h"
#include "core/sync.h"

#include "core/evcache.h"
#include "core/history.h"

#define LOOK_MAX 1000

bool
sync_was_joined(struct ctx *c, const struct user_membership *m, struct str user,
    bool *was)
{
	const struct sev *now, *old;
	int64_t before;

	*was = false;
	if (!event_by_nid(c, m->event, &now))
		return false;
	if (now == NULL)
		return true;
	if (!state_before(c, now, S("m.room.member"), user, &before))
		return false;
	if (before == 0)
		return true;
	if (!event_by_nid(c, before, &old))
		return false;
	*was = old != NULL && membership_of_event(&old->ev) == MEMBER_JOIN;
	return true;
}

static void
reverse(const struct sev **at, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		const struct sev *t = at[i];

		at[i] = at[n - 1 - i];
		at[n - 1 - i] = t;
	}
}

bool
sync_timeline(struct ctx *c, const struct sync_ask *ask, int64_t low, int64_t high,
    struct sync_room *out)
{
	const struct event_filter *f = &ask->filter->timeline;
	bool all = filter_all(f);
	int64_t at = high;
	size_t looked = 0;

	out->ev = arena_array(c->a, const struct sev *, ask->limit);
	out->prev_seq = high;
	while (at > low && out->nev < ask->limit && looked < LOOK_MAX) {
		const struct sev **ev;
		size_t n, want = ask->limit - out->nev;
		size_t got;

		if (!room_range(c, out->r, low + 1, at, true, want, &ev, &n))
			return false;
		if (n == 0) {
			at = low;
			break;
		}
		got = n;
		at = ev[n - 1]->seq - 1;
		if (!room_keep_visible(c, out->r, ask->user, ev, &n))
			return false;
		for (size_t i = 0; i < n; i++)
			if (all || filter_event(f, &ev[i]->ev))
				out->ev[out->nev++] = ev[i];
		looked += got;
	}
	out->limited = at > low;
	out->prev_seq = at > low ? at : low;
	reverse(out->ev, out->nev);
	return true;
}

bool
sync_state_at(struct ctx *c, struct room *r, int64_t seq, struct state_root *out)
{
	const struct sev **ev;
	size_t n;

	*out = room_head(r).state;
	if (!room_range(c, r, seq, seq, true, 1, &ev, &n))
		return false;
	if (n > 0)
		*out = ev[0]->shown;
	return true;
}

static bool
is_member_event(const struct sev *ev)
{
	return str_eq(ev->ev.type, S("m.room.member"));
}

/* With lazy members only those of the timeline's senders, and one's own. */
static bool
wanted(const struct sync_ask *ask, const struct sync_room *out,
    const struct sev *ev)
{
	if (!filter_event(&ask->filter->state, &ev->ev))
		return false;
	if (!ask->filter->state.lazy_members || !is_member_event(ev) ||
	    str_eq(ev->ev.state_key, ask->user))
		return true;
	for (size_t i = 0; i < out->nev; i++)
		if (str_eq(out->ev[i]->ev.sender, ev->ev.state_key))
			return true;
	return false;
}

static bool
take_state(struct ctx *c, const struct sync_ask *ask, const int64_t *nids,
    size_t n, struct sync_room *out)
{
	const struct sev **ev;
	size_t count;

	if (!events_by_nid(c, nids, n, &ev, &count))
		return false;
	out->state = arena_array(c->a, const struct sev *,
	    count + out->nev + 1);
	for (size_t i = 0; i < count; i++)
		if (wanted(ask, out, ev[i]))
			out->state[out->nstate++] = ev[i];
	return true;
}

/* Lazy members, incremental: the senders that the client may not know. */
static bool
add_senders(struct ctx *c, const struct sync_ask *ask, struct sync_room *out)
{
	const struct sev **who;
	size_t n;

	if (!ask->filter->state.lazy_members || out->nev == 0 ||
	    !filter_type_maybe(&ask->filter->state, S("m.room.member")))
		return true;
	if (!history_senders(c, out->r, out->ev, out->nev, &who, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool there = false;

		for (size_t k = 0; k < out->nstate && !there; k++)
			there = out->state[k]->nid == who[i]->nid;
		for (size_t k = 0; k < out->nev && !there; k++)
			there = out->ev[k]->nid == who[i]->nid;
		if (!there)
			out->state[out->nstate++] = who[i];
	}
	return true;
}

/*
 * Where branches met, state may have changed by an event that is in no timeline
 * of now: it came earlier, and won only now. Such events are told as state.
 */
static bool
resolved_part(struct ctx *c, const struct sync_room *out, int64_t **added,
    size_t *n)
{
	struct state_root now = room_head(out->r).state;
	int64_t *at, *gone;
	size_t count, ngone;

	if (!state_diff(c->db, &out->ev[0]->shown, &now, c->a, &at, &count,
	    &gone, &ngone, &c->err))
		return false;
	for (size_t i = 0; i < count; i++) {
		bool shown = false;

		for (size_t k = 0; k < out->nev && !shown; k++)
			shown = out->ev[k]->nid == at[i];
		if (!shown)
			at[(*n)++] = at[i];
	}
	*added = at;
	return true;
}

/*
 * The difference between what the client knows (the state after `low`) and the
 * state at the start of the timeline; all of that state when it knows nothing.
 */
static bool
state_part(struct ctx *c, const struct sync_ask *ask, int64_t low,
    struct sync_room *out)
{
	struct state_root start, known;
	int64_t *added, *gone, first = out->prev_seq + 1;
	size_t n, ngone;

	if (out->nev > 0 && out->ev[0]->seq == first)
		start = out->ev[0]->shown;
	else if (!sync_state_at(c, out->r, first, &start))
		return false;
	if (out->whole) {
		if (!state_all(c->db, &start, c->a, &added, &n, &c->err))
			return false;
		return take_state(c, ask, added, n, out);
	}
	added = NULL;
	n = 0;
	if (first != low + 1 && (!sync_state_at(c, out->r, low + 1, &known) ||
	    !state_diff(c->db, &known, &start, c->a, &added, &n, &gone,
	    &ngone, &c->err)))
		return false;
	if (first == low + 1 && out->nev > 0 &&
	    outbound_is_federated(room_nid(out->r)) &&
	    !resolved_part(c, out, &added, &n))
		return false;
	return take_state(c, ask, added, n, out) && add_senders(c, ask, out);
}

static void
note_members(struct sync_room *out)
{
	out->members_changed = out->whole;
	for (size_t i = 0; i < out->nev; i++)
		if (out->ev[i]->ev.is_state && is_member_event(out->ev[i]))
			out->members_changed = true;
	for (size_t i = 0; i < out->nstate; i++)
		if (is_member_event(out->state[i]))
			out->members_changed = true;
}

static bool
delta(struct ctx *c, const struct sync_ask *ask, int64_t high,
    struct sync_room *out)
{
	int64_t low = 0;
	bool gap;

	if (ask->since > 0 && !room_seq_at(c, out->r, ask->since, &low))
		return false;
	gap = out->whole && low > 0;
	if (out->whole && !ask->full_state)
		low = 0;
	if (low > high)
		low = high;
	if (!sync_timeline(c, ask, low, high, out))
		return false;
	/* Joined anew: what the client may have kept of an earlier stay does not join on. */
	out->limited = out->limited || gap;
	if (ask->full_state)
		out->whole = true;
	if (!state_part(c, ask, low, out))
		return false;
	note_members(out);
	return true;
}

bool
sync_joined(struct ctx *c, const struct sync_ask *ask,
    const struct user_membership *m, struct sync_room *out)
{
	int64_t high;
	bool was = true;

	*out = (struct sync_room){ .whole = ask->since == 0 };
	if (!room_open_nid(c, m->room, &out->r) ||
	    !room_seq_at(c, out->r, ask->now, &high))
		return false;
	if (!out->whole && m->pos > ask->since) {
		if (!sync_was_joined(c, m, ask->user, &was))
			return false;
		out->whole = !was;
	}
	return delta(c, ask, high, out);
}

/* With room for one more. */
static const struct sev **
with_one(struct arena *a, const struct sev *const *ev, size_t n,
    const struct sev *more)
{
	const struct sev **at = arena_array(a, const struct sev *, n + 1);

	for (size_t i = 0; i < n; i++)
		at[i] = ev[i];
	at[n] = more;
	return at;
}

/*
 * The user's own member event, if it is not there: at the end of the timeline,
 * or in the state for a client that wants no timeline; if the filter wants it.
 */
static bool
add_own(struct ctx *c, const struct sync_ask *ask,
    const struct user_membership *m, struct sync_room *out)
{
	const struct sev *own;

	if (!event_by_nid(c, m->event, &own))
		return false;
	for (size_t i = 0; i < out->nev; i++)
		if (out->ev[i]->nid == m->event)
			return true;
	for (size_t i = 0; i < out->nstate; i++)
		if (out->state[i]->nid == m->event)
			return true;
	if (own == NULL)
		return true;
	if (ask->limit > 0 && filter_event(&ask->filter->timeline, &own->ev))
		out->ev = with_one(c->a, out->ev, out->nev++, own);
	else if (ask->limit == 0 && filter_event(&ask->filter->state, &own->ev))
		out->state = with_one(c->a, out->state, out->nstate++, own);
	return true;
}

/*
 * "leave" and "ban" also stand for an invitation refused, a knock withdrawn and
 * what was done after somebody had left: the room is shown as far as the user
 * was in it, and of what came later only what became of them.
 */
bool
sync_left(struct ctx *c, const struct sync_ask *ask,
    const struct user_membership *m, struct sync_room *out)
{
	const struct sev *left, *joined;

	*out = (struct sync_room){ .whole = ask->since == 0 };
	if (!room_open_nid(c, m->room, &out->r) ||
	    !room_departure(c, out->r, ask->user, &left, &joined))
		return false;
	out->prev_seq = m->seq - 1;
	if (left != NULL && left->pos > ask->since &&
	    !delta(c, ask, left->seq, out))
		return false;
	return add_own(c, ask, m, out);
}

bool
sync_heroes(struct ctx *c, struct room *r, struct str user, struct str out[5],
    size_t *n)
{
	const struct member *m;
	size_t count, found = 0;

	if (!room_members(c, r, 1U << MEMBER_JOIN | 1U << MEMBER_INVITE, &m,
	    &count))
		return false;
	for (size_t i = 0; i < count && found < 5; i++)
		if (!str_eq(m[i].user, user))
			out[found++] = m[i].user;
	if (found == 0) {
		if (!room_members(c, r, 1U << MEMBER_LEAVE | 1U << MEMBER_BAN,
		    &m, &count))
			return false;
		for (size_t i = 0; i < count && found < 5; i++)
			if (!str_eq(m[i].user, user))
				out[found++] = m[i].user;
	}
	*n = found;
	return true;
}
