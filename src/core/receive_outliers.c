/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Many events at once that another server gives as an auth chain or a state.
 * They are judged in the order in which they rest on each other, by their auth
 * events alone, and stored outside of the timeline.
 */
#include "core/receive.h"

#include "base/log.h"
#include "base/map.h"

#include <string.h>

/* One of them, and those that rest on it. */
struct given {
	struct outlier o;
	struct given **after;
	size_t nafter, cap_after, waits;
	bool known;			/* the store has it */
	bool dropped;			/* one of its auth events is not to be had */
};

struct batch {
	struct ctx *c;
	struct room *r;
	struct map by_id;		/* -> struct given */
	struct given **at;
	size_t n;
	const struct event *create;
};

/* The store's event with that id, if it is of this room. */
static bool
stored(struct batch *b, struct str id, const struct sev **out)
{
	if (!event_find(b->c, id, out))
		return false;
	if (*out != NULL && (*out)->room != b->r->nid)
		*out = NULL;
	return true;
}

/* What is not well-formed or not signed is as if it had not been given. */
static bool
read_one(struct batch *b, const struct json *pdu)
{
	struct given *g = arena_make(b->c->a, struct given);
	struct received got;
	const struct sev *x;

	if (!receive_read(b->c, b->r->v, pdu, &got, &g->o.text)) {
		if (b->c->err.code == M_UNAVAILABLE)
			return false;
		log_info("receive", "passed over an event of a state",
		    LS("room", b->r->id), LS("why", str_c(b->c->err.text)));
		err_clear(&b->c->err);
		return true;
	}
	if (!str_eq(got.ev.room, b->r->id) ||
	    map_get(&b->by_id, got.ev.id) != NULL)
		return true;
	g->o.ev = got.ev;
	if (b->r->nid != 0 && !stored(b, got.ev.id, &x))
		return false;
	g->known = b->r->nid != 0 && x != NULL;
	g->o.rejected = g->known && (sev_flags(x) & EVENT_F_REJECTED) != 0;
	map_put(&b->by_id, g->o.ev.id, g);
	b->at[b->n++] = g;
	if (str_eq(got.ev.type, S("m.room.create")) && got.ev.is_state &&
	    b->create == NULL)
		b->create = &g->o.ev;
	return true;
}

static void
link_all(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		for (size_t k = 0; k < b->at[i]->o.ev.nauth; k++) {
			struct given *on = map_get(&b->by_id,
			    b->at[i]->o.ev.auth[k]);

			if (on == NULL)
				continue;
			on->after = arena_more(b->c->a, on->after, on->nafter,
			    &on->cap_after, sizeof(struct given *));
			on->after[on->nafter++] = b->at[i];
			b->at[i]->waits++;
		}
}

/*
 * Is it carried by its auth events? Where one is missing nothing can be said,
 * and it is as if it had not been given: a rejection is for ever, and whoever
 * gives half of a chain must not bring it about.
 */
static bool
judge(struct batch *b, struct given *g)
{
	const struct event *ev = &g->o.ev;
	struct auth_event *auth = arena_array(b->c->a, struct auth_event,
	    ev->nauth);
	struct err why = { .code = M_OK };
	const struct sev *x;

	for (size_t i = 0; i < ev->nauth; i++) {
		const struct given *on = map_get(&b->by_id, ev->auth[i]);

		if (on != NULL && on->dropped)
			continue;
		if (on != NULL) {
			auth[i] = (struct auth_event){ &on->o.ev,
			    on->o.rejected };
			continue;
		}
		if (b->r->nid == 0)
			continue;
		if (!stored(b, ev->auth[i], &x))
			return false;
		if (x != NULL)
			auth[i] = (struct auth_event){ &x->ev,
			    (sev_flags(x) & EVENT_F_REJECTED) != 0 };
	}
	for (size_t i = 0; i < ev->nauth && !g->dropped; i++)
		g->dropped = auth[i].ev == NULL;
	if (g->dropped)
		return true;
	g->o.rejected = !received_auth_ok(b->c->a, ev, b->create, auth,
	    ev->nauth, &why);
	if (g->o.rejected)
		log_info("receive", "rejected an event of a state",
		    LS("event", ev->id), LS("why", str_c(why.text)));
	return true;
}

/* In the order in which they rest on each other; circles are never reached. */
static bool
judge_all(struct batch *b, struct outlier *out, size_t *nout)
{
	struct given **ready = arena_array(b->c->a, struct given *, b->n);
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		if (b->at[i]->waits == 0)
			ready[n++] = b->at[i];
	for (size_t i = 0; i < n; i++) {
		struct given *g = ready[i];

		if (!g->known) {
			if (!judge(b, g))
				return false;
			if (!g->dropped)
				out[(*nout)++] = g->o;
		}
		for (size_t k = 0; k < g->nafter; k++)
			if (--g->after[k]->waits == 0)
				ready[n++] = g->after[k];
	}
	return true;
}

static bool
take(struct batch *b, const struct json *const *pdu, size_t n)
{
	struct outlier *o = arena_array(b->c->a, struct outlier, n);
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (!read_one(b, pdu[i]))
			return false;
	link_all(b);
	return judge_all(b, o, &count) &&
	    persist_outliers(b->c, b->r, o, count);
}

bool
receive_outliers(struct ctx *c, struct room *r,
    const struct json *const *pdu, size_t n)
{
	struct batch b = { .c = c, .r = r, .create = room_create_event(r) };
	bool ok;

	b.at = arena_array(c->a, struct given *, n);
	ok = take(&b, pdu, n);
	map_done(&b.by_id);
	return ok;
}
