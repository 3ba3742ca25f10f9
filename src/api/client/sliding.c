/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sliding sync: a client asks for windows upon its list of rooms and for the
 * rooms that are open, and gets of each what it has not got yet. What was sent
 * is the connection's state (core/sliding_conn.c), by its position: "c3_120" is
 * the third state of the connection, at position 120 of the stream.
 * spec: MSC4186.
 */
#include "api/client/sliding_run.h"
#include "api/res.h"
#include "core/history.h"
#include "core/token.h"
#include "core/watch.h"
#include "store/stream.h"

#define TIMEOUT_MAX (10 * 60 * 1000)

static bool
read_pos(struct req *rq, int64_t *conn, int64_t *since)
{
	struct str s = req_query(rq, "pos"), head, rest;

	*conn = *since = 0;
	if (s.n == 0)
		return true;
	if (s.p[0] != 'c' || !str_cut(str_from(s, 1), '_', &head, &rest) ||
	    !str_i64(head, conn) || !str_i64(rest, since) || *conn <= 0 ||
	    *since < 0 || *since > JSON_INT_MAX)
		return fail(&rq->ctx.err, M_UNKNOWN_POS,
		    "The position is not one of this server: begin without one");
	return true;
}

/* How the room is wanted is what the client will have had of it. */
static void
note_sent(struct sliding_run *s, size_t i)
{
	const struct sliding_room *x = &s->rooms.at[i];

	sliding_sent_set(s->c, &s->conn, x->m.room, SLIDING_LIVE,
	    x->want.limit, sliding_need_text(s->c->a, &x->want.need));
}

/* A room that was kept up to date and is not wanted now falls behind if it has news. */
static void
note_passed(struct sliding_run *s, size_t i, const struct sliding_sent *sent)
{
	const struct sliding_room *x = &s->rooms.at[i];

	if (sent != NULL && sent->upto == SLIDING_LIVE &&
	    (room_touched(x->r) > s->since || x->m.pos > s->since))
		sliding_sent_set(s->c, &s->conn, x->m.room, s->since,
		    sent->limit, s->conn.need[sent->need]);
}

/* Has the user read on, perhaps on another device? Counts are told then. */
static bool
has_read(const struct sliding_run *s, size_t i)
{
	for (size_t k = 0; k < s->unread.nreceipts; k++)
		if (s->unread.receipts[k].room == s->rooms.at[i].m.room &&
		    s->unread.receipts[k].pos > s->from[i])
			return true;
	return false;
}

static bool
load_windows(struct sliding_run *s)
{
	struct arena *a = s->c->a;
	size_t at;

	s->member = arena_array(a, bool *, s->ask.nlists);
	s->count = arena_array(a, int64_t, s->ask.nlists);
	for (size_t i = 0; i < s->ask.nlists; i++) {
		s->member[i] = arena_array(a, bool, s->rooms.n);
		if (!sliding_window(s->c, &s->rooms, &s->ask.list[i],
		    &s->count[i], s->member[i]))
			return false;
	}
	for (size_t i = 0; i < s->ask.nrooms; i++)
		sliding_subscribe(s->c, &s->rooms, &s->ask.room[i], &at);
	return true;
}

static bool
load(struct sliding_run *s)
{
	struct ctx *c = s->c;

	if (!sliding_rooms(c, s->since, s->now, &s->rooms) ||
	    !load_windows(s) || !unread_load(c, &s->unread))
		return false;
	s->delta = arena_array(c->a, struct sliding_delta, s->rooms.n);
	s->from = arena_array(c->a, int64_t, s->rooms.n);
	for (size_t i = 0; i < s->rooms.n; i++) {
		const struct sliding_room *x = &s->rooms.at[i];
		const struct sliding_sent *sent = sliding_sent_of(&s->conn,
		    x->m.room);

		s->from[i] = sent == NULL ? 0 : sent->upto == SLIDING_LIVE
		    ? s->since : sent->upto;
		/* A room left before the client knew it is no news. */
		if (x->newly_left && sent == NULL) {
			s->rooms.at[i].in_window = false;
			s->rooms.at[i].subscribed = false;
		}
		if (!sliding_wanted(s, i)) {
			note_passed(s, i, sent);
			continue;
		}
		if (!sliding_delta(c, x, &s->conn, sent, s->since, s->now,
		    &s->delta[i]))
			return false;
		if (!s->delta[i].found && s->from[i] > 0)
			s->delta[i].found = has_read(s, i);
		s->found = s->found || s->delta[i].found;
		note_sent(s, i);
	}
	return true;
}

static bool
write_name(struct sliding_run *s, struct room *r, struct str type,
    struct str member, const char *key)
{
	const struct sev *ev;
	struct str text;

	if (!room_state(s->c, r, type, S(""), &ev))
		return false;
	text = ev != NULL ? json_str(ev->ev.content, member)
	    : (struct str){ NULL, 0 };
	if (text.n == 0)
		return true;
	jsonw_str(s->w, key, text);
	seen_state(&s->rq->seen, room_id(r), ev->nid);
	return true;
}

static bool
write_heroes(struct sliding_run *s, struct room *r)
{
	struct jsonw *w = s->w;
	struct str hero[5];
	size_t n;

	if (!sync_heroes(s->c, r, s->c->who.user, hero, &n))
		return false;
	jsonw_arr(w, "heroes");
	for (size_t i = 0; i < n; i++) {
		const struct sev *ev;
		struct str name, picture;

		if (!room_state(s->c, r, S("m.room.member"), hero[i], &ev))
			return false;
		if (ev == NULL)
			continue;
		name = json_str(ev->ev.content, S("displayname"));
		picture = json_str(ev->ev.content, S("avatar_url"));
		jsonw_obj(w, NULL);
		jsonw_str(w, "user_id", hero[i]);
		if (name.n > 0)
			jsonw_str(w, "displayname", name);
		if (picture.n > 0)
			jsonw_str(w, "avatar_url", picture);
		jsonw_obj_end(w);
		seen_state(&s->rq->seen, room_id(r), ev->nid);
	}
	jsonw_arr_end(w);
	return true;
}

/* Name, picture, who is in it. */
static bool
write_facts(struct sliding_run *s, const struct sliding_room *x)
{
	struct room_counts n = room_counts(x->r);
	const struct sev *name;

	if (!room_state(s->c, x->r, S("m.room.name"), S(""), &name) ||
	    !write_name(s, x->r, S("m.room.name"), S("name"), "name") ||
	    !write_name(s, x->r, S("m.room.avatar"), S("url"), "avatar"))
		return false;
	if (name == NULL && !write_heroes(s, x->r))
		return false;
	jsonw_int(s->w, "joined_count", n.joined);
	jsonw_int(s->w, "invited_count", n.invited);
	return true;
}

static bool
write_timeline(struct sliding_run *s, const struct sliding_delta *d)
{
	const struct sync_room *x = &d->room;

	jsonw_arr(s->w, "timeline");
	for (size_t i = 0; i < x->nev; i++) {
		struct res_event_opt opt = { .fields = NULL };

		if (!history_bundle(s->c, x->r, x->ev[i], &opt.bundle) ||
		    !room_membership_at(s->c, x->r, s->c->who.user, x->ev[i],
		    &opt.membership))
			return false;
		res_event(s->rq, NULL, x->r, x->ev[i], &opt);
	}
	jsonw_arr_end(s->w);
	jsonw_str(s->w, "prev_batch", token_room(s->c->a, x->prev_seq));
	jsonw_bool(s->w, "limited", x->limited);
	jsonw_int(s->w, "num_live", d->live);
	if (d->expanded)
		jsonw_bool(s->w, "unstable_expanded_timeline", true);
	return true;
}

static bool
write_joined(struct sliding_run *s, const struct sliding_room *x,
    const struct sliding_delta *d)
{
	struct res_event_opt opt = { .state = true };
	struct unread n;

	if (d->facts && x->m.membership == MEMBER_JOIN && !write_facts(s, x))
		return false;
	if (d->room.nstate > 0)
		res_events(s->rq, "required_state", x->r, d->room.state,
		    d->room.nstate, &opt);
	if (!write_timeline(s, d))
		return false;
	if (x->m.membership != MEMBER_JOIN)
		return true;
	if (!unread_count(s->c, x->r, &s->unread, &n))
		return false;
	jsonw_int(s->w, "notification_count", n.notify);
	jsonw_int(s->w, "highlight_count", n.highlight);
	return true;
}

static bool
write_room(struct sliding_run *s, size_t i)
{
	const struct sliding_room *x = &s->rooms.at[i];
	const struct sliding_delta *d = &s->delta[i];
	struct res_event_opt opt = { .stripped = true };

	jsonw_key(s->w, room_id(x->r));
	jsonw_obj(s->w, NULL);
	jsonw_bool(s->w, "initial", d->initial);
	jsonw_str(s->w, "membership", membership_name(x->m.membership));
	jsonw_bool(s->w, "is_dm", sliding_is_direct(&s->rooms, room_id(x->r)));
	jsonw_int(s->w, "bump_stamp", x->bump);
	if (d->stripped)
		res_events(s->rq, "invite_state", x->r, d->room.state,
		    d->room.nstate, &opt);
	else if (!write_joined(s, x, d))
		return false;
	jsonw_obj_end(s->w);
	return true;
}

static bool
write_all(struct sliding_run *s, const struct sliding_extras *x)
{
	struct jsonw *w = s->w = res_open(s->rq, 200);

	jsonw_str(w, "pos", str_fmt(s->c->a, "c%lld_%lld",
	    (long long)s->conn.row.pos, (long long)s->now));
	if (s->ask.txn.n > 0)
		jsonw_str(w, "txn_id", s->ask.txn);
	jsonw_obj(w, "lists");
	for (size_t i = 0; i < s->ask.nlists; i++) {
		jsonw_key(w, s->ask.list[i].name);
		jsonw_obj(w, NULL);
		jsonw_int(w, "count", s->count[i]);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
	jsonw_obj(w, "rooms");
	for (size_t i = 0; i < s->rooms.n; i++)
		if (sliding_wanted(s, i) && s->delta[i].found &&
		    !write_room(s, i))
			return false;
	jsonw_obj_end(w);
	sliding_ext_write(s, x);
	return res_close(s->rq);
}

/* Nothing to tell, and time is left: waits. */
static bool
may_wait(struct sliding_run *s, int64_t timeout)
{
	return !s->found && s->since > 0 && s->conn.mark == s->ask.mark &&
	    req_time_left(s->rq, timeout) > 0;
}

/*
 * POST /unstable/org.matrix.simplified_msc3575/sync
 *
 * query   pos: where the client is, none to begin; timeout in ms
 * body    conn_id, txn_id, lists, room_subscriptions, extensions
 * reply   pos, lists { count }, rooms, extensions
 * errors  M_UNKNOWN_POS 400 begin anew; M_BAD_JSON, M_INVALID_PARAM 400
 */
bool
sliding_sync_post(struct req *rq)
{
	struct sliding_run s = { .rq = rq, .c = &rq->ctx };
	struct sliding_extras extras;
	int64_t timeout = 0, conn, changed;

	if (!req_int(rq, "timeout", 0, TIMEOUT_MAX, &timeout) ||
	    !read_pos(rq, &conn, &s.since) || !sliding_read(rq->ctx.a,
	    &rq->body, rq->ctx.who.user, &s.ask, &rq->ctx.err))
		return false;
	if (s.since > 0 && timeout > 0)
		(void)!req_wait(rq);
	if (!watch_user(&rq->ctx, rq->ctx.who.user, &changed) ||
	    !sliding_open(&rq->ctx, s.ask.conn, conn, &s.conn))
		return false;
	/* Woken for nothing: what was asked is what was asked before it slept. */
	if (rq->v->runs > 0 && changed <= s.since && may_wait(&s, timeout))
		return req_park(rq, req_time_left(rq, timeout));
	s.now = stream_now();
	if (s.since > s.now)
		s.since = s.now;
	if (!load(&s) || !sliding_ext_load(&s, &extras))
		return false;
	if (may_wait(&s, timeout))
		return req_park(rq, req_time_left(rq, timeout));
	s.conn.changed = s.conn.changed || s.conn.mark != s.ask.mark;
	s.conn.mark = s.ask.mark;
	return sliding_save(&rq->ctx, &s.conn) && write_all(&s, &extras);
}
