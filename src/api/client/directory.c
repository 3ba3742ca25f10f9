/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is told of rooms to people who may not be in them: the directory,
 * summaries, the trees of spaces, rooms shared with somebody.
 * spec: client-server, "Published Room Directory", "Room Previews", "Spaces",
 * "Mutual Rooms".
 */
#include "api/client/room_req.h"
#include "api/res.h"
#include "base/conf.h"
#include "core/member.h"
#include "core/space.h"
#include "room/ids.h"

#define MUTUAL_MAX 200			/* rooms a page */
#define SPACE_PAGE_MAX 100

/* Members of an object that is open. */
static void
write_chunk(struct jsonw *w, const struct room_chunk *x)
{
	jsonw_str(w, "room_id", x->room_id);
	jsonw_int(w, "num_joined_members", x->members);
	jsonw_bool(w, "world_readable", x->world_readable);
	jsonw_bool(w, "guest_can_join", x->guest_can_join);
	jsonw_str(w, "join_rule", x->join_rule);
	if (x->name.n > 0)
		jsonw_str(w, "name", x->name);
	if (x->topic.n > 0)
		jsonw_str(w, "topic", x->topic);
	if (x->avatar_url.n > 0)
		jsonw_str(w, "avatar_url", x->avatar_url);
	if (x->canonical_alias.n > 0)
		jsonw_str(w, "canonical_alias", x->canonical_alias);
	if (x->room_type.n > 0)
		jsonw_str(w, "room_type", x->room_type);
}

static bool
public_rooms(struct req *rq, struct public_ask *ask, struct str since)
{
	struct room_chunk *x;
	struct jsonw *w;
	int64_t total;
	size_t n;

	if (since.n > 0 && (since.p[0] != 'p' ||
	    !str_i64(str_from(since, 1), &ask->from) || ask->from < 0))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "since is not a token of this directory");
	if (ask->limit <= 0 || ask->limit > 500)
		ask->limit = 500;
	if (!rooms_public(&rq->ctx, ask, &x, &n, &total))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "chunk");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		write_chunk(w, &x[i]);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	if (ask->from + (int64_t)n < total)
		jsonw_str(w, "next_batch", str_fmt(rq->ctx.a, "p%lld",
		    (long long)(ask->from + (int64_t)n)));
	if (ask->from > 0)
		jsonw_str(w, "prev_batch", str_fmt(rq->ctx.a, "p%lld",
		    (long long)(ask->from > ask->limit
		    ? ask->from - ask->limit : 0)));
	jsonw_int(w, "total_room_count_estimate", total);
	seen_add(&rq->seen, SEEN_DIRECTORY, ask->term, ask->from,
	    ask->from + (int64_t)n - 1, (int64_t)n, 0);
	for (size_t i = 0; i < n; i++)
		seen_row(&rq->seen, x[i].room_id);
	return res_close(rq);
}

static bool
own_server(struct req *rq)
{
	struct str server = req_query(rq, "server");

	return server.n == 0 || str_eq(server, server_get()->name) ||
	    fail(&rq->ctx.err, M_NOT_FOUND,
	    "The directory of that server cannot be reached");
}

/* GET /publicRooms: limit, since, server */
bool
public_rooms_get(struct req *rq)
{
	struct public_ask ask = { .limit = 0 };

	return own_server(rq) && req_int(rq, "limit", 0, 500, &ask.limit) &&
	    public_rooms(rq, &ask, req_query(rq, "since"));
}

/* POST /publicRooms: limit, since, filter { generic_search_term, room_types } */
bool
public_rooms_post(struct req *rq)
{
	struct public_ask ask = { .limit = 0 };
	struct str since = { NULL, 0 }, network = { NULL, 0 };
	const struct json *filter;
	bool all = false;

	if (!own_server(rq) ||
	    !body_opt_bool(rq, "include_all_networks", &all) ||
	    !body_opt_str(rq, "third_party_instance_id", 255, &network) ||
	    !body_opt_int(rq, "limit", 0, INT32_MAX, &ask.limit) ||
	    !body_opt_str(rq, "since", 64, &since) ||
	    !body_opt_obj(rq, "filter", &filter))
		return false;
	if (all && network.n > 0)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "One network, or all of them");
	/* No network of another protocol is known: its rooms are none. */
	ask.nothing = network.n > 0;
	ask.term = json_str(filter, S("generic_search_term"));
	ask.types = json_get_arr(filter, S("room_types"));
	if (ask.term.n > 512)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "generic_search_term takes at most 512 bytes");
	return public_rooms(rq, &ask, since);
}

/* What summaries and trees show beyond the directory. */
static void
write_more(struct jsonw *w, const struct room_chunk *x)
{
	write_chunk(w, x);
	jsonw_str(w, "room_version", x->version);
	if (x->encryption.n > 0)
		jsonw_str(w, "encryption", x->encryption);
	if (x->nallowed > 0)
		jsonw_strs(w, "allowed_room_ids", x->allowed, x->nallowed);
}

/* A room that the caller may know of; one that they may not looks like none. */
static bool
preview_room(struct req *rq, struct room **r)
{
	struct ctx *c = &rq->ctx;
	bool may;

	if (!room_by_name(c, req_path(rq, "roomIdOrAlias"), r) ||
	    !room_may_preview(c, *r, &may))
		return false;
	return may || fail(&c->err, M_NOT_FOUND, "Room not found");
}

static bool
summary(struct req *rq, struct jsonw **w, struct room_chunk *x)
{
	struct ctx *c = &rq->ctx;
	enum membership now;
	struct room *r;

	if (!preview_room(rq, &r) || !room_describe(c, r, x))
		return false;
	*w = res_open(rq, 200);
	write_more(*w, x);
	if (c->who.user.n > 0) {
		now = room_membership(r, c->who.user);
		jsonw_str(*w, "membership", now == MEMBER_NONE
		    ? S("leave") : membership_name(now));
	}
	res_note(rq, SEEN_DIRECTORY, x->room_id, 1);
	return true;
}

/* GET /v1/room_summary/{roomIdOrAlias} */
bool
room_summary_get(struct req *rq)
{
	struct room_chunk x;
	struct jsonw *w;

	return summary(rq, &w, &x) && res_close(rq);
}

/* The same by MSC3266's earlier paths, with its earlier names besides. */
bool
room_summary_unstable_get(struct req *rq)
{
	struct room_chunk x;
	struct jsonw *w;

	if (!summary(rq, &w, &x))
		return false;
	jsonw_str(w, "im.nheko.summary.room_version", x.version);
	jsonw_str(w, "im.nheko.summary.version", x.version);
	if (x.encryption.n > 0)
		jsonw_str(w, "im.nheko.summary.encryption", x.encryption);
	return res_close(rq);
}

/* "h<rooms shown>.<number of the last>.<max_depth>.<suggested_only>" */
static struct str
tree_token(struct req *rq, const struct space_ask *ask,
    const struct space_page *page)
{
	return str_fmt(rq->ctx.a, "h%zu.%lld.%lld.%d", page->count,
	    (long long)page->at[page->n - 1].chunk.nid,
	    (long long)ask->max_depth, ask->suggested_only);
}

static bool
read_tree_token(struct req *rq, struct space_ask *ask)
{
	struct str rest = req_query(rq, "from"), part;
	int64_t v[4];

	if (!str_starts(rest, S("h")))
		goto bad;
	rest = str_from(rest, 1);
	for (size_t i = 0; i < LEN(v); i++)
		if (str_cut(rest, '.', &part, &rest) != (i < LEN(v) - 1) ||
		    !str_i64(part, &v[i]) || v[i] < 0)
			goto bad;
	if (v[0] > SPACE_ROOMS_MAX || v[1] == 0 || v[2] > SPACE_DEPTH_MAX)
		goto bad;
	if ((req_has(rq, "max_depth") && v[2] != ask->max_depth) ||
	    (req_has(rq, "suggested_only") && (v[3] != 0) !=
	    ask->suggested_only))
		return fail(&rq->ctx.err, M_INVALID_PARAM, "suggested_only "
		    "and max_depth cannot change on paginated requests");
	ask->after_count = (size_t)v[0];
	ask->after_nid = v[1];
	ask->max_depth = v[2];
	ask->suggested_only = v[3] != 0;
	return true;
bad:
	return fail(&rq->ctx.err, M_INVALID_PARAM, "Unknown pagination token");
}

/* GET /v1/rooms/{roomId}/hierarchy: suggested_only, limit, max_depth, from */
bool
hierarchy_get(struct req *rq)
{
	struct res_event_opt opt = { .stripped = true };
	struct space_ask ask = { .max_depth = SPACE_DEPTH_MAX };
	struct space_page page;
	int64_t limit = 50;
	struct jsonw *w;
	struct room *r;

	if (!req_int(rq, "limit", 1, SPACE_PAGE_MAX, &limit) ||
	    !req_int(rq, "max_depth", 0, SPACE_DEPTH_MAX, &ask.max_depth) ||
	    !req_bool(rq, "suggested_only", &ask.suggested_only) ||
	    (req_has(rq, "from") && !read_tree_token(rq, &ask)) ||
	    !req_room(rq, &r))
		return false;
	ask.limit = (size_t)limit;
	if (!space_hierarchy(&rq->ctx, r, &ask, &page))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "rooms");
	for (size_t i = 0; i < page.n; i++) {
		const struct space_room *x = &page.at[i];

		jsonw_obj(w, NULL);
		write_more(w, &x->chunk);
		res_events(rq, "children_state", x->room, x->child, x->nchild,
		    &opt);
		jsonw_obj_end(w);
		res_note(rq, SEEN_DIRECTORY, x->chunk.room_id, 1);
	}
	jsonw_arr_end(w);
	if (page.more && page.n > 0)
		jsonw_str(w, "next_batch", tree_token(rq, &ask, &page));
	if (page.n == 0)
		res_note(rq, SEEN_DIRECTORY, room_id(r), 0);
	return res_close(rq);
}

static bool
read_mutual(struct req *rq, struct str *user, int64_t *after)
{
	struct str from = req_query(rq, req_has(rq, "batch_token")
	    ? "batch_token" : "from");

	*after = 0;
	if (!req_need(rq, "user_id", user))
		return false;
	if (!id_user_ok(*user) || str_eq(*user, rq->ctx.who.user))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The user ID provided was invalid");
	if (from.n > 0 && (from.p[0] != 'm' ||
	    !str_i64(str_from(from, 1), after) || *after < 0))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "Unknown pagination token");
	return true;
}

/* GET /v1/mutual_rooms: user_id, from. reply { joined, count, next_batch } */
bool
mutual_rooms_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	int64_t after, *nids;
	struct str user;
	struct jsonw *w;
	size_t n, shown = 0, i = 0;

	if (!read_mutual(rq, &user, &after) ||
	    !memberships_shared(c->db, c->a, c->who.user, user, &nids, &n,
	    &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "joined");
	for (; i < n && shown < MUTUAL_MAX; i++) {
		struct room *r;

		if (nids[i] <= after)
			continue;
		if (!room_open_nid(c, nids[i], &r))
			return false;
		jsonw_str(w, NULL, room_id(r));
		shown++;
	}
	jsonw_arr_end(w);
	jsonw_int(w, "count", (int64_t)n);
	if (i < n)
		jsonw_str(w, "next_batch", str_fmt(c->a, "m%lld",
		    (long long)nids[i - 1]));
	res_note(rq, SEEN_USERS, user, (int64_t)shown);
	return res_close(rq);
}
