/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See follow_cache.h. */
#include "guard/follow_cache.h"

#include "base/heap.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 65536
#define WAIT_MAX 64		/* ranges of one interval; more is a reply of its own */
#define KEY_MAX 2048
#define STATE_MAX 8

struct follow {
	struct str key;			/* who, operation, room: after the struct */
	struct follow *next_waiting;
	int64_t id, last, written_ms;
	struct seen_range *range;	/* folded, not written */
	size_t n, cap, taken;		/* taken of them are being written */
	bool waiting;			/* is in the list */
	struct seen_range state[STATE_MAX];	/* on disk */
	size_t nstate;
};

static struct {
	struct map by_key;
	struct follow *waiting;
} all;

static struct str
key_of(struct buf *b, struct str who, struct str operation, struct str room)
{
	buf_str(b, who);
	buf_char(b, '\0');
	buf_str(b, operation);
	buf_char(b, '\0');
	buf_str(b, room);
	return b->over ? S("") : buf_view(b);
}

static struct follow *
find(struct str who, struct str operation, struct str room)
{
	char place[KEY_MAX];
	struct buf b = { place, 0, sizeof(place), sizeof(place), NULL, false };

	return map_get(&all.by_key, key_of(&b, who, operation, room));
}

static void
add(struct follow *x, struct seen_range r)
{
	if (x->n > x->taken && x->range[x->n - 1].last + 1 == r.first) {
		x->range[x->n - 1].last = r.last;
		return;
	}
	x->range = heap_more(x->range, x->n, &x->cap, sizeof(*x->range));
	x->range[x->n++] = r;
}

bool
follow_fold(struct str who, struct str operation, const struct seen_item *i,
    int64_t now_ms)
{
	struct follow *x = find(who, operation, i->object);

	if (x == NULL || i->nrange == 0 || i->range[0].first <= x->last ||
	    x->n + i->nrange > WAIT_MAX ||
	    now_ms - x->written_ms >= INTERVAL_IDLE_MS)
		return false;
	for (size_t k = 0; k < i->nrange; k++)
		add(x, i->range[k]);
	x->last = i->last;
	if (!x->waiting) {
		x->waiting = true;
		x->next_waiting = all.waiting;
		all.waiting = x;
	}
	return true;
}

void
follow_state(struct str who, struct str operation, const struct seen_item *i)
{
	struct follow *x = find(who, operation, i->object);

	if (x == NULL || i->nrange > STATE_MAX)
		return;
	/* The newest: who speaks now is who is shown again. */
	if (x->nstate + i->nrange > STATE_MAX)
		x->nstate = 0;
	memcpy(x->state + x->nstate, i->range, i->nrange * sizeof(*i->range));
	x->nstate += i->nrange;
}

static bool
has_range(const struct follow *x, struct seen_range r)
{
	for (size_t i = 0; i < x->nstate; i++)
		if (r.first >= x->state[i].first && r.last <= x->state[i].last)
			return true;
	return false;
}

bool
follow_knows(struct str who, struct str operation, const struct seen_item *i,
    int64_t now_ms)
{
	const struct follow *x = find(who, operation, i->object);

	if (x == NULL || i->nrange == 0 ||
	    now_ms - x->written_ms >= INTERVAL_IDLE_MS)
		return false;
	for (size_t k = 0; k < i->nrange; k++)
		if (!has_range(x, i->range[k]))
			return false;
	return true;
}

void
follow_open(struct str who, struct str operation, const struct seen_item *i,
    int64_t id, int64_t at_ms)
{
	struct follow *x = find(who, operation, i->object);
	char place[KEY_MAX];
	struct buf b = { place, 0, sizeof(place), sizeof(place), NULL, false };
	struct str key;

	if (x == NULL) {
		key = key_of(&b, who, operation, i->object);
		if (key.n == 0 || all.by_key.n >= OPEN_MAX)
			return;
		x = must(calloc(1, sizeof(*x) + key.n));
		memcpy(x + 1, key.p, key.n);
		x->key = str_n((const char *)(x + 1), key.n);
		map_put(&all.by_key, x->key, x);
	} else if (x->waiting) {
		return;			/* the older one goes on */
	}
	x->id = id;
	x->last = i->last;
	x->written_ms = at_ms;
}

bool
follow_waits(void)
{
	return all.waiting != NULL;
}

static int
by_id(const void *x, const void *y)
{
	int64_t a = ((const struct record_part *)x)->id;
	int64_t b = ((const struct record_part *)y)->id;

	return a < b ? -1 : a > b;
}

void
follow_take(struct arena *a, struct record_part **out, size_t *n)
{
	size_t count = 0;

	for (struct follow *x = all.waiting; x != NULL; x = x->next_waiting)
		count++;
	*out = arena_array(a, struct record_part, count);
	*n = 0;
	for (struct follow *x = all.waiting; x != NULL; x = x->next_waiting) {
		struct record_part *p = &(*out)[(*n)++];

		x->taken = x->n;
		p->id = x->id;
		p->nrange = x->n;
		p->range = arena_array(a, struct seen_range, x->n);
		memcpy(p->range, x->range, x->n * sizeof(*x->range));
	}
	if (count > 1)
		qsort(*out, count, sizeof(**out), by_id);
}

void
follow_written(int64_t at_ms)
{
	struct follow **at = &all.waiting;

	while (*at != NULL) {
		struct follow *x = *at;

		if (x->taken > 0) {
			memmove(x->range, x->range + x->taken,
			    (x->n - x->taken) * sizeof(*x->range));
			x->n -= x->taken;
			x->taken = 0;
			x->written_ms = at_ms;
		}
		if (x->n > 0) {
			at = &x->next_waiting;
		} else {
			*at = x->next_waiting;
			x->waiting = false;
		}
	}
}

static void
drop(struct follow *x)
{
	free(x->range);
	free(x);
}

void
follow_expire(int64_t now_ms)
{
	struct map_iter it = map_iter(&all.by_key);
	struct follow *x, *gone = NULL;

	while ((x = map_next(&it)) != NULL) {
		if (x->waiting || now_ms - x->written_ms < INTERVAL_IDLE_MS)
			continue;
		x->next_waiting = gone;
		gone = x;
	}
	while ((x = gone) != NULL) {
		gone = x->next_waiting;
		map_del(&all.by_key, x->key);
		drop(x);
	}
}

void
follow_clear(void)
{
	struct map_iter it = map_iter(&all.by_key);
	struct follow *x;

	while ((x = map_next(&it)) != NULL)
		drop(x);
	map_done(&all.by_key);
	all.by_key = (struct map){ .n = 0 };
	all.waiting = NULL;
}
