/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* POST /search. spec: client-server, "Server Side Search". */
#include "api/client/room_req.h"
#include "api/res.h"
#include "base/conf.h"
#include "base/map.h"
#include "core/history.h"
#include "core/search.h"
#include "core/token.h"

#include <stdlib.h>

#define TERM_MAX 1024			/* bytes */
#define RESULTS_MAX 100			/* a page */
#define CONTEXT_MAX 50			/* events on each side */

/* What is asked for beside the hits. */
struct extras {
	bool context, profile, state;
	int64_t before, after;
	bool by_room, by_sender;
};

static bool
bad(struct req *rq, const char *what)
{
	return fail(&rq->ctx.err, M_INVALID_PARAM, "%s", what);
}

static bool
read_keys(struct req *rq, const struct json *c, unsigned *keys)
{
	static const struct {
		struct str name;
		enum search_key key;
	} known[] = { { S_INIT("content.body"), SEARCH_BODY },
	    { S_INIT("content.name"), SEARCH_NAME },
	    { S_INIT("content.topic"), SEARCH_TOPIC } };
	const struct json *list = json_get(c, S("keys"));

	*keys = SEARCH_BODY | SEARCH_NAME | SEARCH_TOPIC;
	if (list == NULL)
		return true;
	if (list->type != JSON_ARR || list->n == 0)
		return bad(rq, "keys must be an array of keys");
	*keys = 0;
	for (uint32_t i = 0; i < list->n; i++) {
		unsigned was = *keys;

		for (size_t k = 0; k < LEN(known); k++)
			if (list->at[i].type == JSON_STR &&
			    str_eq(list->at[i].s, known[k].name))
				*keys |= known[k].key;
		if (*keys == was)
			return bad(rq, "keys are content.body, content.name "
			    "and content.topic, each once");
	}
	return true;
}

static bool
read_order(struct req *rq, const struct json *c, bool *by_rank)
{
	const struct json *order = json_get(c, S("order_by"));

	*by_rank = true;
	if (order == NULL)
		return true;
	if (order->type != JSON_STR || (!str_eq(order->s, S("rank")) &&
	    !str_eq(order->s, S("recent"))))
		return bad(rq, "order_by is rank or recent");
	*by_rank = str_eq(order->s, S("rank"));
	return true;
}

static bool
read_limit(struct req *rq, const struct json *of, struct str key,
    int64_t *out)
{
	const struct json *x = json_get(of, key);

	if (x == NULL)
		return true;
	if (x->type != JSON_INT || x->i < 0)
		return bad(rq, "A limit of event_context is a number");
	*out = x->i < CONTEXT_MAX ? x->i : CONTEXT_MAX;
	return true;
}

static bool
read_groups(struct req *rq, const struct json *c, struct extras *x)
{
	const struct json *list = json_get_arr(json_get_obj(c,
	    S("groupings")), S("group_by"));

	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		struct str key = json_str(&list->at[i], S("key"));

		if (str_eq(key, S("room_id")))
			x->by_room = true;
		else if (str_eq(key, S("sender")))
			x->by_sender = true;
		else
			return bad(rq, "Groups are by room_id or sender");
	}
	return true;
}

static bool
read_extras(struct req *rq, const struct json *c, struct extras *x)
{
	const struct json *context = json_get(c, S("event_context"));

	*x = (struct extras){ .before = 5, .after = 5 };
	if (context != NULL && context->type != JSON_OBJ)
		return bad(rq, "event_context must be an object");
	x->context = context != NULL;
	(void)json_get_bool(context, S("include_profile"), &x->profile);
	(void)json_get_bool(c, S("include_state"), &x->state);
	return read_limit(rq, context, S("before_limit"), &x->before) &&
	    read_limit(rq, context, S("after_limit"), &x->after) &&
	    read_groups(rq, c, x);
}

/* "n12", or of a group "n12.r.<value>" or "n12.s.<value>", the value in base64. */
static struct str
token_of(struct req *rq, int64_t next, enum search_group group,
    struct str value)
{
	struct arena *a = rq->ctx.a;

	if (group == SEARCH_NO_GROUP)
		return str_fmt(a, "n%lld", (long long)next);
	return str_fmt(a, "n%lld.%c." STR_FMT, (long long)next,
	    group == SEARCH_BY_ROOM ? 'r' : 's',
	    STR_ARG(b64_encode(a, B64_URL, value)));
}

static bool
read_token(struct req *rq, struct search_ask *ask)
{
	struct str s = req_query(rq, "next_batch"), number, rest, kind, value;

	if (s.n == 0)
		return true;
	if (s.p[0] != 'n')
		return bad(rq, "Unknown pagination token");
	if (str_cut(str_from(s, 1), '.', &number, &rest)) {
		if (!str_cut(rest, '.', &kind, &value) ||
		    !b64_decode(rq->ctx.a, B64_URL, value,
		    &ask->group_value) || kind.n != 1 ||
		    (kind.p[0] != 'r' && kind.p[0] != 's'))
			return bad(rq, "Unknown pagination token");
		ask->group = kind.p[0] == 'r' ? SEARCH_BY_ROOM
		    : SEARCH_BY_SENDER;
	}
	return (str_i64(number, &ask->after) && ask->after > 0) ||
	    bad(rq, "Unknown pagination token");
}

static bool
read_search(struct req *rq, const struct json *c, struct search_ask *ask)
{
	const struct json *filter = json_get(c, S("filter"));

	*ask = (struct search_ask){ .limit = 10 };
	filter_init_event(&ask->filter);
	if (json_get(c, S("search_term")) == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "room_events needs a search_term");
	if (!json_get_str(c, S("search_term"), &ask->term) ||
	    ask->term.n > TERM_MAX)
		return bad(rq, "search_term is a text of at most 1024 bytes");
	if (filter != NULL && !filter_read_event(rq->ctx.a, filter,
	    &ask->filter, &rq->ctx.err))
		return false;
	if (ask->filter.limit > 0)
		ask->limit = ask->filter.limit < RESULTS_MAX
		    ? (size_t)ask->filter.limit : RESULTS_MAX;
	return read_keys(rq, c, &ask->keys) &&
	    read_order(rq, c, &ask->by_rank) && read_token(rq, ask);
}

static bool
write_profile(struct req *rq, const struct sev *ev, struct map *done)
{
	struct ctx *c = &rq->ctx;
	const struct sev *member = NULL;
	struct str name, avatar;
	int64_t nid;

	if (map_get(done, ev->ev.sender) != NULL)
		return true;
	map_put(done, ev->ev.sender, rq);
	if (!state_before(c, ev, S("m.room.member"), ev->ev.sender, &nid) ||
	    (nid != 0 && !event_by_nid(c, nid, &member)))
		return false;
	if (member == NULL)
		return true;
	name = json_str(member->ev.content, S("displayname"));
	avatar = json_str(member->ev.content, S("avatar_url"));
	jsonw_key(&rq->w, ev->ev.sender);
	jsonw_obj(&rq->w, NULL);
	if (name.n > 0)
		jsonw_str(&rq->w, "displayname", name);
	if (avatar.n > 0)
		jsonw_str(&rq->w, "avatar_url", avatar);
	jsonw_obj_end(&rq->w);
	res_note(rq, SEEN_PROFILE, ev->ev.sender, 1);
	return true;
}

/* Of those who sent these events, as they were then. */
static bool
write_profiles(struct req *rq, const struct sev *ev,
    const struct history_page *before, const struct history_page *after)
{
	struct map done = { 0 };
	bool ok;

	jsonw_obj(&rq->w, "profile_info");
	ok = write_profile(rq, ev, &done);
	for (size_t i = 0; ok && i < before->n; i++)
		ok = write_profile(rq, before->ev[i], &done);
	for (size_t i = 0; ok && i < after->n; i++)
		ok = write_profile(rq, after->ev[i], &done);
	jsonw_obj_end(&rq->w);
	map_done(&done);
	return ok;
}

static bool
side(struct req *rq, const struct search_result *x, bool back, int64_t limit,
    struct history_page *out)
{
	struct history_ask ask = { .from = back ? x->ev->seq - 1 : x->ev->seq,
	    .back = back, .limit = (size_t)limit };

	filter_init_event(&ask.filter);
	*out = (struct history_page){ .end = ask.from };
	return limit == 0 || history_page(&rq->ctx, x->room, &ask, out);
}

static bool
write_context(struct req *rq, const struct search_result *x,
    const struct extras *extra)
{
	struct history_page before, after;

	if (!side(rq, x, true, extra->before, &before) ||
	    !side(rq, x, false, extra->after, &after))
		return false;
	jsonw_obj(&rq->w, "context");
	jsonw_str(&rq->w, "start", token_room(rq->ctx.a, before.end));
	jsonw_str(&rq->w, "end", token_room(rq->ctx.a, after.end));
	if (!res_bundled(rq, "events_before", x->room, before.ev, before.n) ||
	    !res_bundled(rq, "events_after", x->room, after.ev, after.n) ||
	    (extra->profile && !write_profiles(rq, x->ev, &before, &after)))
		return false;
	jsonw_obj_end(&rq->w);
	return true;
}

static bool
write_results(struct req *rq, const struct search_page *page,
    const struct extras *extra)
{
	struct jsonw *w = &rq->w;

	jsonw_arr(w, "results");
	for (size_t i = 0; i < page->n; i++) {
		const struct search_result *x = &page->at[i];
		struct res_event_opt opt = { .room_id = true };

		if (!history_bundle(&rq->ctx, x->room, x->ev, &opt.bundle))
			return false;
		jsonw_obj(w, NULL);
		jsonw_raw(w, "rank", str_fmt(rq->ctx.a, "%s%lld.%06lld",
		    x->rank < 0 ? "-" : "",
		    (long long)llabs(x->rank) / 1000000,
		    (long long)llabs(x->rank) % 1000000));
		res_event(rq, "result", x->room, x->ev, &opt);
		if (extra->context && !write_context(rq, x, extra))
			return false;
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return true;
}

/* The current state of each room that has a result, as its reader may see it. */
static bool
write_state(struct req *rq, const struct search_page *page)
{
	struct res_event_opt opt = { .room_id = true, .state = true };
	const struct sev *const *ev;
	size_t n, k;

	jsonw_obj(&rq->w, "state");
	for (size_t i = 0; i < page->n; i++) {
		for (k = 0; page->at[k].room != page->at[i].room; k++)
			;
		if (k < i)
			continue;
		if (!history_state(&rq->ctx, page->at[i].room, &ev, &n))
			return false;
		jsonw_key(&rq->w, room_id(page->at[i].room));
		res_events(rq, NULL, page->at[i].room, ev, n, &opt);
	}
	jsonw_obj_end(&rq->w);
	return true;
}

static struct str
value_of(const struct search_result *x, enum search_group by)
{
	return by == SEARCH_BY_ROOM ? room_id(x->room) : x->ev->ev.sender;
}

/* Those of the page by one key, in the order of their first result. */
static void
write_groups(struct req *rq, const char *key, enum search_group by,
    const struct search_ask *ask, const struct search_page *page)
{
	struct jsonw *w = &rq->w;
	int64_t order = 0;
	size_t k;

	jsonw_obj(w, key);
	for (size_t i = 0; i < page->n; i++) {
		struct str value = value_of(&page->at[i], by);
		int64_t last = 0, count = 0;

		for (k = 0; !str_eq(value_of(&page->at[k], by), value); k++)
			;
		if (k < i)
			continue;
		jsonw_key(w, value);
		jsonw_obj(w, NULL);
		jsonw_int(w, "order", order++);
		jsonw_arr(w, "results");
		for (k = i; k < page->n; k++)
			if (str_eq(value_of(&page->at[k], by), value)) {
				jsonw_str(w, NULL, page->at[k].ev->ev.id);
				last = page->at[k].ev->nid;
				count++;
			}
		jsonw_arr_end(w);
		/* By rank a place in the whole does not tell the group's own. */
		if (page->next > 0 && (!ask->by_rank || ask->after == 0))
			jsonw_str(w, "next_batch", token_of(rq,
			    ask->by_rank ? count : last, by, value));
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
}

static bool
write_found(struct req *rq, const struct search_ask *ask,
    const struct search_page *page, const struct extras *extra)
{
	struct jsonw *w = &rq->w;

	jsonw_int(w, "count", page->count);
	jsonw_strs(w, "highlights", page->highlight, page->nhighlight);
	if (!write_results(rq, page, extra) ||
	    (extra->state && !write_state(rq, page)))
		return false;
	if (page->next > 0)
		jsonw_str(w, "next_batch", token_of(rq, page->next,
		    ask->group, ask->group_value));
	if (!extra->by_room && !extra->by_sender)
		return true;
	jsonw_obj(w, "groups");
	if (extra->by_room)
		write_groups(rq, "room_id", SEARCH_BY_ROOM, ask, page);
	if (extra->by_sender)
		write_groups(rq, "sender", SEARCH_BY_SENDER, ask, page);
	jsonw_obj_end(w);
	return true;
}

/*
 * POST /search?next_batch=: search_categories.room_events { search_term, keys,
 * filter, order_by, event_context, include_state, groupings }
 *
 * reply   200 { search_categories: { room_events: { count, highlights, results,
 *         state, groups, next_batch } } }
 * errors  M_INVALID_PARAM, M_MISSING_PARAM 400; M_UNKNOWN 400 search is off
 */
bool
search_post(struct req *rq)
{
	const struct json *all, *events;
	struct search_page page;
	struct search_ask ask;
	struct extras extra;

	if (!conf_get()->search_enabled) {
		fail(&rq->ctx.err, M_UNKNOWN, "Searching is switched off");
		rq->ctx.err.status = 400;
		return false;
	}
	if (!body_obj(rq, "search_categories", &all))
		return false;
	events = json_get(all, S("room_events"));
	if (events != NULL && (events->type != JSON_OBJ ||
	    !read_search(rq, events, &ask) ||
	    !read_extras(rq, events, &extra) ||
	    !search_messages(&rq->ctx, &ask, &page)))
		return rq->ctx.err.code == M_OK
		    ? bad(rq, "room_events must be an object") : false;
	res_open(rq, 200);
	jsonw_obj(&rq->w, "search_categories");
	if (events != NULL) {
		jsonw_obj(&rq->w, "room_events");
		if (!write_found(rq, &ask, &page, &extra))
			return false;
		jsonw_obj_end(&rq->w);
	}
	jsonw_obj_end(&rq->w);
	if (rq->seen.n == 0)
		seen_add(&rq->seen, SEEN_EVENTS, S("search"), 0, 0, 0, 0);
	return res_close(rq);
}
