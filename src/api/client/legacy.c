/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Peeking into rooms without joining them, and what there was before /sync:
 * /events and /initialSync. spec: client-server, "Room Previews" and the
 * operations it marks deprecated.
 */
#include "api/client/room_req.h"
#include "api/res.h"
#include "core/alias.h"
#include "core/eventstream.h"
#include "core/history.h"
#include "core/token.h"
#include "core/userdata.h"
#include "room/ids.h"
#include "store/q_member.h"
#include "store/stream.h"

#define LIMIT_MAX 100			/* messages a room */
#define TIMEOUT_MAX (10 * 60 * 1000)
#define PEEK_TICK_MS 1000		/* nobody is woken for rooms they are not in */

/* The room of ?room_id=, if the caller may read it. */
static bool
query_room(struct req *rq, struct room **r)
{
	struct str id = req_query(rq, "room_id");

	if (!id_room_ok(id))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "room_id is malformed");
	if (room_open(&rq->ctx, id, r))
		return history_may_read(&rq->ctx, *r);
	if (rq->ctx.err.code == M_NOT_FOUND) {
		err_clear(&rq->ctx.err);
		fail(&rq->ctx.err, M_FORBIDDEN, "You are not in this room");
	}
	return false;
}

/* Nothing to tell: waits, or says so. A peeked room is looked at again by the clock. */
static bool
events_none(struct req *rq, struct room *peeked, int64_t timeout)
{
	int64_t left = req_time_left(rq, timeout);

	if (left <= 0)
		return false;
	if (peeked != NULL && left > PEEK_TICK_MS)
		left = PEEK_TICK_MS;
	return req_park(rq, left);
}

static bool
write_chunk(struct req *rq, const struct eventstream *page)
{
	jsonw_arr(&rq->w, "chunk");
	for (size_t i = 0; i < page->n; i++) {
		struct res_event_opt opt = { .room_id = true };

		if (!history_bundle(&rq->ctx, page->room[i], page->ev[i],
		    &opt.bundle))
			return false;
		res_event(rq, NULL, page->room[i], page->ev[i], &opt);
	}
	jsonw_arr_end(&rq->w);
	return true;
}

/*
 * GET /events: from, timeout, room_id (to peek). Without from there is no place
 * to wait at: the answer is a token for now, at once.
 *
 * reply   200 { start, end, chunk }
 * errors  M_FORBIDDEN 403 the room may not be peeked into
 */
bool
events_get(struct req *rq)
{
	struct eventstream_ask ask = { .since = -1 };
	struct ctx *c = &rq->ctx;
	struct eventstream page;
	int64_t timeout = 0;
	struct jsonw *w;

	if (!req_int(rq, "timeout", 0, TIMEOUT_MAX, &timeout) ||
	    (req_has(rq, "from") && !token_sync_read(req_query(rq, "from"),
	    &ask.since, &c->err)) || (req_has(rq, "room_id") &&
	    !query_room(rq, &ask.room)))
		return false;
	if (ask.since >= 0 && timeout > 0)
		(void)!req_wait(rq);
	ask.now = stream_now();
	if (ask.since < 0 || ask.since > ask.now) {
		ask.since = ask.now;
		timeout = 0;
	}
	if (!eventstream_read(c, &ask, &page))
		return false;
	if (page.n == 0 && events_none(rq, ask.room, timeout))
		return true;
	w = res_open(rq, 200);
	jsonw_str(w, "start", token_sync(c->a, ask.since));
	jsonw_str(w, "end", token_sync(c->a, page.end));
	return write_chunk(rq, &page) && res_close(rq);
}

/* GET /events/{eventId} */
bool
event_by_id_get(struct req *rq)
{
	struct res_event_opt opt = { .room_id = true };
	struct ctx *c = &rq->ctx;
	const struct sev *ev;
	struct room *r = NULL;
	struct str id;
	bool may;

	if (!req_path_event(rq, "eventId", &id) || !event_find(c, id, &ev) ||
	    (ev != NULL && !room_open_nid(c, ev->room, &r)))
		return false;
	may = r != NULL && history_may_read(c, r);
	if (!may && c->err.code != M_OK && c->err.code != M_FORBIDDEN)
		return false;
	err_clear(&c->err);
	if (!may)
		return fail(&c->err, M_NOT_FOUND,
		    "There is no such event, or you may not see it");
	if (!history_event(c, r, id, &ev) ||
	    !history_bundle(c, r, ev, &opt.bundle))
		return false;
	res_open_value(rq, 200);
	res_event(rq, NULL, r, ev, &opt);
	return res_close_value(rq);
}

/* What a user keeps: of a room, or (0) of the account. */
static void
write_data(struct req *rq, const struct accdata *data, size_t n, int64_t room)
{
	struct jsonw *w = &rq->w;

	jsonw_arr(w, "account_data");
	for (size_t i = 0; i < n; i++) {
		if (data[i].room != room || str_eq(data[i].content, S("{}")))
			continue;
		jsonw_obj(w, NULL);
		jsonw_str(w, "type", data[i].type);
		jsonw_raw(w, "content", data[i].content);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

/* The newest messages, oldest first, between two tokens. */
static bool
write_messages(struct req *rq, struct room *r, int64_t limit, int64_t now)
{
	struct history_ask ask = { .from = room_head(r).last_seq,
	    .back = true, .limit = (size_t)limit };
	struct history_page page = { .end = ask.from };
	struct jsonw *w = &rq->w;
	bool ok;

	filter_init_event(&ask.filter);
	if (limit > 0 && !history_page(&rq->ctx, r, &ask, &page))
		return false;
	for (size_t i = 0; i < page.n / 2; i++) {
		const struct sev *t = page.ev[i];

		page.ev[i] = page.ev[page.n - 1 - i];
		page.ev[page.n - 1 - i] = t;
	}
	jsonw_obj(w, "messages");
	jsonw_str(w, "start", token_room(rq->ctx.a, page.end));
	jsonw_str(w, "end", token_sync(rq->ctx.a, now));
	ok = res_bundled(rq, "chunk", r, page.ev, page.n);
	jsonw_obj_end(w);
	return ok;
}

/* What one room shows to who may read it. */
static bool
write_room(struct req *rq, struct room *r, int64_t limit, int64_t now)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	enum membership m = room_membership(r, rq->ctx.who.user);
	struct jsonw *w = &rq->w;
	const struct sev *const *ev;
	bool published;
	size_t n;

	if (!room_is_published(&rq->ctx, r, &published) ||
	    !history_state(&rq->ctx, r, &ev, &n))
		return false;
	jsonw_str(w, "room_id", room_id(r));
	if (m != MEMBER_NONE)
		jsonw_str(w, "membership", membership_name(m));
	jsonw_cstr(w, "visibility", published ? "public" : "private");
	if (!write_messages(rq, r, limit, now))
		return false;
	res_events(rq, "state", r, ev, n, &opt);
	return true;
}

static bool
my_data(struct req *rq, struct accdata **data, size_t *n)
{
	return accdata_since(rq->ctx.db, rq->ctx.a, rq->ctx.who.user, 0, data,
	    n, &rq->ctx.err);
}

/* GET /rooms/{roomId}/initialSync: limit. For peeking into readable rooms. */
bool
room_initial_sync_get(struct req *rq)
{
	int64_t limit = 20, now = stream_now();
	struct accdata *data;
	struct jsonw *w;
	struct room *r;
	size_t n;

	if (!req_int(rq, "limit", 0, LIMIT_MAX, &limit) ||
	    !req_readable_room(rq, &r) || !my_data(rq, &data, &n))
		return false;
	w = res_open(rq, 200);
	if (!write_room(rq, r, limit, now))
		return false;
	write_data(rq, data, n, room_nid(r));
	jsonw_arr(w, "presence");
	jsonw_arr_end(w);
	jsonw_arr(w, "receipts");
	jsonw_arr_end(w);
	return res_close(rq);
}

/* An invitation: the event that invites, and nothing of the room. */
static bool
write_invite(struct req *rq, struct room *r, const struct user_membership *m)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev *ev;

	if (!event_by_nid(&rq->ctx, m->event, &ev))
		return false;
	jsonw_str(&rq->w, "room_id", room_id(r));
	jsonw_str(&rq->w, "membership", membership_name(m->membership));
	if (ev != NULL)
		res_event(rq, "invite", r, ev, &opt);
	return true;
}

static bool
write_one(struct req *rq, const struct user_membership *m, bool archived,
    int64_t limit, int64_t now)
{
	bool in = m->membership == MEMBER_JOIN;
	struct room *r;

	if (m->forgotten || m->membership == MEMBER_KNOCK || (!archived &&
	    !in && m->membership != MEMBER_INVITE))
		return true;
	if (!room_open_nid(&rq->ctx, m->room, &r))
		return false;
	if (m->membership != MEMBER_INVITE &&
	    !history_may_read(&rq->ctx, r)) {
		/* Left without having been in it: an invitation refused. */
		if (rq->ctx.err.code != M_FORBIDDEN)
			return false;
		err_clear(&rq->ctx.err);
		return true;
	}
	jsonw_obj(&rq->w, NULL);
	if (!(m->membership == MEMBER_INVITE ? write_invite(rq, r, m)
	    : write_room(rq, r, limit, now)))
		return false;
	jsonw_obj_end(&rq->w);
	return true;
}

/* GET /initialSync: limit, archived. reply { end, rooms, account_data, presence } */
bool
initial_sync_get(struct req *rq)
{
	int64_t limit = 10, now = stream_now();
	struct user_membership *m;
	struct accdata *data;
	bool archived = false;
	struct jsonw *w;
	size_t n, nm;

	if (!req_int(rq, "limit", 0, LIMIT_MAX, &limit) ||
	    !req_bool(rq, "archived", &archived) || !my_data(rq, &data, &n) ||
	    !memberships_of_user(rq->ctx.db, rq->ctx.a, rq->ctx.who.user, ~0U,
	    &m, &nm, &rq->ctx.err))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "end", token_sync(rq->ctx.a, now));
	jsonw_arr(w, "rooms");
	for (size_t i = 0; i < nm; i++)
		if (!write_one(rq, &m[i], archived, limit, now))
			return false;
	jsonw_arr_end(w);
	write_data(rq, data, n, 0);
	jsonw_arr(w, "presence");
	jsonw_arr_end(w);
	return res_close(rq);
}
