/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * State resolution of version 1, with its known faults: it can reset state to
 * older events. Only rooms of version 1 use it.
 * spec: rooms/v1, "State resolution".
 */
#include "room/resolve_impl.h"

#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

enum phase { PHASE_LEVELS, PHASE_RULES, PHASE_MEMBERS, PHASE_REST, NPHASES };

static enum phase
phase_of(struct str type, struct str key)
{
	if (str_eq(type, S("m.room.power_levels")) && key.n == 0)
		return PHASE_LEVELS;
	if (str_eq(type, S("m.room.join_rules")))
		return PHASE_RULES;
	if (str_eq(type, S("m.room.member")))
		return PHASE_MEMBERS;
	return PHASE_REST;
}

/* The state so far, with one place as it would be. */
struct trial {
	struct res *r;
	struct state_at at;
	const struct event *ev;		/* NULL: as it is */
};

static const struct event *
trial_get(void *arg, struct str type, struct str key)
{
	const struct trial *t = arg;
	const struct node *n;

	if (t->ev != NULL && str_eq(t->at.type, type) && str_eq(t->at.key, key))
		return t->ev;
	n = resolved_find(t->r, type, key);
	return n != NULL ? n->ev : NULL;
}

static bool
allowed(struct res *r, const struct node *n, struct trial *t)
{
	struct auth_state st = { trial_get, t };
	struct err e = { .code = M_OK };

	return auth_check(r->a, n->ev, r->create, &st, &e);
}

struct ranked {
	struct node *n;
	uint8_t hash[SHA1_BYTES];
};

/* Deepest first, then by the hash of the id. */
static int
deepest_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->n->ev->depth != y->n->ev->depth)
		return x->n->ev->depth > y->n->ev->depth ? -1 : 1;
	return memcmp(x->hash, y->hash, sizeof(x->hash));
}

static void
rank(struct res *r, struct nodes *x)
{
	struct ranked *at = arena_array(r->a, struct ranked, x->n);

	for (size_t i = 0; i < x->n; i++) {
		at[i].n = x->at[i];
		sha1(x->at[i]->id, at[i].hash);
	}
	if (x->n > 1)
		qsort(at, x->n, sizeof(*at), deepest_first);
	for (size_t i = 0; i < x->n; i++)
		x->at[i] = at[i].n;
}

/* From the shallowest on, as long as each is allowed by the one before. */
static struct node *
last_allowed(struct res *r, const struct conflict *c)
{
	struct node *now = c->of.at[c->of.n - 1];

	for (size_t i = c->of.n - 1; i > 0; i--) {
		struct trial t = { r, c->at, now->ev };

		if (!allowed(r, c->of.at[i - 1], &t))
			break;
		now = c->of.at[i - 1];
	}
	return now;
}

/* The deepest that is allowed; if none is, the shallowest. */
static struct node *
first_allowed(struct res *r, const struct conflict *c)
{
	struct trial t = { .r = r };

	for (size_t i = 0; i < c->of.n; i++)
		if (allowed(r, c->of.at[i], &t))
			return c->of.at[i];
	return c->of.at[c->of.n - 1];
}

bool
resolve_old(struct res *r, struct conflict *conflict, size_t n)
{
	struct node **won = arena_array(r->a, struct node *, n);

	for (size_t i = 0; i < n; i++)
		rank(r, &conflict[i].of);
	for (int phase = 0; phase < NPHASES; phase++) {
		for (size_t i = 0; i < n; i++) {
			if ((int)phase_of(conflict[i].at.type,
			    conflict[i].at.key) != phase)
				continue;
			if (conflict[i].of.n == 1)
				won[i] = conflict[i].of.at[0];
			else
				won[i] = phase == PHASE_REST
				    ? first_allowed(r, &conflict[i])
				    : last_allowed(r, &conflict[i]);
		}
		/* What a phase decides counts from the next one on. */
		for (size_t i = 0; i < n; i++)
			if ((int)phase_of(conflict[i].at.type,
			    conflict[i].at.key) == phase)
				resolved_put(r, conflict[i].at, won[i]);
	}
	return true;
}
