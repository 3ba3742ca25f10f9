/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What one room brings in sliding sync. See sliding.h. */
#include "core/sliding.h"

#include "core/evcache.h"
#include "core/history.h"
#include "core/member.h"

/* Adds events that are not there yet. */
struct gather {
	const struct sev **at;
	size_t n, cap;
};

static void
add(struct ctx *c, struct gather *g, const struct sev *ev)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->at[i]->nid == ev->nid)
			return;
	g->at = arena_more(c->a, g->at, g->n, &g->cap, sizeof(*g->at));
	g->at[g->n++] = ev;
}

static bool
has_star(const struct sliding_need *need)
{
	for (size_t i = 0; i < need->n; i++)
		if (str_eq(need->at[i].type, S("*")) ||
		    str_eq(need->at[i].key, S("*")))
			return true;
	return false;
}

/* The state that is needed, of a room as the user may see it. */
static bool
whole_state(struct ctx *c, const struct sliding_room *x,
    const struct sliding_need *need, struct gather *g)
{
	const struct sev *const *all, *one;
	size_t n;

	if (x->m.membership == MEMBER_JOIN && !has_star(need)) {
		for (size_t i = 0; i < need->n; i++) {
			if (!room_state(c, x->r, need->at[i].type,
			    need->at[i].key, &one))
				return false;
			if (one != NULL)
				add(c, g, one);
		}
		return true;
	}
	if (need->n == 0)
		return true;
	if (!history_state(c, x->r, &all, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (sliding_needs(need, all[i]->ev.type, all[i]->ev.state_key))
			add(c, g, all[i]);
	return true;
}

static bool
is_fact(const struct sev *ev)
{
	return str_eq(ev->ev.type, S("m.room.name")) ||
	    str_eq(ev->ev.type, S("m.room.avatar")) ||
	    str_eq(ev->ev.type, S("m.room.canonical_alias")) ||
	    str_eq(ev->ev.type, S("m.room.member"));
}

/* What changed in the state since the event with that seq. */
static bool
changed_state(struct ctx *c, const struct sliding_room *x, int64_t low,
    struct gather *g, struct sliding_delta *out)
{
	struct state_root then, now = room_head(x->r).state;
	int64_t *nids, *gone;
	const struct sev **ev;
	size_t n, ngone;

	if (!sync_state_at(c, x->r, low + 1, &then) ||
	    !state_diff(c->db, &then, &now, c->a, &nids, &n, &gone, &ngone,
	    &c->err) || !events_by_nid(c, nids, n, &ev, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		out->facts = out->facts || is_fact(ev[i]);
		if (sliding_needs(&x->want.need, ev[i]->ev.type,
		    ev[i]->ev.state_key))
			add(c, g, ev[i]);
	}
	return true;
}

static bool
lazy_members(struct ctx *c, const struct sliding_room *x, struct gather *g,
    const struct sync_room *room)
{
	const struct sev **who;
	size_t n;

	if (!x->want.need.lazy || room->nev == 0)
		return true;
	if (!history_senders(c, x->r, room->ev, room->nev, &who, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		add(c, g, who[i]);
	return true;
}

/* Of what was not needed before, all that there is now. */
static bool
added_state(struct ctx *c, const struct sliding_room *x, struct str before,
    struct gather *g)
{
	struct sliding_need new = { arena_array(c->a, struct sliding_pair,
	    x->want.need.n), 0, false };
	struct sliding_need old;
	struct json v;

	/* The text is what sliding_need_text wrote: pairs, and [] for lazy. */
	if (!json_parse(c->a, before, JSON_ANY, &v, &c->err))
		return false;
	old = (struct sliding_need){ arena_array(c->a, struct sliding_pair,
	    v.n), 0, false };
	for (uint32_t i = 0; i < v.n; i++)
		if (v.at[i].type == JSON_ARR && v.at[i].n == 2)
			old.at[old.n++] = (struct sliding_pair){
				v.at[i].at[0].s, v.at[i].at[1].s };
	for (size_t i = 0; i < x->want.need.n; i++) {
		const struct sliding_pair *p = &x->want.need.at[i];

		if (!sliding_needs(&old, p->type, p->key))
			new.at[new.n++] = *p;
	}
	return whole_state(c, x, &new, g);
}

/* The newest events of the room, as far as the client has not got them. */
static bool
timeline(struct ctx *c, const struct sliding_room *x, int64_t low,
    int64_t high, struct sync_room *out)
{
	struct sync_filter all;
	struct sync_ask ask = { .user = c->who.user, .filter = &all,
		.limit = (size_t)x->want.limit };

	filter_init_sync(&all);
	return sync_timeline(c, &ask, low < high ? low : high, high, out);
}

static bool
stripped(struct ctx *c, const struct sliding_room *x, int64_t from,
    struct sliding_delta *out)
{
	out->stripped = true;
	out->found = out->initial || x->m.pos > from;
	return !out->found || member_stripped(c, x->r, c->who.user,
	    &out->room.state, &out->room.nstate);
}

/* How far the user may look: to the end, or to where they left. */
static bool
end_of(struct ctx *c, const struct sliding_room *x, int64_t now, int64_t *high)
{
	const struct sev *left, *joined;

	if (!x->newly_left)
		return room_seq_at(c, x->r, now, high);
	if (!room_departure(c, x->r, c->who.user, &left, &joined))
		return false;
	*high = left != NULL ? left->seq : 0;
	return true;
}

bool
sliding_delta(struct ctx *c, const struct sliding_room *x,
    const struct sliding_conn *conn, const struct sliding_sent *sent,
    int64_t since, int64_t now, struct sliding_delta *out)
{
	int64_t from = sent == NULL ? 0
	    : sent->upto == SLIDING_LIVE ? since : sent->upto;
	struct str need = sliding_need_text(c->a, &x->want.need);
	struct gather g = { NULL, 0, 0 };
	int64_t low = 0, high;
	bool was = true, other_need;

	*out = (struct sliding_delta){ .initial = sent == NULL };
	out->room.r = x->r;
	if (x->m.membership == MEMBER_INVITE || x->m.membership == MEMBER_KNOCK)
		return stripped(c, x, from, out);
	if (!out->initial && x->m.membership == MEMBER_JOIN &&
	    x->m.pos > from) {
		if (!sync_was_joined(c, &x->m, c->who.user, &was))
			return false;
		out->initial = !was;
	}
	other_need = !out->initial && !str_eq(conn->need[sent->need], need);
	out->expanded = !out->initial && x->want.limit > sent->limit;
	if (!out->initial && !out->expanded && !other_need &&
	    room_touched(x->r) <= from && !(x->newly_left && x->m.pos > from))
		return true;
	if (!end_of(c, x, now, &high) || (!out->initial &&
	    !room_seq_at(c, x->r, from, &low)))
		return false;
	if (!timeline(c, x, out->initial || out->expanded ? 0 : low, high,
	    &out->room))
		return false;
	if (out->initial ? !whole_state(c, x, &x->want.need, &g)
	    : low < high && !x->newly_left && !changed_state(c, x, low, &g, out))
		return false;
	if (other_need && !added_state(c, x, conn->need[sent->need], &g))
		return false;
	if (!lazy_members(c, x, &g, &out->room))
		return false;
	out->room.state = g.at;
	out->room.nstate = g.n;
	out->facts = out->facts || out->initial;
	out->found = out->initial || out->room.nev > 0 || g.n > 0 ||
	    out->facts || x->newly_left;
	for (size_t i = 0; i < out->room.nev; i++)
		out->live += since > 0 && out->room.ev[i]->pos > since;
	return true;
}
