/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The only writer of events: one transaction of the store a batch, then the
 * caches, then the readers are told, in this order. A plain message costs
 * three rows: itself, its room's head, its transaction id.
 */
#include "core/persist.h"

#include "core/notify.h"
#include "room/ids.h"
#include "store/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct ctx *c;
	struct room *r;
	struct pending *p;
	size_t n;
	struct stream_tx tx;
	struct state_root root;		/* of the state after the last event */
	int64_t nid;			/* of the room */
};

/* What an event relates to; false: to nothing. */
static bool
relation_of(const struct event *ev, struct relation_row *out)
{
	const struct json *rel = json_get_obj(ev->content, S("m.relates_to"));
	struct str key = { NULL, 0 };

	if (rel == NULL || ev->is_state ||
	    !json_get_str(rel, S("rel_type"), &out->rel_type) ||
	    !json_get_str(rel, S("event_id"), &out->parent) ||
	    !id_event_ok(out->parent) || out->rel_type.n > ID_MAX)
		return false;
	if (str_eq(out->rel_type, S("m.annotation")))
		(void)json_get_str(rel, S("key"), &key);
	out->key = str_utf8_clip(key, ID_MAX);
	out->type = ev->type;
	out->sender = ev->sender;
	return true;
}

static bool
store_state(struct db *db, struct job *j, const struct pending *p,
    struct err *e)
{
	const struct event *ev = &p->ev;
	struct state_slot slot = { ev->type, ev->state_key, p->row.nid };
	struct member_row m;

	if (!state_set(db, &j->root, &slot, 1, &j->root, e))
		return false;
	if (!str_eq(ev->type, S("m.room.member")))
		return room_state_put(db, j->nid, ev->type, ev->state_key,
		    p->row.nid, e);
	m = (struct member_row){ ev->state_key, membership_of_event(ev),
	    p->row.nid, p->row.seq, p->row.pos };
	return member_put(db, j->nid, &m, e);
}

static bool
store_relation(struct db *db, struct job *j, const struct pending *p,
    struct err *e)
{
	struct relation_row rel = { .event = p->row.nid, .room = j->nid,
	    .seq = p->row.seq };

	if (!relation_of(&p->ev, &rel))
		return true;
	return relation_insert(db, &rel, e) && event_flag_set(db, rel.parent,
	    j->nid, EVENT_F_RELATED, e);
}

/* The redacted form takes the event's place for good. */
static bool
store_redaction(struct db *db, struct job *j, const struct pending *p,
    struct err *e)
{
	const struct sev *target = p->redacts;
	struct json pruned;

	if (target == NULL)
		return true;
	pruned = event_redact(j->c->a, target->ev.v, &target->ev.json);
	return event_redact_row(db, target->nid, json_text(j->c->a, &pruned),
	    p->ev.id, EVENT_F_REDACTED, e) &&
	    relation_delete(db, target->nid, e);
}

static bool
store_one(struct db *db, struct job *j, struct pending *p, int64_t seq,
    struct err *e)
{
	const struct event *ev = &p->ev;
	int64_t pos;

	if (!stream_next(db, &j->tx, &pos, e))
		return false;
	if (j->nid == 0) {
		j->nid = pos;
		if (!room_row_insert(db, pos, ev->room, ev->v->name,
		    j->c->now_ms, e))
			return false;
	}
	p->row = (struct event_row){
		.nid = pos, .room = j->nid, .seq = seq, .pos = pos,
		.depth = ev->depth, .ts = ev->ts, .event_id = ev->id,
		.type = ev->type, .is_state = ev->is_state,
		.state_key = ev->state_key, .sender = ev->sender,
		.json = p->text, .state = j->root,
	};
	if (!event_row_insert(db, &p->row, e) ||
	    (ev->is_state && !store_state(db, j, p, e)) ||
	    !store_relation(db, j, p, e) || !store_redaction(db, j, p, e))
		return false;
	return p->txn_id.n == 0 || event_txn_add(db, j->c->who.user,
	    j->c->who.device, p->txn_place, p->txn_id, ev->id, j->c->now_ms,
	    e);
}

static bool
body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;
	struct buf ends;

	j->root = j->r->head.state;
	j->nid = j->r->nid;
	for (size_t i = 0; i < j->n; i++)
		if (!store_one(db, j, &j->p[i],
		    j->r->head.last_seq + 1 + (int64_t)i, e))
			return false;
	buf_init(&ends, j->c->a, 64);
	buf_i64(&ends, j->p[j->n - 1].row.nid);
	return room_row_head(db, j->nid, &j->root, buf_view(&ends), e);
}

/* What to tell once the stream has come to these events. */
struct change {
	struct str user;
	bool in_room;
};

struct tell {
	struct arena *a;
	int64_t room, pos;
	struct change *change;
	size_t n;
};

static void
tell(void *arg)
{
	struct tell *t = arg;

	for (size_t i = 0; i < t->n; i++)
		if (t->change[i].in_room)
			notify_membership(t->room, t->change[i].user, true);
	notify_room(t->room, t->pos);
	for (size_t i = 0; i < t->n; i++) {
		/* Who left must still hear of it; an invite that was refused too. */
		notify_user(t->change[i].user, t->pos);
		if (!t->change[i].in_room)
			notify_membership(t->room, t->change[i].user, false);
	}
	arena_free(t->a);
}

static struct tell *
tell_new(const struct job *j)
{
	struct arena *a = arena_new_sized(64 << 20, 256);
	struct tell *t = arena_make(a, struct tell);

	*t = (struct tell){ .a = a, .room = j->nid,
	    .pos = j->p[j->n - 1].row.pos };
	t->change = arena_array(a, struct change, j->n);
	for (size_t i = 0; i < j->n; i++) {
		const struct event *ev = &j->p[i].ev;
		enum membership m;

		if (!ev->is_state || !str_eq(ev->type, S("m.room.member")) ||
		    !server_is_local(ev->state_key))
			continue;
		m = membership_of_event(ev);
		t->change[t->n++] = (struct change){
		    str_dup(a, ev->state_key), m == MEMBER_JOIN ||
		    m == MEMBER_INVITE || m == MEMBER_KNOCK };
	}
	return t;
}

/* With the room's lock. */
static void
show_one(struct room *r, const struct pending *p)
{
	const struct event *ev = &p->ev;
	struct member_row m;
	size_t slot = (size_t)p->row.seq % RING;

	if (ev->is_state && str_eq(ev->type, S("m.room.member"))) {
		m = (struct member_row){ ev->state_key,
		    membership_of_event(ev), p->row.nid, p->row.seq,
		    p->row.pos };
		room_set_member(r, &m);
	} else if (ev->is_state) {
		room_set_place(r, ev->type, ev->state_key, p->row.nid,
		    p->stored);
	}
	sev_put(r->ring[slot]);
	r->ring[slot] = sev_get(p->stored);
	r->head.last_seq = p->row.seq;
	r->head.last_pos = p->row.pos;
	r->touched = p->row.pos;
	r->head.depth = ev->depth;
	if (r->create == NULL)
		r->create = sev_get(p->stored);
}

/* The cached forms of what was stored; the old form of what was redacted goes. */
static bool
cache_one(struct job *j, struct pending *p)
{
	struct evcache_extra extra = { .txn_id = p->txn_id };
	struct relation_row rel;
	struct event_row row;
	const struct sev *old;
	struct ctx *c = j->c;
	bool found;

	if (p->txn_id.n > 0)
		extra.txn_device = c->who.device;
	if (p->replaced != NULL) {
		extra.prev_content = p->replaced->ev.content->src;
		extra.replaces = p->replaced->ev.id;
	}
	p->stored = evcache_add(p->ev.v, &p->row, &extra, false, &c->err);
	if (p->stored == NULL)
		return false;
	sev_hold(c, p->stored);
	if (relation_of(&p->ev, &rel)) {
		/* A parent that can't be read now is not in the cache either. */
		if (event_row_by_id(c->db, c->a, rel.parent, &row, &found,
		    &c->err) && found)
			evcache_flag(row.nid, EVENT_F_RELATED);
		err_clear(&c->err);
	}
	if (p->redacts == NULL)
		return true;
	extra = (struct evcache_extra){ .replaces = p->redacts->replaces };
	if (!event_row_by_nid(c->db, c->a, p->redacts->nid, &row, &found,
	    &c->err) || !found)
		return false;
	old = evcache_add(p->ev.v, &row, &extra, true, &c->err);
	if (old == NULL)
		return false;
	p->redacts = sev_hold(c, old);
	return true;
}

/* With the room's lock: the redacted form in the ring and in the state. */
static void
show_redaction(struct room *r, const struct sev *target)
{
	size_t slot;
	struct place *p;

	if (target == NULL)
		return;
	slot = (size_t)target->seq % RING;
	if (r->ring[slot] != NULL && r->ring[slot]->nid == target->nid) {
		sev_put(r->ring[slot]);
		r->ring[slot] = sev_get(target);
	}
	if (!target->ev.is_state)
		return;
	p = room_place(r, target->ev.type, target->ev.state_key);
	if (p != NULL && p->event == target->nid && p->ev != NULL) {
		sev_put(p->ev);
		p->ev = sev_get(target);
	}
}

static void
show(struct job *j)
{
	struct room *r = j->r;
	struct pending *last = &j->p[j->n - 1];

	pthread_mutex_lock(&r->lock);
	r->nid = j->nid;
	for (size_t i = 0; i < j->n; i++) {
		show_one(r, &j->p[i]);
		show_redaction(r, j->p[i].redacts);
	}
	r->head.state = j->root;
	r->nends = 1;
	r->end[0].nid = last->row.nid;
	r->end[0].n = last->ev.id.n;
	memcpy(r->end[0].id, last->ev.id.p, last->ev.id.n);
	pthread_mutex_unlock(&r->lock);
}

bool
persist_events(struct ctx *c, struct room *r, struct pending *p, size_t n)
{
	struct job j = { .c = c, .r = r, .p = p, .n = n };
	bool fresh = r->nid == 0;

	assert(n > 0);
	if (!db_transact(c->db, body, &j, &c->err)) {
		stream_end(&j.tx, NULL, NULL);
		return false;
	}
	/* It is on disk: from here on nothing may fail. */
	for (size_t i = 0; i < n; i++)
		if (!cache_one(&j, &p[i]))
			abort();
	show(&j);
	if (fresh)
		room_cache_add(r);
	stream_end(&j.tx, tell, tell_new(&j));
	return true;
}
