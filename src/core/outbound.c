/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See outbound.h. Two kinds of jobs: "outbound.room" gives a room's new events
 * out to the queues of the servers in it; "outbound" empties one queue. Both
 * stand in the store, so that a stop loses nothing.
 */
#include "core/outbound.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/backoff.h"
#include "core/fed.h"
#include "core/jobs.h"
#include "core/receive.h"
#include "core/room_impl.h"
#include "room/ids.h"
#include "store/q_outbound.h"
#include "store/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PDUS_MAX 50			/* of one transaction: the specification's bound */
#define EDUS_MAX 100
#define SERVERS_MAX 20000
#define EVENTS_AT_ONCE 100
#define TURNS 20			/* transactions of one run; then others have theirs */

static job_fn run_room, run_server;
static struct job_kind room_kind = { .name = "outbound.room",
	.run = run_room, .most = 2 };
static struct job_kind server_kind = { .name = "outbound", .run = run_server,
	.most = 6 };
static const struct backoff_plan plan = { "federation", 1000, 3600 * 1000 };
static outbound_note_fn *note;		/* set before any job runs */

/* Rooms with members of other servers. */
static struct {
	pthread_mutex_t lock;
	struct map rooms;		/* nid -> anything */
} remote = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct str
room_key(char *to, size_t max, int64_t room)
{
	struct buf b = { to, 0, max, max, NULL, false };

	buf_i64(&b, room);
	return buf_view(&b);
}

void
outbound_noticed(int64_t room)
{
	char key[24];

	if (outbound_is_federated(room))
		job_kick(&room_kind, room_key(key, sizeof(key), room));
}

void
outbound_has_remote(int64_t room)
{
	pthread_mutex_lock(&remote.lock);
	map_put_i(&remote.rooms, room, &remote);
	pthread_mutex_unlock(&remote.lock);
}

/* One step of giving out: events of a room, each to its servers. */
struct giving {
	int64_t room, seq;
	struct giving_one {
		int64_t event;
		const struct str *server;
		size_t n;
	} *at;
	size_t n;
};

static bool
give_body(struct db *db, void *arg, struct err *e)
{
	const struct giving *g = arg;

	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->at[i].n; k++)
			if (!outbound_pdu_add(db, g->at[i].server[k],
			    g->at[i].event, g->room, e))
				return false;
	return outbound_room_put(db, g->room, g->seq, e);
}

/* Where a room's events begin to be for others: at the first of its members of other servers. */
static int64_t
first_remote(struct room *r)
{
	struct room_member *m;
	struct map_iter it;
	int64_t first = INT64_MAX;

	pthread_mutex_lock(&r->lock);
	it = map_iter(&r->members);
	while ((m = map_next(&it)) != NULL)
		if ((m->membership == MEMBER_JOIN ||
		    m->membership == MEMBER_INVITE ||
		    m->membership == MEMBER_KNOCK) && m->seq > 0 &&
		    m->seq < first &&
		    !server_is_local(str_n(m->user, m->user_n)))
			first = m->seq;
	if (first == INT64_MAX)
		first = r->head.last_seq;
	pthread_mutex_unlock(&r->lock);
	return first;
}

/* Who was removed is told so, though their server may be in the room no more. */
static void
add_target(struct ctx *c, const struct sev *ev, const struct str *all,
    size_t nall, struct giving_one *one)
{
	struct str server, *more;

	one->server = all;
	one->n = nall;
	if (!ev->ev.is_state || !str_eq(ev->ev.type, S("m.room.member")) ||
	    server_is_local(ev->ev.state_key))
		return;
	server = id_server(ev->ev.state_key);
	for (size_t i = 0; i < nall; i++)
		if (str_eq(all[i], server))
			return;
	more = arena_array(c->a, struct str, nall + 1);
	if (nall > 0)
		memcpy(more, all, nall * sizeof(*all));
	more[nall] = server;
	one->server = more;
	one->n = nall + 1;
}

/* Servers that do not answer keep only the newest event of each room. */
struct thin {
	int64_t room;
	struct str server;
};

static bool
thin_body(struct db *db, void *arg, struct err *e)
{
	const struct thin *t = arg;

	return outbound_pdu_latest(db, t->server, t->room, e);
}

static bool
kick_servers(struct ctx *c, const struct giving *g)
{
	struct destination d;

	for (size_t i = 0; i < g->n; i++)
		for (size_t k = 0; k < g->at[i].n; k++) {
			struct thin t = { g->room, g->at[i].server[k] };

			if (i > 0 && g->at[i].server == g->at[i - 1].server)
				break;
			if (!backoff_get(c, &plan, t.server, &d))
				return false;
			if (d.failures >= 3 && !db_transact(c->db, thin_body,
			    &t, &c->err))
				return false;
			if (d.retry_ms <= c->now_ms)
				job_kick(&server_kind, t.server);
		}
	return true;
}

static bool
give_some(struct ctx *c, struct room *r, int64_t from, bool known, bool *more)
{
	struct str *servers = arena_array(c->a, struct str, SERVERS_MAX);
	size_t nservers = room_servers(c, r, servers, SERVERS_MAX), n;
	struct giving g = { .room = r->nid };
	const struct sev **ev;
	int64_t last = room_head(r).last_seq;

	*more = false;
	if (from >= last && known)
		return true;
	g.seq = last - from > EVENTS_AT_ONCE ? from + EVENTS_AT_ONCE : last;
	*more = g.seq < last;
	if (!room_range(c, r, from + 1, g.seq, false, EVENTS_AT_ONCE, &ev, &n))
		return false;
	g.at = arena_array(c->a, struct giving_one, n);
	for (size_t i = 0; i < n; i++) {
		if (!server_is_local(ev[i]->ev.sender))
			continue;
		g.at[g.n].event = ev[i]->nid;
		add_target(c, ev[i], servers, nservers, &g.at[g.n++]);
	}
	return db_transact(c->db, give_body, &g, &c->err) &&
	    kick_servers(c, &g);
}

struct relay {
	int64_t room, event;
	const struct str *server;
	struct str from;
	size_t n;
};

static bool
relay_body(struct db *db, void *arg, struct err *e)
{
	const struct relay *x = arg;

	for (size_t i = 0; i < x->n; i++)
		if (!str_eq(x->server[i], x->from) && !outbound_pdu_add(db,
		    x->server[i], x->event, x->room, e))
			return false;
	return true;
}

bool
outbound_relay(struct ctx *c, struct room *r, const struct sev *ev)
{
	struct str *server = arena_array(c->a, struct str, SERVERS_MAX);
	struct relay x = { .room = r->nid, .event = ev->nid,
	    .server = server, .from = id_server(ev->ev.sender) };

	x.n = room_servers(c, r, server, SERVERS_MAX);
	if (x.n == 0)
		return true;
	if (!db_transact(c->db, relay_body, &x, &c->err))
		return false;
	for (size_t i = 0; i < x.n; i++)
		if (!str_eq(server[i], x.from))
			job_kick(&server_kind, server[i]);
	return true;
}

static bool
run_room(struct ctx *c, struct str key, int64_t *again_ms)
{
	int64_t nid, from;
	struct room *r;
	bool found, more = true;

	(void)again_ms;
	if (!str_i64(key, &nid) || !room_open_nid(c, nid, &r))
		return false;
	while (more && !jobs_stopping()) {
		if (!outbound_room_get(c->db, nid, &from, &found, &c->err))
			return false;
		if (!found)
			from = first_remote(r);
		if (!give_some(c, r, from, found, &more))
			return false;
	}
	return true;
}

/* What one transaction takes along. */
struct batch {
	struct str server;
	int64_t event[PDUS_MAX];
	size_t n;
	struct outbound_edu edu[EDUS_MAX];
	size_t nedu;
};

/* The transaction's body, and what it shows. */
static bool
build(struct ctx *c, const struct batch *b, struct json *out,
    const struct sev ***ev, size_t *nev)
{
	struct json list = json_new_arr(), edus = json_new_arr();

	if (!events_by_nid(c, b->event, b->n, ev, nev))
		return false;
	for (size_t i = 0; i < b->nedu; i++) {
		struct json x;

		if (!json_parse(c->a, b->edu[i].edu, JSON_ANY, &x, &c->err))
			return false;
		json_push(c->a, &edus, x);
	}
	for (size_t i = 0; i < *nev; i++) {
		struct json pdu = json_copy(c->a, &(*ev)[i]->ev.json);

		json_del(&pdu, S("unsigned"));
		json_push(c->a, &list, pdu);
	}
	*out = json_new_obj();
	json_set(c->a, out, S("origin"), json_of_str(server_get()->name));
	json_set(c->a, out, S("origin_server_ts"), json_of_int(c->now_ms));
	json_set(c->a, out, S("pdus"), list);
	if (b->nedu > 0)
		json_set(c->a, out, S("edus"), edus);
	return true;
}

static bool
sent_body(struct db *db, void *arg, struct err *e)
{
	const struct batch *b = arg;

	return outbound_pdu_done(db, b->server, b->event, b->n, e) &&
	    (b->nedu == 0 || outbound_edu_done(db, b->server,
	    b->edu[b->nedu - 1].id, e));
}

/* *any false: nothing waits. */
static bool
send_some(struct ctx *c, struct str server, bool *any)
{
	struct batch *b = arena_make(c->a, struct batch);
	struct fed_req q = { .server = server, .method = "PUT",
	    .total_ms = 60000 };
	const struct json *answer;
	const struct sev **ev;
	struct json body;
	struct str id;
	size_t nev;

	b->server = server;
	if (!outbound_pdus(c->db, server, PDUS_MAX, b->event, &b->n,
	    &c->err) || !outbound_edus(c->db, c->a, server, EDUS_MAX, b->edu,
	    &b->nedu, &c->err))
		return false;
	*any = b->n > 0 || b->nedu > 0;
	if (!*any)
		return true;
	id = str_fmt(c->a, "%lld.%zu.%lld.%zu", b->n > 0
	    ? (long long)b->event[b->n - 1] : 0, b->n, b->nedu > 0
	    ? (long long)b->edu[b->nedu - 1].id : 0, b->nedu);
	if (!build(c, b, &body, &ev, &nev))
		return false;
	if (nev > 0 && !note(c, server, ev, nev))
		return fail(&c->err, M_UNAVAILABLE,
		    "What is sent could not be recorded");
	q.path = fed_path(c->a, "v1/send/%s", &id, 1);
	q.body = &body;
	return fed_call(c, &q, &answer) && db_transact(c->db, sent_body, b,
	    &c->err);
}

static bool
failed(struct ctx *c, struct str server, int64_t *again_ms)
{
	struct destination d;

	log_info("outbound", "a server could not be reached",
	    LS("server", server), LS("why", str_c(c->err.text)));
	err_clear(&c->err);
	if (!backoff_failed(c, &plan, server, &d))
		return false;
	*again_ms = d.retry_ms;
	return true;
}

static bool
run_server(struct ctx *c, struct str server, int64_t *again_ms)
{
	struct destination d;
	bool any = true;

	if (!backoff_get(c, &plan, server, &d))
		return false;
	if (d.retry_ms > c->now_ms) {
		*again_ms = d.retry_ms;
		return true;
	}
	for (int i = 0; i < TURNS && any && !jobs_stopping(); i++) {
		struct arena_mark m = arena_mark(c->a);
		bool ok = send_some(c, server, &any);

		if (!ok)
			return failed(c, server, again_ms);
		arena_release(c->a, m);
	}
	if (any)
		job_kick(&server_kind, server);
	return backoff_worked(c, &plan, server);
}

void
outbound_heard(struct ctx *c, struct str server)
{
	struct err keep = c->err;
	struct destination d;

	if (backoff_get(c, &plan, server, &d) && d.failures > 0 &&
	    backoff_worked(c, &plan, server))
		job_kick(&server_kind, server);
	c->err = keep;
}

void
outbound_kick(struct str server)
{
	job_kick(&server_kind, server);
}

struct edus {
	const struct str *server;
	size_t n;
	struct str edu;
	struct stream_tx tx;
};

static bool
edus_body(struct db *db, void *arg, struct err *e)
{
	struct edus *x = arg;
	int64_t id;

	if (!stream_next(db, &x->tx, &id, e))
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (!outbound_edu_add(db, x->server[i], id, x->edu, e))
			return false;
	return true;
}

bool
outbound_edu(struct ctx *c, const struct str *server, size_t n,
    const struct json *edu, bool passing)
{
	struct edus x = { .edu = json_text(c->a, edu) };
	struct str *to = arena_array(c->a, struct str, n);
	struct destination d;

	x.server = to;
	for (size_t i = 0; i < n; i++) {
		if (!backoff_get(c, &plan, server[i], &d))
			return false;
		if (!passing || d.failures == 0)
			to[x.n++] = server[i];
	}
	if (x.n == 0)
		return true;
	if (!stream_transact(c->db, edus_body, &x, &x.tx, &c->err))
		return false;
	stream_end(&x.tx, NULL, NULL);
	for (size_t i = 0; i < x.n; i++)
		job_kick(&server_kind, to[i]);
	return true;
}

bool
outbound_is_federated(int64_t room)
{
	bool has;

	pthread_mutex_lock(&remote.lock);
	has = map_get_i(&remote.rooms, room) != NULL;
	pthread_mutex_unlock(&remote.lock);
	return has;
}

static void
take_room(void *arg, int64_t room)
{
	char key[24];

	(void)arg;
	outbound_has_remote(room);
	job_kick(&room_kind, room_key(key, sizeof(key), room));
}

bool
outbound_start(outbound_note_fn *fn, struct err *e)
{
	struct db *db = db_attach(server_get()->store, e);
	struct arena *a = arena_new(1 << 24);
	struct str *server;
	size_t n = 0;
	bool ok;

	note = fn;
	ok = db != NULL && outbound_rooms(db, server_get()->name,
	    take_room, NULL, e) &&
	    outbound_destinations(db, a, &server, &n, e);
	for (size_t i = 0; ok && i < n; i++)
		job_kick(&server_kind, server[i]);
	db_detach(db);
	arena_free(a);
	return ok;
}

void
outbound_stop(void)
{
	map_done(&remote.rooms);
}
