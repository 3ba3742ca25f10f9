/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See push.h. Two kinds of jobs: "push.room" finds who in a room has a pusher;
 * "push" walks one user's rooms from where their pushers stand, and sends. A
 * gateway that does not answer rests by core/backoff.h, a pusher that its
 * gateway refuses by its own row.
 */
#include "core/push.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "core/backoff.h"
#include "core/held.h"
#include "core/jobs.h"
#include "core/notice.h"
#include "core/pusher_cache.h"
#include "net/client.h"
#include "store/q_account.h"
#include "store/q_member.h"
#include "store/stream.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MAX 100			/* events of one room that are pushed late */
#define LAG_MAX 5000			/* positions that a pusher's row may lag behind */
#define START_A_SECOND 500

static job_fn run_room, run_user;
static struct job_kind room_kind = { .name = "push.room", .run = run_room,
	.most = 2 };
static struct job_kind user_kind = { .name = "push", .run = run_user,
	.most = 6 };
static const struct backoff_plan plan = { "push", 2000, 3600 * 1000 };
static push_note_fn *note;		/* set before any job runs */

/* An event that a user is to be told of. */
struct due {
	struct room *r;
	const struct sev *ev;
	struct push_result how;
};

/* One user's turn. */
struct turn {
	struct ctx *c;
	struct str user;
	struct reader reader;
	struct due *due;
	size_t ndue, cap;
	int64_t now;			/* the stream's */
	int64_t unread;
	int64_t again_ms;
	struct user_membership *m;
	size_t nm;
};

static void
add_due(struct turn *t, struct room *r, const struct sev *ev,
    const struct push_result *how)
{
	if (t->ndue == t->cap) {
		t->due = arena_grow(t->c->a, t->due, t->cap *
		    sizeof(*t->due), (t->cap + 64) * sizeof(*t->due));
		t->cap += 64;
	}
	t->due[t->ndue++] = (struct due){ r, ev, *how };
}

/* What was there before the user came in was never for them. */
static bool
was_in(struct turn *t, struct room *r, const struct user_membership *m,
    const struct sev *ev, bool *in)
{
	struct str membership;

	*in = ev->seq >= m->seq;
	if (*in)
		return true;
	if (!room_membership_at(t->c, r, t->user, ev, &membership))
		return false;
	*in = str_eq(membership, S("join"));
	return true;
}

static bool
judge(struct turn *t, struct room *r, const struct user_membership *m,
    const struct sev *const *ev, size_t n)
{
	struct push_result *how = arena_array(t->c->a, struct push_result, n);
	bool in;

	if (!notice_judge(t->c, &t->reader, r, ev, n, how))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!how[i].notify || ev[i]->pos > t->now ||
		    reader_has_read(&t->reader, ev[i]))
			continue;
		if (!was_in(t, r, m, ev[i], &in))
			return false;
		if (in)
			add_due(t, r, ev[i], &how[i]);
	}
	return true;
}

static bool
look_joined(struct turn *t, struct room *r, const struct user_membership *m,
    int64_t since)
{
	int64_t from, last = room_head(r).last_seq;
	const struct sev **ev;
	size_t n;

	if (!room_seq_at(t->c, r, since, &from))
		return false;
	if (from < last - ROOM_MAX)
		from = last - ROOM_MAX;
	return room_range(t->c, r, from + 1, last, false, ROOM_MAX, &ev, &n) &&
	    judge(t, r, m, ev, n);
}

static bool
look_at_room(struct turn *t, const struct user_membership *m, int64_t since)
{
	const struct sev *ev;
	struct unread n;
	struct room *r;

	if (!room_open_nid(t->c, m->room, &r))
		return false;
	if (m->membership == MEMBER_INVITE) {
		t->unread++;
		return m->pos <= since || (event_by_nid(t->c, m->event, &ev) &&
		    (ev == NULL || judge(t, r, m, &ev, 1)));
	}
	if (!unread_count(t->c, r, &t->reader.ask, &n))
		return false;
	t->unread += n.notify;
	return room_head(r).last_pos <= since || look_joined(t, r, m, since);
}

static int
by_pos(const void *x, const void *y)
{
	const struct due *a = x, *b = y;

	return a->ev->pos < b->ev->pos ? -1 : a->ev->pos > b->ev->pos;
}

/* Everything since a position that the user is to be told of, and the count of what is unread. */
static bool
look(struct turn *t, int64_t since)
{
	struct ctx *c = t->c;

	t->now = stream_now();
	if (!reader_load(c, t->user, &t->reader) ||
	    !memberships_of_user(c->db, c->a, t->user, 1U << MEMBER_JOIN |
	    1U << MEMBER_INVITE, &t->m, &t->nm, &c->err))
		return false;
	for (size_t i = 0; i < t->nm; i++)
		if (!look_at_room(t, &t->m[i], since))
			return false;
	if (t->ndue > 1)
		qsort(t->due, t->ndue, sizeof(*t->due), by_pos);
	return true;
}

static bool
progress_body(struct db *db, void *arg, struct err *e)
{
	return pusher_progress(db, arg, e);
}

static bool
drop_body(struct db *db, void *arg, struct err *e)
{
	const struct pusher *p = arg;

	return pusher_delete(db, p->user, p->app_id, p->pushkey, e);
}

enum outcome { SENT = 1, GONE, LATER, STOPPED };

static void
count(enum outcome o)
{
	static const char *const label[] = { "", "outcome=\"sent\"",
		"outcome=\"gone\"", "outcome=\"later\"",
		"outcome=\"stopped\"" };

	metric_add(metric_counter("beffroi_pushes_total",
	    "Notifications to push gateways", label[o]), 1);
}

/* Has the gateway said that the key is of no use? */
static bool
is_rejected(struct ctx *c, const struct pusher *p, struct str body)
{
	const struct json *keys;
	struct json answer;

	if (!json_parse(c->a, body, JSON_ANY, &answer, &c->err)) {
		err_clear(&c->err);
		return false;
	}
	keys = json_get_arr(&answer, S("rejected"));
	for (size_t i = 0; keys != NULL && i < keys->n; i++)
		if (json_is(&keys->at[i], JSON_STR) &&
		    str_eq(keys->at[i].s, p->pushkey))
			return true;
	return false;
}

static void
try_again_at(struct turn *t, int64_t at_ms)
{
	if (t->again_ms == 0 || at_ms < t->again_ms)
		t->again_ms = at_ms;
}

/* The gateway is there but will not have this: only this pusher rests. */
static bool
rest(struct turn *t, struct pusher *p)
{
	p->failures++;
	p->retry_ms = clock_now_ms() + backoff_pause(&plan, p->failures,
	    random_below(UINT32_MAX));
	try_again_at(t, p->retry_ms);
	return db_transact(t->c->db, progress_body, p, &t->c->err);
}

static bool
post(struct turn *t, const struct pusher *p, struct str url, struct str body,
    struct client_res *res)
{
	static const struct http_header json = { S_INIT("Content-Type"),
		S_INIT("application/json") };
	struct client_req req = { .purpose = "push", .method = S("POST"),
		.url = url, .body = body, .header = &json, .nheaders = 1,
		.body_max = 64 << 10, .total_ms = 20000 };
	bool ok = client_call(&req, t->c->a, res, &t->c->err);

	if (!ok)
		log_debug("push", "a gateway did not take it", LS("user",
		    p->user), LC("end", client_end_name(res->end)));
	err_clear(&t->c->err);
	return ok;
}

/* One request to the gateway, and what follows of its answer. */
static bool
deliver(struct turn *t, struct pusher *p, struct str body, enum outcome *o)
{
	struct ctx *c = t->c;
	struct client_url at;
	struct destination host;
	struct client_res res;
	struct json data;
	struct str url;
	bool ok;

	*o = LATER;
	if (!json_parse(c->a, p->data, JSON_ANY, &data, &c->err))
		return false;
	url = json_str(&data, S("url"));
	if (!client_url_parse(c->a, url, &at))
		return rest(t, p);
	if (!backoff_get(c, &plan, at.host, &host))
		return false;
	if (host.retry_ms > clock_now_ms()) {
		try_again_at(t, host.retry_ms);
		return true;
	}
	ok = post(t, p, url, body, &res);
	if (res.end == CLIENT_STOPPED) {
		*o = STOPPED;
		return true;
	}
	if (!ok || res.status >= 500 || res.status == 429) {
		if (!backoff_failed(c, &plan, at.host, &host))
			return false;
		try_again_at(t, host.retry_ms);
		return true;
	}
	if (host.failures > 0 && !backoff_worked(c, &plan, at.host))
		return false;
	if (res.status < 200 || res.status > 299)
		return rest(t, p);
	*o = is_rejected(c, p, res.body) ? GONE : SENT;
	return *o == SENT || db_transact(c->db, drop_body, p, &c->err);
}

static bool
send_event(struct turn *t, struct pusher *p, const struct due *d,
    enum outcome *o)
{
	struct str body;

	if (!push_body(t->c, p, d->r, d->ev, &d->how, t->unread, &body))
		return false;
	if (note != NULL && !note(t->c, t->user, p->device, d->r, d->ev)) {
		*o = LATER;
		try_again_at(t, clock_now_ms() + plan.first_ms);
		return true;
	}
	return deliver(t, p, body, o);
}

/* Nothing new, but the count on the device is not the true one any more. */
static bool
send_count(struct turn *t, struct pusher *p, enum outcome *o)
{
	struct str body;

	*o = SENT;
	if (p->badge < 0 || p->badge == t->unread)
		return true;
	return push_body(t->c, p, NULL, NULL, NULL, t->unread, &body) &&
	    deliver(t, p, body, o);
}

static bool
serve(struct turn *t, struct pusher *p)
{
	int64_t was_pos = p->pos, was_badge = p->badge;
	enum outcome o = SENT;
	bool any = false;

	for (size_t i = 0; i < t->ndue && o == SENT; i++) {
		if (t->due[i].ev->pos <= was_pos)
			continue;
		if (!send_event(t, p, &t->due[i], &o))
			return false;
		count(o);
		any = true;
		if (o == SENT) {
			p->pos = t->due[i].ev->pos;
			p->badge = t->unread;
		}
	}
	if (!any && !send_count(t, p, &o))
		return false;
	if (o == GONE)
		return true;
	if (o == SENT) {
		p->pos = t->now;
		p->failures = p->retry_ms = 0;
		p->badge = p->badge < 0 && !any ? -1 : t->unread;
	}
	if (!any && p->badge == was_badge && p->pos - was_pos < LAG_MAX)
		return true;
	return db_transact(t->c->db, progress_body, p, &t->c->err);
}

/* A locked account is told nothing; what it missed is not sent later either. */
static bool
may_be_told(struct ctx *c, struct str user, bool *may)
{
	struct account x;
	bool found;

	if (!account_find(c->db, c->a, user, &x, &found, &c->err))
		return false;
	*may = found && !x.locked && !x.deactivated && !held_account(user);
	return true;
}

/* Is the device that set it contained? */
static bool
is_held(struct turn *t, const struct pusher *p)
{
	bool may = held_check(p->user, p->device, (struct str){ NULL, 0 },
	    &t->c->err);

	err_clear(&t->c->err);
	return !may;
}

/* Those of the pushers whose time it is come first; the least place they have reached. */
static size_t
sort_out(struct turn *t, struct pusher *p, size_t n, int64_t *since)
{
	int64_t now_ms = clock_now_ms();
	size_t k = 0;

	*since = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		if (!str_eq(p[i].kind, S("http")) || is_held(t, &p[i]))
			continue;
		if (p[i].retry_ms > now_ms) {
			try_again_at(t, p[i].retry_ms);
			continue;
		}
		if (p[i].pos < *since)
			*since = p[i].pos;
		p[k++] = p[i];
	}
	return k;
}

static bool
run_user(struct ctx *c, struct str key, int64_t *again_ms)
{
	struct turn t = { .c = c, .user = key };
	struct pusher *p;
	int64_t since;
	size_t n;
	bool may;

	if (!pushers_of_user(c->db, c->a, key, &p, &n, &c->err))
		return false;
	if (n == 0) {
		pusher_cache_drop(key);
		return true;
	}
	if (!may_be_told(c, key, &may))
		return false;
	n = may ? sort_out(&t, p, n, &since) : 0;
	if (n > 0 && !look(&t, since))
		return false;
	for (size_t i = 0; i < n && !jobs_stopping(); i++)
		if (!serve(&t, &p[i]))
			return false;
	*again_ms = t.again_ms;
	return true;
}

static bool
run_room(struct ctx *c, struct str key, int64_t *again_ms)
{
	const struct member *m;
	struct room *r;
	int64_t nid;
	size_t n;

	(void)again_ms;
	memcpy(&nid, key.p, sizeof(nid));
	if (!room_open_nid(c, nid, &r) || !room_members(c, r,
	    1U << MEMBER_JOIN | 1U << MEMBER_INVITE, &m, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (pusher_cache_has(m[i].user))
			job_kick(&user_kind, m[i].user);
	return true;
}

void
push_noticed(int64_t room_nid)
{
	if (pusher_cache_any())
		job_kick(&room_kind, str_n((char *)&room_nid,
		    sizeof(room_nid)));
}

void
push_read(struct str user)
{
	if (pusher_cache_any() && pusher_cache_has(user))
		job_kick(&user_kind, user);
}

struct setting {
	struct ctx *c;
	const struct pusher *p;
	bool append;
};

static bool
set_body(struct db *db, void *arg, struct err *e)
{
	struct setting *x = arg;
	const struct pusher *p = x->p;
	struct pusher *all;
	bool there = false;
	size_t n;

	if (!pushers_of_user(db, x->c->a, p->user, &all, &n, e))
		return false;
	for (size_t i = 0; i < n; i++)
		there = there || (str_eq(all[i].app_id, p->app_id) &&
		    str_eq(all[i].pushkey, p->pushkey));
	if (!there && n >= PUSHERS_MAX)
		return fail(e, M_LIMIT_EXCEEDED, "At most %d pushers a user",
		    PUSHERS_MAX);
	return (x->append || pusher_delete_elsewhere(db, p->user, p->app_id,
	    p->pushkey, e)) && pusher_put(db, p, e);
}

bool
pusher_set(struct ctx *c, struct pusher *p, bool append)
{
	struct setting x = { c, p, append };

	p->user = c->who.user;
	p->device = c->who.device;
	p->set_ms = c->now_ms;
	p->pos = stream_now();
	/* First known, then written: an event in between finds it. */
	pusher_cache_add(p->user);
	return db_transact(c->db, set_body, &x, &c->err);
}

bool
pusher_remove(struct ctx *c, struct str app_id, struct str pushkey)
{
	struct pusher p = { .user = c->who.user, .app_id = app_id,
	    .pushkey = pushkey };

	return db_transact(c->db, drop_body, &p, &c->err);
}

static void
take_user(void *arg, struct str user)
{
	int64_t *n = arg;

	pusher_cache_add(user);
	/* Not all at once: the server has just started. */
	job_at(&user_kind, user, clock_now_ms() + (*n)++ * 1000 /
	    START_A_SECOND);
}

bool
push_start(push_note_fn *fn, struct err *e)
{
	struct db *db = db_attach(server_get()->store, e);
	int64_t n = 0;
	bool ok;

	note = fn;
	ok = db != NULL && pusher_users(db, take_user, &n, e);
	db_detach(db);
	return ok;
}

void
push_stop(void)
{
	pusher_cache_stop();
}
