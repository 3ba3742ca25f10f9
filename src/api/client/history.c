/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading rooms. spec: client-server, "Getting events for a room", "Relationships API". */
#include "api/client/room_req.h"
#include "api/res.h"
#include "core/history.h"
#include "core/receive.h"
#include "core/token.h"
#include "room/ids.h"
#include "store/q_event.h"
#include "store/q_profile.h"

#define PAST_MIN 20			/* events asked of another server at once */
#define PAST_MAX 100

static bool
write_lazy(struct req *rq, const char *key, struct room *r,
    const struct sev *const *ev, size_t n)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev **who;
	size_t nwho;

	if (!history_senders(&rq->ctx, r, ev, n, &who, &nwho))
		return false;
	res_events(rq, key, r, who, nwho, &opt);
	return true;
}

/*
 * A page that ends where this server's past ends is filled up by what other
 * servers of the room have.
 */
static bool
page_with_past(struct ctx *c, struct room *r, const struct history_ask *ask,
    struct history_page *page)
{
	size_t got, want = ask->limit < PAST_MIN ? PAST_MIN
	    : ask->limit < PAST_MAX ? ask->limit : PAST_MAX;
	bool gap;

	if (!history_page(c, r, ask, page))
		return false;
	if (!ask->back || ask->has_to || page->end > room_floor(r) ||
	    !room_has_gap(c, r, &gap))
		return c->err.code == M_OK;
	if (!gap)
		return true;
	if (page->n < ask->limit) {
		if (!receive_backfill(c, r, want, &got) || (got > 0 &&
		    !history_page(c, r, ask, page)) ||
		    !room_has_gap(c, r, &gap))
			return false;
		gap = gap && got > 0;
	}
	page->more = page->more || gap;
	return true;
}

/*
 * GET /rooms/{roomId}/messages: one page of a room's history.
 *
 * query   from, to tokens; dir "b" or "f"; limit 1 to 1000, default 10; filter
 * reply   200 { start, end when there is more, chunk[], state[] when members are lazy }
 * errors  M_INVALID_PARAM 400; M_FORBIDDEN 403 the caller may not read this room
 */
bool
messages_get(struct req *rq)
{
	struct history_ask ask = { .back = false };
	struct history_page page;
	struct jsonw *w;
	struct room *r;
	int64_t limit = 10, start;

	if (!req_readable_room(rq, &r))
		return false;
	if (!req_has(rq, "dir"))
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The query needs dir");
	if (!req_dir(rq, &ask.back) ||
	    !req_int(rq, "limit", 0, PAGE_MAX, &limit) ||
	    !req_filter(rq, "filter", &ask.filter))
		return false;
	ask.from = ask.back ? room_head(r).last_seq : 0;
	if (req_has(rq, "from") && !token_place(&rq->ctx, r,
	    req_query(rq, "from"), &ask.from))
		return false;
	ask.has_to = req_has(rq, "to");
	if (ask.has_to && !token_place(&rq->ctx, r, req_query(rq, "to"),
	    &ask.to))
		return false;
	ask.limit = limit > 0 ? (size_t)limit : 1;
	start = ask.from;
	if (!page_with_past(&rq->ctx, r, &ask, &page))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "start", token_room(rq->ctx.a, start));
	/* What a filter left of the oldest events has a token too: clients look for it. */
	if (page.more || (page.n > 0 && !filter_all(&ask.filter)))
		jsonw_str(w, "end", token_room(rq->ctx.a, page.end));
	if (!res_bundled(rq, "chunk", r, page.ev, page.n))
		return false;
	if (ask.filter.lazy_members && !write_lazy(rq, "state", r, page.ev,
	    page.n))
		return false;
	if (page.n == 0)
		seen_add(&rq->seen, SEEN_EVENTS, room_id(r), 0, 0, 0, 0);
	return res_close(rq);
}

/* GET /rooms/{roomId}/event/{eventId} */
bool
event_get(struct req *rq)
{
	struct res_event_opt opt = { .room_id = true };
	const struct sev *ev;
	struct room *r;
	struct str id;

	if (!req_path_event(rq, "eventId", &id))
		return false;
	if (!req_readable_room(rq, &r)) {
		if (rq->ctx.err.code == M_FORBIDDEN) {
			err_clear(&rq->ctx.err);
			fail(&rq->ctx.err, M_NOT_FOUND,
			    "There is no such event, or you may not see it");
		}
		return false;
	}
	if (!history_event(&rq->ctx, r, id, &ev) ||
	    !history_bundle(&rq->ctx, r, ev, &opt.bundle) ||
	    !room_membership_at(&rq->ctx, r, rq->ctx.who.user, ev,
	    &opt.membership))
		return false;
	res_open_value(rq, 200);
	res_event(rq, NULL, r, ev, &opt);
	return res_close_value(rq);
}

static bool
context_side(struct req *rq, struct room *r, int64_t from, bool back,
    size_t limit, const struct event_filter *f, struct history_page *out)
{
	struct history_ask ask = { .from = from, .back = back,
	    .limit = limit, .filter = *f };

	if (limit == 0) {
		*out = (struct history_page){ .end = from };
		return true;
	}
	return history_page(&rq->ctx, r, &ask, out);
}

static bool
has_said(struct str user, const struct history_page *page)
{
	for (size_t i = 0; i < page->n; i++)
		if (str_eq(page->ev[i]->ev.sender, user))
			return true;
	return false;
}

/* The room's state; with lazy members, of them only those who wrote what is shown. */
static bool
write_state(struct req *rq, struct room *r, bool lazy, const struct sev *ev,
    const struct history_page *before, const struct history_page *after)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev *const *state;
	size_t n;

	if (!history_state(&rq->ctx, r, &state, &n))
		return false;
	jsonw_arr(&rq->w, "state");
	for (size_t i = 0; i < n; i++) {
		struct str who = state[i]->ev.state_key;

		if (!lazy || !str_eq(state[i]->ev.type, S("m.room.member")) ||
		    str_eq(ev->ev.sender, who) || has_said(who, before) ||
		    has_said(who, after))
			res_event(rq, NULL, r, state[i], &opt);
	}
	jsonw_arr_end(&rq->w);
	return true;
}

/* GET /rooms/{roomId}/context/{eventId}: limit (default 10), filter */
bool
context_get(struct req *rq)
{
	struct res_event_opt opt = { .room_id = true };
	struct history_page before, after;
	struct event_filter f;
	const struct sev *ev;
	struct jsonw *w;
	struct room *r;
	struct str id;
	int64_t limit = 10;

	if (!req_path_event(rq, "eventId", &id) ||
	    !req_int(rq, "limit", 0, 100, &limit) ||
	    !req_filter(rq, "filter", &f) || !req_readable_room(rq, &r) ||
	    !history_event(&rq->ctx, r, id, &ev) ||
	    !context_side(rq, r, ev->seq - 1, true, (size_t)limit / 2, &f,
	    &before) || !context_side(rq, r, ev->seq, false,
	    (size_t)(limit - limit / 2), &f, &after))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "start", token_room(rq->ctx.a, before.end));
	jsonw_str(w, "end", token_room(rq->ctx.a, after.end));
	if (!res_bundled(rq, "events_before", r, before.ev, before.n) ||
	    !res_bundled(rq, "events_after", r, after.ev, after.n))
		return false;
	if (!history_bundle(&rq->ctx, r, ev, &opt.bundle) ||
	    !room_membership_at(&rq->ctx, r, rq->ctx.who.user, ev,
	    &opt.membership))
		return false;
	res_event(rq, "event", r, ev, &opt);
	return write_state(rq, r, f.lazy_members, ev, &before, &after) &&
	    res_close(rq);
}

/* GET /rooms/{roomId}/state */
bool
state_all_get(struct req *rq)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev *const *ev;
	struct room *r;
	size_t n;

	if (!req_readable_room(rq, &r) || !history_state(&rq->ctx, r, &ev, &n))
		return false;
	res_open_value(rq, 200);
	res_events(rq, NULL, r, ev, n, &opt);
	return res_close_value(rq);
}

static bool
one_state(struct req *rq, struct str key)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev *ev;
	struct room *r;

	if (!req_readable_room(rq, &r) || !history_state_one(&rq->ctx, r,
	    req_path(rq, "eventType"), key, &ev))
		return false;
	if (ev == NULL)
		return fail(&rq->ctx.err, M_NOT_FOUND,
		    "The room has no such state");
	if (!str_eq(req_query(rq, "format"), S("event"))) {
		seen_state(&rq->seen, room_id(r), ev->nid);
		return res_json(rq, 200, ev->ev.content);
	}
	res_open_value(rq, 200);
	res_event(rq, NULL, r, ev, &opt);
	return res_close_value(rq);
}

/* GET /rooms/{roomId}/state/{eventType}/{stateKey} */
bool
state_get_get(struct req *rq)
{
	return one_state(rq, req_path(rq, "stateKey"));
}

/* GET /rooms/{roomId}/state/{eventType} */
bool
state_nokey_get(struct req *rq)
{
	return one_state(rq, S(""));
}

static bool
membership_wanted(struct req *rq, const struct event *ev)
{
	struct str is = json_str(ev->content, S("membership"));

	if (req_has(rq, "membership") &&
	    !str_eq(is, req_query(rq, "membership")))
		return false;
	return !req_has(rq, "not_membership") ||
	    !str_eq(is, req_query(rq, "not_membership"));
}

/* GET /rooms/{roomId}/members: membership, not_membership, at */
bool
members_get(struct req *rq)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev *const *ev;
	int64_t at = INT64_MAX - 1;
	struct room *r;
	size_t n;

	if (!req_readable_room(rq, &r) || (req_has(rq, "at") &&
	    !token_as_of(&rq->ctx, r, req_query(rq, "at"), &at)) ||
	    !history_state_at(&rq->ctx, r, at, &ev, &n))
		return false;
	res_open(rq, 200);
	jsonw_arr(&rq->w, "chunk");
	for (size_t i = 0; i < n; i++)
		if (str_eq(ev[i]->ev.type, S("m.room.member")) &&
		    membership_wanted(rq, &ev[i]->ev))
			res_event(rq, NULL, r, ev[i], &opt);
	jsonw_arr_end(&rq->w);
	if (rq->seen.n == 0)
		seen_add(&rq->seen, SEEN_STATE, room_id(r), 0, 0, 0, 0);
	return res_close(rq);
}

/* GET /rooms/{roomId}/joined_members */
bool
joined_members_get(struct req *rq)
{
	const struct member *m;
	struct jsonw *w;
	struct room *r;
	struct str id;
	size_t n;

	if (!req_path_room(rq, "roomId", &id) || !room_open(&rq->ctx, id, &r) ||
	    !room_must_be_in(&rq->ctx, r) ||
	    !room_members(&rq->ctx, r, 1U << MEMBER_JOIN, &m, &n))
		return false;
	w = res_open(rq, 200);
	jsonw_obj(w, "joined");
	for (size_t i = 0; i < n; i++) {
		const struct sev *ev;
		struct str name, avatar;

		if (!event_by_nid(&rq->ctx, m[i].event, &ev))
			return false;
		name = ev != NULL ? json_str(ev->ev.content,
		    S("displayname")) : S("");
		avatar = ev != NULL ? json_str(ev->ev.content,
		    S("avatar_url")) : S("");
		jsonw_key(w, m[i].user);
		jsonw_obj(w, NULL);
		if (name.n > 0)
			jsonw_str(w, "display_name", name);
		if (avatar.n > 0)
			jsonw_str(w, "avatar_url", avatar);
		jsonw_obj_end(w);
		seen_state(&rq->seen, room_id(r), m[i].event);
	}
	jsonw_obj_end(w);
	return res_close(rq);
}

/* GET /v1/rooms/{roomId}/timestamp_to_event: ts, dir */
bool
timestamp_to_event_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	const struct sev *ev;
	int64_t ts = 0;
	bool back = false;
	struct jsonw *w;
	struct room *r;

	if (!req_has(rq, "ts"))
		return fail(&c->err, M_MISSING_PARAM, "The query needs ts");
	if (!req_int(rq, "ts", 0, INT64_MAX, &ts) || !req_dir(rq, &back) ||
	    !req_readable_room(rq, &r) ||
	    !history_near(c, r, ts, back, &ev))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "event_id", ev->ev.id);
	jsonw_int(w, "origin_server_ts", ev->ev.ts);
	seen_event(&rq->seen, room_id(r), ev->seq);
	return res_close(rq);
}
