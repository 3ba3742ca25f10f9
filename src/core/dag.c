/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See dag.h. */
#include "core/dag.h"

#include "base/map.h"
#include "room/resolve.h"

#include <string.h>

struct state_delta
dag_after(struct arena *a, const struct sev *ev)
{
	struct state_delta d = { .root = ev->state };

	if (!ev->ev.is_state || (ev->flags & EVENT_F_REJECTED) != 0)
		return d;
	d.slot = arena_make(a, struct state_slot);
	*d.slot = (struct state_slot){ ev->ev.type, ev->ev.state_key, ev->nid };
	d.n = 1;
	return d;
}

static const struct state_slot *
slot_at(const struct state_delta *d, struct str type, struct str key)
{
	for (size_t i = 0; i < d->n; i++)
		if (str_eq(d->slot[i].type, type) &&
		    str_eq(d->slot[i].key, key))
			return &d->slot[i];
	return NULL;
}

bool
dag_get(struct ctx *c, const struct state_delta *d, struct str type,
    struct str key, const struct sev **out)
{
	const struct state_slot *s = slot_at(d, type, key);
	int64_t nid = s != NULL ? s->event : 0;

	*out = NULL;
	if (s == NULL && !state_get(c->db, &d->root, type, key, &nid, &c->err))
		return false;
	return nid == 0 || event_by_nid(c, nid, out);
}

const struct event *
dag_view_get(void *view, struct str type, struct str key)
{
	struct dag_view *v = view;
	const struct sev *ev = NULL;

	if (!v->failed && !dag_get(v->c, v->d, type, key, &ev))
		v->failed = true;
	return ev != NULL ? &ev->ev : NULL;
}

static struct str
place_of(struct arena *a, struct str type, struct str key)
{
	struct buf b;

	buf_init(&b, a, type.n + key.n + 1);
	buf_str(&b, type);
	buf_char(&b, '\0');
	buf_str(&b, key);
	return buf_view(&b);
}

/* The events of a root, by place. */
static bool
root_events(struct ctx *c, const struct state_root *root,
    const struct sev ***out, size_t *n)
{
	int64_t *nids;
	size_t count;

	return state_all(c->db, root, c->a, &nids, &count, &c->err) &&
	    events_by_nid(c, nids, count, out, n);
}

bool
dag_all(struct ctx *c, const struct state_delta *d, const struct sev ***out,
    size_t *n)
{
	const struct sev **root, **at, *ev;
	struct map set = { 0 };
	size_t count = 0, nroot;

	if (!root_events(c, &d->root, &root, &nroot))
		return false;
	at = arena_array(c->a, const struct sev *, nroot + d->n);
	for (size_t i = 0; i < d->n; i++) {
		struct str key = place_of(c->a, d->slot[i].type,
		    d->slot[i].key);

		map_put(&set, key, &d->slot[i]);
		if (d->slot[i].event == 0)
			continue;
		if (!event_by_nid(c, d->slot[i].event, &ev)) {
			map_done(&set);
			return false;
		}
		if (ev != NULL)
			at[count++] = ev;
	}
	for (size_t i = 0; i < nroot; i++)
		if (d->n == 0 || map_get(&set, place_of(c->a, root[i]->ev.type,
		    root[i]->ev.state_key)) == NULL)
			at[count++] = root[i];
	map_done(&set);
	*out = at;
	*n = count;
	return true;
}

/* The events of one resolution: an id gives the same pointer every time. */
struct pool {
	struct ctx *c;
	struct map by_id;		/* -> struct known */
	bool failed;
};

struct known {
	const struct sev *ev;
};

static struct known *
known_new(struct arena *a, const struct sev *ev)
{
	struct known *k = arena_make(a, struct known);

	k->ev = ev;
	return k;
}

static const struct sev *
pool_get(struct pool *p, struct str id)
{
	const struct known *k = map_get(&p->by_id, id);
	const struct sev *ev = NULL;

	if (k != NULL)
		return k->ev;
	if (!p->failed && !event_find(p->c, id, &ev))
		p->failed = true;
	if (ev != NULL)
		map_put(&p->by_id, ev->ev.id, known_new(p->c->a, ev));
	return ev;
}

static const struct event *
io_event(void *arg, struct str id)
{
	const struct sev *ev = pool_get(arg, id);

	return ev != NULL ? &ev->ev : NULL;
}

static bool
io_rejected(void *arg, struct str id)
{
	const struct sev *ev = pool_get(arg, id);

	return ev != NULL && (ev->flags & EVENT_F_REJECTED) != 0;
}

static bool
delta_eq(const struct state_delta *x, const struct state_delta *y)
{
	if (!state_root_eq(&x->root, &y->root) || x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++) {
		const struct state_slot *s = slot_at(y, x->slot[i].type,
		    x->slot[i].key);

		if (s == NULL || s->event != x->slot[i].event)
			return false;
	}
	return true;
}

static bool
expand(struct ctx *c, struct pool *p, const struct state_delta *d,
    struct state_set *out)
{
	struct state_entry *at;
	const struct sev **ev;
	size_t n;

	if (!dag_all(c, d, &ev, &n))
		return false;
	at = arena_array(c->a, struct state_entry, n);
	for (size_t i = 0; i < n; i++) {
		at[i] = (struct state_entry){ { ev[i]->ev.type,
		    ev[i]->ev.state_key }, ev[i]->ev.id };
		if (map_get(&p->by_id, ev[i]->ev.id) == NULL)
			map_put(&p->by_id, ev[i]->ev.id,
			    known_new(c->a, ev[i]));
	}
	*out = (struct state_set){ at, n };
	return true;
}

/* What a state has otherwise than a root, as slots. */
static bool
against(struct ctx *c, struct pool *p, const struct state_root *base,
    const struct state_entry *at, size_t n, struct state_delta *out)
{
	const struct sev **old;
	struct map was = { 0 };
	struct map_iter it;
	const struct known *k;
	size_t nold;

	if (!root_events(c, base, &old, &nold))
		return false;
	for (size_t i = 0; i < nold; i++)
		map_put(&was, place_of(c->a, old[i]->ev.type,
		    old[i]->ev.state_key), known_new(c->a, old[i]));
	*out = (struct state_delta){ .root = *base };
	out->slot = arena_array(c->a, struct state_slot, n + nold);
	for (size_t i = 0; i < n; i++) {
		int64_t nid = pool_get(p, at[i].event_id)->nid;

		k = map_del(&was, place_of(c->a, at[i].at.type,
		    at[i].at.key));
		if (k == NULL || k->ev->nid != nid)
			out->slot[out->n++] = (struct state_slot){
			    at[i].at.type, at[i].at.key, nid };
	}
	it = map_iter(&was);
	while ((k = map_next(&it)) != NULL)
		out->slot[out->n++] = (struct state_slot){ k->ev->ev.type,
		    k->ev->ev.state_key, 0 };
	map_done(&was);
	return true;
}

static bool
resolve(struct ctx *c, struct room *r, struct pool *p,
    const struct state_delta *sets, size_t n, const struct state_root *base,
    struct state_delta *out)
{
	struct resolve_io io = { io_event, io_rejected, p };
	struct state_set *set = arena_array(c->a, struct state_set, n);
	struct state_entry *at;
	size_t nat;

	for (size_t i = 0; i < n; i++)
		if (!expand(c, p, &sets[i], &set[i]))
			return false;
	if (n == 1)
		return against(c, p, base, set[0].at, set[0].n, out);
	if (!resolve_state(c->a, r->v, set, n, &io, &at, &nat, &c->err) ||
	    p->failed)
		return false;
	return against(c, p, base, at, nat, out);
}

bool
dag_resolve(struct ctx *c, struct room *r, const struct state_delta *sets,
    size_t n, const struct state_root *base, struct state_delta *out)
{
	struct state_delta *set = arena_array(c->a, struct state_delta, n);
	struct pool p = { .c = c };
	size_t kept = 0;
	bool ok;

	for (size_t i = 0; i < n; i++) {
		bool there = false;

		for (size_t k = 0; k < kept && !there; k++)
			there = delta_eq(&set[k], &sets[i]);
		if (!there)
			set[kept++] = sets[i];
	}
	if (kept == 1 && state_root_eq(&set[0].root, base)) {
		*out = set[0];
		return true;
	}
	ok = resolve(c, r, &p, set, kept, base, out);
	map_done(&p.by_id);
	return ok;
}

bool
dag_auth_chain(struct ctx *c, const struct sev *const *ev, size_t n,
    const struct sev ***out, size_t *nout)
{
	const struct sev **at = NULL, *x;
	struct pool p = { .c = c };
	size_t count = 0, cap = 0, done = 0;
	const struct sev *const *from = ev;

	/* First those given, then what was found, each looked at once. */
	for (size_t i = 0; !p.failed; i++) {
		const struct sev *of;

		if (i < n)
			of = from[i];
		else if (done < count)
			of = at[done++];
		else
			break;
		for (size_t k = 0; k < of->ev.nauth; k++) {
			if (map_get(&p.by_id, of->ev.auth[k]) != NULL)
				continue;
			x = pool_get(&p, of->ev.auth[k]);
			if (x == NULL)
				continue;
			at = arena_more(c->a, at, count, &cap, sizeof(*at));
			at[count++] = x;
		}
	}
	map_done(&p.by_id);
	*out = at;
	*nout = count;
	return !p.failed;
}
