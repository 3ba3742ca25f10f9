/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See leaf.h. */
#include "guard/leaf.h"

#include <string.h>

void
intervals_init(struct intervals *s, struct arena *a)
{
	*s = (struct intervals){ .a = a };
}

static void
open_interval(struct intervals *s, const struct record *r,
    const struct seen_item *x)
{
	s->at = arena_more(s->a, s->at, s->n, &s->cap, sizeof(*s->at));
	s->at[s->n++] = (struct interval){ r->who, r->operation, x->object,
	    x->last, r->at_ms };
}

static void
go_on(struct intervals *s, const struct record *r)
{
	for (size_t i = 0; i < r->nparts; i++) {
		const struct record_part *p = &r->part[i];
		struct interval *x;

		if ((uint64_t)p->id >= s->n || p->nrange == 0)
			continue;
		x = &s->at[p->id];
		x->last = p->range[p->nrange - 1].last;
		x->at_ms = r->at_ms;
	}
}

void
intervals_take(struct intervals *s, const struct record *r)
{
	s->last_ms = r->at_ms;
	s->ended = r->type == RECORD_END;
	if (r->type == RECORD_MORE)
		go_on(s, r);
	for (size_t i = 0; r->follows && i < r->n; i++)
		if (r->item[i].kind == SEEN_EVENTS)
			open_interval(s, r, &r->item[i]);
}

bool
intervals_part(const struct intervals *s, const struct record *r, size_t i,
    struct seen_item *item, struct record *out)
{
	const struct record_part *p = &r->part[i];
	const struct interval *x;

	if ((uint64_t)p->id >= s->n || p->nrange == 0)
		return false;
	x = &s->at[p->id];
	*item = (struct seen_item){ .kind = SEEN_EVENTS, .object = x->room,
	    .first = p->range[0].first, .last = p->range[p->nrange - 1].last,
	    .range = p->range, .nrange = p->nrange };
	for (size_t k = 0; k < p->nrange; k++)
		item->count += p->range[k].last - p->range[k].first + 1;
	*out = (struct record){ .type = RECORD_SHOWN, .leaf = r->leaf,
	    .at_ms = r->at_ms, .who = x->who, .operation = x->operation,
	    .item = item, .n = 1 };
	return true;
}

bool
leaf_entry(const struct intervals *s, const uint8_t seed[SEGMENT_SEED],
    const struct record *r, struct buf *scratch, uint8_t out[SHA256_BYTES])
{
	struct buf all;
	bool ok = true;

	buf_reset(scratch);
	if (r->type != RECORD_MORE) {
		record_spell(scratch, r);
		segment_commit(seed, r->leaf, 0, buf_view(scratch), out);
		return !scratch->over;
	}
	buf_init(&all, NULL, r->nparts * SHA256_BYTES + 1);
	for (size_t i = 0; ok && i < r->nparts; i++) {
		struct seen_item item;
		struct record part;

		buf_reset(scratch);
		ok = intervals_part(s, r, i, &item, &part);
		if (!ok)
			break;
		record_spell(scratch, &part);
		segment_commit(seed, r->leaf, i, buf_view(scratch), out);
		buf_add(&all, out, SHA256_BYTES);
	}
	sha256(buf_view(&all), out);
	buf_free(&all);
	return ok && !scratch->over;
}
