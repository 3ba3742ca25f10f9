/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Administration: the queues of reports, with the answers of Synapse's admin
 * interface for those of events, and the same shape for rooms and users.
 */
#include "api/res.h"
#include "core/alias.h"
#include "core/report.h"

#define REPORTS_MAX 1000		/* a page */

/* The name and alias of a room, where it is known. */
static bool
write_room(struct req *rq, struct str id)
{
	struct ctx *c = &rq->ctx;
	struct room_chunk x = { .nid = 0 };
	struct room *r;

	if (room_open(c, id, &r)) {
		if (!room_describe(c, r, &x))
			return false;
	} else if (c->err.code != M_NOT_FOUND) {
		return false;
	}
	err_clear(&c->err);
	jsonw_str(&rq->w, "room_id", id);
	if (x.name.n > 0)
		jsonw_str(&rq->w, "name", x.name);
	else
		jsonw_null(&rq->w, "name");
	if (x.canonical_alias.n > 0)
		jsonw_str(&rq->w, "canonical_alias", x.canonical_alias);
	else
		jsonw_null(&rq->w, "canonical_alias");
	return true;
}

static bool
write_report(struct req *rq, const struct report_row *x)
{
	struct jsonw *w = &rq->w;

	jsonw_int(w, "id", x->id);
	jsonw_int(w, "received_ts", x->at_ms);
	jsonw_str(w, "user_id", x->reporter);
	if (x->has_reason)
		jsonw_str(w, "reason", x->reason);
	else
		jsonw_null(w, "reason");
	if (x->event_id.n > 0) {
		jsonw_str(w, "event_id", x->event_id);
		jsonw_str(w, "sender", x->about);
		if (x->has_score)
			jsonw_int(w, "score", x->score);
		else
			jsonw_null(w, "score");
	} else if (x->about.n > 0) {
		jsonw_str(w, "target_user_id", x->about);
	}
	return x->room_id.n == 0 || write_room(rq, x->room_id);
}

static bool
read_ask(struct req *rq, struct report_ask *ask)
{
	struct str dir = req_query(rq, "dir");

	if (dir.n > 0 && !str_eq(dir, S("b")) && !str_eq(dir, S("f")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "dir must be b or f");
	ask->back = !str_eq(dir, S("f"));
	ask->limit = 100;
	ask->reporter = req_query(rq, "user_id");
	ask->room_id = req_query(rq, "room_id");
	ask->about = req_query(rq, str_eq(ask->kind, S("user"))
	    ? "target_user_id" : "event_sender_user_id");
	return req_int(rq, "from", 0, INT32_MAX, &ask->from) &&
	    req_int(rq, "limit", 1, REPORTS_MAX, &ask->limit);
}

/* from, limit, dir, user_id (who reported), room_id, and whom it is about */
static bool
list(struct req *rq, struct str kind, const char *key)
{
	struct report_ask ask = { .kind = kind };
	struct report_row *x;
	struct jsonw *w;
	int64_t total;
	size_t n;

	if (!read_ask(rq, &ask) || !report_list(rq->ctx.db, rq->ctx.a, &ask,
	    &x, &n, &total, &rq->ctx.err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, key);
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		if (!write_report(rq, &x[i]))
			return false;
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_int(w, "total", total);
	if (ask.from + (int64_t)n < total && n > 0)
		jsonw_int(w, "next_token", ask.from + (int64_t)n);
	res_note(rq, SEEN_ACCOUNT, S("reports"), (int64_t)n);
	return res_close(rq);
}

static bool
read_id(struct req *rq, int64_t *id)
{
	return (str_i64(req_path(rq, "reportId"), id) && *id >= 0) ||
	    fail(&rq->ctx.err, M_INVALID_PARAM,
	    "The report's id is a number");
}

/* The event that was reported, in full; redacted or gone, as it is now. */
static bool
write_event(struct req *rq, const struct report_row *x)
{
	struct res_event_opt opt = { .room_id = true };
	struct ctx *c = &rq->ctx;
	const struct sev *ev;
	struct room *r;

	if (!event_find(c, x->event_id, &ev))
		return false;
	if (ev == NULL)
		return true;
	if (!room_open_nid(c, ev->room, &r))
		return false;
	res_event(rq, "event_json", r, ev, &opt);
	return true;
}

static bool
show(struct req *rq, struct str kind)
{
	struct report_row x;
	int64_t id;
	bool found;

	if (!read_id(rq, &id) || !report_find(rq->ctx.db, rq->ctx.a, kind, id,
	    &x, &found, &rq->ctx.err))
		return false;
	if (!found)
		return fail(&rq->ctx.err, M_NOT_FOUND,
		    "There is no such report");
	res_open(rq, 200);
	if (!write_report(rq, &x) ||
	    (x.event_id.n > 0 && !write_event(rq, &x)))
		return false;
	res_note(rq, SEEN_ACCOUNT, x.about.n > 0 ? x.about : x.room_id, 1);
	return res_close(rq);
}

static bool
take_away(struct req *rq, struct str kind)
{
	int64_t id;

	return read_id(rq, &id) && report_remove(&rq->ctx, kind, id) &&
	    res_empty(rq);
}

/* GET /_synapse/admin/v1/event_reports */
bool
admin_event_reports_get(struct req *rq)
{
	return list(rq, S("event"), "event_reports");
}

/* GET /_synapse/admin/v1/event_reports/{reportId} */
bool
admin_event_report_get(struct req *rq)
{
	return show(rq, S("event"));
}

/* DELETE /_synapse/admin/v1/event_reports/{reportId} */
bool
admin_event_report_delete(struct req *rq)
{
	return take_away(rq, S("event"));
}

/* GET /_synapse/admin/v1/room_reports */
bool
admin_room_reports_get(struct req *rq)
{
	return list(rq, S("room"), "room_reports");
}

/* GET /_synapse/admin/v1/room_reports/{reportId} */
bool
admin_room_report_get(struct req *rq)
{
	return show(rq, S("room"));
}

/* DELETE /_synapse/admin/v1/room_reports/{reportId} */
bool
admin_room_report_delete(struct req *rq)
{
	return take_away(rq, S("room"));
}

/* GET /_synapse/admin/v1/user_reports */
bool
admin_user_reports_get(struct req *rq)
{
	return list(rq, S("user"), "user_reports");
}

/* GET /_synapse/admin/v1/user_reports/{reportId} */
bool
admin_user_report_get(struct req *rq)
{
	return show(rq, S("user"));
}

/* DELETE /_synapse/admin/v1/user_reports/{reportId} */
bool
admin_user_report_delete(struct req *rq)
{
	return take_away(rq, S("user"));
}
