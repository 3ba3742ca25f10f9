/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The steps of every request, and the workers who take them. None of the steps
 * knows a particular endpoint. See route.h, docs/adding-an-endpoint.md.
 *
 * A reply that discloses something goes to the ledger together with what it
 * discloses, and is sent from there once that is on record.
 */
#include "api/federation/auth.h"
#include "api/route.h"

#include "api/memory.h"
#include "api/oauth/page.h"
#include "api/rate.h"
#include "api/res.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/pool.h"
#include "core/held.h"
#include "core/session.h"
#include "guard/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FED_THREADS 8
#define ARENA_CAP ((size_t)256 << 20)
#define BIG_BODY ((int64_t)16 << 20)
#define AGENT_MAX 128
#define QUERY_MAX 64
#define SLOW_QUEUE_MAX 2000

struct worker {
	struct arena *a;
	struct db *db;
};

static struct {
	struct pool *pool;
	struct pool *slow;		/* for rows that may hash passwords */
	struct pool *fed;		/* for other servers: they may make us wait for them */
	struct metric *requests, *faults;
	struct metric **by_route;
} api;

static bool
discloses(const struct route *r)
{
	return r->access >= ACCESS_PROFILE;
}

/* Callers on the administrator's socket are whom the socket's rights let in. */
static bool
is_operator(const struct req *rq)
{
	return rq->v->listener == LISTENER_ADMIN;
}

/* What is under way goes on, and the operator is let in always. */
static bool
has_room(struct req *rq)
{
	return rq->v->runs > 0 || is_operator(rq) ||
	    memory_check(&rq->ctx.err);
}

/* Path, query and body. */
static bool
read_request(struct req *rq, const struct str *raw, size_t nraw)
{
	struct ctx *c = &rq->ctx;
	const struct http_view *v = rq->v;

	for (size_t i = 0; i < nraw; i++)
		if (!pct_decode(c->a, raw[i], false, &rq->path_param[i]))
			return fail(&c->err, M_INVALID_PARAM,
			    "The path is not encoded as it must be");
	rq->npath = nraw;
	if (!params_parse(c->a, v->query, QUERY_MAX, &rq->query, &rq->nquery))
		return fail(&c->err, M_INVALID_PARAM,
		    "The query is not encoded as it must be");
	rq->body = json_new_obj();
	if ((rq->route->flags & (F_NO_BODY | F_UPLOAD)) != 0 ||
	    (v->method != METHOD_POST && v->method != METHOD_PUT &&
	    v->method != METHOD_DELETE))
		return true;
	if (v->body.n == 0)
		return v->method != METHOD_PUT ||
		    (rq->route->flags & F_BODY_OPT) != 0 ||
		    fail(&c->err, M_NOT_JSON,
		    "The body must be a JSON object");
	rq->has_body = true;
	if (!json_parse(c->a, v->body, JSON_ANY, &rq->body, &c->err))
		return false;
	return rq->body.type == JSON_OBJ || fail(&c->err, M_BAD_JSON,
	    "The body must be a JSON object");
}

static struct str
token_of(struct req *rq)
{
	struct str h = http_header_get(rq->v, "Authorization");

	if (h.n > 7 && str_eq_nocase(str_sub(h, 0, 7), S("Bearer ")))
		return str_trim(str_from(h, 7));
	return req_query(rq, "access_token");
}

/* The last listener is for metrics, where one is configured. */
static bool
is_metrics(const struct req *rq)
{
	return conf_get()->metrics_listen.n > 0 && rq->v->listener ==
	    LISTENER_CLIENTS + (int)conf_get()->server_listen.n;
}

static bool
check_account(struct req *rq, const struct session *s)
{
	struct err *e = &rq->ctx.err;

	if (s->locked && (rq->route->flags & F_LOCKED_OK) == 0) {
		fail(e, M_USER_LOCKED, "This account is locked");
		e->soft_logout = true;
		return false;
	}
	if (s->suspended && (rq->route->flags & F_NO_SUSPENDED) != 0)
		return fail(e, M_USER_SUSPENDED, "This account is suspended");
	if (s->guest && rq->route->auth != AUTH_GUEST &&
	    rq->route->auth != AUTH_MAYBE)
		return fail(e, M_GUEST_ACCESS_FORBIDDEN,
		    "Guests may not do this");
	if ((rq->route->auth == AUTH_ADMIN ||
	    rq->route->auth == AUTH_METRICS) && !s->admin)
		return fail(e, M_FORBIDDEN, "You are not an administrator");
	return true;
}

/* Who asks? */
static bool
check_auth(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str token = token_of(rq);
	struct session s;

	c->who.address = rq->v->address;
	c->who.agent = str_utf8_clip(http_header_get(rq->v, "User-Agent"),
	    AGENT_MAX);
	if (!str_utf8_ok(c->who.agent))
		c->who.agent = (struct str){ NULL, 0 };
	if (!is_operator(rq) && !held_check(c->who.user, c->who.device,
	    c->who.address, &c->err))
		return false;
	if (rq->route->auth == AUTH_NONE)
		return true;
	if (rq->route->auth == AUTH_METRICS && is_metrics(rq))
		return true;
	if (rq->route->auth == AUTH_SERVER)
		return server_auth(rq);
	if (rq->route->auth >= AUTH_ADMIN && is_operator(rq)) {
		c->who.kind = ACTOR_JOB;
		c->who.user = S("operator");
		c->who.admin = true;
		return true;
	}
	if (token.n == 0)
		return rq->route->auth == AUTH_MAYBE || fail(&c->err,
		    M_MISSING_TOKEN, "An access token is needed");
	if (!session_find(c, token, &s) || !check_account(rq, &s))
		return false;
	c->who.kind = ACTOR_USER;
	c->who.user = s.user;
	c->who.device = s.device;
	c->who.session = s.family;
	c->who.admin = s.admin;
	c->who.guest = s.guest;
	return true;
}

static bool
take_rate(struct req *rq)
{
	return rq->v->runs > 0 || is_operator(rq) ||
	    rate_take(rq->route->rate, &rq->ctx.who, &rq->ctx.err);
}

static bool
run_steps(struct req *rq, const struct str *raw, size_t nraw)
{
	return has_room(rq)
	    && read_request(rq, raw, nraw)
	    && check_auth(rq)
	    && take_rate(rq)
	    && rq->route->handle(rq);
}

static void
log_fault(const struct req *rq)
{
	const struct err *e = &rq->ctx.err;

	/* What may be asked again at once is no fault of the server. */
	if (err_status(e) >= 500 && e->code != M_NOT_YET_UPLOADED &&
	    e->retry_ms == 0)
		log_err(LOG_ERROR, "api", rq->route->name, e);
}

static void
error_reply(struct req *rq)
{
	struct err *e = &rq->ctx.err;
	struct jsonw *w;

	if (e->code == M_OK)
		fail(e, M_UNKNOWN, "The server failed");
	seen_reset(&rq->seen);
	if ((rq->route->flags & F_PAGE) != 0 && page_error(rq)) {
		log_fault(rq);
		return;
	}
	w = res_open(rq, err_status(e));
	if (!e->bare) {
		jsonw_cstr(w, "errcode", err_name(e->code));
		jsonw_str(w, "error", str_c(e->text));
	}
	if (e->retry_ms > 0) {
		jsonw_int(w, "retry_after_ms", e->retry_ms);
		res_header(rq, "Retry-After", str_fmt(rq->ctx.a, "%lld",
		    (long long)(e->retry_ms + 999) / 1000));
	}
	if (e->soft_logout)
		jsonw_bool(w, "soft_logout", true);
	if (e->extra.n > 0) {
		if (!e->bare)
			buf_char(w->b, ',');
		buf_str(w->b, e->extra);
	}
	(void)!res_close(rq);
	log_fault(rq);
}

/* What the ledger sends once the record is on disk. */
struct sending {
	struct http_req *http;
	struct http_res res;
};

static void
recorded(void *arg, bool ok)
{
	struct sending *x = arg;

	if (!ok) {
		http_res_free(&x->res);
		http_res_init(&x->res, 503);
		http_res_header(&x->res, "Content-Type",
		    S("application/json"));
		buf_c(&x->res.body, "{\"errcode\":\"M_UNKNOWN\",\"error\":"
		    "\"The server cannot record what it would show; try again "
		    "later\"}");
	}
	http_reply(x->http, &x->res);
	free(x);
}

/* A 200 shows what its row says, and nothing else. */
static void
check_disclosure(const struct req *rq)
{
	bool noted = rq->seen.n > 0;
	bool fault = discloses(rq->route)
	    ? !noted && rq->route->access != ACCESS_SYNC : noted;

	if (!fault || rq->res.status != 200)
		return;
	metric_add(api.faults, 1);
	log_error("api", "a reply and what it notes do not fit its row",
	    LC("route", rq->route->name), LI("noted", (int64_t)rq->seen.n));
}

static void
cors(struct http_res *res)
{
	http_res_header(res, "Access-Control-Allow-Origin", S("*"));
	http_res_header(res, "Access-Control-Allow-Methods",
	    S("GET, POST, PUT, DELETE, OPTIONS"));
	http_res_header(res, "Access-Control-Allow-Headers",
	    S("X-Requested-With, Content-Type, Authorization"));
}

/* So that it can be stopped on its way. */
static void
mark_reply(struct req *rq)
{
	const struct actor *who = &rq->ctx.who;
	struct held_mark m;

	_Static_assert(sizeof(m) == sizeof(rq->res.mark), "one in the other");
	if (who->kind != ACTOR_USER || rq->res.status >= 300)
		return;
	m = held_mark(who->user, who->device, who->address);
	memcpy(&rq->res.mark, &m, sizeof(m));
}

static bool
may_send(void *arg, const struct http_mark *mark)
{
	struct held_mark m;

	(void)arg;
	memcpy(&m, mark, sizeof(m));
	return held_may_send(&m);
}

static void
send_reply(struct req *rq)
{
	struct sending *x;

	check_disclosure(rq);
	mark_reply(rq);
	if ((rq->route->flags & F_PAGE) == 0)
		cors(&rq->res);
	if (rq->seen.n == 0) {
		http_reply(rq->http, &rq->res);
		return;
	}
	x = must(malloc(sizeof(*x)));
	*x = (struct sending){ rq->http, rq->res };
	if (!ledger_commit(&rq->ctx.who, rq->route->name, rq->ctx.now_ms,
	    rq->route->access == ACCESS_SYNC, &rq->seen, recorded, x))
		recorded(x, false);
}

static void
no_route(struct req *rq, bool known)
{
	static const struct route nowhere = { .name = "none",
	    .access = ACCESS_NONE };

	rq->route = &nowhere;
	if (known)
		fail(&rq->ctx.err, M_METHOD_NOT_ALLOWED,
		    "This path takes another method");
	else
		fail(&rq->ctx.err, M_UNRECOGNIZED,
		    "There is no such endpoint here");
	error_reply(rq);
	cors(&rq->res);
	http_reply(rq->http, &rq->res);
}

static void
options(struct req *rq)
{
	http_res_init(&rq->res, 200);
	http_res_header(&rq->res, "Content-Type", S("application/json"));
	cors(&rq->res);
	buf_c(&rq->res.body, "{}");
	http_reply(rq->http, &rq->res);
}

static void
serve(struct req *rq)
{
	struct str raw[REQ_PARAMS_MAX];
	enum http_method m = rq->v->method;
	size_t nraw;
	bool known, ok;

	if (m == METHOD_OPTIONS) {
		options(rq);
		return;
	}
	rq->route = route_find(m == METHOD_HEAD ? METHOD_GET : m, rq->v->path,
	    raw, &nraw, &known);
	if (rq->route == NULL) {
		no_route(rq, known);
		return;
	}
	req_wait_end(rq->http);
	ok = run_steps(rq, raw, nraw);
	if (ok && rq->parked) {
		http_res_free(&rq->res);
		http_park(rq->http, rq->park_ms);
		return;
	}
	req_wait_end(rq->http);
	if (!ok)
		error_reply(rq);
	assert(!ok || rq->replied);
	if (rq->ctx.who.kind == ACTOR_USER)
		session_seen(&rq->ctx);
	metric_observe_us(api.by_route[rq->route - routes_all(&nraw)],
	    clock_mono_us() - rq->began_us);
	send_reply(rq);
}

/* One request on a worker. */
static void
work(void *state, void *arg)
{
	struct worker *w = state;
	struct req *rq = arena_make(w->a, struct req);

	rq->http = arg;
	rq->v = http_view(arg);
	rq->began_us = clock_mono_us();
	rq->res.fd = -1;
	rq->ctx = (struct ctx){ .a = w->a, .db = w->db,
	    .now_ms = clock_now_ms() };
	seen_init(&rq->seen, w->a);
	serve(rq);
	arena_reset(w->a);
}

static void *
worker_start(void *arg)
{
	struct worker *w = must(calloc(1, sizeof(*w)));
	struct err e = { .code = M_OK };

	(void)arg;
	w->a = arena_new(ARENA_CAP);
	w->db = db_attach(server_get()->store, &e);
	if (w->db == NULL) {
		log_err(LOG_ERROR, "api", "a worker has no database", &e);
		abort();
	}
	return w;
}

static void
worker_stop(void *state)
{
	struct worker *w = state;

	arena_free(w->a);
	db_detach(w->db);
	free(w);
}

static void
on_head(void *arg, const struct http_view *v, struct http_body_rule *rule)
{
	struct str params[REQ_PARAMS_MAX];
	const struct route *r;
	size_t n;
	bool known;

	(void)arg;
	r = route_find(v->method, v->path, params, &n, &known);
	rule->max_bytes = conf_get()->limits_body;
	if (r == NULL)
		return;
	if ((r->flags & F_BIG) != 0)
		rule->max_bytes = BIG_BODY;
	if ((r->flags & F_UPLOAD) != 0) {
		rule->max_bytes = conf_get()->media_max_upload;
		rule->spool = true;
	}
}

/*
 * A password's hash takes a core for some 20 ms, and few are made at once: who
 * waits for one waits on workers of his own, so that a morning's sign-ins leave
 * the others to read and write.
 */
/* Each kind of caller that may hold a worker for long has workers of its own. */
static struct pool *
pool_for(const struct http_view *v)
{
	struct str params[REQ_PARAMS_MAX];
	const struct route *r;
	size_t n;
	bool known;

	r = route_find(v->method, v->path, params, &n, &known);
	if (r == NULL)
		return api.pool;
	if (r->auth == AUTH_SERVER)
		return api.fed;
	return r->rate == RATE_LOGIN || (r->flags & (F_UIA | F_SLOW)) != 0
	    ? api.slow : api.pool;
}

static bool
on_request(void *arg, struct http_req *http)
{
	(void)arg;
	metric_add(api.requests, 1);
	return pool_push(pool_for(http_view(http)), work, http);
}

static void
on_gone(void *arg, struct http_req *http)
{
	(void)arg;
	req_wait_end(http);
}

static struct str
refusal(void *arg, int status)
{
	(void)arg;
	switch (status) {
	case 413:
		return S("{\"errcode\":\"M_TOO_LARGE\",\"error\":"
		    "\"The body is too large\"}");
	case 503:
		return S("{\"errcode\":\"M_UNKNOWN\",\"error\":"
		    "\"The server is busy: try again\"}");
	default:
		return S("{\"errcode\":\"M_UNKNOWN\",\"error\":"
		    "\"The request is not valid HTTP, or came too slowly\"}");
	}
}

struct http_app
api_app(void)
{
	return (struct http_app){ .head = on_head, .request = on_request,
	    .gone = on_gone, .may_send = may_send, .refusal = refusal };
}

static int64_t
used_memory(void *arg)
{
	(void)arg;
	return memory_used();
}

bool
api_start(struct err *e)
{
	struct pool_spec spec = {
		.name = "api", .nthreads = (int)conf_get()->workers_threads,
		.queue_max = 50000, .on_start = worker_start,
		.on_stop = worker_stop,
	};
	const struct route *all;
	size_t n;

	(void)e;
	routes_start();
	all = routes_all(&n);
	api.requests = metric_counter("beffroi_http_requests_total",
	    "Requests received", NULL);
	api.faults = metric_counter("beffroi_disclosure_faults_total",
	    "Replies whose record did not fit their row", NULL);
	metric_gauge_fn("beffroi_memory_bytes",
	    "The process's own memory; limits.memory is its ceiling", NULL,
	    used_memory, NULL);
	api.by_route = must(calloc(n, sizeof(*api.by_route)));
	for (size_t i = 0; i < n; i++) {
		char label[96];
		struct buf b = { label, 0, sizeof(label), sizeof(label), NULL,
		    false };

		buf_fmt(&b, "route=\"%s\"", all[i].name);
		buf_char(&b, '\0');
		api.by_route[i] = metric_histogram(
		    "beffroi_http_request_seconds",
		    "Time of requests on a worker", label);
	}
	api.pool = pool_start(&spec);
	spec.name = "api-slow";
	spec.nthreads = (spec.nthreads + 1) / 2;
	spec.queue_max = SLOW_QUEUE_MAX;
	api.slow = pool_start(&spec);
	spec.name = "api-fed";
	spec.nthreads = FED_THREADS;
	api.fed = pool_start(&spec);
	return true;
}

void
api_stop(void)
{
	pool_stop(api.pool);
	pool_stop(api.slow);
	pool_stop(api.fed);
	free(api.by_route);
}
