/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Users of other servers come into our rooms, knock, leave, and invite ours.
 * spec: server-server, "Joining Rooms" and what follows.
 */
#include "api/federation/room_req.h"

#include "core/dag.h"
#include "core/fed_join.h"
#include "core/fed_read.h"
#include "core/member.h"
#include "core/outbound.h"
#include "room/acl.h"
#include "room/ids.h"

/* A room of ours that the asking server need not be in yet, by the path. */
static bool
open_room(struct req *rq, struct room **r)
{
	struct ctx *c = &rq->ctx;
	const struct sev *acl;
	struct str id;

	if (!req_path_room(rq, "roomId", &id) || !room_open_any(c, id, r))
		return false;
	if (!member_is_resident(*r))
		return fail(&c->err, M_NOT_FOUND,
		    "This server is not in the room");
	if (!room_state(c, *r, S("m.room.server_acl"), S(""), &acl))
		return false;
	return server_acl_allows(acl != NULL ? acl->ev.content : NULL,
	    c->who.user) || fail(&c->err, M_FORBIDDEN,
	    "The room does not allow your server to take part");
}

bool
req_fed_room(struct req *rq, struct room **out)
{
	struct ctx *c = &rq->ctx;
	struct str id;

	if (!req_path_room(rq, "roomId", &id))
		return false;
	if (room_open(c, id, out) && fed_may_read(c, *out, c->who.user))
		return true;
	if (c->err.code != M_NOT_FOUND && c->err.code != M_FORBIDDEN)
		return false;
	err_clear(&c->err);
	return fail(&c->err, M_FORBIDDEN,
	    "Your server is not in this room, or may not read it");
}

/* Does the asking server know the room's version? Those that say none know the first. */
static bool
check_version(struct req *rq, const struct room *r)
{
	struct str name = room_ver(r)->name;
	bool any = false;

	for (size_t i = 0; i < rq->nquery; i++) {
		if (!str_eq(rq->query[i].key, S("ver")))
			continue;
		any = true;
		if (str_eq(rq->query[i].val, name))
			return true;
	}
	if (!any && str_eq(name, S("1")))
		return true;
	fail(&rq->ctx.err, M_INCOMPATIBLE_ROOM_VERSION,
	    "Your server does not know room version " STR_FMT, STR_ARG(name));
	rq->ctx.err.extra = str_fmt(rq->ctx.a, "\"room_version\":\"" STR_FMT
	    "\"", STR_ARG(name));
	return false;
}

static bool
make(struct req *rq, enum membership m)
{
	struct ctx *c = &rq->ctx;
	struct json event, out = json_new_obj();
	struct room *r;
	struct str user;

	if (!req_path_user(rq, "userId", &user))
		return false;
	if (!str_eq(id_server(user), c->who.user))
		return fail(&c->err, M_FORBIDDEN,
		    "The user is not of your server");
	if (!open_room(rq, &r) || (m != MEMBER_LEAVE &&
	    !check_version(rq, r)) || !fed_template(c, r, user, m, &event))
		return false;
	json_set(c->a, &out, S("room_version"),
	    json_of_str(room_ver(r)->name));
	json_set(c->a, &out, S("event"), event);
	return res_json(rq, 200, &out);
}

/* GET /make_join/{roomId}/{userId}?ver= */
bool
fed_make_join_get(struct req *rq)
{
	return make(rq, MEMBER_JOIN);
}

/* GET /make_leave/{roomId}/{userId} */
bool
fed_make_leave_get(struct req *rq)
{
	return make(rq, MEMBER_LEAVE);
}

/* GET /make_knock/{roomId}/{userId}?ver= */
bool
fed_make_knock_get(struct req *rq)
{
	return make(rq, MEMBER_KNOCK);
}

/* The body is the membership event that the path names, of a user of the asking server. */
static bool
check_member(struct req *rq, const struct room *r, enum membership m)
{
	struct ctx *c = &rq->ctx;
	struct err e = { .code = M_OK };
	struct event ev;
	struct str id;

	if (!req_path_event(rq, "eventId", &id))
		return false;
	if (!event_read_json(c->a, room_ver(r), &rq->body, &ev, &e)) {
		c->err = e;
		return false;
	}
	if (!str_eq(ev.type, S("m.room.member")) || !ev.is_state ||
	    !str_eq(ev.state_key, ev.sender) ||
	    !str_eq(id_server(ev.sender), c->who.user) ||
	    !str_eq(json_str(ev.content, S("membership")),
	    membership_name(m)) || !str_eq(ev.room, room_id(r)) ||
	    !str_eq(ev.id, id))
		return fail(&c->err, M_INVALID_PARAM, "The event is not the "
		    "one that the path names, of one of your users");
	return true;
}

/*
 * Before our name goes under a restricted join: does the join rule of now let
 * this user in by somebody of ours? (The template may be old, or another's.)
 */
static bool
may_vouch(struct req *rq, struct room *r, const struct json *pdu)
{
	struct json content = json_new_obj();
	struct str by = json_str(json_get_obj(pdu, S("content")),
	    S("join_authorised_via_users_server"));

	return by.n == 0 || !server_is_local(by) || member_vouch(&rq->ctx, r,
	    json_str(pdu, S("sender")), &content);
}

/* A restricted join needs the signature of who vouched, when that is one of ours. */
static void
sign_voucher(struct req *rq, const struct room *r, struct json *pdu)
{
	struct str by = json_str(json_get_obj(pdu, S("content")),
	    S("join_authorised_via_users_server"));

	if (room_ver(r)->restricted && by.n > 0 && server_is_local(by))
		event_sign_more(rq->ctx.a, room_ver(r), pdu,
		    server_get()->name, &server_get()->key);
}

static bool
take(struct req *rq, enum membership m, struct room **r,
    const struct sev **ev)
{
	struct ctx *c = &rq->ctx;
	struct json pdu;

	if (!open_room(rq, r) || !check_member(rq, *r, m))
		return false;
	pdu = json_copy(c->a, &rq->body);
	if (m == MEMBER_JOIN) {
		/* Only what is whole and allowed gets our name under it. */
		if (!may_vouch(rq, *r, &pdu))
			return false;
		sign_voucher(rq, *r, &pdu);
	}
	return receive_now(c, c->who.user, *r, &pdu, ev) &&
	    outbound_relay(c, *r, *ev);
}

static void
write_list(struct req *rq, const char *key, const struct room *r,
    const struct sev *const *ev, size_t n)
{
	jsonw_arr(&rq->w, key);
	for (size_t i = 0; i < n; i++)
		res_pdu(rq, NULL, r, ev[i]);
	jsonw_arr_end(&rq->w);
}

static bool
send_join(struct req *rq, bool first)
{
	struct ctx *c = &rq->ctx;
	struct state_delta d = { .n = 0 };
	const struct sev *ev, **state, **chain;
	struct jsonw *w;
	struct room *r;
	size_t n, nchain;

	if (!take(rq, MEMBER_JOIN, &r, &ev))
		return false;
	d.root = ev->state;
	if (!dag_all(c, &d, &state, &n) ||
	    !dag_auth_chain(c, state, n, &chain, &nchain))
		return false;
	w = res_open_value(rq, 200);
	if (first) {
		jsonw_arr(w, NULL);
		jsonw_int(w, NULL, 200);
	}
	jsonw_obj(w, NULL);
	jsonw_str(w, "origin", server_get()->name);
	jsonw_bool(w, "members_omitted", false);
	write_list(rq, "state", r, state, n);
	write_list(rq, "auth_chain", r, chain, nchain);
	res_pdu(rq, "event", r, ev);
	jsonw_obj_end(w);
	if (first)
		jsonw_arr_end(w);
	return res_close_value(rq);
}

/* PUT /v2/send_join/{roomId}/{eventId} */
bool
fed_send_join_put(struct req *rq)
{
	return send_join(rq, false);
}

/* PUT /v1/send_join/{roomId}/{eventId}: the same as [200, {...}] */
bool
fed_send_join_v1_put(struct req *rq)
{
	return send_join(rq, true);
}

/* PUT /v2/send_leave/{roomId}/{eventId} */
bool
fed_send_leave_put(struct req *rq)
{
	const struct sev *ev;
	struct room *r;

	return take(rq, MEMBER_LEAVE, &r, &ev) && res_empty(rq);
}

/* PUT /v1/send_leave/{roomId}/{eventId}: [200, {}] */
bool
fed_send_leave_v1_put(struct req *rq)
{
	const struct sev *ev;
	struct jsonw *w;
	struct room *r;

	if (!take(rq, MEMBER_LEAVE, &r, &ev))
		return false;
	w = res_open_value(rq, 200);
	jsonw_arr(w, NULL);
	jsonw_int(w, NULL, 200);
	jsonw_obj(w, NULL);
	jsonw_obj_end(w);
	jsonw_arr_end(w);
	return res_close_value(rq);
}

/* PUT /v1/send_knock/{roomId}/{eventId}: what one who knocks may know of the room */
bool
fed_send_knock_put(struct req *rq)
{
	struct res_event_opt opt = { .stripped = true };
	const struct sev *ev, **state;
	struct room *r;
	size_t n;

	if (!take(rq, MEMBER_KNOCK, &r, &ev) ||
	    !member_stripped(&rq->ctx, r, ev->ev.sender, &state, &n))
		return false;
	res_open(rq, 200);
	res_events(rq, "knock_room_state", r, state, n, &opt);
	return res_close(rq);
}

/* PUT /v2/invite/{roomId}/{eventId}: { event, room_version, invite_room_state } */
bool
fed_invite_put(struct req *rq)
{
	struct fed_invited x = { .state = NULL };
	struct json event, out = json_new_obj();

	if (!req_path_room(rq, "roomId", &x.room_id) ||
	    !req_path_event(rq, "eventId", &x.event_id) ||
	    !body_str(rq, "room_version", 32, &x.version) ||
	    !body_obj(rq, "event", &x.event) ||
	    !body_opt_arr(rq, "invite_room_state", 1000, &x.state) ||
	    !fed_invited(&rq->ctx, rq->ctx.who.user, &x, &event))
		return false;
	json_set(rq->ctx.a, &out, S("event"), event);
	return res_json(rq, 200, &out);
}
