/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The way of one of our users into a room of other servers. Of the template
 * that a server gives only its place in the graph is taken: what we sign, we
 * have built (CVE-2025-68667, CVE-2026-24471).
 */
#include "core/fed_join.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/dag.h"
#include "core/fed.h"
#include "core/member.h"
#include "core/notify.h"
#include "room/ids.h"
#include "store/stream.h"

#include <string.h>

#define REFS_MAX 20			/* prev_events and auth_events of a template */
#define STATE_MAX 200000
#define ANSWER_MAX (128 << 20)
#define JOIN_MS 120000

/* One attempt through one server. */
struct entry {
	struct ctx *c;
	struct str room_id, server, reason;
	const struct json *extra;
	enum membership as;
	const struct room_version *v;
	struct event ev;		/* ours */
	struct str text;
	const struct sev *create;	/* of the room, once its state is here */
};

static const char *
verb(enum membership m)
{
	return m == MEMBER_KNOCK ? "knock" : m == MEMBER_LEAVE ? "leave"
	    : "join";
}

/* ?ver=1&ver=2...: what we can do. */
static void
versions(struct buf *b)
{
	const struct room_version *v;

	for (size_t i = 0; (v = room_version_at(i)) != NULL; i++)
		buf_fmt(b, "%sver=" STR_FMT, i == 0 ? "?" : "&",
		    STR_ARG(v->name));
}

static bool
bad_template(struct entry *x)
{
	return fail(&x->c->err, M_UNAVAILABLE, STR_FMT " gave a template "
	    "that is none of what was asked for", STR_ARG(x->server));
}

/* Ids of a template, in either form. */
static bool
read_refs(struct entry *x, const struct json *list, struct str *out,
    size_t *n)
{
	*n = 0;
	if (list == NULL || list->n > REFS_MAX)
		return bad_template(x);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct json *one = &list->at[i];

		if (one->type == JSON_ARR && one->n > 0)
			one = &one->at[0];
		if (one->type != JSON_STR || !id_event_ok(one->s))
			return bad_template(x);
		out[(*n)++] = one->s;
	}
	return true;
}

static bool
our_content(struct entry *x, const struct json *template, struct json *out)
{
	struct ctx *c = x->c;
	struct str by;

	if (!member_content(c, c->who.user, membership_name(x->as), out))
		return false;
	for (uint32_t i = 0; x->extra != NULL && i < x->extra->n; i++)
		if (json_get(out, x->extra->m[i].key) == NULL)
			json_set(c->a, out, x->extra->m[i].key,
			    x->extra->m[i].val);
	if (x->reason.n > 0)
		json_set(c->a, out, S("reason"), json_of_str(x->reason));
	if (x->as != MEMBER_JOIN || !json_get_str(template,
	    S("join_authorised_via_users_server"), &by))
		return true;
	if (!id_user_ok(by))
		return bad_template(x);
	json_set(c->a, out, S("join_authorised_via_users_server"),
	    json_of_str(by));
	return true;
}

/* Is the template one of the very event that was asked for? */
static bool
is_ours(const struct entry *x, const struct json *t)
{
	struct str user = x->c->who.user;

	return str_eq(json_str(t, S("type")), S("m.room.member")) &&
	    str_eq(json_str(t, S("room_id")), x->room_id) &&
	    str_eq(json_str(t, S("sender")), user) &&
	    str_eq(json_str(t, S("state_key")), user) &&
	    str_eq(json_str(json_get_obj(t, S("content")), S("membership")),
	    membership_name(x->as));
}

static bool
make(struct entry *x)
{
	struct ctx *c = x->c;
	struct str part[] = { x->room_id, c->who.user };
	struct str prev[REFS_MAX], auth[REFS_MAX], version = S("1");
	struct fed_req q = { .server = x->server, .method = "GET" };
	struct draft d = { .room = x->room_id, .type = S("m.room.member"),
	    .sender = c->who.user, .is_state = true,
	    .state_key = c->who.user, .ts = c->now_ms, .prev = prev,
	    .auth = auth, .server = server_get()->name };
	const struct json *got, *t;
	struct buf path;

	buf_init(&path, c->a, 2048);
	buf_str(&path, fed_path(c->a, str_cz(c->a, str_fmt(c->a,
	    "v1/make_%s/%%s/%%s", verb(x->as))), part, 2));
	if (x->as != MEMBER_LEAVE)
		versions(&path);
	q.path = buf_view(&path);
	if (!fed_call(c, &q, &got))
		return false;
	(void)json_get_str(got, S("room_version"), &version);
	t = json_get_obj(got, S("event"));
	x->v = room_version(version);
	if (x->v == NULL || t == NULL || !is_ours(x, t))
		return bad_template(x);
	if (!read_refs(x, json_get_arr(t, S("prev_events")), prev, &d.nprev) ||
	    !read_refs(x, json_get_arr(t, S("auth_events")), auth, &d.nauth) ||
	    !our_content(x, json_get_obj(t, S("content")), &d.content))
		return false;
	if (!json_get_int(t, S("depth"), &d.depth) || d.depth < 1)
		d.depth = 1;
	if (d.depth > EVENT_DEPTH_MAX)
		d.depth = EVENT_DEPTH_MAX;
	if (x->v->event_ids == EVENT_ID_GIVEN)
		d.random_id = random_text(c->a, 24);
	return event_build(c->a, x->v, &d, &server_get()->key, &x->ev,
	    &x->text, &c->err);
}

static bool
send_it(struct entry *x, const struct json **got)
{
	struct str part[] = { x->room_id, x->ev.id };
	struct fed_req q = { .server = x->server, .method = "PUT",
	    .body = &x->ev.json, .body_max = ANSWER_MAX, .total_ms = JOIN_MS };

	q.path = fed_path(x->c->a, str_cz(x->c->a, str_fmt(x->c->a,
	    "%s/send_%s/%%s/%%s", x->as == MEMBER_KNOCK ? "v1" : "v2",
	    verb(x->as))), part, 2);
	return fed_call(x->c, &q, got);
}

static size_t
collect(struct arena *a, const struct json *x, const struct json *y,
    const struct json ***out)
{
	size_t nx = x != NULL ? x->n : 0, ny = y != NULL ? y->n : 0, n = 0;

	if (nx + ny > STATE_MAX)
		return 0;
	*out = arena_array(a, const struct json *, nx + ny);
	for (size_t i = 0; i < nx; i++)
		(*out)[n++] = &x->at[i];
	for (size_t i = 0; i < ny; i++)
		(*out)[n++] = &y->at[i];
	return n;
}

static bool
bad_state(struct entry *x, const char *why)
{
	return fail(&x->c->err, M_UNAVAILABLE, STR_FMT " let you in, but the "
	    "state that it gave is no good: %s", STR_ARG(x->server), why);
}

/* The events of the state that was given, as they are stored by now. */
static bool
given_state(struct entry *x, struct room *r, const struct json *list,
    struct state_delta *out)
{
	struct ctx *c = x->c;
	struct err e = { .code = M_OK };
	struct arena_mark m;
	const struct sev *s;
	struct event ev;
	struct str id;

	*out = (struct state_delta){ .n = 0 };
	out->slot = arena_array(c->a, struct state_slot, list->n);
	for (uint32_t i = 0; i < list->n; i++) {
		m = arena_mark(c->a);
		if (!event_read_json(c->a, x->v, &list->at[i], &ev, &e)) {
			arena_release(c->a, m);
			err_clear(&e);
			continue;
		}
		id = ev.id;
		if (!event_find(c, id, &s))
			return false;
		if (s != NULL && s->room == r->nid && s->ev.is_state &&
		    (sev_flags(s) & EVENT_F_REJECTED) == 0)
			out->slot[out->n++] = (struct state_slot){ s->ev.type,
			    s->ev.state_key, s->nid };
	}
	return true;
}

/* The create event must be that of this room, and of the version that was said. */
static bool
check_create(struct entry *x, struct room *r, const struct state_delta *d)
{
	struct str version = S("1");
	const struct sev *create;

	if (!dag_get(x->c, d, S("m.room.create"), S(""), &create))
		return false;
	if (create == NULL)
		return bad_state(x, "it has no create event");
	(void)json_get_str(create->ev.content, S("room_version"), &version);
	if (!str_eq(version, x->v->name))
		return bad_state(x, "the room is of another version");
	if (x->v->room_id_is_create_hash && !str_eq(str_from(create->ev.id, 1),
	    str_from(r->id, 1)))
		return bad_state(x, "the create event is of another room");
	x->create = create;
	return true;
}

static bool
check_join(struct entry *x, const struct state_delta *d)
{
	struct dag_view view = { x->c, d, false };
	struct auth_state st = { dag_view_get, &view };

	return auth_check(x->c->a, &x->ev, &x->create->ev, &st, &x->c->err) &&
	    !view.failed;
}

/* With the room's lock: the join becomes the newest event, on the state that was given. */
static bool
enter_with(struct entry *x, struct room *r, const struct state_delta *d)
{
	struct pending p = { .ev = x->ev, .text = x->text };
	struct placement pl = { .how = PLACE_TIMELINE, .before = *d,
	    .missing = x->ev.prev, .nmissing = x->ev.nprev,
	    .entering = true, .create = x->create };
	struct state_delta after = *d;
	const struct sev *known;

	after.slot = arena_array(x->c->a, struct state_slot, d->n + 1);
	for (size_t i = 0, n = 0; i < d->n; i++) {
		bool mine = str_eq(d->slot[i].type, x->ev.type) &&
		    str_eq(d->slot[i].key, x->ev.state_key);

		if (mine)
			after.n = d->n - 1;
		else
			after.slot[n++] = d->slot[i];
	}
	if (!event_find(x->c, x->ev.id, &known))
		return false;
	if (known != NULL && (sev_flags(known) & EVENT_F_OUTLIER) == 0)
		return true;
	pl.stored = known != NULL ? known->nid : 0;
	if (!dag_resolve(x->c, r, &after, 1, &r->head.state, &pl.now) ||
	    !dag_get(x->c, d, x->ev.type, x->ev.state_key, &p.replaced))
		return false;
	pl.now.slot = arena_grow(x->c->a, pl.now.slot, pl.now.n *
	    sizeof(struct state_slot), (pl.now.n + 1) *
	    sizeof(struct state_slot));
	pl.now.slot[pl.now.n++] = (struct state_slot){ x->ev.type,
	    x->ev.state_key, EVENT_SELF };
	return persist_placed(x->c, r, &p, &pl);
}

/* The room as it is known here, or one that only this thread knows. */
static bool
room_for(struct entry *x, struct room **out)
{
	struct room_row row;
	bool found;

	if (!room_row_find(x->c->db, x->c->a, x->room_id, &row, &found,
	    &x->c->err))
		return false;
	if (found)
		return room_open_nid(x->c, row.nid, out);
	*out = room_new_held(x->c, x->room_id, x->v);
	return true;
}

/* One join of a room at a time. */
static pthread_mutex_t entering[16] = {
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
};

static bool
take_state(struct entry *x, const struct json *got)
{
	const struct json *state = json_get_arr(got, S("state"));
	const struct json **pdu = NULL;
	const struct sev *stored;
	struct state_delta d;
	struct room *r;
	size_t n = collect(x->c->a, json_get_arr(got, S("auth_chain")), state,
	    &pdu);
	bool ok;

	if (n == 0 || state == NULL)
		return bad_state(x, "it is empty, or too large");
	if (!room_for(x, &r))
		return false;
	/* A room of ours already: the join is one more event of it. */
	if (member_is_resident(r))
		return receive_now(x->c, x->server, r, &x->ev.json, &stored);
	if (!receive_outliers(x->c, r, pdu, n) ||
	    !room_open_nid(x->c, r->nid, &r) ||
	    !given_state(x, r, state, &d) || !check_create(x, r, &d) ||
	    !check_join(x, &d))
		return false;
	pthread_mutex_lock(&r->write);
	ok = enter_with(x, r, &d);
	pthread_mutex_unlock(&r->write);
	return ok;
}

/* A restricted join comes back with the signature of who vouched. */
static bool
take_signed(struct entry *x, const struct json *got)
{
	const struct json *ev = json_get_obj(got, S("event"));
	struct received r;
	struct str text, id = x->ev.id;

	if (ev == NULL)
		return true;
	if (!receive_read(x->c, x->v, ev, &r, &text))
		return false;
	if (!str_eq(r.ev.id, id))
		return bad_state(x, "it signed another event");
	x->ev = r.ev;
	x->text = text;
	return true;
}

static bool
join_through(struct entry *x)
{
	size_t lock = hash_bytes(x->room_id.p, x->room_id.n) % LEN(entering);
	const struct json *got;
	bool ok;

	if (!make(x) || !send_it(x, &got) || !take_signed(x, got))
		return false;
	pthread_mutex_lock(&entering[lock]);
	ok = take_state(x, got);
	pthread_mutex_unlock(&entering[lock]);
	return ok;
}

/* Each server in turn, until one lets us in. The first refusal in words counts. */
static bool
through_any(struct entry *x, const struct str *via, size_t nvia,
    bool (*step)(struct entry *))
{
	struct ctx *c = x->c;
	struct err first = { .code = M_OK };

	for (size_t i = 0; i < nvia && i < FED_VIA_MAX; i++) {
		if (str_eq(via[i], server_get()->name))
			continue;
		x->server = via[i];
		err_clear(&c->err);
		if (step(x))
			return true;
		log_info("federation", "a server did not let us in",
		    LS("server", via[i]), LS("room", x->room_id),
		    LS("why", str_c(c->err.text)));
		if (first.code == M_OK || first.code == M_UNAVAILABLE)
			first = c->err;
	}
	c->err = first;
	return first.code != M_OK ? false : fail(&c->err, M_NOT_FOUND,
	    "The room is not known here, and no other server was named "
	    "that could be asked");
}

bool
fed_join(struct ctx *c, struct str room, const struct str *via, size_t nvia,
    struct str reason, const struct json *extra)
{
	struct entry x = { .c = c, .room_id = room, .reason = reason,
	    .extra = extra, .as = MEMBER_JOIN };

	return through_any(&x, via, nvia, join_through);
}

struct outside {
	struct entry *x;
	int64_t room, event;
	const struct json *state;
	struct stream_tx tx;
};

/* The member event and what the user is shown, of a room that we are not in. */
static bool
outside_body(struct db *db, void *arg, struct err *e)
{
	struct outside *o = arg;
	struct entry *x = o->x;
	struct str user = x->ev.state_key;
	struct member_row m = { user, x->as, o->event, 0, 0 };

	if (!stream_next(db, &o->tx, &m.pos, e) ||
	    !member_put(db, o->room, &m, e))
		return false;
	return o->state == NULL || stripped_put(db, o->room, user,
	    json_text(x->c->a, o->state), e);
}

struct told {
	struct arena *a;
	struct str user;
	int64_t room, pos;
	bool in_room;
};

static void
tell(void *arg)
{
	struct told *t = arg;

	if (t->in_room)
		notify_membership(t->room, t->user, true);
	notify_user(t->user, t->pos);
	if (!t->in_room)
		notify_membership(t->room, t->user, false);
	arena_free(t->a);
}

/* Of a room that this server is not in. */
static bool
keep_outside(struct entry *x, const struct json *state)
{
	struct outlier o = { .ev = x->ev, .text = x->text };
	struct outside out = { .x = x, .state = state };
	struct arena *a;
	struct told *t;
	struct room *r;

	if (!room_for(x, &r) || !persist_outliers(x->c, r, &o, 1) ||
	    !room_open_nid(x->c, r->nid, &r))
		return false;
	out.room = r->nid;
	out.event = o.nid;
	if (!stream_transact(x->c->db, outside_body, &out, &out.tx,
	    &x->c->err))
		return false;
	pthread_mutex_lock(&r->lock);
	room_set_member(r, &(struct member_row){ x->ev.state_key, x->as,
	    o.nid, 0, out.tx.last });
	pthread_mutex_unlock(&r->lock);
	a = arena_new_sized(1 << 20, 256);
	t = arena_make(a, struct told);
	*t = (struct told){ a, str_dup(a, x->ev.state_key), r->nid,
	    out.tx.last, x->as != MEMBER_LEAVE };
	stream_end(&out.tx, tell, t);
	return true;
}

static bool
knock_through(struct entry *x)
{
	const struct json *got;

	return make(x) && send_it(x, &got) && keep_outside(x,
	    json_get_arr(got, S("knock_room_state")));
}

bool
fed_knock(struct ctx *c, struct str room, const struct str *via, size_t nvia,
    struct str reason)
{
	struct entry x = { .c = c, .room_id = room, .reason = reason,
	    .as = MEMBER_KNOCK };

	return through_any(&x, via, nvia, knock_through);
}

bool
fed_retracted(struct ctx *c, struct room *r, const struct event *ev,
    struct str text)
{
	enum membership m = membership_of_event(ev);
	struct entry x = { .c = c, .room_id = r->id, .as = m, .v = r->v,
	    .ev = *ev, .text = text };
	const struct sev *invite;

	if (!str_eq(ev->type, S("m.room.member")) || !ev->is_state ||
	    !server_is_local(ev->state_key) ||
	    (m != MEMBER_LEAVE && m != MEMBER_BAN) ||
	    room_membership(r, ev->state_key) != MEMBER_INVITE)
		return fail(&c->err, M_FORBIDDEN,
		    "This server is not in the room");
	if (!room_state(c, r, S("m.room.member"), ev->state_key, &invite))
		return false;
	/* The room's rules can't be asked: who invited may take it back, nobody else. */
	if (invite == NULL || !str_eq(invite->ev.sender, ev->sender))
		return fail(&c->err, M_FORBIDDEN, "The invitation is not the "
		    "sender's to take back");
	return keep_outside(&x, NULL);
}

static bool
leave_through(struct entry *x)
{
	const struct json *got;

	return make(x) && send_it(x, &got) && keep_outside(x, NULL);
}

/* Nobody there who takes it: it is so for this user, here. */
static bool
leave_alone(struct entry *x)
{
	struct ctx *c = x->c;
	struct draft d = { .room = x->room_id, .type = S("m.room.member"),
	    .sender = c->who.user, .is_state = true,
	    .state_key = c->who.user, .ts = c->now_ms, .depth = 1,
	    .server = server_get()->name };

	d.content = json_new_obj();
	json_set(c->a, &d.content, S("membership"), json_of_str(S("leave")));
	if (x->v->event_ids == EVENT_ID_GIVEN)
		d.random_id = random_text(c->a, 24);
	return event_build(c->a, x->v, &d, &server_get()->key, &x->ev,
	    &x->text, &c->err) && keep_outside(x, NULL);
}

bool
fed_leave(struct ctx *c, struct room *r, struct str reason)
{
	struct entry x = { .c = c, .room_id = r->id, .reason = reason,
	    .as = MEMBER_LEAVE, .v = r->v };
	const struct sev *mine;
	struct str via[2];
	size_t n = 0;

	if (!room_state(c, r, S("m.room.member"), c->who.user, &mine))
		return false;
	if (mine != NULL)
		via[n++] = id_server(mine->ev.sender);
	if (id_server(r->id).n > 0)
		via[n++] = id_server(r->id);
	if (through_any(&x, via, n, leave_through))
		return true;
	log_info("federation", "an invitation is refused here alone",
	    LS("room", r->id), LS("why", str_c(c->err.text)));
	err_clear(&c->err);
	x.v = r->v;
	return leave_alone(&x);
}
