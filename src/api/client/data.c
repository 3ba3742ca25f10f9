/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What users keep: account data, tags, filters, push rules; receipts and markers. */
#include "api/res.h"
#include "core/history.h"
#include "core/userdata.h"
#include "room/ids.h"

#define DATA_MAX 262144

static bool
own(struct req *rq)
{
	return str_eq(req_path(rq, "userId"), rq->ctx.who.user) ||
	    fail(&rq->ctx.err, M_FORBIDDEN, "That is somebody else's data");
}

/* The nid of {roomId}; the caller must know the room. */
static bool
data_room(struct req *rq, int64_t *nid)
{
	struct str id;
	struct room *r;

	if (!req_path_room(rq, "roomId", &id) || !room_open(&rq->ctx, id, &r))
		return false;
	*nid = room_nid(r);
	return true;
}

static bool
server_managed(struct str type)
{
	return str_eq(type, S("m.fully_read")) ||
	    str_eq(type, S("m.push_rules"));
}

static bool
put_data(struct req *rq, int64_t room)
{
	struct str type = req_path(rq, "type"), text;

	if (server_managed(type)) {
		fail(&rq->ctx.err, M_BAD_JSON, STR_FMT
		    " is set by its own endpoint", STR_ARG(type));
		rq->ctx.err.status = 405;
		return false;
	}
	text = json_text(rq->ctx.a, &rq->body);
	if (type.n == 0 || type.n > 255 || text.n > DATA_MAX)
		return fail(&rq->ctx.err, M_TOO_LARGE,
		    "Account data takes at most 256 KiB");
	return userdata_put(&rq->ctx, room, type, text) && res_empty(rq);
}

static bool
get_data(struct req *rq, int64_t room)
{
	struct ctx *c = &rq->ctx;
	struct str type = req_path(rq, "type"), text;
	struct json v;

	if (room == 0 && str_eq(type, S("m.push_rules")))
		return push_rules_get(rq);
	if (!accdata_get(c->db, c->a, c->who.user, room, type, &text,
	    &c->err))
		return false;
	if (text.n == 0)
		return fail(&c->err, M_NOT_FOUND, "There is no such data");
	return json_parse(c->a, text, JSON_ANY, &v, &c->err) &&
	    res_json(rq, 200, &v);
}

/* PUT /user/{userId}/account_data/{type} */
bool
account_data_put(struct req *rq)
{
	return own(rq) && put_data(rq, 0);
}

/* GET /user/{userId}/account_data/{type} */
bool
account_data_get(struct req *rq)
{
	return own(rq) && get_data(rq, 0);
}

/* PUT /user/{userId}/rooms/{roomId}/account_data/{type} */
bool
room_account_data_put(struct req *rq)
{
	int64_t room;

	return own(rq) && data_room(rq, &room) && put_data(rq, room);
}

/* GET /user/{userId}/rooms/{roomId}/account_data/{type} */
bool
room_account_data_get(struct req *rq)
{
	int64_t room;

	return own(rq) && data_room(rq, &room) && get_data(rq, room);
}

/* The room's m.tag content, as a tree to change. */
static bool
load_tags(struct req *rq, int64_t room, struct json *content,
    struct json *tags)
{
	struct ctx *c = &rq->ctx;
	const struct json *old;
	struct str text;
	struct json v;

	*content = json_new_obj();
	*tags = json_new_obj();
	if (!accdata_get(c->db, c->a, c->who.user, room, S("m.tag"), &text,
	    &c->err))
		return false;
	if (text.n == 0)
		return true;
	if (!json_parse(c->a, text, JSON_ANY, &v, &c->err))
		return false;
	*content = json_copy(c->a, &v);
	old = json_get_obj(&v, S("tags"));
	if (old != NULL)
		*tags = json_copy(c->a, old);
	return true;
}

/* GET /user/{userId}/rooms/{roomId}/tags */
bool
tags_get(struct req *rq)
{
	struct json content, tags;
	int64_t room;

	if (!own(rq) || !data_room(rq, &room) ||
	    !load_tags(rq, room, &content, &tags))
		return false;
	jsonw_json(res_open(rq, 200), "tags", &tags);
	return res_close(rq);
}

static bool
save_tags(struct req *rq, int64_t room, struct json *content,
    const struct json *tags)
{
	struct str text;

	json_set(rq->ctx.a, content, S("tags"), *tags);
	text = json_text(rq->ctx.a, content);
	if (text.n > DATA_MAX)
		return fail(&rq->ctx.err, M_TOO_LARGE, "Too many tags");
	return userdata_put(&rq->ctx, room, S("m.tag"), text) &&
	    res_empty(rq);
}

/* PUT /user/{userId}/rooms/{roomId}/tags/{tag}: order */
bool
tag_put(struct req *rq)
{
	struct str tag = req_path(rq, "tag");
	struct json content, tags;
	int64_t room;

	if (tag.n == 0 || tag.n > 255)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "A tag takes 1 to 255 bytes");
	if (!own(rq) || !data_room(rq, &room) ||
	    !load_tags(rq, room, &content, &tags))
		return false;
	json_set(rq->ctx.a, &tags, tag, rq->body);
	return save_tags(rq, room, &content, &tags);
}

/* DELETE /user/{userId}/rooms/{roomId}/tags/{tag} */
bool
tag_delete(struct req *rq)
{
	struct json content, tags;
	int64_t room;

	if (!own(rq) || !data_room(rq, &room) ||
	    !load_tags(rq, room, &content, &tags))
		return false;
	json_del(&tags, req_path(rq, "tag"));
	return save_tags(rq, room, &content, &tags);
}

struct filter_put {
	struct str user, body;
	int64_t id;
};

static bool
filter_body(struct db *db, void *arg, struct err *e)
{
	struct filter_put *f = arg;

	return filter_row_put(db, f->user, f->body, &f->id, e);
}

/* POST /user/{userId}/filter */
bool
filter_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct filter_put f = { .user = c->who.user };
	struct sync_filter checked;

	if (!own(rq) || !filter_read_sync(c->a, &rq->body, &checked, &c->err))
		return false;
	f.body = json_text(c->a, &rq->body);
	if (!db_transact(c->db, filter_body, &f, &c->err))
		return false;
	jsonw_str(res_open(rq, 200), "filter_id", str_fmt(c->a, "%lld",
	    (long long)f.id));
	return res_close(rq);
}

/* GET /user/{userId}/filter/{filterId} */
bool
filter_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str body = { NULL, 0 };
	struct json v;
	int64_t id;

	if (!own(rq))
		return false;
	if (str_i64(req_path(rq, "filterId"), &id) && !filter_row_get(c->db,
	    c->a, c->who.user, id, &body, &c->err))
		return false;
	if (body.n == 0)
		return fail(&c->err, M_NOT_FOUND, "There is no such filter");
	return json_parse(c->a, body, JSON_ANY, &v, &c->err) &&
	    res_json(rq, 200, &v);
}

/* GET /pushrules/ and /pushrules/global/ */
bool
push_rules_get(struct req *rq)
{
	struct json stored;
	int64_t pos;
	bool has;

	if (!userdata_rules(&rq->ctx, rq->ctx.who.user, &stored, &has, &pos))
		return false;
	res_open_value(rq, 200);
	pushrules_write(&rq->res.body, rq->ctx.who.user, has ? &stored
	    : NULL);
	return res_close_value(rq);
}

bool
push_rules_global_get(struct req *rq)
{
	struct json stored, all;
	struct buf b;
	int64_t pos;
	bool has;

	if (!userdata_rules(&rq->ctx, rq->ctx.who.user, &stored, &has, &pos))
		return false;
	buf_init(&b, rq->ctx.a, 8 << 20);
	pushrules_write(&b, rq->ctx.who.user, has ? &stored : NULL);
	return json_parse(rq->ctx.a, buf_view(&b), JSON_ANY, &all,
	    &rq->ctx.err) && res_json(rq, 200, json_get(&all, S("global")));
}

/* What every endpoint of one rule begins with. */
struct rule_at {
	enum push_kind kind;
	struct str id;
	struct json stored, *old;
};

static bool
find_rule(struct req *rq, struct rule_at *at)
{
	int64_t pos;
	bool has;

	if (!push_kind_of(req_path(rq, "kind"), &at->kind))
		return fail(&rq->ctx.err, M_NOT_FOUND,
		    "There is no such kind of push rule");
	at->id = req_path(rq, "ruleId");
	if (!userdata_rules(&rq->ctx, rq->ctx.who.user, &at->stored, &has,
	    &pos))
		return false;
	at->old = has ? &at->stored : NULL;
	return true;
}

static bool
one_rule(struct req *rq, struct json *rule)
{
	struct rule_at at;

	return find_rule(rq, &at) && (pushrules_find(rq->ctx.a,
	    rq->ctx.who.user, at.old, at.kind, at.id, rule) ||
	    fail(&rq->ctx.err, M_NOT_FOUND, "There is no such push rule"));
}

/* GET /pushrules/global/{kind}/{ruleId} */
bool
push_rule_get(struct req *rq)
{
	struct json rule;

	return one_rule(rq, &rule) && res_json(rq, 200, &rule);
}

/* PUT /pushrules/global/{kind}/{ruleId}?before=&after= */
bool
push_rule_put(struct req *rq)
{
	struct rule_at at;
	struct json out;

	return find_rule(rq, &at) && pushrules_put(rq->ctx.a, at.old, at.kind,
	    at.id, &rq->body, req_query(rq, "before"), req_query(rq, "after"),
	    &out, &rq->ctx.err) && userdata_put_rules(&rq->ctx, &out) &&
	    res_empty(rq);
}

/* DELETE /pushrules/global/{kind}/{ruleId} */
bool
push_rule_delete(struct req *rq)
{
	struct rule_at at;
	struct json out;

	return find_rule(rq, &at) && pushrules_delete(rq->ctx.a, at.old,
	    at.kind, at.id, &out, &rq->ctx.err) &&
	    userdata_put_rules(&rq->ctx, &out) && res_empty(rq);
}

/* GET /pushrules/global/{kind}/{ruleId}/enabled */
bool
push_rule_enabled_get(struct req *rq)
{
	struct json rule;
	bool on = true;

	if (!one_rule(rq, &rule))
		return false;
	(void)json_get_bool(&rule, S("enabled"), &on);
	jsonw_bool(res_open(rq, 200), "enabled", on);
	return res_close(rq);
}

/* PUT /pushrules/global/{kind}/{ruleId}/enabled */
bool
push_rule_enabled_put(struct req *rq)
{
	struct rule_at at;
	struct json out;
	bool on = false;

	if (json_get(&rq->body, S("enabled")) == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs enabled");
	return body_opt_bool(rq, "enabled", &on) && find_rule(rq, &at) &&
	    pushrules_enable(rq->ctx.a, at.old, at.kind, at.id, on, &out,
	    &rq->ctx.err) && userdata_put_rules(&rq->ctx, &out) &&
	    res_empty(rq);
}

/* GET /pushrules/global/{kind}/{ruleId}/actions */
bool
push_rule_actions_get(struct req *rq)
{
	const struct json *actions;
	struct json rule;

	if (!one_rule(rq, &rule))
		return false;
	actions = json_get(&rule, S("actions"));
	jsonw_json(res_open(rq, 200), "actions", actions);
	return res_close(rq);
}

/* PUT /pushrules/global/{kind}/{ruleId}/actions */
bool
push_rule_actions_put(struct req *rq)
{
	const struct json *actions;
	struct rule_at at;
	struct json out;

	if (!body_opt_arr(rq, "actions", 100, &actions))
		return false;
	if (actions == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs actions");
	return find_rule(rq, &at) && pushrules_actions(rq->ctx.a, at.old,
	    at.kind, at.id, actions, &out, &rq->ctx.err) &&
	    userdata_put_rules(&rq->ctx, &out) && res_empty(rq);
}

/* The event of the room that a receipt or marker names. */
static bool
marked_event(struct req *rq, struct room **r, struct str id,
    const struct sev **ev)
{
	struct str room;

	if (!id_event_ok(id))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The event id is malformed");
	return req_path_room(rq, "roomId", &room) &&
	    room_open(&rq->ctx, room, r) && room_must_be_in(&rq->ctx, *r) &&
	    history_event(&rq->ctx, *r, id, ev);
}

static bool
set_fully_read(struct req *rq, struct room *r, const struct sev *ev)
{
	struct json content = json_new_obj();

	json_set(rq->ctx.a, &content, S("event_id"), json_of_str(ev->ev.id));
	return userdata_put(&rq->ctx, room_nid(r), S("m.fully_read"),
	    json_text(rq->ctx.a, &content));
}

/* POST /rooms/{roomId}/receipt/{receiptType}/{eventId}: thread_id */
bool
receipt_post(struct req *rq)
{
	struct str kind = req_path(rq, "receiptType"), thread = { NULL, 0 };
	const struct sev *ev;
	struct room *r;

	if (!str_eq(kind, S("m.read")) && !str_eq(kind, S("m.read.private")) &&
	    !str_eq(kind, S("m.fully_read")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "There is no such type of receipt");
	if (!body_opt_str(rq, "thread_id", 255, &thread))
		return false;
	if (json_get(&rq->body, S("thread_id")) != NULL && thread.n == 0)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "thread_id must not be empty");
	if (thread.n > 0 && str_eq(kind, S("m.fully_read")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "m.fully_read is of no thread");
	if (thread.n > 0 && !str_eq(thread, S("main")) && !id_event_ok(thread))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "thread_id is main or an event id");
	if (!marked_event(rq, &r, req_path(rq, "eventId"), &ev))
		return false;
	return (str_eq(kind, S("m.fully_read")) ? set_fully_read(rq, r, ev)
	    : receipt_set(&rq->ctx, r, kind, thread, ev)) && res_empty(rq);
}

/* POST /rooms/{roomId}/read_markers: m.fully_read, m.read, m.read.private */
bool
read_markers_post(struct req *rq)
{
	static const char *const kinds[] = { "m.read", "m.read.private",
	    "m.fully_read" };
	struct str id[LEN(kinds)] = { { NULL, 0 } }, none = { NULL, 0 };

	for (size_t i = 0; i < LEN(kinds); i++)
		if (!body_opt_str(rq, kinds[i], 255, &id[i]))
			return false;
	for (size_t i = 0; i < LEN(kinds); i++) {
		const struct sev *ev;
		struct room *r;

		if (id[i].n == 0)
			continue;
		if (!marked_event(rq, &r, id[i], &ev) || !(i == 2
		    ? set_fully_read(rq, r, ev)
		    : receipt_set(&rq->ctx, r, str_c(kinds[i]), none, ev)))
			return false;
	}
	return res_empty(rq);
}
