/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * GET /sync. Nothing new is found without a query: the notifier knows the
 * greatest position that concerns the user. See docs/sync.md.
 * spec: client-server, "Syncing".
 */
#include "api/client/sync_write.h"
#include "api/res.h"
#include "core/e2ee.h"
#include "core/history.h"
#include "core/ignore_cache.h"
#include "core/invite_filter.h"
#include "core/member.h"
#include "core/sticky.h"
#include "core/sync.h"
#include "core/token.h"
#include "core/typing.h"
#include "core/userdata.h"
#include "core/watch.h"
#include "store/stream.h"

#include <string.h>

#define TO_DEVICE_MAX 100
#define TIMEOUT_MAX (10 * 60 * 1000)

/* One sync under way. */
struct run {
	struct req *rq;
	struct ctx *c;
	struct jsonw *w;
	struct sync_ask ask;
	struct sync_filter filter;
	struct user_membership *m;
	size_t nm;
	bool *changed;			/* room i may have something new */
	struct accdata *data;
	size_t ndata;
	struct unread_ask unread;
	struct todevice_msg *msg;
	size_t nmsg;
	struct str *dev_changed, *dev_left;
	size_t ndev_changed, ndev_left;
	bool found;			/* something is new */
};

static bool
read_filter(struct req *rq, struct sync_filter *f)
{
	struct ctx *c = &rq->ctx;
	struct str s = req_query(rq, "filter"), body;
	struct json j;
	int64_t id;

	filter_init_sync(f);
	if (s.n == 0)
		return true;
	if (s.p[0] == '{') {
		return json_parse(c->a, s, JSON_ANY, &j, &c->err) &&
		    filter_read_sync(c->a, &j, f, &c->err);
	}
	if (!str_i64(s, &id))
		return fail(&c->err, M_INVALID_PARAM, "filter is neither an "
		    "object nor the id of one");
	if (!filter_row_get(c->db, c->a, c->who.user, id, &body, &c->err))
		return false;
	if (body.n == 0)
		return fail(&c->err, M_INVALID_PARAM, "There is no such filter");
	return json_parse(c->a, body, JSON_ANY, &j, &c->err) &&
	    filter_read_sync(c->a, &j, f, &c->err);
}

static bool
reply_empty(struct run *s, int64_t pos)
{
	s->w = res_open(s->rq, 200);
	jsonw_str(s->w, "next_batch", token_sync(s->c->a, pos));
	sync_write_otk(s->rq, s->w);
	return res_close(s->rq);
}

/* Everything that is asked once, before the rooms. */
static bool
load(struct run *s)
{
	struct ctx *c = s->c;
	bool more;

	if (!memberships_of_user(c->db, c->a, c->who.user, ~0U, &s->m, &s->nm,
	    &c->err) || !accdata_since(c->db, c->a, c->who.user, s->ask.since,
	    &s->data, &s->ndata, &c->err) || !unread_load(c, &s->unread))
		return false;
	s->changed = arena_array(c->a, bool, s->nm);
	for (size_t i = 0; i < s->nm && s->ask.since != 0; i++) {
		struct room *r;

		if (s->m[i].membership != MEMBER_JOIN)
			continue;
		if (!room_open_nid(c, s->m[i].room, &r))
			return false;
		s->changed[i] = room_touched(r) > s->ask.since;
	}
	if (c->who.device.n > 0 && !todevice_list(c, c->who.user,
	    c->who.device, s->ask.since, s->ask.now, TO_DEVICE_MAX, &s->msg,
	    &s->nmsg, &more))
		return false;
	/* The rest comes with the next sync: the token stops at the last one given. */
	if (s->nmsg > 0 && more)
		s->ask.now = s->msg[s->nmsg - 1].pos;
	return s->ask.since == 0 || devicelist_changes(c, c->who.user,
	    s->ask.since, s->ask.now, &s->dev_changed, &s->ndev_changed,
	    &s->dev_left, &s->ndev_left);
}

/* Is it one of the rooms that the filter lets through? */
static bool
room_allowed(const struct run *s, int64_t nid, bool *allowed)
{
	struct room *r;

	*allowed = true;
	if (!s->filter.rooms.given && !s->filter.not_rooms.given)
		return true;
	if (!room_open_nid(s->c, nid, &r))
		return false;
	*allowed = filter_room(&s->filter.rooms, &s->filter.not_rooms,
	    room_id(r));
	return true;
}

static bool
room_has_data(const struct run *s, int64_t room)
{
	for (size_t i = 0; i < s->ndata; i++)
		if (s->data[i].room == room)
			return true;
	return false;
}

static void
write_data(struct run *s, int64_t room, const struct event_filter *f)
{
	jsonw_obj(s->w, "account_data");
	jsonw_arr(s->w, "events");
	for (size_t i = 0; i < s->ndata; i++) {
		const struct accdata *d = &s->data[i];

		if (d->room != room || d->pos > s->ask.now ||
		    !filter_type_maybe(f, d->type))
			continue;
		jsonw_obj(s->w, NULL);
		jsonw_str(s->w, "type", d->type);
		jsonw_raw(s->w, "content", d->content);
		jsonw_obj_end(s->w);
		s->found = true;
	}
	if (room == 0 && (s->ask.since == 0 ||
	    s->unread.rules_pos > s->ask.since)) {
		sync_write_rules(s->w, s->c->who.user, &s->unread);
		s->found = true;
	}
	jsonw_arr_end(s->w);
	jsonw_obj_end(s->w);
}

static bool
write_ephemeral(struct run *s, struct room *r, bool whole)
{
	const struct event_filter *f = &s->filter.ephemeral;
	struct receipt *rec = NULL;
	struct str *typing;
	size_t nrec = 0, ntyping;
	bool changed;
	struct ctx *c = s->c;
	int64_t since = whole ? 0 : s->ask.since;

	if (filter_type_maybe(f, S("m.receipt")) && !receipts_of_room(c->db,
	    c->a, room_nid(r), c->who.user, since, &rec, &nrec, &c->err))
		return false;
	if (!typing_since(c, room_nid(r), since, &changed, &typing, &ntyping))
		return false;
	changed = changed && filter_type_maybe(f, S("m.typing")) &&
	    (ntyping > 0 || !whole);
	jsonw_obj(s->w, "ephemeral");
	jsonw_arr(s->w, "events");
	if (nrec > 0)
		sync_write_receipts(s->w, rec, nrec);
	if (changed)
		sync_write_typing(s->w, typing, ntyping);
	jsonw_arr_end(s->w);
	jsonw_obj_end(s->w);
	s->found = s->found || nrec > 0 || changed;
	return true;
}

static bool
write_summary(struct run *s, struct room *r)
{
	struct room_counts n = room_counts(r);
	struct str hero[5];
	const struct sev *name, *alias;
	size_t nheroes = 0;

	if (!room_state(s->c, r, S("m.room.name"), S(""), &name) ||
	    !room_state(s->c, r, S("m.room.canonical_alias"), S(""), &alias))
		return false;
	if (name == NULL && alias == NULL && !sync_heroes(s->c, r,
	    s->c->who.user, hero, &nheroes))
		return false;
	jsonw_obj(s->w, "summary");
	if (nheroes > 0)
		jsonw_strs(s->w, "m.heroes", hero, nheroes);
	jsonw_int(s->w, "m.joined_member_count", n.joined);
	jsonw_int(s->w, "m.invited_member_count", n.invited);
	jsonw_obj_end(s->w);
	return true;
}

static bool
write_timeline(struct run *s, const struct sync_room *x)
{
	jsonw_obj(s->w, "timeline");
	jsonw_arr(s->w, "events");
	for (size_t i = 0; i < x->nev; i++) {
		struct res_event_opt opt = { .fields = &s->filter.fields };

		if (!history_bundle(s->c, x->r, x->ev[i], &opt.bundle) ||
		    !room_membership_at(s->c, x->r, s->c->who.user, x->ev[i],
		    &opt.membership))
			return false;
		res_event(s->rq, NULL, x->r, x->ev[i], &opt);
	}
	jsonw_arr_end(s->w);
	jsonw_bool(s->w, "limited", x->limited);
	jsonw_str(s->w, "prev_batch", x->limited ? token_room(s->c->a,
	    x->prev_seq) : token_room_as_of(s->c->a, x->prev_seq,
	    s->ask.now));
	jsonw_obj_end(s->w);
	return true;
}

static void
write_state(struct run *s, const struct sync_room *x)
{
	struct res_event_opt opt = { .state = true,
	    .fields = &s->filter.fields };

	jsonw_obj(s->w, "state");
	res_events(s->rq, "events", x->r, x->state, x->nstate, &opt);
	jsonw_obj_end(s->w);
}

static void
write_unread(struct jsonw *w, struct unread n)
{
	jsonw_obj(w, NULL);
	jsonw_int(w, "notification_count", n.notify);
	jsonw_int(w, "highlight_count", n.highlight);
	jsonw_obj_end(w);
}

/* In one number, or apart for those clients that ask for it. */
static bool
write_counts(struct run *s, struct room *r)
{
	struct unread_thread *thread = NULL;
	struct unread n;
	size_t nthread = 0;

	if (!(s->filter.timeline.unread_thread ? unread_by_thread(s->c, r,
	    &s->unread, &n, &thread, &nthread)
	    : unread_count(s->c, r, &s->unread, &n)))
		return false;
	jsonw_key(s->w, S("unread_notifications"));
	write_unread(s->w, n);
	if (nthread == 0)
		return true;
	jsonw_obj(s->w, "unread_thread_notifications");
	for (size_t i = 0; i < nthread; i++) {
		jsonw_key(s->w, thread[i].root);
		write_unread(s->w, thread[i].n);
	}
	jsonw_obj_end(s->w);
	return true;
}

/* What is sticky (MSC4354) and not in the timeline. */
static bool
write_sticky(struct run *s, const struct sync_room *x)
{
	struct res_event_opt opt = { .fields = &s->filter.fields };
	struct sticky_ask ask = { .since = x->whole ? 0 : s->ask.since,
	    .now = s->ask.now, .shown = x->ev, .nshown = x->nev };
	const struct sev **ev;
	size_t n;

	if (!sticky_events(s->c, x->r, &ask, &ev, &n))
		return false;
	if (n == 0)
		return true;
	jsonw_obj(s->w, "msc4354_sticky");
	res_events(s->rq, "events", x->r, ev, n, &opt);
	jsonw_obj_end(s->w);
	s->found = true;
	return true;
}

static bool
write_joined(struct run *s, const struct user_membership *m)
{
	struct sync_room x;
	bool allowed;

	if (!room_allowed(s, m->room, &allowed))
		return false;
	if (!allowed)
		return true;
	if (!sync_joined(s->c, &s->ask, m, &x))
		return false;
	jsonw_key(s->w, room_id(x.r));
	jsonw_obj(s->w, NULL);
	if (!write_timeline(s, &x) || !write_sticky(s, &x))
		return false;
	write_state(s, &x);
	write_data(s, m->room, &s->filter.room_account_data);
	if (!write_ephemeral(s, x.r, x.whole))
		return false;
	if (x.members_changed && !write_summary(s, x.r))
		return false;
	if (!x.members_changed) {
		jsonw_obj(s->w, "summary");
		jsonw_obj_end(s->w);
	}
	if (!write_counts(s, x.r))
		return false;
	jsonw_obj_end(s->w);
	s->found = s->found || x.nev > 0 || x.nstate > 0 || x.whole;
	return true;
}

static bool
joined_part(struct run *s)
{
	jsonw_obj(s->w, "join");
	for (size_t i = 0; i < s->nm; i++) {
		const struct user_membership *m = &s->m[i];

		if (m->membership != MEMBER_JOIN)
			continue;
		if (s->ask.since != 0 && !s->ask.full_state &&
		    !s->changed[i] && m->pos <= s->ask.since &&
		    !room_has_data(s, m->room))
			continue;
		if (!write_joined(s, m))
			return false;
	}
	jsonw_obj_end(s->w);
	return true;
}

/* Whose invitations are not shown: of people ignored or kept out. */
struct unwanted {
	struct ignored ignored;
	struct invite_filter filter;
};

static bool
load_unwanted(struct run *s, enum membership which, struct unwanted *out)
{
	return which != MEMBER_INVITE || (ignore_list(s->c, s->c->who.user,
	    &out->ignored) && invite_filter_load(s->c, s->c->who.user,
	    &out->filter));
}

static bool
is_unwanted(const struct unwanted *x, const struct sev *const *ev, size_t n,
    enum membership which)
{
	return which == MEMBER_INVITE && n > 0 &&
	    (ignores(&x->ignored, ev[n - 1]->ev.sender) ||
	    invite_filter_ask(&x->filter, ev[n - 1]->ev.sender) !=
	    INVITE_ALLOW);
}

/* One room that the user is invited to or knocks at: what they may know of it. */
static bool
write_stripped(struct run *s, const struct user_membership *m,
    const struct unwanted *unwanted, const char *part, const char *inner,
    bool *opened)
{
	struct res_event_opt opt = { .stripped = true };
	const struct sev **ev;
	struct room *r;
	size_t n;

	if (!room_open_nid(s->c, m->room, &r) ||
	    !member_stripped(s->c, r, s->c->who.user, &ev, &n))
		return false;
	if (is_unwanted(unwanted, ev, n, m->membership))
		return true;
	if (!*opened)
		jsonw_obj(s->w, part);
	*opened = true;
	jsonw_key(s->w, room_id(r));
	jsonw_obj(s->w, NULL);
	jsonw_obj(s->w, inner);
	res_events(s->rq, "events", r, ev, n, &opt);
	jsonw_obj_end(s->w);
	jsonw_obj_end(s->w);
	s->found = true;
	return true;
}

/* Invitations and knocks; nothing at all when there are none. */
static bool
stripped_part(struct run *s, const char *part, const char *inner,
    enum membership which)
{
	struct unwanted unwanted;
	bool loaded = false, opened = false;

	for (size_t i = 0; i < s->nm; i++) {
		const struct user_membership *m = &s->m[i];

		if (m->membership != which || m->pos > s->ask.now ||
		    (s->ask.since != 0 && m->pos <= s->ask.since))
			continue;
		if (!loaded && !load_unwanted(s, which, &unwanted))
			return false;
		loaded = true;
		if (!write_stripped(s, m, &unwanted, part, inner, &opened))
			return false;
	}
	if (opened)
		jsonw_obj_end(s->w);
	return true;
}

static bool
left_part(struct run *s)
{
	jsonw_obj(s->w, "leave");
	for (size_t i = 0; i < s->nm; i++) {
		const struct user_membership *m = &s->m[i];
		struct sync_room x;
		bool allowed;

		/* Of a room that one device forgot the others still learn that it was left. */
		if ((m->membership != MEMBER_LEAVE &&
		    m->membership != MEMBER_BAN) || m->pos > s->ask.now ||
		    (m->forgotten && s->ask.since == 0))
			continue;
		if (s->ask.since == 0 ? !s->filter.include_leave
		    : m->pos <= s->ask.since)
			continue;
		if (!room_allowed(s, m->room, &allowed))
			return false;
		if (!allowed)
			continue;
		if (!sync_left(s->c, &s->ask, m, &x))
			return false;
		jsonw_key(s->w, room_id(x.r));
		jsonw_obj(s->w, NULL);
		if (!write_timeline(s, &x))
			return false;
		write_state(s, &x);
		write_data(s, m->room, &s->filter.room_account_data);
		jsonw_obj_end(s->w);
		s->found = true;
	}
	jsonw_obj_end(s->w);
	return true;
}

static void
write_to_device(struct run *s)
{
	jsonw_obj(s->w, "to_device");
	jsonw_arr(s->w, "events");
	for (size_t i = 0; i < s->nmsg; i++) {
		jsonw_obj(s->w, NULL);
		jsonw_str(s->w, "sender", s->msg[i].sender);
		jsonw_str(s->w, "type", s->msg[i].type);
		jsonw_raw(s->w, "content", s->msg[i].content);
		jsonw_obj_end(s->w);
	}
	jsonw_arr_end(s->w);
	jsonw_obj_end(s->w);
	if (s->nmsg > 0) {
		seen_add(&s->rq->seen, SEEN_TO_DEVICE, s->c->who.device,
		    s->msg[0].pos, s->msg[s->nmsg - 1].pos, (int64_t)s->nmsg,
		    0);
		s->found = true;
	}
}

static bool
write_all(struct run *s)
{
	s->w = res_open(s->rq, 200);
	jsonw_str(s->w, "next_batch", token_sync(s->c->a, s->ask.now));
	jsonw_obj(s->w, "rooms");
	if (!joined_part(s) || !stripped_part(s, "invite", "invite_state",
	    MEMBER_INVITE) || !stripped_part(s, "knock", "knock_state",
	    MEMBER_KNOCK) || !left_part(s))
		return false;
	jsonw_obj_end(s->w);
	write_data(s, 0, &s->filter.account_data);
	jsonw_obj(s->w, "presence");
	jsonw_arr(s->w, "events");
	jsonw_arr_end(s->w);
	jsonw_obj_end(s->w);
	write_to_device(s);
	jsonw_obj(s->w, "device_lists");
	jsonw_strs(s->w, "changed", s->dev_changed, s->ndev_changed);
	jsonw_strs(s->w, "left", s->dev_left, s->ndev_left);
	jsonw_obj_end(s->w);
	s->found = s->found || s->ndev_changed > 0 || s->ndev_left > 0;
	sync_write_otk(s->rq, s->w);
	return res_close(s->rq);
}

/* Nothing to tell: waits, or says so. */
static bool
nothing(struct run *s, int64_t pos, int64_t timeout)
{
	int64_t left = req_time_left(s->rq, timeout);

	seen_reset(&s->rq->seen);
	if (left > 0) {
		s->rq->replied = false;
		return req_park(s->rq, left);
	}
	return reply_empty(s, pos);
}

/*
 * GET /sync
 *
 * query   since, filter (id or JSON), full_state, timeout in ms, set_presence
 * errors  M_INVALID_PARAM 400 a bad token or filter
 */
bool
sync_get(struct req *rq)
{
	struct run s = { .rq = rq, .c = &rq->ctx };
	int64_t timeout = 0, changed;

	if (!req_int(rq, "timeout", 0, TIMEOUT_MAX, &timeout) ||
	    !req_bool(rq, "full_state", &s.ask.full_state) ||
	    !read_filter(rq, &s.filter))
		return false;
	if (req_query(rq, "since").n > 0 && !token_sync_read(
	    req_query(rq, "since"), &s.ask.since, &rq->ctx.err))
		return false;
	if (s.ask.since > 0 && rq->v->runs == 0 && rq->ctx.who.device.n > 0 &&
	    !todevice_ack(&rq->ctx, rq->ctx.who.user, rq->ctx.who.device,
	    s.ask.since))
		return false;
	if (s.ask.since > 0 && timeout > 0)
		(void)!req_wait(rq);
	if (!watch_user(&rq->ctx, rq->ctx.who.user, &changed))
		return false;
	if (s.ask.since > 0 && !s.ask.full_state && changed <= s.ask.since)
		return nothing(&s, s.ask.since, timeout);
	s.ask.user = rq->ctx.who.user;
	s.ask.filter = &s.filter;
	s.ask.limit = s.filter.timeline.limit >= 0
	    ? (size_t)s.filter.timeline.limit : 10;
	if (s.ask.limit > 1000)
		s.ask.limit = 1000;
	s.ask.now = stream_now();
	if (s.ask.since > s.ask.now)
		s.ask.since = s.ask.now;
	if (!load(&s) || !write_all(&s))
		return false;
	if (s.found || s.ask.since == 0 || s.ask.full_state)
		return true;
	return nothing(&s, s.ask.now, timeout);
}
