/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is missing around an event of another server: its auth events, the
 * events before it, the state where its history begins. All of it is bounded
 * by the request's budget, and checked as if it had come by itself.
 * spec: server-server, "Retrieving events", "Backfilling and retrieving missing events".
 */
#include "core/receive_impl.h"

#include "base/enc.h"
#include "base/log.h"
#include "core/dag.h"
#include "core/fed.h"
#include "room/ids.h"

#include <stdlib.h>

#define MISSING_MAX 20			/* events asked for to close a gap */
#define STATE_MAX 100000		/* events of a state that another server gives */
#define BODY_MAX (128 << 20)
#define BACKFILL_ASKS 40		/* requests for one page of the past */

/* Asks the origin; *out NULL: it could not, and that is no error. */
static bool
ask(struct recv *rx, const char *method, struct str path,
    const struct json *body, const struct json **out)
{
	struct fed_req q = { .server = rx->origin, .method = method,
	    .path = path, .body = body, .body_max = BODY_MAX };

	*out = NULL;
	if (*rx->fetches <= 0)
		return true;
	--*rx->fetches;
	if (fed_call(rx->c, &q, out))
		return true;
	log_info("receive", "could not fetch", LS("server", rx->origin),
	    LS("why", str_c(rx->c->err.text)));
	err_clear(&rx->c->err);
	*out = NULL;
	return true;
}

/* The members of arrays as pointers, up to a bound. */
static size_t
collect(struct arena *a, const struct json *x, const struct json *y,
    const struct json ***out)
{
	size_t nx = x != NULL ? x->n : 0, ny = y != NULL ? y->n : 0, n = 0;

	if (nx > STATE_MAX)
		nx = STATE_MAX;
	if (ny > STATE_MAX)
		ny = STATE_MAX;
	*out = arena_array(a, const struct json *, nx + ny);
	for (size_t i = 0; i < nx; i++)
		(*out)[n++] = &x->at[i];
	for (size_t i = 0; i < ny; i++)
		(*out)[n++] = &y->at[i];
	return n;
}

/* One by one, when the whole chain could not be had. */
static bool
fetch_each(struct recv *rx, const struct event *ev)
{
	const struct json *got, **pdu;
	unsigned flags;
	int64_t nid;
	size_t n;

	for (size_t i = 0; i < ev->nauth; i++) {
		if (!event_in_room(rx->c->db, ev->auth[i], rx->r->nid, &nid,
		    &flags, &rx->c->err))
			return false;
		if (nid != 0)
			continue;
		if (!ask(rx, "GET", fed_path(rx->c->a, "v1/event/%s",
		    &ev->auth[i], 1), NULL, &got))
			return false;
		n = collect(rx->c->a, json_get_arr(got, S("pdus")), NULL,
		    &pdu);
		if (!receive_outliers(rx->c, rx->r, pdu, n))
			return false;
	}
	return true;
}

bool
receive_fetch_auth(struct recv *rx, const struct event *ev)
{
	struct str part[] = { rx->r->id, ev->id };
	const struct json *got, **pdu;
	size_t n;

	if (!ask(rx, "GET", fed_path(rx->c->a, "v1/event_auth/%s/%s", part, 2),
	    NULL, &got))
		return false;
	n = collect(rx->c->a, json_get_arr(got, S("auth_chain")), NULL, &pdu);
	return receive_outliers(rx->c, rx->r, pdu, n) &&
	    (got != NULL || fetch_each(rx, ev));
}

static struct json
id_list(struct arena *a, const struct str *id, size_t n)
{
	struct json list = json_new_arr();

	for (size_t i = 0; i < n; i++)
		json_push(a, &list, json_of_str(id[i]));
	return list;
}

static int
by_depth(const void *x, const void *y)
{
	int64_t a = 0, b = 0;

	(void)json_get_int(*(const struct json *const *)x, S("depth"), &a);
	(void)json_get_int(*(const struct json *const *)y, S("depth"), &b);
	return a < b ? -1 : a > b;
}

/* The oldest first; what fails is passed over, for the next may do without it. */
static void
take_all(struct recv *rx, const struct json **pdu, size_t n)
{
	enum place_how how;
	struct str id;

	if (n > 1)
		qsort(pdu, n, sizeof(*pdu), by_depth);
	for (size_t i = 0; i < n; i++) {
		if (!receive_one(rx, pdu[i], &id, &how))
			log_info("receive", "a missing event is no good",
			    LS("room", rx->r->id),
			    LS("why", str_c(rx->c->err.text)));
		err_clear(&rx->c->err);
	}
}

bool
receive_fetch_missing(struct recv *rx, const struct event *ev)
{
	struct arena *a = rx->c->a;
	struct json body = json_new_obj();
	const struct json *got, **pdu;
	struct str end[ENDS_MAX], room = rx->r->id;
	size_t n = 0;

	pthread_mutex_lock(&rx->r->lock);
	for (size_t i = 0; i < rx->r->nends; i++)
		end[n++] = str_dup(a, str_n(rx->r->end[i].id,
		    rx->r->end[i].n));
	pthread_mutex_unlock(&rx->r->lock);
	json_set(a, &body, S("earliest_events"), id_list(a, end, n));
	json_set(a, &body, S("latest_events"), id_list(a, &ev->id, 1));
	json_set(a, &body, S("limit"), json_of_int(MISSING_MAX));
	json_set(a, &body, S("min_depth"), json_of_int(0));
	if (!ask(rx, "POST", fed_path(a, "v1/get_missing_events/%s", &room, 1),
	    &body, &got))
		return false;
	n = collect(a, json_get_arr(got, S("events")), NULL, &pdu);
	if (n > MISSING_MAX)
		n = MISSING_MAX;
	rx->within = true;
	take_all(rx, pdu, n);
	rx->within = false;
	return true;
}

/* Of a list of ids those that are not here, as many as *n tells. */
static bool
not_here(struct recv *rx, const struct json *ids, size_t *n)
{
	struct str id;
	unsigned flags;
	int64_t nid;

	for (uint32_t i = 0; ids != NULL && i < ids->n; i++) {
		id = ids->at[i].type == JSON_STR ? ids->at[i].s : S("");
		if (!event_in_room(rx->c->db, id, rx->r->nid, &nid, &flags,
		    &rx->c->err))
			return false;
		*n += nid == 0;
	}
	return true;
}

/* The state's events, which are here by now, as slots on nothing. */
static bool
state_of_ids(struct recv *rx, const struct json *ids, struct state_delta *out)
{
	const struct sev *x;

	*out = (struct state_delta){ .n = 0 };
	out->slot = arena_array(rx->c->a, struct state_slot, ids->n);
	for (uint32_t i = 0; i < ids->n; i++) {
		if (ids->at[i].type != JSON_STR ||
		    !event_find(rx->c, ids->at[i].s, &x))
			return fail(&rx->c->err, M_BAD_JSON,
			    "A list of event ids is none");
		if (x != NULL && x->room == rx->r->nid && x->ev.is_state &&
		    (sev_flags(x) & EVENT_F_REJECTED) == 0)
			out->slot[out->n++] = (struct state_slot){ x->ev.type,
			    x->ev.state_key, x->nid };
	}
	return true;
}

static bool
has_create(const struct state_delta *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (str_eq(d->slot[i].type, S("m.room.create")) &&
		    d->slot[i].key.n == 0)
			return true;
	return false;
}

static bool
no_state(struct recv *rx)
{
	return fail(&rx->c->err, M_UNAVAILABLE, "The state before the event "
	    "could not be had from " STR_FMT, STR_ARG(rx->origin));
}

/* The state before an event, by the ids that the origin gives. */
static bool
given_before(struct recv *rx, struct str event, struct state_delta *out)
{
	struct arena *a = rx->c->a;
	struct str part[] = { rx->r->id, event };
	const struct json *ids, *got, *list, **pdu;
	size_t missing = 0, n;

	if (!ask(rx, "GET", fed_path(a, "v1/state_ids/%s?event_id=%s", part,
	    2), NULL, &ids))
		return false;
	list = json_get_arr(ids, S("pdu_ids"));
	if (list == NULL || list->n > STATE_MAX)
		return no_state(rx);
	if (!not_here(rx, list, &missing) || !not_here(rx, json_get_arr(ids,
	    S("auth_chain_ids")), &missing))
		return false;
	if (missing > 0) {
		if (!ask(rx, "GET", fed_path(a, "v1/state/%s?event_id=%s",
		    part, 2), NULL, &got))
			return false;
		n = collect(a, json_get_arr(got, S("pdus")),
		    json_get_arr(got, S("auth_chain")), &pdu);
		if (!receive_outliers(rx->c, rx->r, pdu, n))
			return false;
	}
	if (!state_of_ids(rx, list, out))
		return false;
	return has_create(out) || no_state(rx);
}

/* The event itself, as an outlier; NULL: it can't be had. */
static bool
fetch_event(struct recv *rx, struct str id, const struct sev **out)
{
	const struct json *got, **pdu;
	size_t n;

	if (!event_find(rx->c, id, out) || *out != NULL)
		return *out != NULL;
	if (!ask(rx, "GET", fed_path(rx->c->a, "v1/event/%s", &id, 1), NULL,
	    &got))
		return false;
	n = collect(rx->c->a, json_get_arr(got, S("pdus")), NULL, &pdu);
	return receive_outliers(rx->c, rx->r, pdu, n) &&
	    event_find(rx->c, id, out);
}

bool
receive_fetch_state(struct recv *rx, struct str prev, struct state_delta *out)
{
	const struct sev *x;
	size_t n = 0;

	if (!given_before(rx, prev, out) || !fetch_event(rx, prev, &x))
		return false;
	if (x == NULL || x->room != rx->r->nid || !x->ev.is_state ||
	    (sev_flags(x) & EVENT_F_REJECTED) != 0)
		return true;
	for (size_t i = 0; i < out->n; i++)
		if (!str_eq(out->slot[i].type, x->ev.type) ||
		    !str_eq(out->slot[i].key, x->ev.state_key))
			out->slot[n++] = out->slot[i];
	out->slot = arena_grow(rx->c->a, out->slot, n *
	    sizeof(*out->slot), (n + 1) * sizeof(*out->slot));
	out->slot[n++] = (struct state_slot){ x->ev.type, x->ev.state_key,
	    x->nid };
	out->n = n;
	return true;
}

/* Those that stand at the gap, asked of a server that is in the room. */
static bool
ask_backfill(struct recv *rx, const struct str *from, size_t nfrom,
    size_t want, const struct json **pdus)
{
	struct arena *a = rx->c->a;
	const struct json *got;
	struct buf path;

	buf_init(&path, a, 4096);
	buf_str(&path, fed_path(a, "v1/backfill/%s", &rx->r->id, 1));
	buf_fmt(&path, "?limit=%zu", want);
	for (size_t i = 0; i < nfrom; i++)
		buf_fmt(&path, "&v=" STR_FMT, STR_ARG(pct_encode(a,
		    from[i])));
	if (!ask(rx, "GET", buf_view(&path), NULL, &got))
		return false;
	*pdus = json_get_arr(got, S("pdus"));
	return true;
}

/* One event of the past, judged by its own state; it waits for its place. */
static bool
take_aside(struct recv *rx, const struct json *pdu, struct str *id)
{
	struct ctx *c = rx->c;
	struct pending p = { .parent = 0 };
	struct placement pl = { .how = PLACE_ASIDE };
	struct around x = { .nprev = 0 };
	struct received got;
	bool ok = true;

	*id = (struct str){ NULL, 0 };
	if (!receive_read(c, rx->r->v, pdu, &got, &p.text))
		return false;
	if (!str_eq(got.ev.room, rx->r->id))
		return fail(&c->err, M_FORBIDDEN,
		    "The event is of another room");
	if (!event_in_room(c->db, got.ev.id, rx->r->nid, &pl.stored,
	    &rx->flags, &c->err))
		return false;
	if (pl.stored != 0 && (rx->flags & EVENT_F_OUTLIER) == 0)
		return true;
	p.ev = got.ev;
	/* The first event of a room has nothing before it. */
	if ((got.ev.nprev > 0 || !str_eq(got.ev.type, S("m.room.create"))) &&
	    !receive_judge(rx, &got.ev, &x, &ok))
		return false;
	if (!ok)
		pl.how = PLACE_REJECTED;
	pl.before = x.before;
	pl.missing = x.missing;
	pl.nmissing = x.nmissing;
	if (ok)
		*id = got.ev.id;
	pthread_mutex_lock(&rx->r->write);
	ok = persist_placed(c, rx->r, &p, &pl);
	pthread_mutex_unlock(&rx->r->write);
	return ok;
}

/* What was taken gets its places, the newest next to what is there. */
static bool
settle(struct recv *rx, const struct str *id, size_t n, size_t *placed)
{
	struct ctx *c = rx->c;
	const struct sev *x;

	for (size_t i = n; i > 0; i--) {
		struct placement pl = { .how = PLACE_BACK };
		struct pending p = { .parent = 0 };
		int64_t floor = room_floor(rx->r);

		if (!event_find(c, id[i - 1], &x))
			return false;
		if (x == NULL || x->seq != 0)
			continue;
		p.ev = x->ev;
		p.text = x->text;
		pl.stored = x->nid;
		pl.before.root = x->state;
		pl.seq = floor < 0 ? floor : -1;
		if (x->ev.is_state && !dag_get(c, &pl.before, x->ev.type,
		    x->ev.state_key, &p.replaced))
			return false;
		if (!persist_placed(c, rx->r, &p, &pl))
			return false;
		++*placed;
	}
	return true;
}

static bool
take_page(struct recv *rx, const struct json **pdu, size_t n, size_t *placed)
{
	struct str *id = arena_array(rx->c->a, struct str, n);
	size_t taken = 0;
	bool ok;

	for (size_t i = 0; i < n; i++) {
		if (!take_aside(rx, pdu[i], &id[taken]))
			log_info("receive", "an event of the past is no good",
			    LS("room", rx->r->id),
			    LS("why", str_c(rx->c->err.text)));
		err_clear(&rx->c->err);
		taken += id[taken].n > 0;
	}
	pthread_mutex_lock(&rx->r->write);
	ok = settle(rx, id, taken, placed);
	pthread_mutex_unlock(&rx->r->write);
	return ok;
}

bool
room_has_gap(struct ctx *c, struct room *r, bool *out)
{
	struct str *from;
	size_t n;

	if (!gaps_before(c->db, c->a, r->nid, INT64_MAX, 1, &from, &n,
	    &c->err))
		return false;
	*out = n > 0;
	return true;
}

bool
receive_backfill(struct ctx *c, struct room *r, size_t want, size_t *n)
{
	int fetches = BACKFILL_ASKS;
	struct recv rx = { .c = c, .r = r, .fetches = &fetches,
	    .within = true };
	struct str servers[BACKFILL_ASKS], *from;
	const struct json *list, **pdu;
	size_t nservers, nfrom, npdu;

	*n = 0;
	if (!gaps_before(c->db, c->a, r->nid, INT64_MAX, 5, &from, &nfrom,
	    &c->err))
		return false;
	if (nfrom == 0)
		return true;
	nservers = room_servers(c, r, servers, BACKFILL_ASKS);
	for (size_t i = 0; i < nservers && *n == 0 && fetches > 0; i++) {
		rx.origin = servers[i];
		if (!ask_backfill(&rx, from, nfrom, want, &list))
			return false;
		npdu = collect(c->a, list, NULL, &pdu);
		if (npdu > 1)
			qsort(pdu, npdu, sizeof(*pdu), by_depth);
		if (!take_page(&rx, pdu, npdu, n))
			return false;
	}
	return true;
}
