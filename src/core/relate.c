/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Lists of what relates to an event, and of a room's threads, page by page.
 * Aggregations are bundle.c's. See history.h.
 * spec: client-server, "Relationships API", "Querying threads in a room".
 */
#include "core/history.h"
#include "store/q_event.h"

/* The events of rows at most `max` that the actor may see, in the rows' order. */
static bool
take_rows(struct ctx *c, struct room *r, const struct relation_row *rel,
    size_t n, struct history_page *out)
{
	bool *keep = arena_array(c->a, bool, n);
	const struct sev **ev = arena_array(c->a, const struct sev *, n);
	size_t got = 0;

	for (size_t i = 0; i < n; i++) {
		if (!event_by_nid(c, rel[i].event, &ev[got]))
			return false;
		got += ev[got] != NULL;
	}
	if (!room_visible(c, r, c->who.user, ev, got, keep))
		return false;
	out->ev = ev;
	out->n = 0;
	for (size_t i = 0; i < got; i++)
		if (keep[i])
			ev[out->n++] = ev[i];
	return true;
}

/* What the page ends with: rows over the limit say that there is more. */
static size_t
end_page(const struct relation_row *rel, size_t n, size_t limit, bool back,
    struct history_page *out)
{
	*out = (struct history_page){ .more = n > limit };
	if (n > limit)
		n = limit;
	if (out->more)
		out->end = back ? rel[n - 1].seq - 1 : rel[n - 1].seq;
	return n;
}

bool
history_relations(struct ctx *c, struct room *r,
    const struct relation_ask *ask, struct history_page *out)
{
	int64_t low = INT64_MIN, high = INT64_MAX;
	struct relation_row *rel = NULL;
	size_t n = 0;

	/* A place t lies between seq t and t + 1. */
	if (ask->back) {
		high = ask->has_from ? ask->from + 1 : high;
		low = ask->has_to ? ask->to : low;
	} else {
		low = ask->has_from ? ask->from : low;
		high = ask->has_to ? ask->to + 1 : high;
	}
	if (!(ask->recurse ? relation_tree : relation_list)(c->db, c->a,
	    room_nid(r), ask->parent, ask->rel_type, ask->type, low, high,
	    ask->back, ask->limit + 1, &rel, &n, &c->err))
		return false;
	n = end_page(rel, n, ask->limit, ask->back, out);
	return take_rows(c, r, rel, n, out);
}

bool
history_threads(struct ctx *c, struct room *r, const struct thread_ask *ask,
    struct history_page *out)
{
	struct str who = ask->participated ? c->who.user : S("");
	struct relation_row *rel;
	size_t n;

	if (!thread_list(c->db, c->a, room_nid(r), who, ask->from,
	    ask->limit + 1, &rel, &n, &c->err))
		return false;
	n = end_page(rel, n, ask->limit, true, out);
	return take_rows(c, r, rel, n, out);
}
