/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Gathering the records of a breach report. See breach.h. Pure. */
#include "guard/breach.h"

void
breach_init(struct breach *b, struct arena *a, const struct breach_ask *ask)
{
	*b = (struct breach){ .a = a, .ask = *ask };
}

void
breach_done(struct breach *b)
{
	map_done(&b->sessions.by);
	map_done(&b->rooms.by);
	map_done(&b->people.by);
	for (size_t i = 0; i < SEEN_NKINDS; i++)
		map_done(&b->things[i].by);
}

/* The entry for key, zeroed if it is new: then *kept is the key's own copy. */
static void *
entry(struct arena *a, struct breach_list *l, struct str key, size_t size,
    struct str *kept)
{
	void *x = map_get(&l->by, key);

	kept->p = NULL;
	if (x != NULL)
		return x;
	x = arena_alloc(a, size);
	*kept = str_dup(a, key);
	map_put(&l->by, *kept, x);
	l->at = arena_more(a, l->at, l->n, &l->cap, sizeof(*l->at));
	l->at[l->n++] = x;
	return x;
}

static void
between(int64_t at_ms, int64_t *first_ms, int64_t *last_ms)
{
	if (*first_ms == 0 || at_ms < *first_ms)
		*first_ms = at_ms;
	if (at_ms > *last_ms)
		*last_ms = at_ms;
}

static void
take_session(struct breach *b, const struct record *r)
{
	struct str key = str_fmt(b->a, "%lld " STR_FMT " " STR_FMT,
	    (long long)r->who.session, STR_ARG(r->who.device),
	    STR_ARG(r->who.address)), kept;
	struct breach_session *s = entry(b->a, &b->sessions, key, sizeof(*s),
	    &kept);

	if (kept.p != NULL)
		*s = (struct breach_session){ .session = r->who.session,
		    .device = str_dup(b->a, r->who.device),
		    .address = str_dup(b->a, r->who.address),
		    .agent = str_dup(b->a, r->who.agent) };
	between(r->at_ms, &s->first_ms, &s->last_ms);
	s->records++;
}

static void
take_person(struct breach *b, struct str user)
{
	struct str kept, *x = entry(b->a, &b->people, user, sizeof(*x),
	    &kept);

	if (kept.p != NULL)
		*x = kept;
}

static void
take_set(struct breach *b, const struct record *r, const struct seen_item *x)
{
	struct str kept;
	struct breach_room *room = entry(b->a, &b->rooms, x->object,
	    sizeof(*room), &kept);
	struct ranges *set = x->kind == SEEN_EVENTS ? &room->seq
	    : x->kind == SEEN_STATE ? &room->nid : &room->stripped;

	if (kept.p != NULL)
		room->id = kept;
	between(r->at_ms, &room->first_ms, &room->last_ms);
	room->times++;
	for (size_t i = 0; i < x->nrange; i++)
		ranges_add(b->a, set, x->range[i]);
}

static void
take_thing(struct breach *b, const struct record *r,
    const struct seen_item *x)
{
	struct str kept;
	struct breach_thing *t = entry(b->a, &b->things[x->kind], x->object,
	    sizeof(*t), &kept);

	if (kept.p != NULL)
		t->object = kept;
	between(r->at_ms, &t->first_ms, &t->last_ms);
	t->times++;
	t->count += x->count;
	t->bytes += x->bytes;
	if (x->kind == SEEN_PROFILE || x->kind == SEEN_DEVICES)
		take_person(b, x->object);
	for (size_t i = 0; x->kind == SEEN_USERS && i < x->nrow; i++)
		take_person(b, x->row[i]);
}

void
breach_take(struct breach *b, const struct record *r)
{
	if (r->type != RECORD_SHOWN)
		return;
	b->records++;
	if (r->leaf >= b->leaves)
		b->leaves = r->leaf + 1;
	b->assumed += r->assumed;
	take_session(b, r);
	for (size_t i = 0; i < r->n; i++) {
		if (seen_is_set(r->item[i].kind))
			take_set(b, r, &r->item[i]);
		else
			take_thing(b, r, &r->item[i]);
	}
}

struct breach_sums
breach_sums(const struct breach *b)
{
	struct breach_sums s = { .rooms = (int64_t)b->rooms.n,
	    .files = (int64_t)b->things[SEEN_MEDIA].n,
	    .profiles = (int64_t)b->things[SEEN_PROFILE].n,
	    .devices = (int64_t)b->things[SEEN_DEVICES].n,
	    .people = (int64_t)b->people.n };

	for (size_t i = 0; i < b->rooms.n; i++) {
		const struct breach_room *r = b->rooms.at[i];

		s.clear += r->clear;
		s.cipher += r->cipher;
		s.state += ranges_count(&r->nid) + ranges_count(&r->stripped);
		s.owners += (int64_t)r->nowners;
	}
	for (size_t i = 0; i < b->things[SEEN_MEDIA].n; i++) {
		const struct breach_thing *t = b->things[SEEN_MEDIA].at[i];

		s.file_bytes += t->file.id.n > 0 ? t->file.bytes : t->bytes;
	}
	for (size_t i = 0; i < b->things[SEEN_DIRECTORY].n; i++)
		s.listed += ((struct breach_thing *)
		    b->things[SEEN_DIRECTORY].at[i])->count;
	for (size_t i = 0; i < b->things[SEEN_ROOM_KEYS].n; i++)
		s.keys += ((struct breach_thing *)
		    b->things[SEEN_ROOM_KEYS].at[i])->count;
	return s;
}
