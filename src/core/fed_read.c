/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See fed_read.h. */
#include "core/fed_read.h"

#include "base/map.h"
#include "core/dag.h"
#include "core/receive_impl.h"
#include "room/ids.h"

#include <stdlib.h>

#define WALK_MAX 2000			/* events looked at for one answer */

bool
fed_may_read(struct ctx *c, struct room *r, struct str server)
{
	if (r->create != NULL && room_has_server(r, server_get()->name) &&
	    room_has_server(r, server) && receive_acl_ok(c, r, server))
		return true;
	err_clear(&c->err);
	return fail(&c->err, M_FORBIDDEN,
	    "Your server is not in this room, or may not read it");
}

/* Was somebody of the server in, or invited, by that state? */
static bool
was_there(struct ctx *c, const struct state_root *root, struct str server,
    bool invited, bool *out)
{
	const struct sev **ev;
	int64_t *nids;
	size_t n;

	*out = false;
	if (!state_all(c->db, root, c->a, &nids, &n, &c->err) ||
	    !events_by_nid(c, nids, n, &ev, &n))
		return false;
	for (size_t i = 0; i < n && !*out; i++) {
		enum membership m;

		if (!str_eq(ev[i]->ev.type, S("m.room.member")) ||
		    !str_eq(id_server(ev[i]->ev.state_key), server))
			continue;
		m = membership_of_event(&ev[i]->ev);
		*out = m == MEMBER_JOIN || (invited && m == MEMBER_INVITE);
	}
	return true;
}

/* What one state says; events of one state follow each other mostly. */
struct at_state {
	struct state_root root;
	bool known, visible;
};

static bool
look(struct ctx *c, const struct state_root *root, struct str server,
    struct at_state *s)
{
	struct state_delta d = { .root = *root };
	const struct sev *ev;
	enum history h;

	if (s->known && state_root_eq(&s->root, root))
		return true;
	if (!dag_get(c, &d, S("m.room.history_visibility"), S(""), &ev))
		return false;
	h = history_of_event(ev != NULL ? &ev->ev : NULL);
	*s = (struct at_state){ .root = *root, .known = true,
	    .visible = h == HISTORY_WORLD || h == HISTORY_SHARED };
	return s->visible || was_there(c, root, server, h == HISTORY_INVITED,
	    &s->visible);
}

bool
fed_visible(struct ctx *c, struct room *r, struct str server,
    const struct sev *const *ev, size_t n, bool *keep)
{
	struct at_state s = { .known = false };

	(void)r;
	for (size_t i = 0; i < n; i++) {
		keep[i] = (sev_flags(ev[i]) & EVENT_F_OUTLIER) != 0 ||
		    str_eq(id_server(ev[i]->ev.sender), server) ||
		    (ev[i]->ev.is_state && str_eq(id_server(
		    ev[i]->ev.state_key), server));
		if (keep[i])
			continue;
		if (!look(c, &ev[i]->state, server, &s))
			return false;
		keep[i] = s.visible;
	}
	return true;
}

/* A walk back along previous events, each once. */
struct walk {
	struct ctx *c;
	struct room *r;
	struct map seen;
	int64_t min_depth;		/* events above it alone */
	const struct sev **at;
	size_t n, cap;
};

static bool
step(struct walk *w, struct str id)
{
	const struct sev *ev;

	if (map_get(&w->seen, id) != NULL)
		return true;
	if (!event_find(w->c, id, &ev))
		return false;
	if (ev == NULL || ev->room != w->r->nid ||
	    ev->ev.depth < w->min_depth ||
	    (sev_flags(ev) & (EVENT_F_OUTLIER | EVENT_F_REJECTED)) != 0)
		return true;
	map_put(&w->seen, ev->ev.id, w);
	w->at = arena_more(w->c->a, w->at, w->n, &w->cap, sizeof(*w->at));
	w->at[w->n++] = ev;
	return true;
}

static int
newest_first(const void *x, const void *y)
{
	const struct sev *a = *(const struct sev *const *)x;
	const struct sev *b = *(const struct sev *const *)y;

	if (a->ev.depth != b->ev.depth)
		return a->ev.depth > b->ev.depth ? -1 : 1;
	return a->nid > b->nid ? -1 : a->nid < b->nid;
}

static int
oldest_first(const void *x, const void *y)
{
	return newest_first(y, x);
}

/* Level by level, so that of a long history the part next to the start comes. */
static bool
walk_back(struct walk *w, size_t want)
{
	for (size_t i = 0; i < w->n && w->n < want && i < WALK_MAX; i++)
		for (size_t k = 0; k < w->at[i]->ev.nprev; k++)
			if (!step(w, w->at[i]->ev.prev[k]))
				return false;
	return true;
}

static bool
to_page(struct walk *w, struct fed_page *out)
{
	*out = (struct fed_page){ w->at, arena_array(w->c->a, bool, w->n),
	    w->n };
	return fed_visible(w->c, w->r, w->c->who.user, w->at, w->n,
	    out->keep);
}

bool
fed_back(struct ctx *c, struct room *r, const struct str *from, size_t nfrom,
    size_t max, struct fed_page *out)
{
	struct walk w = { .c = c, .r = r };
	bool ok = true;

	for (size_t i = 0; i < nfrom && ok; i++)
		ok = step(&w, from[i]);
	ok = ok && walk_back(&w, max);
	map_done(&w.seen);
	if (!ok)
		return false;
	if (w.n > 1)
		qsort(w.at, w.n, sizeof(*w.at), newest_first);
	if (w.n > max)
		w.n = max;
	return to_page(&w, out);
}

bool
fed_between(struct ctx *c, struct room *r, const struct fed_gap *gap,
    struct fed_page *out)
{
	struct walk w = { .c = c, .r = r, .min_depth = gap->min_depth };
	size_t given;
	bool ok = true;

	/* Where the asking server is already, the walk does not go. */
	for (size_t i = 0; i < gap->nearly; i++)
		map_put(&w.seen, gap->early[i], &w);
	for (size_t i = 0; i < gap->nlate && ok; i++)
		ok = step(&w, gap->late[i]);
	given = w.n;
	ok = ok && walk_back(&w, gap->max + given);
	map_done(&w.seen);
	if (!ok)
		return false;
	w.at += given;
	w.n -= given;
	if (w.n > gap->max)
		w.n = gap->max;
	if (w.n > 1)
		qsort(w.at, w.n, sizeof(*w.at), oldest_first);
	return to_page(&w, out);
}
