/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What another server may read of a room that it is in: events, states, auth
 * chains. spec: server-server, "Retrieving events", "Backfilling and retrieving
 * missing events". Whatever the reason, a refusal is one and the same.
 */
#include "api/federation/room_req.h"

#include "base/map.h"
#include "core/dag.h"
#include "core/fed_read.h"

#define PAGE_MAX 100
#define MISSING_MAX 50

/* An event of the path or the query that the server may see. */
static bool
visible_event(struct req *rq, struct room *r, struct str id,
    const struct sev **out)
{
	struct ctx *c = &rq->ctx;
	bool keep = false;

	if (!event_find(c, id, out))
		return false;
	if (*out != NULL && (*out)->room == room_nid(r) &&
	    (sev_flags(*out) & EVENT_F_REJECTED) == 0 &&
	    !fed_visible(c, r, c->who.user, out, 1, &keep))
		return false;
	return keep || fail(&c->err, M_NOT_FOUND,
	    "There is no such event, or your server may not see it");
}

static void
write_pdus(struct req *rq, const char *key, const struct room *r,
    const struct sev *const *ev, size_t n)
{
	jsonw_arr(&rq->w, key);
	for (size_t i = 0; i < n; i++)
		res_pdu(rq, NULL, r, ev[i]);
	jsonw_arr_end(&rq->w);
}

/* What the server may not see goes out redacted: it keeps the graph whole. */
static void
write_page(struct req *rq, const char *key, const struct room *r,
    const struct fed_page *page)
{
	jsonw_arr(&rq->w, key);
	for (size_t i = 0; i < page->n; i++) {
		if (page->keep[i])
			res_pdu(rq, NULL, r, page->ev[i]);
		else
			res_pdu_bare(rq, NULL, page->ev[i]);
	}
	jsonw_arr_end(&rq->w);
	if (rq->seen.n == 0)
		res_note(rq, SEEN_EVENTS, room_id(r), 0);
}

static void
write_head(struct req *rq)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_str(w, "origin", server_get()->name);
	jsonw_int(w, "origin_server_ts", rq->ctx.now_ms);
}

/* GET /event/{eventId} */
bool
fed_event_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	const struct sev *ev;
	struct room *r;
	struct str id;

	if (!req_path_event(rq, "eventId", &id) || !event_find(c, id, &ev))
		return false;
	if (ev == NULL || !room_open_nid(c, ev->room, &r) ||
	    !fed_may_read(c, r, c->who.user)) {
		err_clear(&c->err);
		return fail(&c->err, M_NOT_FOUND, "There is no such event, "
		    "or your server may not see it");
	}
	if (!visible_event(rq, r, id, &ev))
		return false;
	write_head(rq);
	write_pdus(rq, "pdus", r, &ev, 1);
	return res_close(rq);
}

/* The state before an event that the query names. */
static bool
state_asked(struct req *rq, struct room **r, const struct sev ***state,
    size_t *n, const struct sev ***chain, size_t *nchain)
{
	struct ctx *c = &rq->ctx;
	struct state_delta d = { .n = 0 };
	const struct sev *ev;
	struct str id;

	if (!req_fed_room(rq, r) || !req_need(rq, "event_id", &id) ||
	    !visible_event(rq, *r, id, &ev))
		return false;
	if ((sev_flags(ev) & EVENT_F_OUTLIER) != 0)
		return fail(&c->err, M_NOT_FOUND,
		    "The state at this event is not known here");
	d.root = ev->state;
	return dag_all(c, &d, state, n) && dag_auth_chain(c, *state, *n, chain,
	    nchain);
}

/* GET /state/{roomId}?event_id= */
bool
fed_state_get(struct req *rq)
{
	const struct sev **state, **chain;
	size_t n, nchain;
	struct room *r;

	if (!state_asked(rq, &r, &state, &n, &chain, &nchain))
		return false;
	res_open(rq, 200);
	write_pdus(rq, "pdus", r, state, n);
	write_pdus(rq, "auth_chain", r, chain, nchain);
	return res_close(rq);
}

static void
write_ids(struct req *rq, const char *key, const struct sev *const *ev,
    size_t n)
{
	jsonw_arr(&rq->w, key);
	for (size_t i = 0; i < n; i++)
		jsonw_str(&rq->w, NULL, ev[i]->ev.id);
	jsonw_arr_end(&rq->w);
}

/* GET /state_ids/{roomId}?event_id= */
bool
fed_state_ids_get(struct req *rq)
{
	const struct sev **state, **chain;
	size_t n, nchain;
	struct room *r;

	if (!state_asked(rq, &r, &state, &n, &chain, &nchain))
		return false;
	res_open(rq, 200);
	write_ids(rq, "pdu_ids", state, n);
	write_ids(rq, "auth_chain_ids", chain, nchain);
	return res_close(rq);
}

/* GET /event_auth/{roomId}/{eventId} */
bool
fed_event_auth_get(struct req *rq)
{
	const struct sev *ev, **chain;
	struct room *r;
	struct str id;
	size_t n;

	if (!req_fed_room(rq, &r) || !req_path_event(rq, "eventId", &id) ||
	    !visible_event(rq, r, id, &ev) ||
	    !dag_auth_chain(&rq->ctx, &ev, 1, &chain, &n))
		return false;
	res_open(rq, 200);
	write_pdus(rq, "auth_chain", r, chain, n);
	if (n == 0)
		res_note(rq, SEEN_STATE, room_id(r), 0);
	return res_close(rq);
}

/* GET /backfill/{roomId}?v=&limit=: those events and what came before them, the newest first */
bool
fed_backfill_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct fed_page page;
	int64_t limit = PAGE_MAX;
	struct str v[PAGE_MAX];
	struct room *r;
	size_t nv = 0;

	if (!req_fed_room(rq, &r) ||
	    !req_int(rq, "limit", 1, PAGE_MAX, &limit))
		return false;
	for (size_t i = 0; i < rq->nquery && nv < LEN(v); i++)
		if (str_eq(rq->query[i].key, S("v")))
			v[nv++] = rq->query[i].val;
	if (nv == 0)
		return fail(&c->err, M_MISSING_PARAM, "v is missing");
	if (!fed_back(c, r, v, nv, (size_t)limit, &page))
		return false;
	write_head(rq);
	write_page(rq, "pdus", r, &page);
	return res_close(rq);
}

static bool
id_array(struct req *rq, const char *key, struct str *out, size_t max,
    size_t *n)
{
	const struct json *list;

	*n = 0;
	if (!body_opt_arr(rq, key, max, &list))
		return false;
	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		if (list->at[i].type != JSON_STR)
			return fail(&rq->ctx.err, M_BAD_JSON,
			    "%s must hold event ids", key);
		out[(*n)++] = list->at[i].s;
	}
	return true;
}

/* POST /get_missing_events/{roomId}: { earliest_events, latest_events, limit, min_depth } */
bool
fed_missing_post(struct req *rq)
{
	struct fed_gap *gap = arena_make(rq->ctx.a, struct fed_gap);
	struct fed_page page;
	int64_t limit = 10;
	struct room *r;

	if (!req_fed_room(rq, &r) ||
	    !id_array(rq, "earliest_events", gap->early, LEN(gap->early),
	    &gap->nearly) || !id_array(rq, "latest_events", gap->late,
	    LEN(gap->late), &gap->nlate) ||
	    !body_opt_int(rq, "limit", 1, MISSING_MAX, &limit) ||
	    !body_opt_int(rq, "min_depth", 0, JSON_INT_MAX, &gap->min_depth))
		return false;
	gap->max = limit < MISSING_MAX ? (size_t)limit : MISSING_MAX;
	if (!fed_between(&rq->ctx, r, gap, &page))
		return false;
	res_open(rq, 200);
	write_page(rq, "events", r, &page);
	return res_close(rq);
}
