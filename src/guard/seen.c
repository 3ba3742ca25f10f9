/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See seen.h. */
#include "guard/seen.h"

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
	s->item[s->n++] = (struct seen_item){ kind,
	    str_utf8_clip(object, OBJECT_MAX), first, last, count, bytes };
}

void
seen_event(struct seen *s, struct str room_id, int64_t seq)
{
	struct seen_item *x = s->n > 0 ? &s->item[s->n - 1] : NULL;

	if (x != NULL && x->kind == SEEN_EVENTS && str_eq(x->object, room_id)) {
		if (seq == x->last + 1) {
			x->last = seq;
			x->count++;
			return;
		}
		if (seq == x->first - 1) {
			x->first = seq;
			x->count++;
			return;
		}
	}
	seen_add(s, SEEN_EVENTS, room_id, seq, seq, 1, 0);
}

void
seen_state(struct seen *s, struct str room_id, int64_t nid)
{
	struct seen_item *x = s->n > 0 ? &s->item[s->n - 1] : NULL;

	if (x == NULL || x->kind != SEEN_STATE ||
	    !str_eq(x->object, room_id)) {
		seen_add(s, SEEN_STATE, room_id, nid, nid, 1, 0);
		return;
	}
	if (nid < x->first)
		x->first = nid;
	if (nid > x->last)
		x->last = nid;
	x->count++;
}
