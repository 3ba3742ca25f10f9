/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The tree of rooms under a space. Each page walks it again from the first
 * room, by what is in memory, and shows what follows the page before: so a
 * token keeps nothing here, outlives a restart, and means the same tree that
 * the reader may see now. See space.h.
 */
#include "core/space.h"

#include "base/map.h"
#include "room/ids.h"

#include <stdlib.h>

#define ORDER_MAX 50			/* bytes of a child's order */

struct child {
	const struct sev *ev;
	struct str order;		/* empty: none that is valid */
};

/* The walk: rooms in the order of the tree. */
struct walk {
	struct ctx *c;
	const struct space_ask *ask;
	struct map seen;		/* room id -> anything */
	struct room **at;
	size_t n;
};

static bool
has_via(const struct json *content)
{
	const struct json *via = json_get_arr(content, S("via"));

	for (uint32_t i = 0; via != NULL && i < via->n; i++)
		if (via->at[i].type == JSON_STR)
			return true;
	return false;
}

static struct str
order_of(const struct json *content)
{
	struct str s = json_str(content, S("order"));

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return S("");
	return s.n <= ORDER_MAX ? s : S("");
}

static int
child_cmp(const void *x, const void *y)
{
	const struct child *a = x, *b = y;

	if ((a->order.n > 0) != (b->order.n > 0))
		return a->order.n > 0 ? -1 : 1;
	if (!str_eq(a->order, b->order))
		return str_cmp(a->order, b->order);
	if (a->ev->ev.ts != b->ev->ev.ts)
		return a->ev->ev.ts < b->ev->ev.ts ? -1 : 1;
	return str_cmp(a->ev->ev.state_key, b->ev->ev.state_key);
}

static bool
is_space(struct room *r)
{
	return str_eq(json_str(room_create_event(r)->content, S("type")),
	    S("m.space"));
}

/* The valid m.space.child events of a space, in the order of the specification. */
static bool
children(struct ctx *c, struct room *r, bool suggested_only,
    const struct sev ***out, size_t *n)
{
	const struct sev **ev;
	struct child *at;
	size_t got, count = 0;
	bool suggested;

	*out = NULL;
	*n = 0;
	if (!is_space(r))
		return true;
	if (!room_state_of_type(c, r, S("m.space.child"), &ev, &got))
		return false;
	at = arena_array(c->a, struct child, got);
	for (size_t i = 0; i < got; i++) {
		const struct event *e = &ev[i]->ev;

		suggested = false;
		(void)json_get_bool(e->content, S("suggested"), &suggested);
		if (id_room_ok(e->state_key) && has_via(e->content) &&
		    (suggested || !suggested_only))
			at[count++] = (struct child){ ev[i],
			    order_of(e->content) };
	}
	if (count > 1)
		qsort(at, count, sizeof(*at), child_cmp);
	for (size_t i = 0; i < count; i++)
		ev[i] = at[i].ev;
	*out = ev;
	*n = count;
	return true;
}

/* *r NULL: not known here, not for this reader, or met before. */
static bool
enter(struct walk *w, struct str id, struct room **r)
{
	bool may;

	*r = NULL;
	if (map_get(&w->seen, id) != NULL)
		return true;
	map_put(&w->seen, id, w);
	if (!room_open(w->c, id, r)) {
		*r = NULL;
		if (w->c->err.code != M_NOT_FOUND)
			return false;
		err_clear(&w->c->err);
		return true;
	}
	if (!room_may_preview(w->c, *r, &may))
		return false;
	if (!may)
		*r = NULL;
	return true;
}

/* A space whose children are being gone through. */
struct step {
	const struct sev **child;
	size_t n, at;
};

static bool
descend(struct walk *w, struct room *r, struct step *s)
{
	*s = (struct step){ NULL, 0, 0 };
	return children(w->c, r, w->ask->suggested_only, &s->child, &s->n);
}

/* With a stack of its own: the depth is a stranger's choice. */
static bool
walk_tree(struct walk *w, struct room *root)
{
	struct step stack[SPACE_DEPTH_MAX + 1];
	int64_t depth = 0;

	w->at[w->n++] = root;
	map_put(&w->seen, room_id(root), w);
	if (w->ask->max_depth == 0)
		return true;
	if (!descend(w, root, &stack[0]))
		return false;
	while (depth >= 0 && w->n < SPACE_ROOMS_MAX) {
		struct step *s = &stack[depth];
		struct room *r;

		if (s->at == s->n) {
			depth--;
			continue;
		}
		if (!enter(w, s->child[s->at++]->ev.state_key, &r))
			return false;
		if (r == NULL)
			continue;
		w->at[w->n++] = r;
		if (depth + 1 < w->ask->max_depth &&
		    !descend(w, r, &stack[++depth]))
			return false;
	}
	return true;
}

/* Where the page begins. */
static size_t
place(const struct walk *w)
{
	if (w->ask->after_nid == 0)
		return 0;
	for (size_t i = 0; i < w->n; i++)
		if (room_nid(w->at[i]) == w->ask->after_nid)
			return i + 1;
	return w->ask->after_count < w->n ? w->ask->after_count : w->n;
}

static bool
take(struct walk *w, struct space_page *out)
{
	size_t from = place(w), n = w->n - from;

	if (n > w->ask->limit)
		n = w->ask->limit;
	*out = (struct space_page){ .n = n, .count = from + n,
	    .more = from + n < w->n };
	out->at = arena_array(w->c->a, struct space_room, n);
	for (size_t i = 0; i < n; i++) {
		struct space_room *x = &out->at[i];

		x->room = w->at[from + i];
		if (!room_describe(w->c, x->room, &x->chunk) ||
		    !children(w->c, x->room, w->ask->suggested_only,
		    &x->child, &x->nchild))
			return false;
	}
	return true;
}

bool
space_hierarchy(struct ctx *c, struct room *root, const struct space_ask *ask,
    struct space_page *out)
{
	struct walk w = { .c = c, .ask = ask };
	bool may, ok;

	if (!room_may_preview(c, root, &may))
		return false;
	if (!may)
		return fail(&c->err, M_FORBIDDEN,
		    "You are not allowed to view this room");
	w.at = arena_array(c->a, struct room *, SPACE_ROOMS_MAX);
	ok = walk_tree(&w, root) && take(&w, out);
	map_done(&w.seen);
	return ok;
}
