/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See fed_join.h: other servers' users at our rooms, and invitations both ways. */
#include "core/fed_join.h"

#include "core/account.h"
#include "core/dag.h"
#include "core/fed.h"
#include "core/invite_filter.h"
#include "core/member.h"
#include "core/notify.h"
#include "core/send_batch.h"
#include "room/ids.h"
#include "store/stream.h"

#define INVITE_STATE_MAX 64		/* events of invite_room_state */
#define INVITE_STATE_BYTES 65536

bool
fed_template(struct ctx *c, struct room *r, struct str user,
    enum membership m, struct json *out)
{
	struct json content = json_new_obj();
	struct send s = { .sender = user, .type = S("m.room.member"),
	    .is_state = true, .state_key = user };
	struct batch b;
	bool ok;

	json_set(c->a, &content, S("membership"),
	    json_of_str(membership_name(m)));
	if (m == MEMBER_JOIN && !member_vouch(c, r, user, &content))
		return false;
	s.content = content;
	batch_init(&b, c, r, r->v, 1);
	pthread_mutex_lock(&r->write);
	ok = batch_add(&b, &s);
	pthread_mutex_unlock(&r->write);
	if (!ok)
		return false;
	*out = json_copy(c->a, &b.p[0].ev.json);
	json_del(out, S("hashes"));
	json_del(out, S("signatures"));
	json_del(out, S("event_id"));
	if (json_get(out, S("room_id")) == NULL)
		json_set(c->a, out, S("room_id"), json_of_str(r->id));
	return true;
}

/* What an invitation shows of the room; from version 12 on with the create event whole. */
static bool
invite_state(struct ctx *c, struct room *r, struct str user, struct json *out)
{
	const struct sev **ev;
	size_t n;

	if (!member_stripped(c, r, user, &ev, &n))
		return false;
	*out = json_new_arr();
	for (size_t i = 0; i < n; i++) {
		struct json x = json_new_obj();

		if (str_eq(ev[i]->ev.type, S("m.room.create")) &&
		    r->v->room_id_is_create_hash) {
			json_push(c->a, out, ev[i]->ev.json);
			continue;
		}
		json_set(c->a, &x, S("type"), json_of_str(ev[i]->ev.type));
		json_set(c->a, &x, S("state_key"),
		    json_of_str(ev[i]->ev.state_key));
		json_set(c->a, &x, S("sender"),
		    json_of_str(ev[i]->ev.sender));
		json_set(c->a, &x, S("content"), *ev[i]->ev.content);
		json_push(c->a, out, x);
	}
	return true;
}

bool
fed_invite(struct ctx *c, struct room *r, const struct pending *p,
    struct json *out)
{
	struct str part[] = { r->id, p->ev.id };
	struct json body = json_new_obj(), state;
	struct fed_req q = { .server = id_server(p->ev.state_key),
	    .method = "PUT", .body = &body };
	const struct json *got, *ev;
	struct received read;
	struct str text;

	if (!invite_state(c, r, p->ev.sender, &state))
		return false;
	json_set(c->a, &body, S("room_version"), json_of_str(r->v->name));
	json_set(c->a, &body, S("event"), p->ev.json);
	json_set(c->a, &body, S("invite_room_state"), state);
	q.path = fed_path(c->a, "v2/invite/%s/%s", part, 2);
	if (!fed_call(c, &q, &got))
		return false;
	ev = json_get_obj(got, S("event"));
	if (ev == NULL || !receive_read(c, r->v, ev, &read, &text) ||
	    !str_eq(read.ev.id, p->ev.id)) {
		err_clear(&c->err);
		return fail(&c->err, M_UNAVAILABLE, STR_FMT " did not sign "
		    "the invitation", STR_ARG(q.server));
	}
	*out = read.ev.json;
	return true;
}

/* What is shown of the room must be small, and events at least by their looks. */
static bool
check_invite_state(struct ctx *c, const struct json *state)
{
	struct str type;

	if (state == NULL)
		return true;
	if (state->n > INVITE_STATE_MAX ||
	    json_text(c->a, state).n > INVITE_STATE_BYTES)
		return fail(&c->err, M_INVALID_PARAM,
		    "invite_room_state is too large");
	for (uint32_t i = 0; i < state->n; i++)
		if (state->at[i].type != JSON_OBJ ||
		    !json_get_str(&state->at[i], S("type"), &type) ||
		    json_get_obj(&state->at[i], S("content")) == NULL)
			return fail(&c->err, M_INVALID_PARAM,
			    "invite_room_state holds what is no event");
	return true;
}

static bool
check_invited(struct ctx *c, struct str origin, const struct fed_invited *x,
    const struct event *ev)
{
	struct invite_filter f;
	struct account account;

	if (!str_eq(ev->room, x->room_id) || !str_eq(ev->id, x->event_id) ||
	    !str_eq(ev->type, S("m.room.member")) || !ev->is_state ||
	    !str_eq(json_str(ev->content, S("membership")), S("invite")) ||
	    !str_eq(id_server(ev->sender), origin))
		return fail(&c->err, M_INVALID_PARAM, "The event is not the "
		    "invitation that the path names, by one of your users");
	if (!server_is_local(ev->state_key))
		return fail(&c->err, M_NOT_FOUND,
		    "The user is not of this server");
	if (!account_get(c, ev->state_key, &account))
		return false;
	if (!invite_filter_load(c, ev->state_key, &f))
		return false;
	return invite_filter_ask(&f, ev->sender) != INVITE_BLOCK ||
	    fail(&c->err, M_INVITE_BLOCKED, "The user does not take this "
	    "invitation");
}

struct keep {
	struct str user, state;
	int64_t room, event;
	struct stream_tx tx;
	int64_t pos;
};

static bool
keep_body(struct db *db, void *arg, struct err *e)
{
	struct keep *k = arg;
	struct member_row m = { k->user, MEMBER_INVITE, k->event, 0, 0 };

	if (!stream_next(db, &k->tx, &k->pos, e))
		return false;
	m.pos = k->pos;
	return member_put(db, k->room, &m, e) &&
	    stripped_put(db, k->room, k->user, k->state, e);
}

struct told {
	struct arena *a;
	struct str user;
	int64_t room, pos;
};

static void
tell(void *arg)
{
	struct told *t = arg;

	notify_membership(t->room, t->user, true);
	notify_user(t->user, t->pos);
	arena_free(t->a);
}

/* The invitation of a room that this server is not in becomes the user's. */
static bool
keep_invite(struct ctx *c, struct room *r, const struct event *ev,
    struct str text, struct str state)
{
	struct outlier o = { .ev = *ev, .text = text };
	struct keep k = { .user = ev->state_key, .state = state };
	struct arena *a;
	struct told *t;

	if (!persist_outliers(c, r, &o, 1) || !room_open_nid(c, r->nid, &r))
		return false;
	k.room = r->nid;
	k.event = o.nid;
	if (!stream_transact(c->db, keep_body, &k, &k.tx, &c->err))
		return false;
	pthread_mutex_lock(&r->lock);
	room_set_member(r, &(struct member_row){ k.user, MEMBER_INVITE,
	    k.event, 0, k.pos });
	pthread_mutex_unlock(&r->lock);
	a = arena_new_sized(1 << 20, 256);
	t = arena_make(a, struct told);
	*t = (struct told){ a, str_dup(a, k.user), r->nid, k.pos };
	stream_end(&k.tx, tell, t);
	return true;
}

bool
fed_invited(struct ctx *c, struct str origin, const struct fed_invited *x,
    struct json *out)
{
	const struct room_version *v = room_version(x->version);
	struct received read;
	struct room_row row;
	struct room *r;
	struct str text;
	bool found;

	if (v == NULL)
		return fail(&c->err, M_INCOMPATIBLE_ROOM_VERSION,
		    "The room's version is not known here");
	if (!check_invite_state(c, x->state) ||
	    !receive_read(c, v, x->event, &read, &text) ||
	    !check_invited(c, origin, x, &read.ev))
		return false;
	*out = json_copy(c->a, &read.ev.json);
	event_sign_more(c->a, v, out, server_get()->name, &server_get()->key);
	text = json_text(c->a, out);
	if (!room_row_find(c->db, c->a, x->room_id, &row, &found, &c->err))
		return false;
	if (!found)
		r = room_new_held(c, x->room_id, v);
	else if (!room_open_nid(c, row.nid, &r))
		return false;
	/* Of a room that we are in it comes as an event of its own. */
	if (member_is_resident(r))
		return true;
	return keep_invite(c, r, &read.ev, text, x->state != NULL
	    ? json_text(c->a, x->state) : S("[]"));
}

bool
fed_directory(struct ctx *c, struct str alias, struct str *room,
    struct str *via, size_t max, size_t *nvia)
{
	struct fed_req q = { .server = id_server(alias), .method = "GET" };
	const struct json *got, *list;

	q.path = fed_path(c->a, "v1/query/directory?room_alias=%s", &alias, 1);
	if (!fed_call(c, &q, &got))
		return false;
	list = json_get_arr(got, S("servers"));
	*nvia = 0;
	if (!json_get_str(got, S("room_id"), room) || !id_room_ok(*room))
		return fail(&c->err, M_NOT_FOUND, STR_FMT " names no room by "
		    "this alias", STR_ARG(q.server));
	via[(*nvia)++] = q.server;
	for (uint32_t i = 0; list != NULL && i < list->n && *nvia < max; i++)
		if (list->at[i].type == JSON_STR &&
		    id_server_name_ok(list->at[i].s) &&
		    !str_eq(list->at[i].s, q.server))
			via[(*nvia)++] = list->at[i].s;
	return true;
}
