/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The way of one event of another server into a room. What is missing around
 * it is fetched by receive_fetch.c before the room's lock is taken.
 */
#include "core/receive_impl.h"

#include "base/log.h"
#include "core/dag.h"
#include "core/fed_join.h"
#include "core/member.h"
#include "core/server_keys.h"
#include "room/acl.h"
#include "room/ids.h"

#include <string.h>

#define FETCH_MAX 20			/* requests that one transaction may cause */

bool
receive_read(struct ctx *c, const struct room_version *v,
    const struct json *pdu, struct received *out, struct str *text)
{
	struct json bare = json_copy(c->a, pdu);

	json_del(&bare, S("unsigned"));
	*text = json_text(c->a, &bare);
	if (!received_read(c->a, v, *text, out, &c->err) ||
	    !server_signed(c, v, out))
		return false;
	if (out->redacted)
		*text = json_text(c->a, &out->ev.json);
	return true;
}

bool
room_has_server(struct room *r, struct str server)
{
	struct room_member *m;
	struct map_iter it;
	bool has = false;

	pthread_mutex_lock(&r->lock);
	it = map_iter(&r->members);
	while (!has && (m = map_next(&it)) != NULL)
		has = m->membership == MEMBER_JOIN &&
		    str_eq(id_server(str_n(m->user, m->user_n)), server);
	pthread_mutex_unlock(&r->lock);
	return has;
}

size_t
room_servers(struct ctx *c, struct room *r, struct str *out, size_t max)
{
	struct map seen = { 0 };
	struct room_member *m;
	struct map_iter it;
	size_t n = 0;

	pthread_mutex_lock(&r->lock);
	it = map_iter(&r->members);
	while (n < max && (m = map_next(&it)) != NULL) {
		struct str server = id_server(str_n(m->user, m->user_n));

		if (m->membership != MEMBER_JOIN ||
		    str_eq(server, server_get()->name) ||
		    map_get(&seen, server) != NULL)
			continue;
		out[n] = str_dup(c->a, server);
		map_put(&seen, out[n], &seen);
		n++;
	}
	pthread_mutex_unlock(&r->lock);
	map_done(&seen);
	return n;
}

bool
receive_acl_ok(struct ctx *c, struct room *r, struct str server)
{
	const struct sev *acl;

	if (!room_state(c, r, S("m.room.server_acl"), S(""), &acl))
		return false;
	return server_acl_allows(acl != NULL ? acl->ev.content : NULL,
	    server) || fail(&c->err, M_FORBIDDEN, "The room does not allow "
	    "your server to take part");
}

/* The auth events of an event, as the store has them; missing: how many it has not. */
static bool
find_auth(struct ctx *c, const struct event *ev, struct auth_event *out,
    size_t *missing)
{
	const struct sev *x;

	*missing = 0;
	for (size_t i = 0; i < ev->nauth; i++) {
		if (!event_find(c, ev->auth[i], &x))
			return false;
		out[i] = (struct auth_event){ x != NULL ? &x->ev : NULL,
		    x != NULL && (sev_flags(x) & EVENT_F_REJECTED) != 0 };
		*missing += x == NULL;
	}
	return true;
}

/* *ok: do its auth events carry it? False: they could not be looked at. */
static bool
auth_ok(struct recv *rx, const struct event *ev, bool *ok)
{
	struct ctx *c = rx->c;
	struct auth_event *auth = arena_array(c->a, struct auth_event,
	    ev->nauth);
	struct err why = { .code = M_OK };
	size_t missing;

	if (!find_auth(c, ev, auth, &missing))
		return false;
	if (missing > 0 && (!receive_fetch_auth(rx, ev) ||
	    !find_auth(c, ev, auth, &missing)))
		return false;
	if (missing > 0)
		return fail(&c->err, M_FORBIDDEN,
		    "An auth event could not be had");
	*ok = received_auth_ok(c->a, ev, room_create_event(rx->r), auth,
	    ev->nauth, &why);
	rx->why = why;
	return true;
}

/* The previous events that stand in the graph here, and the ids of the others. */
static bool
find_prev(struct recv *rx, const struct event *ev, struct around *out)
{
	const struct sev *x;

	out->prev = arena_array(rx->c->a, const struct sev *, ev->nprev);
	out->missing = arena_array(rx->c->a, struct str, ev->nprev);
	out->nprev = out->nmissing = 0;
	for (size_t i = 0; i < ev->nprev; i++) {
		if (!event_find(rx->c, ev->prev[i], &x))
			return false;
		if (x != NULL && x->room == rx->r->nid &&
		    (sev_flags(x) & EVENT_F_OUTLIER) == 0)
			out->prev[out->nprev++] = x;
		else
			out->missing[out->nmissing++] = ev->prev[i];
	}
	return true;
}

bool
receive_state_before(struct recv *rx, const struct event *ev,
    struct around *x)
{
	struct ctx *c = rx->c;
	struct state_delta *set;
	struct state_root base = { { 0 } };
	size_t n = 0;

	if (!find_prev(rx, ev, x))
		return false;
	if (x->nmissing > 0 && !rx->within) {
		if (!receive_fetch_missing(rx, ev) || !find_prev(rx, ev, x))
			return false;
	}
	set = arena_array(c->a, struct state_delta, x->nprev + x->nmissing);
	for (size_t i = 0; i < x->nprev; i++)
		set[n++] = dag_after(c->a, x->prev[i]);
	for (size_t i = 0; i < x->nmissing; i++)
		if (!receive_fetch_state(rx, x->missing[i], &set[n++]))
			return false;
	if (n == 0)
		return fail(&c->err, M_FORBIDDEN,
		    "An event without previous events");
	base = set[0].root;
	return dag_resolve(c, rx->r, set, n, &base, &x->before);
}

static bool
allowed_by(struct recv *rx, const struct event *ev,
    const struct state_delta *state, bool *ok)
{
	struct dag_view view = { rx->c, state, false };
	struct auth_state st = { dag_view_get, &view };
	struct err why = { .code = M_OK };

	*ok = auth_check(rx->c->a, ev, room_create_event(rx->r), &st, &why);
	if (!*ok)
		rx->why = why;
	return !view.failed;
}

/* The forward extremities that the event does not follow. */
static void
other_ends(struct recv *rx, const struct event *ev, struct placement *pl)
{
	struct room *r = rx->r;
	struct end *end = arena_array(rx->c->a, struct end, ENDS_MAX);

	for (size_t i = 0; i < r->nends && pl->nends < ENDS_MAX - 1; i++) {
		struct str id = str_n(r->end[i].id, r->end[i].n);
		bool followed = false;

		for (size_t k = 0; k < ev->nprev && !followed; k++)
			followed = str_eq(ev->prev[k], id);
		if (!followed)
			end[pl->nends++] = r->end[i];
	}
	pl->end = end;
}

/* Does it follow all ends and nothing else? Then the state before it is the room's. */
static bool
is_linear(const struct recv *rx, const struct around *x,
    const struct placement *pl)
{
	const struct room *r = rx->r;

	if (x->nmissing > 0 || pl->nends > 0 || x->nprev != r->nends)
		return false;
	for (size_t i = 0; i < x->nprev; i++)
		if ((sev_flags(x->prev[i]) & (EVENT_F_REJECTED |
		    EVENT_F_SOFT_FAILED)) != 0)
			return false;
	return true;
}

static struct state_slot *
one_slot(struct arena *a, const struct event *ev, int64_t nid)
{
	struct state_slot *s = arena_make(a, struct state_slot);

	*s = (struct state_slot){ ev->type, ev->state_key, nid };
	return s;
}

/* The state after the event: that before it, and the event itself. */
static struct state_delta
with_event(struct arena *a, const struct state_delta *before,
    const struct event *ev, int64_t nid)
{
	struct state_delta d = { .root = before->root };

	d.slot = arena_array(a, struct state_slot, before->n + 1);
	for (size_t i = 0; i < before->n; i++)
		if (!ev->is_state || !str_eq(before->slot[i].type, ev->type) ||
		    !str_eq(before->slot[i].key, ev->state_key))
			d.slot[d.n++] = before->slot[i];
	if (ev->is_state)
		d.slot[d.n++] = *one_slot(a, ev, nid);
	return d;
}

/*
 * The room's state when this event has become one of its ends. Where it has to
 * be resolved with others it needs a number first: it is stored as an outlier.
 */
static bool
state_now(struct recv *rx, struct pending *p, struct placement *pl)
{
	struct ctx *c = rx->c;
	struct outlier o = { .ev = p->ev, .text = p->text };
	struct state_delta *set = arena_array(c->a, struct state_delta,
	    pl->nends + 1);
	const struct sev *x;
	size_t n = 1;

	if (p->ev.is_state && pl->stored == 0) {
		if (!persist_outliers(c, rx->r, &o, 1))
			return false;
		pl->stored = o.nid;
	}
	set[0] = with_event(c->a, &pl->before, &p->ev, pl->stored);
	for (size_t i = 0; i < pl->nends; i++) {
		if (!event_by_nid(c, pl->end[i].nid, &x))
			return false;
		if (x != NULL)
			set[n++] = dag_after(c->a, x);
	}
	return dag_resolve(c, rx->r, set, n, &rx->r->head.state, &pl->now);
}

/* By the room's own state, which may have moved on: a ban holds for what was said "before" it. */
static bool
judge_now(struct recv *rx, const struct event *ev, struct placement *pl)
{
	struct state_delta head = { .root = rx->r->head.state };
	bool ok;

	if (!allowed_by(rx, ev, &head, &ok))
		return false;
	if (!ok)
		pl->how = PLACE_SOFT_FAILED;
	return true;
}

static bool
find_redacted(struct recv *rx, struct pending *p, const struct placement *pl)
{
	const struct sev *target, *levels;

	if (p->ev.redacts.n == 0 || pl->how != PLACE_TIMELINE)
		return true;
	if (!event_find(rx->c, p->ev.redacts, &target) || !dag_get(rx->c,
	    &pl->before, S("m.room.power_levels"), S(""), &levels))
		return false;
	if (target != NULL && target->room == rx->r->nid &&
	    (sev_flags(target) & EVENT_F_REDACTED) == 0 &&
	    auth_redaction_applies(&p->ev, &target->ev,
	    room_create_event(rx->r), levels != NULL ? &levels->ev : NULL))
		p->redacts = target;
	return true;
}

/* With the room's write lock. */
static bool
place(struct recv *rx, struct pending *p, const struct around *x,
    struct placement *pl)
{
	struct ctx *c = rx->c;
	bool behind;

	if (!event_in_room(c->db, p->ev.id, rx->r->nid, &pl->stored,
	    &rx->flags, &c->err))
		return false;
	if (pl->stored != 0 && (rx->flags & EVENT_F_OUTLIER) == 0)
		return true;		/* another was quicker */
	pl->before = x->before;
	pl->missing = x->missing;
	pl->nmissing = x->nmissing;
	if (pl->how == PLACE_TIMELINE) {
		other_ends(rx, &p->ev, pl);
		if (is_linear(rx, x, pl)) {
			pl->before = (struct state_delta){
			    .root = rx->r->head.state };
			pl->now = with_event(c->a, &pl->before, &p->ev,
			    EVENT_SELF);
		} else if (!gap_known(c->db, rx->r->nid, p->ev.id, &behind,
		    &c->err) || !judge_now(rx, &p->ev, pl)) {
			return false;
		} else if (behind) {
			pl->behind = true;
			pl->now.root = rx->r->head.state;
		} else if (pl->how == PLACE_TIMELINE &&
		    !state_now(rx, p, pl)) {
			return false;
		}
	}
	return (!p->ev.is_state || dag_get(c, &pl->before, p->ev.type,
	    p->ev.state_key, &p->replaced)) && find_redacted(rx, p, pl) &&
	    persist_placed(c, rx->r, p, pl);
}

bool
receive_judge(struct recv *rx, const struct event *ev, struct around *x,
    bool *ok)
{
	/* What is fetched for the state mostly brings the auth events along. */
	return receive_state_before(rx, ev, x) && auth_ok(rx, ev, ok) &&
	    (!*ok || allowed_by(rx, ev, &x->before, ok));
}

/* *out says where it was put. errors only when it could not be judged */
static bool
take(struct recv *rx, const struct event *ev, struct str text,
    enum place_how *out)
{
	struct pending p = { .ev = *ev, .text = text };
	struct placement pl = { .how = PLACE_TIMELINE };
	struct around x = { .nprev = 0 };
	bool ok = false, done;

	if (!receive_judge(rx, ev, &x, &ok))
		return false;
	if (!ok)
		pl.how = PLACE_REJECTED;
	pthread_mutex_lock(&rx->r->write);
	done = place(rx, &p, &x, &pl);
	pthread_mutex_unlock(&rx->r->write);
	*out = pl.how;
	if (done && pl.how != PLACE_TIMELINE)
		log_info("receive", "refused an event", LS("event", ev->id),
		    LS("room", rx->r->id), LS("why", str_c(rx->why.text)));
	return done;
}

/* Is it here already, otherwise than as an outlier? */
static bool
is_known(struct ctx *c, const struct room *r, struct str id, bool *out)
{
	unsigned flags;
	int64_t nid;

	if (!event_in_room(c->db, id, r->nid, &nid, &flags, &c->err))
		return false;
	*out = nid != 0 && (flags & EVENT_F_OUTLIER) == 0;
	return true;
}

bool
receive_one(struct recv *rx, const struct json *pdu, struct str *id,
    enum place_how *how)
{
	struct received got;
	struct str text;
	bool known;

	*how = PLACE_TIMELINE;
	if (!receive_read(rx->c, rx->r->v, pdu, &got, &text))
		return false;
	*id = got.ev.id;
	if (!str_eq(got.ev.room, rx->r->id))
		return fail(&rx->c->err, M_FORBIDDEN,
		    "The event is of another room");
	return is_known(rx->c, rx->r, got.ev.id, &known) && (known ||
	    take(rx, &got.ev, text, how));
}

/* Of a room that this server is not in, only the end of an invitation is taken. */
static bool
receive_outside(struct recv *rx, const struct json *pdu, struct str *id)
{
	struct received got;
	struct str text;

	if (!receive_read(rx->c, rx->r->v, pdu, &got, &text))
		return false;
	*id = got.ev.id;
	return str_eq(got.ev.room, rx->r->id)
	    ? fed_retracted(rx->c, rx->r, &got.ev, text)
	    : fail(&rx->c->err, M_FORBIDDEN, "The event is of another room");
}

static bool
receive_pdu(struct ctx *c, struct str origin, const struct json *pdu,
    int *fetches, struct str *id)
{
	struct recv rx = { .c = c, .origin = origin, .fetches = fetches };
	enum place_how how;

	if (!room_open_any(c, json_str(pdu, S("room_id")), &rx.r))
		return false;
	if (!member_is_resident(rx.r))
		return receive_outside(&rx, pdu, id);
	return receive_acl_ok(c, rx.r, origin) &&
	    receive_one(&rx, pdu, id, &how);
}

void
receive_pdus(struct ctx *c, struct str origin, const struct json *const *pdu,
    size_t n, struct pdu_result *out)
{
	int fetches = FETCH_MAX;

	for (size_t i = 0; i < n; i++) {
		out[i] = (struct pdu_result){ .err = { .code = M_OK } };
		err_clear(&c->err);
		if (!receive_pdu(c, origin, pdu[i], &fetches,
		    &out[i].event_id))
			out[i].err = c->err;
		err_clear(&c->err);
	}
}

bool
receive_now(struct ctx *c, struct str origin, struct room *r,
    const struct json *pdu, const struct sev **out)
{
	int fetches = FETCH_MAX;
	struct recv rx = { .c = c, .origin = origin, .r = r,
	    .fetches = &fetches };
	enum place_how how;
	struct str id;

	*out = NULL;
	if (!receive_one(&rx, pdu, &id, &how))
		return false;
	if (how != PLACE_TIMELINE) {
		c->err = rx.why;
		return c->err.code == M_OK ? fail(&c->err, M_FORBIDDEN,
		    "The event is not allowed") : false;
	}
	return event_find(c, id, out) && (*out != NULL ||
	    fail(&c->err, M_UNKNOWN, "The event was not kept"));
}
