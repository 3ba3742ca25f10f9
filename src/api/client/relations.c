/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What relates to an event, and the threads of a room.
 * spec: client-server, "Relationships API", "Threading".
 */
#include "api/client/room_req.h"
#include "api/res.h"
#include "core/history.h"
#include "core/token.h"
#include "store/q_event.h"

#define THREADS_MAX 100

static bool
read_place(struct req *rq, struct room *r, const char *name, bool *has,
    int64_t *at)
{
	*has = req_has(rq, name);
	return !*has || token_place(&rq->ctx, r, req_query(rq, name), at);
}

/* limit, dir, from, to, recurse */
static bool
relations(struct req *rq, struct str rel_type, struct str type)
{
	struct relation_ask ask = { .rel_type = rel_type, .type = type,
	    .back = true };
	struct ctx *c = &rq->ctx;
	struct history_page page;
	const struct sev *parent;
	int64_t limit = 50;
	struct jsonw *w;
	struct room *r;

	if (!req_path_event(rq, "eventId", &ask.parent) ||
	    !req_int(rq, "limit", 1, PAGE_MAX, &limit) ||
	    !req_dir(rq, &ask.back) ||
	    !req_bool(rq, "recurse", &ask.recurse) ||
	    !req_readable_room(rq, &r) ||
	    !history_event(c, r, ask.parent, &parent) ||
	    !read_place(rq, r, "from", &ask.has_from, &ask.from) ||
	    !read_place(rq, r, "to", &ask.has_to, &ask.to))
		return false;
	ask.limit = (size_t)limit;
	if (!history_relations(c, r, &ask, &page))
		return false;
	w = res_open(rq, 200);
	if (!res_bundled(rq, "chunk", r, page.ev, page.n))
		return false;
	if (page.more)
		jsonw_str(w, "next_batch", token_room(c->a, page.end));
	if (ask.has_from)
		jsonw_str(w, "prev_batch", req_query(rq, "from"));
	if (ask.recurse)
		jsonw_int(w, "recursion_depth", RELATION_DEPTH);
	if (page.n == 0)
		seen_add(&rq->seen, SEEN_EVENTS, room_id(r), 0, 0, 0, 0);
	return res_close(rq);
}

/* GET /v1/rooms/{roomId}/relations/{eventId} */
bool
relations_get(struct req *rq)
{
	return relations(rq, S(""), S(""));
}

/* GET /v1/rooms/{roomId}/relations/{eventId}/{relType} */
bool
relations_type_get(struct req *rq)
{
	return relations(rq, req_path(rq, "relType"), S(""));
}

/* GET /v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType} */
bool
relations_event_get(struct req *rq)
{
	return relations(rq, req_path(rq, "relType"),
	    req_path(rq, "eventType"));
}


/* GET /v1/rooms/{roomId}/threads: include (all or participated), limit, from */
bool
threads_get(struct req *rq)
{
	struct thread_ask ask = { .from = INT64_MAX - 1 };
	struct str include = req_query(rq, "include");
	struct history_page page;
	int64_t limit = 20;
	struct jsonw *w;
	struct room *r;
	bool has;

	ask.participated = str_eq(include, S("participated"));
	if (include.n > 0 && !ask.participated && !str_eq(include, S("all")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "include must be all or participated");
	if (!req_int(rq, "limit", 1, THREADS_MAX, &limit) ||
	    !req_readable_room(rq, &r) ||
	    !read_place(rq, r, "from", &has, &ask.from))
		return false;
	ask.limit = (size_t)limit;
	if (!history_threads(&rq->ctx, r, &ask, &page))
		return false;
	w = res_open(rq, 200);
	if (!res_bundled(rq, "chunk", r, page.ev, page.n))
		return false;
	if (page.more)
		jsonw_str(w, "next_batch", token_room(rq->ctx.a, page.end));
	if (page.n == 0)
		seen_add(&rq->seen, SEEN_EVENTS, room_id(r), 0, 0, 0, 0);
	return res_close(rq);
}
