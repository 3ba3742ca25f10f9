/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sending events, state, redactions; typing. spec: client-server, "Sending events to a room". */
#include "api/client/room_req.h"
#include "api/res.h"
#include "core/alias.h"
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

/* PUT /rooms/{roomId}/send/{eventType}/{txnId}: the content. reply { event_id } */
bool
send_put(struct req *rq)
{
	struct send s = { .type = req_path(rq, "eventType"),
	    .content = rq->body };
	const struct sev *ev;
	struct room *r;

	/* Where a redaction is sent as an event, as room version 11 allows. */
	if (str_eq(s.type, S("m.room.redaction"))) {
		s.redacts = json_str(&rq->body, S("redacts"));
		s.content = json_copy(rq->ctx.a, &rq->body);
		json_del(&s.content, S("redacts"));
	}
	return path_txn(rq, &s, s.type) && req_room(rq, &r) &&
	    send_event(&rq->ctx, r, &s, &ev) && reply_id(rq, ev);
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

static bool
put_state(struct req *rq, struct str key)
{
	struct send s = { .type = req_path(rq, "eventType"),
	    .is_state = true, .state_key = key, .content = rq->body };
	const struct sev *ev;
	struct room *r;

	return req_room(rq, &r) && check_state(rq, r, &s) &&
	    send_event(&rq->ctx, r, &s, &ev) && reply_id(rq, ev);
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
	const struct sev *ev, *target, *levels;
	struct room *r;

	if (!req_path_event(rq, "eventId", &s.redacts) ||
	    !body_opt_str(rq, "reason", 8192, &reason) ||
	    !path_txn(rq, &s, str_cat(rq->ctx.a, S("redact "), s.redacts)) ||
	    !req_room(rq, &r) ||
	    !event_find(&rq->ctx, s.redacts, &target) ||
	    !room_state(&rq->ctx, r, S("m.room.power_levels"), S(""),
	    &levels))
		return false;
	s.content = json_new_obj();
	if (reason.n > 0)
		json_set(rq->ctx.a, &s.content, S("reason"),
		    json_of_str(reason));
	if (target == NULL || target->room != room_nid(r))
		return room_must_be_in(&rq->ctx, r) && fail(&rq->ctx.err,
		    M_NOT_FOUND, "There is no such event in the room");
	if (!str_eq(target->ev.sender, rq->ctx.who.user)) {
		struct power p;

		power_init(&p, room_create_event(r), levels != NULL
		    ? &levels->ev : NULL);
		if (power_of(&p, rq->ctx.who.user) <
		    power_for(&p, POWER_REDACT))
			return fail(&rq->ctx.err, M_FORBIDDEN,
			    "You may not redact this event");
	}
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
