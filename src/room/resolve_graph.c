/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The graph of auth events under the states to be resolved. Every event is
 * visited a fixed number of times, however the graph is made: nothing here is
 * worse than linear in events and their auth events (CVE-2024-31208).
 */
#include "room/resolve_impl.h"

void
nodes_add(struct res *r, struct nodes *x, struct node *n)
{
	x->at = arena_more(r->a, x->at, x->n, &x->cap, sizeof(*x->at));
	x->at[x->n++] = n;
}

bool
node_get(struct res *r, struct str id, struct node **out)
{
	const struct event *ev;
	struct node *n = map_get(&r->by_id, id);

	if (n == NULL) {
		ev = r->io->event(r->io->arg, id);
		if (ev == NULL)
			return fail(r->e, M_UNKNOWN, "State resolution needs "
			    "the event " STR_FMT ", which is not known",
			    STR_ARG(id));
		n = arena_alloc(r->a, sizeof(*n));
		*n = (struct node){ .id = ev->id, .ev = ev,
		    .rejected = r->io->rejected(r->io->arg, id),
		    .main = MAIN_UNKNOWN };
		map_put(&r->by_id, n->id, n);
		nodes_add(r, &r->all, n);
	}
	*out = n;
	return true;
}

bool
node_link(struct res *r, struct node *n)
{
	if (n->linked)
		return true;
	n->auth = arena_array(r->a, struct node *, n->ev->nauth);
	for (size_t i = 0; i < n->ev->nauth; i++)
		if (!node_get(r, n->ev->auth[i], &n->auth[n->nauth++]))
			return false;
	n->linked = true;
	return true;
}

/* Gives all that is below n (and n) the bits of a state, where it has not got them. */
static bool
spread(struct res *r, struct node *from, uint64_t bits)
{
	struct nodes todo = { NULL, 0, 0 };

	if ((from->sets & bits) == bits)
		return true;
	from->sets |= bits;
	nodes_add(r, &todo, from);
	while (todo.n > 0) {
		struct node *n = todo.at[--todo.n];

		if (!node_link(r, n))
			return false;
		for (size_t i = 0; i < n->nauth; i++) {
			if ((n->auth[i]->sets & bits) == bits)
				continue;
			n->auth[i]->sets |= bits;
			nodes_add(r, &todo, n->auth[i]);
		}
	}
	return true;
}

/* What conflicted events rest on, directly or not, and they themselves. */
static bool
mark_reachable(struct res *r, const struct nodes *conflicted,
    struct nodes *out)
{
	for (size_t i = 0; i < conflicted->n; i++) {
		conflicted->at[i]->reachable = true;
		nodes_add(r, out, conflicted->at[i]);
	}
	for (size_t i = 0; i < out->n; i++) {
		struct node *n = out->at[i];

		if (!node_link(r, n))
			return false;
		for (size_t k = 0; k < n->nauth; k++) {
			if (n->auth[k]->reachable)
				continue;
			n->auth[k]->reachable = true;
			nodes_add(r, out, n->auth[k]);
		}
	}
	return true;
}

/* Which of those rest on a conflicted event in turn? Depth first, by a list. */
static bool
mark_reaching(struct res *r, struct node *from)
{
	struct nodes way = { NULL, 0, 0 };

	if (from->walk != 0)
		return true;
	nodes_add(r, &way, from);
	while (way.n > 0) {
		struct node *n = way.at[way.n - 1];

		if (n->walk == 0) {
			n->walk = 1;
			for (size_t i = 0; i < n->nauth; i++) {
				if (n->auth[i]->walk == 1)
					return fail(r->e, M_UNKNOWN, "The auth "
					    "events go round in a circle");
				if (n->auth[i]->walk == 0)
					nodes_add(r, &way, n->auth[i]);
			}
			continue;
		}
		way.n--;
		if (n->walk == 2)
			continue;
		n->walk = 2;
		n->reaches = n->conflicted;
		for (size_t i = 0; i < n->nauth; i++)
			n->reaches = n->reaches || n->auth[i]->reaches;
	}
	return true;
}

/* Chains of every state, as bits; a place where they agree is in the chains of all. */
static bool
mark_chains(struct res *r, const struct nodes *place, size_t nsets,
    const struct nodes *same, uint64_t all)
{
	for (size_t i = 0; i < nsets; i++)
		for (size_t k = 0; k < place[i].n; k++)
			if (!spread(r, place[i].at[k], (uint64_t)1 << i))
				return false;
	for (size_t i = 0; i < same->n; i++)
		if (!spread(r, same->at[i], all))
			return false;
	return true;
}

bool
full_conflicted(struct res *r, const struct nodes *place, size_t nsets,
    const struct nodes *same, bool subgraph, struct nodes *out)
{
	uint64_t all = nsets == 64 ? UINT64_MAX : ((uint64_t)1 << nsets) - 1;
	struct nodes conflicted = { NULL, 0, 0 }, below = { NULL, 0, 0 };

	for (size_t i = 0; i < nsets; i++)
		for (size_t k = 0; k < place[i].n; k++) {
			if (place[i].at[k]->conflicted)
				continue;
			place[i].at[k]->conflicted = true;
			nodes_add(r, &conflicted, place[i].at[k]);
		}
	if (!mark_reachable(r, &conflicted, &below))
		return false;
	for (size_t i = 0; i < below.n; i++)
		if (!mark_reaching(r, below.at[i]))
			return false;
	if (!mark_chains(r, place, nsets, same, all))
		return false;
	for (size_t i = 0; i < below.n; i++) {
		struct node *n = below.at[i];

		n->full = n->conflicted || n->sets != all ||
		    (subgraph && n->reaches);
		if (n->full)
			nodes_add(r, out, n);
	}
	return true;
}
