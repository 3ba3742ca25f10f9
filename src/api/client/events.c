/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sending events, state, redactions; typing. spec: client-server, "Sending events to a room". */
#include "api/client/room_req.h"
#include "api/res.h"
#include "core/alias.h"
#include "core/delayed.h"
#include "core/send.h"
#include "core/typing.h"
#include "room/ids.h"

#define TXN_MAX 255

static bool
path_txn(struct req *rq, struct send *s, struct str what)
{
	s->txn_id = req_path(rq, "txnId");
	s->txn_place = str_fmt(rq->ctx.a, STR_FMT " " STR_FMT,
	    STR_ARG(req_path(rq, "roomId")), STR_ARG(what));
	return (s->txn_id.n > 0 && s->txn_id.n <= TXN_MAX) ||
	    fail(&rq->ctx.err, M_INVALID_PARAM,
	    "A transaction id takes 1 to 255 bytes");
}

static bool
reply_id(struct req *rq, const struct sev *ev)
{
	jsonw_str(res_open(rq, 200), "event_id", ev->ev.id);
	return res_close(rq);
}

/* What the server itself must know of certain state. */
static bool
check_state(struct req *rq, struct room *r, const struct send *s)
{
	const struct sev *old;

	if (str_eq(s->type, S("m.room.create"))) {
		fail(&rq->ctx.err, M_BAD_STATE, "A room has one create event");
		rq->ctx.err.status = 400;
		return false;
	}
	if (str_eq(s->type, S("m.room.power_levels")) && s->state_key.n == 0)
		return power_client_ok(room_create_event(r), &s->content,
		    &rq->ctx.err);
	if (!str_eq(s->type, S("m.room.canonical_alias")) ||
	    s->state_key.n > 0)
		return true;
	return room_state(&rq->ctx, r, s->type, s->state_key, &old) &&
	    alias_check_canonical(&rq->ctx, r, &s->content,
	    old != NULL ? old->ev.content : NULL);
}

/* What may be asked of any event: to be sent later (MSC4140), to be sticky (MSC4354). */
static bool
read_extra(struct req *rq, struct send *s, int64_t *delay_ms)
{
	*delay_ms = 0;
	if (!req_int(rq, "org.matrix.msc4140.delay", 1, JSON_INT_MAX,
	    delay_ms) || !req_int(rq, "org.matrix.msc4354.sticky_duration_ms",
	    0, JSON_INT_MAX, &s->sticky_ms))
		return false;
	return s->sticky_ms <= EVENT_STICKY_MAX || fail(&rq->ctx.err,
	    M_INVALID_PARAM, "An event is sticky for an hour at most");
}

static bool
schedule(struct req *rq, struct room *r, const struct send *s,
    int64_t delay_ms)
{
	struct str id;

	if (!delayed_schedule(&rq->ctx, r, s, delay_ms, &id))
		return false;
	jsonw_str(res_open(rq, 200), "delay_id", id);
	return res_close(rq);
}

/* Who only asks again for the delay id of a transaction needs no content. */
static bool
repeat(struct req *rq, const struct send *s, int64_t delay_ms)
{
	struct str id = { NULL, 0 };

	if (delay_ms > 0 && !delayed_again(&rq->ctx, s, &id))
		return false;
	if (id.n == 0)
		return fail(&rq->ctx.err, M_NOT_JSON,
		    "The body must be a JSON object");
	jsonw_str(res_open(rq, 200), "delay_id", id);
	return res_close(rq);
}

/* PUT /rooms/{roomId}/send/{eventType}/{txnId}: the content. reply { event_id }, or { delay_id } */
bool
send_put(struct req *rq)
{
	struct send s = { .type = req_path(rq, "eventType"),
	    .content = rq->body };
	const struct sev *ev;
	int64_t delay_ms;
	struct room *r;

	/* Where a redaction is sent as an event, as room version 11 allows. */
	if (str_eq(s.type, S("m.room.redaction"))) {
		s.redacts = json_str(&rq->body, S("redacts"));
		s.content = json_copy(rq->ctx.a, &rq->body);
		json_del(&s.content, S("redacts"));
	}
	if (!read_extra(rq, &s, &delay_ms) || !path_txn(rq, &s, s.type))
		return false;
	if (!rq->has_body)
		return repeat(rq, &s, delay_ms);
	if (!req_room(rq, &r))
		return false;
	if (delay_ms == 0)
		return send_event(&rq->ctx, r, &s, &ev) && reply_id(rq, ev);
	s.content = rq->body;		/* what a redaction redacts stays in it */
	return schedule(rq, r, &s, delay_ms);
}

static bool
put_state(struct req *rq, struct str key)
{
	struct send s = { .type = req_path(rq, "eventType"),
	    .is_state = true, .state_key = key, .content = rq->body };
	const struct sev *ev;
	int64_t delay_ms;
	struct room *r;

	/* Who vouches for a join is the servers' to say: a signature goes with it. */
	if (str_eq(s.type, S("m.room.member"))) {
		s.content = json_copy(rq->ctx.a, &rq->body);
		json_del(&s.content, S("join_authorised_via_users_server"));
	}
	if (!read_extra(rq, &s, &delay_ms) || !req_room(rq, &r) ||
	    !check_state(rq, r, &s))
		return false;
	if (delay_ms > 0)
		return schedule(rq, r, &s, delay_ms);
	return send_event(&rq->ctx, r, &s, &ev) &&
	    delayed_superseded(&rq->ctx, r, s.type, key) &&
	    reply_id(rq, ev);
}

/*
 * PUT /unstable/org.matrix.msc4140/rooms/{roomId}/delayed_event/{eventType}/{txnId}:
 * delay_ms, content, state_key for a state event. reply { delay_id }
 */
bool
delayed_event_put(struct req *rq)
{
	struct send s = { .type = req_path(rq, "eventType") };
	const struct json *content;
	int64_t delay_ms;
	struct room *r;

	if (!read_extra(rq, &s, &delay_ms) ||
	    !body_obj(rq, "content", &content) ||
	    !body_opt_int(rq, "delay", 1, JSON_INT_MAX, &delay_ms) ||
	    !body_opt_int(rq, "delay_ms", 1, JSON_INT_MAX, &delay_ms) ||
	    !body_opt_str(rq, "state_key", ID_MAX, &s.state_key))
		return false;
	if (delay_ms == 0)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs delay_ms");
	s.content = *content;
	s.is_state = json_is(json_get(&rq->body, S("state_key")), JSON_STR);
	return path_txn(rq, &s, s.type) && req_room(rq, &r) &&
	    (!s.is_state || check_state(rq, r, &s)) &&
	    schedule(rq, r, &s, delay_ms);
}

/* GET /unstable/org.matrix.msc4140/delayed_events: those of the caller that wait */
bool
delayed_events_get(struct req *rq)
{
	struct delayed_row *x;
	struct jsonw *w;
	size_t n;

	if (!delayed_list(&rq->ctx, &x, &n))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "delayed_events");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "delay_id", x[i].delay_id);
		jsonw_str(w, "room_id", x[i].room_id);
		jsonw_str(w, "type", x[i].type);
		if (x[i].is_state)
			jsonw_str(w, "state_key", x[i].state_key);
		jsonw_int(w, "delay", x[i].delay_ms);
		jsonw_int(w, "running_since", x[i].since_ms);
		jsonw_raw(w, "content", x[i].content);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

/*
 * POST /unstable/org.matrix.msc4140/delayed_events/{delayId}/{action}: cancel,
 * restart or send. Who knows the id may: no token is needed.
 */
bool
delayed_event_post(struct req *rq)
{
	static const struct {
		struct str name;
		enum delayed_action action;
	} known[] = { { S_INIT("cancel"), DELAYED_DO_CANCEL },
	    { S_INIT("restart"), DELAYED_DO_RESTART },
	    { S_INIT("send"), DELAYED_DO_SEND } };

	for (size_t i = 0; i < LEN(known); i++)
		if (str_eq(req_path(rq, "action"), known[i].name))
			return delayed_act(&rq->ctx, req_path(rq, "delayId"),
			    known[i].action) && res_empty(rq);
	return fail(&rq->ctx.err, M_NOT_FOUND, "There is no such action");
}

/* PUT /rooms/{roomId}/state/{eventType}/{stateKey} */
bool
state_put(struct req *rq)
{
	return put_state(rq, req_path(rq, "stateKey"));
}

/* PUT /rooms/{roomId}/state/{eventType} */
bool
state_nokey_put(struct req *rq)
{
	return put_state(rq, S(""));
}

/* PUT /rooms/{roomId}/redact/{eventId}/{txnId}: reason */
bool
redact_put(struct req *rq)
{
	struct send s = { .type = S("m.room.redaction") };
	struct str reason = { NULL, 0 };
	const struct sev *ev;
	struct room *r;

	if (!req_path_event(rq, "eventId", &s.redacts) ||
	    !body_opt_str(rq, "reason", 8192, &reason) ||
	    !path_txn(rq, &s, str_cat(rq->ctx.a, S("redact "), s.redacts)) ||
	    !req_room(rq, &r))
		return false;
	s.content = json_new_obj();
	if (reason.n > 0)
		json_set(rq->ctx.a, &s.content, S("reason"),
		    json_of_str(reason));
	return send_event(&rq->ctx, r, &s, &ev) && reply_id(rq, ev);
}

/* PUT /rooms/{roomId}/typing/{userId}: typing, timeout */
bool
typing_put(struct req *rq)
{
	int64_t timeout = 30000;
	bool typing = false;
	struct room *r;

	if (!str_eq(req_path(rq, "userId"), rq->ctx.who.user))
		return fail(&rq->ctx.err, M_FORBIDDEN,
		    "Nobody types for somebody else");
	if (json_get(&rq->body, S("typing")) == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs typing");
	return body_opt_bool(rq, "typing", &typing) &&
	    body_opt_int(rq, "timeout", 0, INT32_MAX, &timeout) &&
	    req_room(rq, &r) &&
	    typing_set(&rq->ctx, r, typing, timeout) && res_empty(rq);
}
