/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The two orders of state resolution v2: reverse topological power order, and
 * mainline order. Both are total: the last word has the event id, so that the
 * order in which events came never shows.
 * spec: rooms/v2, "Definitions".
 */
#include "room/resolve_impl.h"

#include <stdlib.h>

static bool
is_levels(const struct event *ev)
{
	return ev->is_state && ev->state_key.n == 0 &&
	    str_eq(ev->type, S("m.room.power_levels"));
}

/*
 * As other servers have it: of power levels and join rules only those with an
 * empty state key, and the create event too, which never conflicts.
 */
bool
is_power_event(const struct event *ev)
{
	struct str membership;

	if (!ev->is_state)
		return false;
	if (ev->state_key.n == 0 && (is_levels(ev) ||
	    str_eq(ev->type, S("m.room.join_rules")) ||
	    str_eq(ev->type, S("m.room.create"))))
		return true;
	if (!str_eq(ev->type, S("m.room.member")))
		return false;
	membership = json_str(ev->content, S("membership"));
	return (str_eq(membership, S("leave")) ||
	    str_eq(membership, S("ban"))) && !str_eq(ev->sender,
	    ev->state_key);
}

/* The power-levels event among its auth events, or NULL. */
static struct node *
levels_of(const struct node *n)
{
	for (size_t i = 0; i < n->nauth; i++)
		if (is_levels(n->auth[i]->ev))
			return n->auth[i];
	return NULL;
}

static int
by_age(const struct node *x, const struct node *y)
{
	if (x->ev->ts != y->ev->ts)
		return x->ev->ts < y->ev->ts ? -1 : 1;
	return str_cmp(x->id, y->id);
}

static int
by_power(const struct node *x, const struct node *y)
{
	if (x->power != y->power)
		return x->power > y->power ? -1 : 1;
	return by_age(x, y);
}

/* A heap with the smallest at 0. */
static void
heap_push(struct res *r, struct nodes *h, struct node *n)
{
	size_t at = h->n;

	nodes_add(r, h, n);
	while (at > 0 && by_power(n, h->at[(at - 1) / 2]) < 0) {
		h->at[at] = h->at[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	h->at[at] = n;
}

static struct node *
heap_pop(struct nodes *h)
{
	struct node *top = h->at[0], *last = h->at[--h->n];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n &&
		    by_power(h->at[child + 1], h->at[child]) < 0)
			child++;
		if (by_power(last, h->at[child]) <= 0)
			break;
		h->at[at] = h->at[child];
		at = child;
	}
	if (h->n > 0)
		h->at[at] = last;
	return top;
}

/* Picks a power event and what of the full conflicted set it rests on. */
static void
pick(struct res *r, struct node *from, struct nodes *picked)
{
	size_t at = picked->n;

	if (from->picked)
		return;
	from->picked = true;
	nodes_add(r, picked, from);
	for (; at < picked->n; at++) {
		struct node *n = picked->at[at];

		for (size_t i = 0; i < n->nauth; i++) {
			if (!n->auth[i]->full || n->auth[i]->picked)
				continue;
			n->auth[i]->picked = true;
			nodes_add(r, picked, n->auth[i]);
		}
	}
}

static void
set_power(struct res *r, struct node *n)
{
	const struct node *levels = levels_of(n);
	struct power p;

	power_init(&p, r->create, levels != NULL ? levels->ev : NULL);
	n->power = power_of(&p, n->ev->sender);
}

/* An auth event that is named twice is one. */
static bool
named_before(const struct node *n, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (n->auth[k] == n->auth[i])
			return true;
	return false;
}

bool
power_order(struct res *r, const struct nodes *full, struct nodes *out)
{
	struct nodes picked = { NULL, 0, 0 }, ready = { NULL, 0, 0 };

	for (size_t i = 0; i < full->n; i++)
		if (is_power_event(full->at[i]->ev))
			pick(r, full->at[i], &picked);
	for (size_t i = 0; i < picked.n; i++) {
		struct node *n = picked.at[i];

		set_power(r, n);
		for (size_t k = 0; k < n->nauth; k++) {
			struct node *on = n->auth[k];

			if (!on->picked || named_before(n, k))
				continue;
			n->waits++;
			on->after = arena_more(r->a, on->after, on->nafter,
			    &on->cap_after, sizeof(*on->after));
			on->after[on->nafter++] = n;
		}
	}
	for (size_t i = 0; i < picked.n; i++)
		if (picked.at[i]->waits == 0)
			heap_push(r, &ready, picked.at[i]);
	while (ready.n > 0) {
		struct node *n = heap_pop(&ready);

		nodes_add(r, out, n);
		for (size_t i = 0; i < n->nafter; i++)
			if (--n->after[i]->waits == 0)
				heap_push(r, &ready, n->after[i]);
	}
	return out->n == picked.n || fail(r->e, M_UNKNOWN,
	    "The auth events go round in a circle");
}

/* Counts the mainline from its oldest event, so that a later place is a larger number. */
static bool
number_mainline(struct res *r, struct node *levels)
{
	struct nodes line = { NULL, 0, 0 };

	for (struct node *n = levels; n != NULL; n = levels_of(n)) {
		if (line.n > r->all.n)
			return fail(r->e, M_UNKNOWN,
			    "The auth events go round in a circle");
		if (!node_link(r, n))
			return false;
		nodes_add(r, &line, n);
	}
	for (size_t i = 0; i < line.n; i++)
		line.at[i]->main = (int64_t)(line.n - i);
	return true;
}

/* The place of the first of its power levels that is in the mainline; each chain is walked once. */
static bool
find_main(struct res *r, struct node *from)
{
	struct nodes way = { NULL, 0, 0 };
	struct node *n = from;
	int64_t main = 0;

	while (n != NULL && n->main == MAIN_UNKNOWN) {
		if (way.n > r->all.n)
			return fail(r->e, M_UNKNOWN,
			    "The auth events go round in a circle");
		if (!node_link(r, n))
			return false;
		nodes_add(r, &way, n);
		n = levels_of(n);
	}
	if (n != NULL)
		main = n->main;
	for (size_t i = 0; i < way.n; i++)
		way.at[i]->main = main;
	return true;
}

static int
by_main(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a;
	const struct node *y = *(struct node *const *)b;

	if (x->main != y->main)
		return x->main < y->main ? -1 : 1;
	return by_age(x, y);
}

bool
mainline_order(struct res *r, const struct nodes *full, struct node *levels,
    struct nodes *out)
{
	if (!number_mainline(r, levels))
		return false;
	for (size_t i = 0; i < full->n; i++) {
		if (full->at[i]->picked)
			continue;
		if (!find_main(r, full->at[i]))
			return false;
		nodes_add(r, out, full->at[i]);
	}
	if (out->n > 1)
		qsort(out->at, out->n, sizeof(*out->at), by_main);
	return true;
}
