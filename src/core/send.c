/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * From what somebody wants to say to an authorised event: previous events,
 * auth events, build, check. In a batch each event sees the state that those
 * before it have made.
 */
#include "core/send.h"

#include "base/clock.h"
#include "core/held.h"
#include "core/invite_filter.h"
#include "core/outbound.h"
#include "core/persist.h"
#include "core/send_batch.h"
#include "room/ids.h"

#include <assert.h>
#include <string.h>

/* The state that the next event of the batch sees; *out NULL: none there. */
static bool
batch_state(struct batch *b, struct str type, struct str key,
    const struct event **out, const struct sev **stored)
{
	*out = NULL;
	*stored = NULL;
	for (size_t i = b->n; i > 0; i--) {
		const struct event *ev = &b->p[i - 1].ev;

		if (ev->is_state && str_eq(ev->type, type) &&
		    str_eq(ev->state_key, key)) {
			*out = ev;
			return true;
		}
	}
	if (b->r->nid == 0)
		return true;
	if (!room_state(b->c, b->r, type, key, stored))
		return false;
	if (*stored != NULL)
		*out = &(*stored)->ev;
	return true;
}

/* auth_check's view of the state; an error of the store is kept for later. */
struct look {
	struct batch *b;
	bool failed;
};

static const struct event *
look_get(void *arg, struct str type, struct str key)
{
	struct look *l = arg;
	const struct event *ev = NULL;
	const struct sev *stored;

	if (!l->failed && !batch_state(l->b, type, key, &ev, &stored))
		l->failed = true;
	return ev;
}

static const struct event *
batch_create_event(struct batch *b)
{
	const struct event *create = room_create_event(b->r);

	return create != NULL || b->n == 0 ? create : &b->p[0].ev;
}

/* The ids of the events that authorise it. */
static bool
auth_ids(struct batch *b, struct draft *d)
{
	struct state_at *at;
	struct str *ids;
	size_t n;

	auth_places(b->c->a, b->v, d->type, d->sender, d->is_state,
	    d->state_key, &d->content, &at, &n);
	ids = arena_array(b->c->a, struct str, n);
	for (size_t i = 0; i < n; i++) {
		const struct event *ev;
		const struct sev *stored;

		if (!batch_state(b, at[i].type, at[i].key, &ev, &stored))
			return false;
		if (ev != NULL)
			ids[d->nauth++] = ev->id;
	}
	d->auth = ids;
	return true;
}

static void
prev_ids(struct batch *b, struct draft *d)
{
	struct str *ids = arena_array(b->c->a, struct str, ENDS_MAX);
	struct room *r = b->r;

	d->prev = ids;
	if (b->n > 0) {
		ids[d->nprev++] = b->p[b->n - 1].ev.id;
		d->depth = b->p[b->n - 1].ev.depth + 1;
	} else {
		pthread_mutex_lock(&r->lock);
		for (size_t i = 0; i < r->nends; i++)
			ids[d->nprev++] = str_dup(b->c->a,
			    str_n(r->end[i].id, r->end[i].n));
		d->depth = r->head.depth + 1;
		pthread_mutex_unlock(&r->lock);
	}
	if (d->depth > EVENT_DEPTH_MAX)
		d->depth = EVENT_DEPTH_MAX;
}

/* A thread begins at an event that relates to none. */
static bool
check_thread(struct ctx *c, struct str root_id)
{
	const struct sev *root;
	const struct json *rel;

	if (!event_find(c, root_id, &root))
		return false;
	if (root == NULL)
		return true;
	rel = json_get_obj(root->ev.content, S("m.relates_to"));
	if (json_str(rel, S("rel_type")).n == 0)
		return true;
	fail(&c->err, M_UNKNOWN, "A thread cannot begin at an event that "
	    "relates to another");
	c->err.status = 400;
	return false;
}

/* What an event may relate to, as far as its own server sees to it. */
static bool
check_relation(struct batch *b, const struct send *s, struct str sender)
{
	const struct json *rel = json_get_obj(&s->content, S("m.relates_to"));
	struct relation_row row = { .type = s->type, .sender = sender };
	struct str rel_type = json_str(rel, S("rel_type"));
	bool exists;

	row.parent = json_str(rel, S("event_id"));
	if (s->is_state)
		return true;
	if (str_eq(rel_type, S("m.thread")))
		return check_thread(b->c, row.parent);
	if (!str_eq(rel_type, S("m.annotation")))
		return true;
	row.key = str_utf8_clip(json_str(rel, S("key")), ID_MAX);
	if (!annotation_exists(b->c->db, &row, &exists, &b->c->err))
		return false;
	return !exists || fail(&b->c->err, M_DUPLICATE_ANNOTATION,
	    "You have sent this reaction already");
}

/* An invitation that its receiver refuses beforehand is not sent. */
static bool
check_invite(struct ctx *c, const struct send *s, struct str sender)
{
	struct invite_filter f;

	if (!s->is_state || !str_eq(s->type, S("m.room.member")) ||
	    !str_eq(json_str(&s->content, S("membership")), S("invite")) ||
	    !server_is_local(s->state_key))
		return true;
	if (!invite_filter_load(c, s->state_key, &f))
		return false;
	return invite_filter_ask(&f, sender) != INVITE_BLOCK ||
	    fail(&c->err, M_INVITE_BLOCKED,
	    STR_FMT " does not take this invitation", STR_ARG(s->state_key));
}

/*
 * Finds what a redaction redacts. The authorization rules leave it to the
 * sender's server that users redact their own events only, or have the power.
 * spec: client-server, "Redactions"; rooms/v3, "Handling redactions".
 */
static bool
find_redacted(struct batch *b, struct pending *p)
{
	const struct sev *target, *stored;
	const struct event *levels;
	struct power power;

	if (p->ev.redacts.n == 0)
		return true;
	if (!event_find(b->c, p->ev.redacts, &target) || !batch_state(b,
	    S("m.room.power_levels"), S(""), &levels, &stored))
		return false;
	/* In a room of several servers it may be on its way. */
	if (target == NULL && outbound_is_federated(b->r->nid))
		return true;
	if (target == NULL || target->room != b->r->nid)
		return fail(&b->c->err, M_NOT_FOUND,
		    "There is no such event in the room");
	power_init(&power, batch_create_event(b), levels);
	if (str_eq(target->ev.type, S("m.room.create")) ||
	    (!str_eq(target->ev.sender, p->ev.sender) &&
	    power_of(&power, p->ev.sender) < power_for(&power, POWER_REDACT)))
		return fail(&b->c->err, M_FORBIDDEN,
		    "You may not redact this event");
	if ((sev_flags(target) & EVENT_F_REDACTED) == 0)
		p->redacts = target;
	return true;
}

bool
batch_add(struct batch *b, const struct send *s)
{
	struct ctx *c = b->c;
	struct pending *p = &b->p[b->n];
	struct look look = { b, false };
	struct auth_state st = { look_get, &look };
	const struct event *old;
	struct draft d = {
		.room = b->r->id, .type = s->type, .is_state = s->is_state,
		.state_key = s->state_key, .content = s->content,
		.sender = s->sender.n > 0 ? s->sender : c->who.user,
		.redacts = s->redacts, .ts = s->ts != 0 ? s->ts : c->now_ms,
		.server = server_get()->name, .sticky_ms = s->sticky_ms,
	};

	assert(b->n < b->max);
	if (b->v->event_ids == EVENT_ID_GIVEN)
		d.random_id = random_text(c->a, 24);
	prev_ids(b, &d);
	if (!auth_ids(b, &d) || !check_relation(b, s, d.sender))
		return false;
	*p = (struct pending){ .txn_place = s->txn_place,
	    .txn_id = s->txn_id };
	if (!event_build(c->a, b->v, &d, &server_get()->key, &p->ev, &p->text,
	    &c->err))
		return false;
	if (!auth_check(c->a, &p->ev, batch_create_event(b), &st, &c->err))
		return false;
	if (look.failed || !check_invite(c, s, d.sender))
		return false;
	if (s->is_state && !batch_state(b, s->type, s->state_key, &old,
	    &p->replaced))
		return false;
	if (!find_redacted(b, p))
		return false;
	b->n++;
	return true;
}

void
batch_init(struct batch *b, struct ctx *c, struct room *r,
    const struct room_version *v, size_t max)
{
	*b = (struct batch){ .c = c, .r = r, .v = v, .max = max };
	b->p = arena_array(c->a, struct pending, max);
}

/* Sent before with the same transaction id? */
static bool
find_txn(struct ctx *c, const struct send *s, const struct sev **out)
{
	struct str id;

	*out = NULL;
	if (s->txn_id.n == 0)
		return true;
	if (!event_txn_find(c->db, c->a, c->who.user, c->who.device,
	    s->txn_place, s->txn_id, &id, &c->err))
		return false;
	return id.n == 0 || event_find(c, id, out);
}

static bool
send_locked(struct ctx *c, struct room *r, const struct send *s, size_t n,
    const struct sev **out)
{
	struct str none = { NULL, 0 };
	struct batch b;

	/* Contained since the request began, or a job of theirs. */
	if (c->who.kind == ACTOR_USER && !held_check(c->who.user,
	    c->who.device, none, &c->err))
		return false;
	batch_init(&b, c, r, r->v, n);
	for (size_t i = 0; i < n; i++)
		if (!batch_add(&b, &s[i]))
			return false;
	if (!persist_events(c, r, b.p, n, NULL))
		return false;
	for (size_t i = 0; out != NULL && i < n; i++)
		out[i] = b.p[i].stored;
	return true;
}

bool
send_events(struct ctx *c, struct room *r, const struct send *s, size_t n,
    const struct sev **out)
{
	bool ok;

	pthread_mutex_lock(&r->write);
	ok = send_locked(c, r, s, n, out);
	pthread_mutex_unlock(&r->write);
	return ok;
}

/* State that says what is there already: no new event. */
static bool
same_state(struct ctx *c, struct room *r, const struct send *s,
    const struct sev **out)
{
	const struct sev *now;

	*out = NULL;
	if (!s->is_state)
		return true;
	if (!room_state(c, r, s->type, s->state_key, &now))
		return false;
	if (now != NULL && json_equal(now->ev.content, &s->content) &&
	    str_eq(now->ev.sender, s->sender.n > 0 ? s->sender : c->who.user))
		*out = now;
	return true;
}

bool
send_event(struct ctx *c, struct room *r, const struct send *s,
    const struct sev **out)
{
	const struct sev *before;
	bool ok;

	pthread_mutex_lock(&r->write);
	ok = find_txn(c, s, &before) &&
	    (before != NULL || same_state(c, r, s, &before));
	if (ok && before != NULL)
		*out = before;
	else if (ok)
		ok = send_locked(c, r, s, 1, out);
	pthread_mutex_unlock(&r->write);
	return ok;
}

bool
send_allowed(struct ctx *c, struct room *r, const struct send *s)
{
	struct batch b;

	batch_init(&b, c, r, r->v, 1);
	return batch_add(&b, s);
}
