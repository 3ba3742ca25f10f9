/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See seen.h. */
#include "guard/seen.h"

#include <assert.h>
#include <stdlib.h>

#define OBJECT_MAX 255

static const struct str names[] = {
	[SEEN_EVENTS] = S_INIT("events"), [SEEN_STATE] = S_INIT("state"),
	[SEEN_STRIPPED] = S_INIT("stripped"), [SEEN_MEDIA] = S_INIT("media"),
	[SEEN_PROFILE] = S_INIT("profile"),
	[SEEN_DIRECTORY] = S_INIT("directory"),
	[SEEN_USERS] = S_INIT("users"), [SEEN_DEVICES] = S_INIT("devices"),
	[SEEN_TO_DEVICE] = S_INIT("to_device"),
	[SEEN_ROOM_KEYS] = S_INIT("room_keys"),
	[SEEN_ACCOUNT] = S_INIT("account"),
};

struct str
seen_kind_name(enum seen_kind k)
{
	return names[k];
}

bool
seen_is_set(enum seen_kind k)
{
	return k <= SEEN_STRIPPED;
}

void
seen_init(struct seen *s, struct arena *a)
{
	*s = (struct seen){ .a = a };
}

void
seen_reset(struct seen *s)
{
	s->n = 0;
}

void
seen_add(struct seen *s, enum seen_kind kind, struct str object, int64_t first,
    int64_t last, int64_t count, int64_t bytes)
{
	s->item = arena_more(s->a, s->item, s->n, &s->cap, sizeof(*s->item));
	s->item[s->n++] = (struct seen_item){ .kind = kind,
	    .object = str_utf8_clip(object, OBJECT_MAX), .first = first,
	    .last = last, .count = count, .bytes = bytes };
}

static void
add_range(struct seen *s, struct seen_item *x, int64_t at)
{
	x->range = arena_more(s->a, x->range, x->nrange, &x->cap_range,
	    sizeof(*x->range));
	x->range[x->nrange++] = (struct seen_range){ at, at };
}

/* One position more of the set that was added to last, or of a new one. */
static void
add_to_set(struct seen *s, enum seen_kind kind, struct str object, int64_t at)
{
	struct seen_item *x = s->n > 0 ? &s->item[s->n - 1] : NULL;
	struct seen_range *r;

	if (x == NULL || x->kind != kind || !str_eq(x->object, object)) {
		seen_add(s, kind, object, at, at, 0, 0);
		x = &s->item[s->n - 1];
	}
	x->count++;
	if (at < x->first)
		x->first = at;
	if (at > x->last)
		x->last = at;
	r = x->nrange > 0 ? &x->range[x->nrange - 1] : NULL;
	if (r != NULL && at == r->last + 1)
		r->last = at;
	else if (r != NULL && at == r->first - 1)
		r->first = at;
	else
		add_range(s, x, at);
}

void
seen_event(struct seen *s, struct str room_id, int64_t seq)
{
	add_to_set(s, SEEN_EVENTS, room_id, seq);
}

void
seen_state(struct seen *s, struct str room_id, int64_t nid)
{
	add_to_set(s, SEEN_STATE, room_id, nid);
}

void
seen_stripped(struct seen *s, struct str room_id, int64_t nid)
{
	add_to_set(s, SEEN_STRIPPED, room_id, nid);
}

void
seen_row(struct seen *s, struct str row)
{
	struct seen_item *x;

	assert(s->n > 0);
	x = &s->item[s->n - 1];
	x->row = arena_more(s->a, x->row, x->nrow, &x->cap_row,
	    sizeof(*x->row));
	x->row[x->nrow++] = str_utf8_clip(row, OBJECT_MAX);
}

static int
by_first(const void *x, const void *y)
{
	int64_t a = ((const struct seen_range *)x)->first;
	int64_t b = ((const struct seen_range *)y)->first;

	return a < b ? -1 : a > b;
}

static void
merge(struct seen_item *x)
{
	size_t n = 0;

	qsort(x->range, x->nrange, sizeof(*x->range), by_first);
	for (size_t i = 0; i < x->nrange; i++) {
		struct seen_range *r = &x->range[i];

		if (n > 0 && r->first <= x->range[n - 1].last + 1) {
			if (r->last > x->range[n - 1].last)
				x->range[n - 1].last = r->last;
		} else {
			x->range[n++] = *r;
		}
	}
	x->nrange = n;
}

void
seen_finish(struct seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->item[i].nrange > 1)
			merge(&s->item[i]);
}
