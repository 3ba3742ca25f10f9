/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Storing events of the graph where they belong: at the end of the timeline,
 * before its beginning, or outside of it. What such an event changes in the
 * room's state was resolved by the caller; here it becomes rows, then the
 * caches, then readers are told, as in persist.c.
 */
#include "core/persist_impl.h"

#include "core/sticky.h"
#include "store/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A place of the current state that becomes another. */
struct changed {
	struct state_slot slot;
	enum membership membership;	/* of a member event */
};

struct job {
	struct ctx *c;
	struct room *r;
	struct pending *p;
	const struct placement *pl;
	struct changed *change;
	struct stream_tx tx;
	struct state_root before, now;
	struct str ends;
};

static bool
is_member_type(struct str type)
{
	return str_eq(type, S("m.room.member"));
}

/* The state of a delta, the own nid filled in: the body may run again with another. */
static bool
delta_root(struct db *db, const struct job *j, const struct state_delta *d,
    struct state_root *out, struct err *e)
{
	struct state_slot *slot;

	*out = d->root;
	if (d->n == 0)
		return true;
	slot = arena_array(j->c->a, struct state_slot, d->n);
	for (size_t i = 0; i < d->n; i++) {
		slot[i] = d->slot[i];
		if (slot[i].event == EVENT_SELF)
			slot[i].event = j->p->row.nid;
	}
	return state_set(db, &d->root, slot, d->n, out, e);
}

static bool
store_row(struct db *db, struct job *j, int64_t pos, struct err *e)
{
	static const unsigned flags[] = {
		[PLACE_REJECTED] = EVENT_F_REJECTED,
		[PLACE_SOFT_FAILED] = EVENT_F_SOFT_FAILED,
		[PLACE_ASIDE] = 0, [PLACE_TIMELINE] = 0, [PLACE_BACK] = 0,
	};
	const struct placement *pl = j->pl;
	const struct event *ev = &j->p->ev;
	struct event_row *row = &j->p->row;

	*row = (struct event_row){
		.nid = pl->stored != 0 ? pl->stored : pos, .room = j->r->nid,
		.pos = pl->how == PLACE_BACK ? 1 : pos,
		.depth = ev->depth, .ts = ev->ts, .flags = flags[pl->how],
		.event_id = ev->id, .type = ev->type, .sender = ev->sender,
		.is_state = ev->is_state, .state_key = ev->state_key,
		.json = j->p->text,
		.seq = pl->how == PLACE_TIMELINE ? j->r->head.last_seq + 1
		    : pl->how == PLACE_BACK ? pl->seq : 0,
	};
	if (!delta_root(db, j, &pl->before, &j->before, e))
		return false;
	row->state = j->before;
	row->shown = pl->how == PLACE_TIMELINE && !pl->entering
	    ? j->r->head.state : j->before;
	return pl->stored != 0 ? event_row_place(db, row, e)
	    : event_row_insert(db, row, e);
}

static bool
store_change(struct db *db, const struct job *j, const struct changed *x,
    struct err *e)
{
	const struct event_row *row = &j->p->row;
	int64_t nid = x->slot.event == EVENT_SELF ? row->nid : x->slot.event;
	struct member_row m = { x->slot.key, x->membership, nid, row->seq,
	    row->pos };

	if (is_member_type(x->slot.type))
		return nid == 0 ? member_del(db, j->r->nid, m.user, e)
		    : member_put(db, j->r->nid, &m, e);
	return nid == 0 ? room_state_del(db, j->r->nid, x->slot.type,
	    x->slot.key, e) : room_state_put(db, j->r->nid, x->slot.type,
	    x->slot.key, nid, e);
}

static bool
store_head(struct db *db, struct job *j, struct err *e)
{
	struct buf ends;

	j->now = j->pl->now.root;
	if (j->pl->behind)
		return true;
	for (size_t i = 0; i < j->pl->now.n; i++)
		if (!store_change(db, j, &j->change[i], e))
			return false;
	if (!delta_root(db, j, &j->pl->now, &j->now, e))
		return false;
	buf_init(&ends, j->c->a, 256);
	for (size_t i = 0; i < j->pl->nends; i++) {
		buf_i64(&ends, j->pl->end[i].nid);
		buf_char(&ends, ',');
	}
	buf_i64(&ends, j->p->row.nid);
	return room_row_head(db, j->r->nid, &j->now, buf_view(&ends), e);
}

static bool
store_gaps(struct db *db, const struct job *j, struct err *e)
{
	const struct placement *pl = j->pl;

	if (!gap_close(db, j->r->nid, j->p->ev.id, e))
		return false;
	for (size_t i = 0; i < pl->nmissing; i++)
		if (!gap_add(db, j->r->nid, pl->missing[i], j->p->row.nid, e))
			return false;
	return true;
}

static bool
body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;
	int64_t pos;

	if (!stream_next(db, &j->tx, &pos, e) || !store_row(db, j, pos, e))
		return false;
	if (j->pl->how == PLACE_REJECTED)
		return true;
	if (!store_gaps(db, j, e))
		return false;
	if (j->pl->how == PLACE_SOFT_FAILED || j->pl->how == PLACE_ASIDE)
		return true;
	return persist_relation(db, j->p, e) &&
	    persist_redaction(db, j->p, j->c->now_ms, e) &&
	    (j->pl->how == PLACE_BACK ||
	    (persist_sticky(db, j->p, j->c->now_ms, e) && store_head(db, j, e)));
}

/* With the room's lock. */
static void
show_change(struct job *j, const struct changed *x)
{
	const struct event_row *row = &j->p->row;
	int64_t nid = x->slot.event == EVENT_SELF ? row->nid : x->slot.event;
	struct member_row m = { x->slot.key, nid == 0 ? MEMBER_NONE
	    : x->membership, nid, row->seq, row->pos };

	if (is_member_type(x->slot.type))
		room_set_member(j->r, &m);
	else
		room_set_place(j->r, x->slot.type, x->slot.key, nid);
}

static void
end_set(struct end *x, int64_t nid, struct str id)
{
	x->nid = nid;
	x->n = id.n;
	memcpy(x->id, id.p, id.n);
}

static void
show(struct job *j)
{
	const struct event_row *row = &j->p->row;
	struct room *r = j->r;
	size_t n = j->pl->nends;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < j->pl->now.n; i++)
		show_change(j, &j->change[i]);
	r->ring[(size_t)row->seq % RING] = (struct event_place){ row->seq,
	    row->nid, row->pos };
	r->head.last_seq = row->seq;
	r->head.last_pos = r->touched = row->pos;
	if (r->head.depth < row->depth)
		r->head.depth = row->depth;
	r->head.state = j->now;
	if (r->create == NULL && j->pl->create != NULL)
		r->create = sev_get(j->pl->create);
	assert(n < ENDS_MAX);
	if (!j->pl->behind) {
		for (size_t i = 0; i < n; i++)
			r->end[i] = j->pl->end[i];
		end_set(&r->end[n], row->nid, row->event_id);
		r->nends = n + 1;
	}
	pthread_mutex_unlock(&r->lock);
}

/* What each change of the state means for its member, read before the transaction. */
static bool
note_changes(struct job *j)
{
	const struct state_delta *now = &j->pl->now;
	const struct sev *ev;

	j->change = arena_array(j->c->a, struct changed, now->n);
	for (size_t i = 0; i < now->n; i++) {
		struct changed *x = &j->change[i];

		x->slot = now->slot[i];
		if (!is_member_type(x->slot.type) || x->slot.event == 0)
			continue;
		if (x->slot.event == EVENT_SELF) {
			x->membership = membership_of_event(&j->p->ev);
			continue;
		}
		if (!event_by_nid(j->c, x->slot.event, &ev))
			return false;
		x->membership = membership_of_event(ev != NULL ? &ev->ev
		    : NULL);
	}
	return true;
}

static struct tell *
tell_of(const struct job *j)
{
	struct tell *t = persist_tell_new(j->r->nid, j->p->row.pos,
	    j->pl->now.n);

	for (size_t i = 0; i < j->pl->now.n; i++)
		if (is_member_type(j->change[i].slot.type))
			persist_tell_member(t, j->change[i].slot.key,
			    j->change[i].membership);
	return t;
}

bool
persist_placed(struct ctx *c, struct room *r, struct pending *p,
    const struct placement *pl)
{
	struct job j = { .c = c, .r = r, .p = p, .pl = pl };

	assert(pl->how != PLACE_BACK || pl->seq < 0);
	if (!note_changes(&j))
		return false;
	persist_prune(c, p);
	if (!stream_transact(c->db, body, &j, &j.tx, &c->err))
		return false;
	if (!persist_cache(c, p))
		abort();
	if (pl->how != PLACE_TIMELINE) {
		if (pl->how == PLACE_BACK)
			room_first(r, pl->seq);
		stream_end(&j.tx, NULL, NULL);
		return true;
	}
	sticky_noted(persist_sticky_until(p, c->now_ms));
	show(&j);
	stream_end(&j.tx, persist_tell, tell_of(&j));
	return true;
}

struct outliers {
	struct ctx *c;
	struct room *r;
	struct outlier *o;
	size_t n;
	struct stream_tx tx;
	int64_t nid;			/* of the room */
};

static bool
outlier_row(struct db *db, struct outliers *x, struct outlier *o, struct err *e)
{
	const struct event *ev = &o->ev;
	struct event_row row, old;
	bool found;

	if (!event_row_by_id(db, x->c->a, ev->id, &old, &found, e))
		return false;
	o->nid = old.nid;
	if (found)
		return true;
	if (!stream_next(db, &x->tx, &o->nid, e))
		return false;
	row = (struct event_row){
		.nid = o->nid, .room = x->nid, .pos = o->nid,
		.depth = ev->depth, .ts = ev->ts, .event_id = ev->id,
		.type = ev->type, .is_state = ev->is_state,
		.state_key = ev->state_key, .sender = ev->sender,
		.json = o->text, .flags = EVENT_F_OUTLIER |
		    (o->rejected ? EVENT_F_REJECTED : 0),
	};
	return event_row_insert(db, &row, e);
}

static bool
outliers_body(struct db *db, void *arg, struct err *e)
{
	struct outliers *x = arg;

	x->nid = x->r->nid;
	if (x->nid == 0 && (!stream_next(db, &x->tx, &x->nid, e) ||
	    !room_row_insert(db, x->nid, x->r->id, x->r->v->name,
	    x->c->now_ms, e)))
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (!outlier_row(db, x, &x->o[i], e))
			return false;
	return true;
}

bool
persist_outliers(struct ctx *c, struct room *r, struct outlier *o, size_t n)
{
	struct outliers x = { .c = c, .r = r, .o = o, .n = n };

	if (n == 0 && r->nid != 0)
		return true;
	if (!stream_transact(c->db, outliers_body, &x, &x.tx, &c->err))
		return false;
	r->nid = x.nid;
	stream_end(&x.tx, NULL, NULL);
	return true;
}
