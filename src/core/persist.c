/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The only writer of events: one transaction of the store a batch, then the
 * caches, then the readers are told, in this order. A plain message costs
 * three rows: itself, its room's head, its transaction id.
 */
#include "core/persist_impl.h"

#include "core/notify.h"
#include "core/outbound.h"
#include "core/push.h"
#include "core/sticky.h"
#include "room/ids.h"
#include "store/q_contain.h"
#include "store/q_search.h"
#include "store/q_sticky.h"
#include "store/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct ctx *c;
	struct room *r;
	struct pending *p;
	size_t n;
	const struct persist_also *also;
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

/*
 * Only what relates to an event of the same room is kept as a relation: else
 * anybody could hang words of theirs on an event of a room they are not in.
 */
bool
persist_relation(struct db *db, struct pending *p, struct err *e)
{
	struct relation_row rel = { .event = p->row.nid, .room = p->row.room,
	    .seq = p->row.seq };
	unsigned flags;

	p->parent = 0;
	if (!relation_of(&p->ev, &rel))
		return true;
	if (!event_in_room(db, rel.parent, p->row.room, &p->parent, &flags, e))
		return false;
	if (p->parent == 0)
		return true;
	return relation_insert(db, &rel, e) &&
	    ((flags & EVENT_F_RELATED) != 0 ||
	    event_flag_set(db, p->parent, EVENT_F_RELATED, e));
}

/* The redacted form takes the event's place for good; what is evidence is kept apart. */
bool
persist_redaction(struct db *db, const struct pending *p, int64_t now_ms,
    struct err *e)
{
	const struct sev *target = p->redacts;

	return target == NULL || (hold_event(db, target->nid, now_ms, e) &&
	    event_redact_row(db, target->nid, p->pruned,
	    p->ev.id, EVENT_F_REDACTED, e) &&
	    relation_delete(db, target->nid, e) &&
	    search_remove(db, target->nid, e));
}

int64_t
persist_sticky_until(const struct pending *p, int64_t now_ms)
{
	int64_t ms = event_sticky_ms(&p->ev);

	return ms == 0 ? 0 : (p->ev.ts < now_ms ? p->ev.ts : now_ms) + ms;
}

bool
persist_sticky(struct db *db, const struct pending *p, int64_t now_ms,
    struct err *e)
{
	int64_t until = persist_sticky_until(p, now_ms);

	return until == 0 || sticky_insert(db, p->row.nid, p->row.room,
	    p->row.pos, until, e);
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
		.json = p->text, .state = j->root, .shown = j->root,
	};
	if (!event_row_insert(db, &p->row, e) ||
	    !persist_sticky(db, p, j->c->now_ms, e) ||
	    (ev->is_state && !store_state(db, j, p, e)) ||
	    !persist_relation(db, p, e) ||
	    !persist_redaction(db, p, j->c->now_ms, e))
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
	return room_row_head(db, j->nid, &j->root, buf_view(&ends), e) &&
	    (j->also == NULL || j->also->fn(db, j->nid, j->also->arg, e));
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
	size_t n, max;
};

void
persist_tell(void *arg)
{
	struct tell *t = arg;

	for (size_t i = 0; i < t->n; i++)
		if (t->change[i].in_room)
			notify_membership(t->room, t->change[i].user, true);
	notify_room(t->room, t->pos);
	push_noticed(t->room);
	outbound_noticed(t->room);
	for (size_t i = 0; i < t->n; i++) {
		/* Who left must still hear of it; an invite that was refused too. */
		notify_user(t->change[i].user, t->pos);
		if (!t->change[i].in_room)
			notify_membership(t->room, t->change[i].user, false);
	}
	arena_free(t->a);
}

struct tell *
persist_tell_new(int64_t room, int64_t pos, size_t max)
{
	struct arena *a = arena_new_sized(64 << 20, 256);
	struct tell *t = arena_make(a, struct tell);

	*t = (struct tell){ .a = a, .room = room, .pos = pos, .max = max };
	t->change = arena_array(a, struct change, max);
	return t;
}

void
persist_tell_member(struct tell *t, struct str user, enum membership m)
{
	assert(t->n < t->max);
	if (!server_is_local(user) &&
	    (m == MEMBER_JOIN || m == MEMBER_INVITE || m == MEMBER_KNOCK))
		outbound_has_remote(t->room);
	if (server_is_local(user))
		t->change[t->n++] = (struct change){ str_dup(t->a, user),
		    m == MEMBER_JOIN || m == MEMBER_INVITE ||
		    m == MEMBER_KNOCK };
}

static struct tell *
tell_of(const struct job *j)
{
	struct tell *t = persist_tell_new(j->nid, j->p[j->n - 1].row.pos,
	    j->n);

	for (size_t i = 0; i < j->n; i++)
		if (j->p[i].ev.is_state &&
		    str_eq(j->p[i].ev.type, S("m.room.member")))
			persist_tell_member(t, j->p[i].ev.state_key,
			    membership_of_event(&j->p[i].ev));
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
		room_set_place(r, ev->type, ev->state_key, p->row.nid);
	}
	r->ring[slot] = (struct event_place){ p->row.seq, p->row.nid,
	    p->row.pos };
	r->head.last_seq = p->row.seq;
	r->head.last_pos = p->row.pos;
	r->touched = p->row.pos;
	r->head.depth = ev->depth;
	if (r->create == NULL)
		r->create = sev_get(p->stored);
}

/* The redacted event as its row is now; nothing is read, so nothing can fail. */
static struct event_row
redacted_row(const struct pending *p)
{
	const struct sev *x = p->redacts;

	return (struct event_row){
		.nid = x->nid, .room = x->room, .seq = x->seq, .pos = x->pos,
		.depth = x->ev.depth, .ts = x->ev.ts,
		.flags = sev_flags(x) | EVENT_F_REDACTED, .event_id = x->ev.id,
		.type = x->ev.type, .is_state = x->ev.is_state,
		.state_key = x->ev.state_key, .sender = x->ev.sender,
		.redacted_by = p->ev.id, .json = p->pruned, .state = x->state,
		.shown = x->shown,
	};
}

/* The cached forms of what was stored; the old form of what was redacted goes. */
bool
persist_cache(struct ctx *c, struct pending *p)
{
	struct evcache_extra extra = { .txn_id = p->txn_id };
	struct event_row row;
	const struct sev *now;

	if (p->txn_id.n > 0)
		extra.txn_device = c->who.device;
	if (p->replaced != NULL) {
		extra.prev_content = p->replaced->ev.content->src;
		extra.replaces = p->replaced->ev.id;
	}
	p->stored = evcache_put(p->ev.v, &p->row, &extra, &c->err);
	if (p->stored == NULL)
		return false;
	sev_hold(c, p->stored);
	if (p->parent != 0)
		evcache_flag(p->parent, EVENT_F_RELATED);
	if (p->redacts == NULL)
		return true;
	row = redacted_row(p);
	extra = (struct evcache_extra){
		.prev_content = p->redacts->prev_content,
		.replaces = p->redacts->replaces,
	};
	now = evcache_put(p->ev.v, &row, &extra, &c->err);
	sev_put(now);
	return now != NULL;
}

static void
show(struct job *j)
{
	struct room *r = j->r;
	struct pending *last = &j->p[j->n - 1];

	pthread_mutex_lock(&r->lock);
	if (r->nid == 0)		/* only this thread knows a new room */
		r->nid = j->nid;
	for (size_t i = 0; i < j->n; i++)
		show_one(r, &j->p[i]);
	r->head.state = j->root;
	r->nends = 1;
	r->end[0].nid = last->row.nid;
	r->end[0].n = last->ev.id.n;
	memcpy(r->end[0].id, last->ev.id.p, last->ev.id.n);
	pthread_mutex_unlock(&r->lock);
}

/* Before the transaction: its body has the database's thread, and must be quick. */
void
persist_prune(struct ctx *c, struct pending *p)
{
	struct json json;

	if (p->redacts == NULL)
		return;
	json = event_redact(c->a, p->ev.v, &p->redacts->ev.json);
	p->pruned = json_text(c->a, &json);
}

bool
persist_events(struct ctx *c, struct room *r, struct pending *p, size_t n,
    const struct persist_also *also)
{
	struct job j = { .c = c, .r = r, .p = p, .n = n, .also = also };
	bool fresh = r->nid == 0;

	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		persist_prune(c, &p[i]);
	if (!stream_transact(c->db, body, &j, &j.tx, &c->err))
		return false;
	/* It is on disk: from here on nothing may fail. */
	for (size_t i = 0; i < n; i++) {
		if (!persist_cache(c, &p[i]))
			abort();
		sticky_noted(persist_sticky_until(&p[i], c->now_ms));
	}
	show(&j);
	if (fresh)
		room_cache_add(r);
	stream_end(&j.tx, persist_tell, tell_of(&j));
	return true;
}
