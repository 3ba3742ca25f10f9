/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * State resolution: what the states agree on stays; of the rest each event is
 * let in if the state built so far allows it, in an order that every server
 * finds alike. The graph is resolve_graph.c's, the orders resolve_order.c's,
 * version 1 resolve_v1.c's.
 * spec: rooms/v2, rooms/v12, "State resolution".
 */
#include "room/resolve_impl.h"

#include <stdlib.h>
#include <string.h>

#define SETS_MAX 64

struct str
place_key(struct arena *a, struct str type, struct str key)
{
	struct buf b;

	buf_init(&b, a, type.n + key.n + 1);
	buf_str(&b, type);
	buf_char(&b, '\0');
	buf_str(&b, key);
	return buf_view(&b);
}

struct node *
resolved_find(const struct res *r, struct str type, struct str key)
{
	struct arena_mark m = arena_mark(r->a);
	const struct slot *s = map_get(&r->state, place_key(r->a, type, key));

	arena_release(r->a, m);
	return s != NULL ? s->node : NULL;
}

void
resolved_put(struct res *r, struct state_at at, struct node *n)
{
	struct str key = place_key(r->a, at.type, at.key);
	struct slot *s = map_get(&r->state, key);

	if (s == NULL) {
		s = arena_alloc(r->a, sizeof(*s));
		s->at = at;
		map_put(&r->state, key, s);
	}
	s->node = n;
}

/* One place over all states. */
struct place {
	struct state_at at;
	struct node *of[];		/* by state; NULL: that state has none */
};

static int
by_place(const void *a, const void *b)
{
	const struct place *x = *(struct place *const *)a;
	const struct place *y = *(struct place *const *)b;
	int d = str_cmp(x->at.type, y->at.type);

	return d != 0 ? d : str_cmp(x->at.key, y->at.key);
}

static bool
fill(struct res *r, struct map *by_key, const struct state_set *sets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sets[i].n; k++) {
			const struct state_entry *x = &sets[i].at[k];
			struct str key = place_key(r->a, x->at.type,
			    x->at.key);
			struct place *p = map_get(by_key, key);

			if (p == NULL) {
				p = arena_alloc(r->a, sizeof(*p) +
				    n * sizeof(p->of[0]));
				p->at = x->at;
				map_put(by_key, key, p);
			}
			if (!node_get(r, x->event_id, &p->of[i]))
				return false;
			if (!str_eq(x->at.type, S("m.room.create")) ||
			    x->at.key.n > 0)
				continue;
			if (r->create != NULL && r->create != p->of[i]->ev)
				return fail(r->e, M_UNKNOWN, "The states have "
				    "different create events: they are not "
				    "of one room");
			r->create = p->of[i]->ev;
		}
	return true;
}

/* All places, sorted: what follows must not depend on the order of the sets. */
static bool
places(struct res *r, const struct state_set *sets, size_t n,
    struct place ***out, size_t *nout)
{
	struct map by_key = { 0 };
	bool ok = fill(r, &by_key, sets, n);
	struct map_iter it = map_iter(&by_key);
	struct place **at = arena_array(r->a, struct place *, by_key.n), *p;
	size_t count = 0;

	while ((p = map_next(&it)) != NULL)
		at[count++] = p;
	map_done(&by_key);
	if (count > 1)
		qsort(at, count, sizeof(*at), by_place);
	*out = at;
	*nout = count;
	return ok;
}

/* The same event in every state? In version 1 a state that has none does not count. */
static struct node *
agreed(const struct place *p, size_t nsets, bool old)
{
	struct node *one = NULL;

	for (size_t i = 0; i < nsets; i++) {
		if (p->of[i] == NULL) {
			if (old)
				continue;
			return NULL;
		}
		if (one != NULL && p->of[i] != one)
			return NULL;
		one = p->of[i];
	}
	return one;
}

/* What auth_check sees: the state so far; where that has nothing, its own auth events. */
struct view {
	struct res *r;
	const struct node *n;
	const struct state_at *place;
	size_t nplaces;
};

static const struct event *
view_get(void *arg, struct str type, struct str key)
{
	const struct view *v = arg;
	const struct node *n = NULL;

	for (size_t i = 0; i < v->nplaces && n == NULL; i++)
		if (str_eq(v->place[i].type, type) &&
		    str_eq(v->place[i].key, key))
			n = resolved_find(v->r, type, key);
	if (n != NULL && !n->rejected)
		return n->ev;
	for (size_t i = 0; i < v->n->nauth; i++) {
		const struct node *x = v->n->auth[i];

		if (!x->rejected && x->ev->is_state &&
		    str_eq(x->ev->type, type) && str_eq(x->ev->state_key, key))
			return x->ev;
	}
	return NULL;
}

/* Iterative auth checks. A rejected event is never let in. */
static bool
let_in(struct res *r, const struct nodes *order)
{
	for (size_t i = 0; i < order->n; i++) {
		struct node *n = order->at[i];
		struct view v = { .r = r, .n = n };
		struct auth_state st = { view_get, &v };
		struct err e = { .code = M_OK };
		struct state_at *place;

		if (n->rejected || !n->ev->is_state)
			continue;
		if (!node_link(r, n))
			return false;
		auth_places(r->a, r->v, n->ev->type, n->ev->sender, true,
		    n->ev->state_key, n->ev->content, &place, &v.nplaces);
		v.place = place;
		if (auth_check(r->a, n->ev, r->create, &st, &e))
			resolved_put(r, (struct state_at){ n->ev->type,
			    n->ev->state_key }, n);
	}
	return true;
}

static bool
resolve_new(struct res *r, struct place **place, size_t n, size_t nsets)
{
	bool from_nothing = r->v->state_res == STATE_RES_2_1;
	struct nodes of[SETS_MAX] = { { NULL, 0, 0 } };
	struct nodes same = { NULL, 0, 0 }, full = same, power = same,
	    rest = same;

	for (size_t i = 0; i < n; i++) {
		struct node *one = agreed(place[i], nsets, false);

		if (one != NULL) {
			nodes_add(r, &same, one);
			if (!from_nothing)
				resolved_put(r, place[i]->at, one);
			continue;
		}
		for (size_t k = 0; k < nsets; k++)
			if (place[i]->of[k] != NULL)
				nodes_add(r, &of[k], place[i]->of[k]);
	}
	if (same.n < n && (!full_conflicted(r, of, nsets, &same, from_nothing,
	    &full) || !power_order(r, &full, &power) || !let_in(r, &power) ||
	    !mainline_order(r, &full, resolved_find(r, S("m.room.power_levels"),
	    S("")), &rest) || !let_in(r, &rest)))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct node *one = agreed(place[i], nsets, false);

		if (one != NULL)
			resolved_put(r, place[i]->at, one);
	}
	return true;
}

/* The candidates of a place, each once, without those that were rejected. */
static void
candidates(struct res *r, const struct place *p, size_t nsets,
    struct nodes *out)
{
	for (size_t i = 0; i < nsets; i++) {
		bool there = p->of[i] == NULL || p->of[i]->rejected;

		for (size_t k = 0; k < out->n && !there; k++)
			there = out->at[k] == p->of[i];
		if (!there)
			nodes_add(r, out, p->of[i]);
	}
}

static bool
resolve_first(struct res *r, struct place **place, size_t n, size_t nsets)
{
	struct conflict *c = arena_array(r->a, struct conflict, n);
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct node *one = agreed(place[i], nsets, true);

		if (one != NULL) {
			resolved_put(r, place[i]->at, one);
			continue;
		}
		c[count] = (struct conflict){ .at = place[i]->at };
		candidates(r, place[i], nsets, &c[count].of);
		count += c[count].of.n > 0;
	}
	return resolve_old(r, c, count);
}

static int
by_entry(const void *a, const void *b)
{
	const struct state_entry *x = a, *y = b;
	int d = str_cmp(x->at.type, y->at.type);

	return d != 0 ? d : str_cmp(x->at.key, y->at.key);
}

static void
take_state(const struct res *r, struct state_entry **out, size_t *n)
{
	struct map_iter it = map_iter(&r->state);
	const struct slot *s;

	*out = arena_array(r->a, struct state_entry, r->state.n);
	*n = 0;
	while ((s = map_next(&it)) != NULL)
		(*out)[(*n)++] = (struct state_entry){ s->at, s->node->id };
	if (*n > 1)
		qsort(*out, *n, sizeof(**out), by_entry);
}

static bool
has_create(const struct res *r)
{
	return r->create != NULL || fail(r->e, M_UNKNOWN,
	    "None of the states has a create event");
}

bool
resolve_state(struct arena *a, const struct room_version *v,
    const struct state_set *sets, size_t n, const struct resolve_io *io,
    struct state_entry **out, size_t *nout, struct err *e)
{
	struct res r = { .a = a, .v = v, .io = io, .e = e };
	struct place **place;
	size_t nplaces;
	bool ok;

	*out = NULL;
	*nout = 0;
	if (n > SETS_MAX)
		return fail(e, M_UNKNOWN, "At most %d states can be resolved "
		    "into one", SETS_MAX);
	ok = places(&r, sets, n, &place, &nplaces) && has_create(&r) &&
	    (v->state_res == STATE_RES_1 ? resolve_first(&r, place, nplaces, n)
	    : resolve_new(&r, place, nplaces, n));
	if (ok)
		take_state(&r, out, nout);
	map_done(&r.state);
	map_done(&r.by_id);
	return ok;
}
