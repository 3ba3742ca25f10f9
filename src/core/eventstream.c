/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See eventstream.h. */
#include "core/eventstream.h"

#include "store/q_member.h"

#include <stdlib.h>

/* An event before it is known whether the actor may see it. */
struct item {
	const struct sev *ev;
	struct room *room;
};

struct gather {
	struct ctx *c;
	const struct eventstream_ask *ask;
	struct item *at;
	size_t n, cap;
};

static void
add(struct gather *g, const struct sev *ev, struct room *r)
{
	g->at = arena_more(g->c->a, g->at, g->n, &g->cap, sizeof(*g->at));
	g->at[g->n++] = (struct item){ ev, r };
}

/* One more than fit, so that where the answer is cut no room is short. */
static bool
add_room(struct gather *g, struct room *r)
{
	int64_t low, high;
	const struct sev **ev;
	size_t n;

	if (room_touched(r) <= g->ask->since)
		return true;
	if (!room_seq_at(g->c, r, g->ask->since, &low) ||
	    !room_seq_at(g->c, r, g->ask->now, &high) ||
	    !room_range(g->c, r, low + 1, high, false, EVENTSTREAM_MAX + 1,
	    &ev, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		add(g, ev[i], r);
	return true;
}

/* Where the actor is not in: what became of them there. */
static bool
add_own(struct gather *g, const struct user_membership *m, struct room *r)
{
	const struct sev *ev;

	if (m->pos <= g->ask->since || m->pos > g->ask->now)
		return true;
	if (!event_by_nid(g->c, m->event, &ev))
		return false;
	if (ev != NULL)
		add(g, ev, r);
	return true;
}

static bool
add_rooms(struct gather *g)
{
	struct user_membership *m;
	size_t n;

	if (g->ask->room != NULL)
		return add_room(g, g->ask->room);
	if (!memberships_of_user(g->c->db, g->c->a, g->c->who.user, ~0U, &m,
	    &n, &g->c->err))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct room *r;

		if (m[i].forgotten)
			continue;
		if (!room_open_nid(g->c, m[i].room, &r) ||
		    !(m[i].membership == MEMBER_JOIN ? add_room(g, r)
		    : add_own(g, &m[i], r)))
			return false;
	}
	return true;
}

static int
by_pos(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	return a->ev->pos < b->ev->pos ? -1 : a->ev->pos > b->ev->pos;
}

bool
eventstream_read(struct ctx *c, const struct eventstream_ask *ask,
    struct eventstream *out)
{
	struct gather g = { .c = c, .ask = ask };
	bool keep;

	*out = (struct eventstream){ .end = ask->now };
	if (!add_rooms(&g))
		return false;
	if (g.n > 1)
		qsort(g.at, g.n, sizeof(*g.at), by_pos);
	if (g.n > EVENTSTREAM_MAX) {
		g.n = EVENTSTREAM_MAX;
		out->end = g.at[g.n - 1].ev->pos;
	}
	out->ev = arena_array(c->a, const struct sev *, g.n);
	out->room = arena_array(c->a, struct room *, g.n);
	for (size_t i = 0; i < g.n; i++) {
		if (!room_visible(c, g.at[i].room, c->who.user, &g.at[i].ev, 1,
		    &keep))
			return false;
		if (!keep)
			continue;
		out->ev[out->n] = g.at[i].ev;
		out->room[out->n++] = g.at[i].room;
	}
	return true;
}
