/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reporting events, rooms and users. spec: client-server, "Reporting Content". */
#include "api/res.h"
#include "core/account.h"
#include "core/history.h"
#include "core/report.h"
#include "room/ids.h"

static bool
read_reason(struct req *rq, struct report_row *x)
{
	if (!body_opt_str(rq, "reason", REPORT_REASON_MAX, &x->reason))
		return false;
	x->has_reason = x->reason.p != NULL;
	return true;
}

/* What is required may still be blank. */
static bool
need_reason(struct req *rq, struct report_row *x)
{
	if (json_get(&rq->body, S("reason")) == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs reason");
	return read_reason(rq, x);
}

static bool
not_joined(struct req *rq)
{
	err_clear(&rq->ctx.err);
	return fail(&rq->ctx.err, M_NOT_FOUND,
	    "The event was not found or you are not joined to the room");
}

/* POST /rooms/{roomId}/report/{eventId}: reason, score */
bool
report_event_post(struct req *rq)
{
	struct report_row x = { .kind = S("event") };
	struct ctx *c = &rq->ctx;
	const struct sev *ev;
	struct room *r;

	if (!req_path_room(rq, "roomId", &x.room_id) ||
	    !req_path_event(rq, "eventId", &x.event_id) ||
	    !read_reason(rq, &x) ||
	    !body_opt_int(rq, "score", -JSON_INT_MAX, JSON_INT_MAX, &x.score))
		return false;
	x.has_score = json_is(json_get(&rq->body, S("score")), JSON_INT);
	if (!room_open(c, x.room_id, &r))
		return c->err.code == M_NOT_FOUND && not_joined(rq);
	if (room_membership(r, c->who.user) != MEMBER_JOIN)
		return not_joined(rq);
	if (!history_event(c, r, x.event_id, &ev))
		return false;
	x.about = ev->ev.sender;
	return report_add(c, &x) && res_empty(rq);
}

/* POST /rooms/{roomId}/report: reason */
bool
report_room_post(struct req *rq)
{
	struct report_row x = { .kind = S("room") };
	struct room *r;

	return req_path_room(rq, "roomId", &x.room_id) &&
	    need_reason(rq, &x) && room_open(&rq->ctx, x.room_id, &r) &&
	    report_add(&rq->ctx, &x) && res_empty(rq);
}

/* POST /users/{userId}/report: reason. Who does not exist is not told from who does. */
bool
report_user_post(struct req *rq)
{
	struct report_row x = { .kind = S("user") };
	struct account who;

	if (!req_path_user(rq, "userId", &x.about) || !need_reason(rq, &x))
		return false;
	if (!server_is_local(x.about) || account_get(&rq->ctx, x.about, &who))
		return report_add(&rq->ctx, &x) && res_empty(rq);
	if (rq->ctx.err.code != M_NOT_FOUND)
		return false;
	err_clear(&rq->ctx.err);
	return res_empty(rq);
}
