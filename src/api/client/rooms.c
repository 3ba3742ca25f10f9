/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Making rooms and being in them. spec: client-server, "Rooms". */
#include "api/client/room_req.h"
#include "api/res.h"
#include "base/conf.h"
#include "core/fed_join.h"
#include "core/alias.h"
#include "core/create.h"
#include "core/fed_join.h"
#include "core/member.h"
#include "core/upgrade.h"
#include "room/ids.h"

#define ALIAS_SERVERS_MAX 50

#define INVITES_MAX 100

/* A list of user ids; NULL gives none. */
static bool
read_users(struct req *rq, const struct json *list, const char *key,
    const struct str **out, size_t *n)
{
	struct str *users = arena_array(rq->ctx.a, struct str,
	    list != NULL ? list->n : 0);

	*out = users;
	*n = list != NULL ? list->n : 0;
	for (size_t i = 0; i < *n; i++) {
		if (list->at[i].type != JSON_STR ||
		    !id_user_ok(list->at[i].s))
			return fail(&rq->ctx.err, M_INVALID_PARAM,
			    "%s must be an array of user ids", key);
		users[i] = list->at[i].s;
	}
	return true;
}

static bool
read_preset(struct req *rq, bool published, enum preset *out)
{
	struct str name = { NULL, 0 };

	if (!body_opt_str(rq, "preset", 64, &name))
		return false;
	if (name.n == 0)
		*out = published ? PRESET_PUBLIC : PRESET_PRIVATE;
	else if (str_eq(name, S("private_chat")))
		*out = PRESET_PRIVATE;
	else if (str_eq(name, S("trusted_private_chat")))
		*out = PRESET_TRUSTED;
	else if (str_eq(name, S("public_chat")))
		*out = PRESET_PUBLIC;
	else
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The preset is not known");
	return true;
}

static bool
read_invites(struct req *rq, struct create *cr)
{
	const struct json *list, *third;

	if (!body_opt_arr(rq, "invite", INVITES_MAX, &list) ||
	    !body_opt_arr(rq, "invite_3pid", INVITES_MAX, &third))
		return false;
	if (third != NULL && third->n > 0)
		return fail(&rq->ctx.err, M_THREEPID_DENIED,
		    "Invitations by e-mail or phone are not offered here");
	return read_users(rq, list, "invite", &cr->invite, &cr->ninvite);
}

/* What the create event would be refused for, said as a fault of the request. */
static bool
read_creation(struct req *rq, struct create *cr)
{
	const struct json *list;
	const struct str *users;
	size_t n;

	if (!body_opt_obj(rq, "creation_content", &cr->creation_content))
		return false;
	list = json_get(cr->creation_content, S("additional_creators"));
	if (list == NULL || !cr->v->creators_have_infinite_power)
		return true;
	if (list->type != JSON_ARR || list->n > INVITES_MAX)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "additional_creators must be an array of user ids");
	return read_users(rq, list, "additional_creators", &users, &n);
}

static bool
read_version(struct req *rq, struct create *cr)
{
	struct str name = conf_get()->room_default_version;

	if (!body_opt_str(rq, "room_version", 32, &name))
		return false;
	cr->v = room_version(name);
	return cr->v != NULL || fail(&rq->ctx.err, M_UNSUPPORTED_ROOM_VERSION,
	    "The room version is not known here");
}

static bool
read_names(struct req *rq, struct create *cr)
{
	struct str local = { NULL, 0 };

	if (!body_opt_str(rq, "name", 8192, &cr->name) ||
	    !body_opt_str(rq, "topic", 32768, &cr->topic) ||
	    !body_opt_str(rq, "room_alias_name", 255, &local))
		return false;
	if (local.n == 0)
		return true;
	cr->alias = str_fmt(rq->ctx.a, "#" STR_FMT ":" STR_FMT,
	    STR_ARG(local), STR_ARG(server_get()->name));
	return (id_alias_ok(cr->alias) && str_find(local, ':') < 0) ||
	    fail(&rq->ctx.err, M_INVALID_PARAM,
	    "room_alias_name is malformed");
}

/* POST /createRoom: see the specification for its many members. reply { room_id } */
bool
create_room_post(struct req *rq)
{
	struct create cr = { .published = false };
	struct str visibility = { NULL, 0 };
	struct room *r;

	if (!body_opt_str(rq, "visibility", 16, &visibility))
		return false;
	if (visibility.n > 0 && !str_eq(visibility, S("public")) &&
	    !str_eq(visibility, S("private")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "visibility must be public or private");
	cr.published = str_eq(visibility, S("public"));
	if (cr.published && !conf_get()->directory_public_listing &&
	    !rq->ctx.who.admin)
		return fail(&rq->ctx.err, M_FORBIDDEN,
		    "Rooms may not be published here");
	if (!read_preset(rq, cr.published, &cr.preset) ||
	    !read_version(rq, &cr) || !read_names(rq, &cr) ||
	    !read_invites(rq, &cr) ||
	    !body_opt_bool(rq, "is_direct", &cr.is_direct) ||
	    !read_creation(rq, &cr) ||
	    !body_opt_obj(rq, "power_level_content_override",
	    &cr.power_override) ||
	    !body_opt_arr(rq, "initial_state", 200, &cr.initial_state) ||
	    !room_create(&rq->ctx, &cr, &r))
		return false;
	jsonw_str(res_open(rq, 200), "room_id", room_id(r));
	return res_close(rq);
}

/* POST /rooms/{roomId}/upgrade: new_version, additional_creators. reply { replacement_room } */
bool
room_upgrade_post(struct req *rq)
{
	struct upgrade ask = { .v = NULL };
	const struct json *list;
	struct room *r, *new;
	struct str version;

	if (!body_str(rq, "new_version", 255, &version) ||
	    !body_opt_arr(rq, "additional_creators", INVITES_MAX, &list) ||
	    !read_users(rq, list, "additional_creators", &ask.creators,
	    &ask.ncreators))
		return false;
	ask.v = room_version(version);
	if (ask.v == NULL)
		return fail(&rq->ctx.err, M_UNSUPPORTED_ROOM_VERSION,
		    "The room version is not known here");
	if (!req_room(rq, &r) || !room_upgrade(&rq->ctx, r, &ask, &new))
		return false;
	jsonw_str(res_open(rq, 200), "replacement_room", room_id(new));
	return res_close(rq);
}

/* Members of a join's body that are not the client's to put into the event. */
static bool
is_servers_word(struct str key)
{
	static const struct str word[] = {
		S_INIT("membership"), S_INIT("displayname"),
		S_INIT("avatar_url"), S_INIT("reason"), S_INIT("is_direct"),
		S_INIT("third_party_invite"), S_INIT("third_party_signed"),
		S_INIT("join_authorised_via_users_server"),
	};

	for (size_t i = 0; i < LEN(word); i++)
		if (str_eq(word[i], key))
			return true;
	return false;
}

/* A room as the path names it, and the servers that may let us in. */
struct named {
	struct str id;
	struct room *r;			/* NULL: nothing is known of it here */
	struct str via[FED_VIA_MAX];
	size_t nvia;
};

static void
add_via(struct named *x, struct str server)
{
	if (!id_server_name_ok(server) || x->nvia == LEN(x->via))
		return;
	for (size_t i = 0; i < x->nvia; i++)
		if (str_eq(x->via[i], server))
			return;
	x->via[x->nvia++] = server;
}

/* Who invited knows a way in; then those that the client names, else the room's own name. */
static bool
find_via(struct req *rq, struct named *x)
{
	struct ctx *c = &rq->ctx;
	const struct sev *mine = NULL;

	if (x->r != NULL && !room_state(c, x->r, S("m.room.member"),
	    c->who.user, &mine))
		return false;
	if (mine != NULL)
		add_via(x, id_server(mine->ev.sender));
	for (size_t i = 0; i < rq->nquery; i++)
		if (str_eq(rq->query[i].key, S("via")) ||
		    str_eq(rq->query[i].key, S("server_name")))
			add_via(x, rq->query[i].val);
	if (x->nvia == 0)
		add_via(x, id_server(x->id));
	return true;
}

static bool
find_named(struct req *rq, struct str name, struct named *x)
{
	struct ctx *c = &rq->ctx;

	*x = (struct named){ .id = name };
	if (id_alias_ok(name) && !server_is_local(name)) {
		if (!fed_directory(c, name, &x->id, x->via, LEN(x->via),
		    &x->nvia))
			return false;
	} else if (!id_room_ok(name)) {
		return room_by_name(c, name, &x->r);
	}
	if (!room_open_any(c, x->id, &x->r)) {
		if (c->err.code != M_NOT_FOUND)
			return false;
		err_clear(&c->err);
		x->r = NULL;
	}
	return find_via(rq, x);
}

/* Nobody of ours may vouch for a restricted join: another server in the room may. */
static bool
others_join(struct ctx *c, struct named *x, struct str reason,
    const struct json *extra)
{
	struct err why = c->err;

	x->nvia = room_servers(c, x->r, x->via, LEN(x->via));
	if (x->nvia > 0 && fed_join(c, x->id, x->via, x->nvia, reason, extra))
		return true;
	if (x->nvia == 0 || c->err.code == M_NOT_FOUND)
		c->err = why;
	return false;
}

/*
 * What else the body has becomes part of the member event, as clients expect.
 * A restricted room in which nobody of ours may vouch is joined by another
 * server's word.
 */
static bool
join_by_name(struct req *rq, struct str name)
{
	struct ctx *c = &rq->ctx;
	struct str reason = { NULL, 0 };
	struct json extra = json_new_obj();
	struct named x;

	if (!body_opt_str(rq, "reason", 2048, &reason) ||
	    !find_named(rq, name, &x))
		return false;
	for (uint32_t i = 0; i < rq->body.n; i++)
		if (!is_servers_word(rq->body.m[i].key))
			json_set(c->a, &extra, rq->body.m[i].key,
			    rq->body.m[i].val);
	if (x.r == NULL || !member_is_resident(x.r)) {
		if (!fed_join(c, x.id, x.via, x.nvia, reason, &extra) ||
		    !room_open(c, x.id, &x.r))
			return false;
	}
	/* Nothing, for who came in by that. */
	if (!member_join(c, x.r, reason, &extra) &&
	    (c->err.code != M_UNABLE_TO_GRANT_JOIN || !others_join(c, &x,
	    reason, &extra)))
		return false;
	jsonw_str(res_open(rq, 200), "room_id", room_id(x.r));
	return res_close(rq);
}

/* POST /join/{roomIdOrAlias} */
bool
join_post(struct req *rq)
{
	return join_by_name(rq, req_path(rq, "roomIdOrAlias"));
}

/* POST /rooms/{roomId}/join */
bool
room_join_post(struct req *rq)
{
	struct str id;

	return req_path_room(rq, "roomId", &id) && join_by_name(rq, id);
}

/* POST /knock/{roomIdOrAlias} */
bool
knock_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str reason = { NULL, 0 };
	struct named x;

	if (!body_opt_str(rq, "reason", 2048, &reason) ||
	    !find_named(rq, req_path(rq, "roomIdOrAlias"), &x))
		return false;
	if (x.r == NULL || !member_is_resident(x.r)
	    ? !fed_knock(c, x.id, x.via, x.nvia, reason)
	    : !member_knock(c, x.r, reason))
		return false;
	jsonw_str(res_open(rq, 200), "room_id", x.r != NULL ? room_id(x.r)
	    : x.id);
	return res_close(rq);
}

/* POST /rooms/{roomId}/leave */
bool
room_leave_post(struct req *rq)
{
	struct str id, reason = { NULL, 0 };
	struct room *r;

	return body_opt_str(rq, "reason", 2048, &reason) &&
	    req_path_room(rq, "roomId", &id) &&
	    room_open_any(&rq->ctx, id, &r) &&
	    member_leave(&rq->ctx, r, reason) && res_empty(rq);
}

/* POST /rooms/{roomId}/forget */
bool
room_forget_post(struct req *rq)
{
	struct room *r;
	struct str id;

	if (!req_path_room(rq, "roomId", &id) ||
	    !room_open_any(&rq->ctx, id, &r))
		return false;
	if (member_forget_room(&rq->ctx, r))
		return res_empty(rq);
	if (rq->ctx.err.code == M_UNKNOWN)
		rq->ctx.err.status = 400;
	return false;
}

/* The four that act on somebody: { user_id, reason }. */
static bool
act_on(struct req *rq, bool (*act)(struct ctx *, struct room *, struct str,
    struct str))
{
	struct str user, reason = { NULL, 0 };
	struct room *r;

	if (!body_str(rq, "user_id", 255, &user) ||
	    !body_opt_str(rq, "reason", 2048, &reason))
		return false;
	if (!id_user_ok(user))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "user_id is malformed");
	return req_room(rq, &r) && act(&rq->ctx, r, user, reason) &&
	    res_empty(rq);
}

static bool
invite(struct ctx *c, struct room *r, struct str user, struct str reason)
{
	return member_invite(c, r, user, reason, false);
}

/* medium, address, id_server, id_access_token: no identity server is asked here. */
static bool
invite_by_3pid(struct req *rq)
{
	static const char *const keys[] = { "medium", "address", "id_server",
	    "id_access_token" };
	struct room *r;
	struct str s;

	for (size_t i = 0; i < LEN(keys); i++)
		if (!body_str(rq, keys[i], 512, &s))
			return false;
	return req_room(rq, &r) && room_must_be_in(&rq->ctx, r) &&
	    fail(&rq->ctx.err, M_THREEPID_DENIED,
	    "Invitations by e-mail or phone are not offered here");
}

/* POST /rooms/{roomId}/invite */
bool
room_invite_post(struct req *rq)
{
	if (json_get(&rq->body, S("user_id")) == NULL &&
	    json_get(&rq->body, S("medium")) != NULL)
		return invite_by_3pid(rq);
	return act_on(rq, invite);
}

/* POST /rooms/{roomId}/kick */
bool
room_kick_post(struct req *rq)
{
	return act_on(rq, member_kick);
}

/* POST /rooms/{roomId}/ban */
bool
room_ban_post(struct req *rq)
{
	return act_on(rq, member_ban);
}

/* POST /rooms/{roomId}/unban */
bool
room_unban_post(struct req *rq)
{
	return act_on(rq, member_unban);
}

/* GET /joined_rooms */
bool
joined_rooms_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct user_membership *m;
	struct jsonw *w;
	size_t n;

	if (!memberships_of_user(c->db, c->a, c->who.user, 1U << MEMBER_JOIN,
	    &m, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "joined_rooms");
	for (size_t i = 0; i < n; i++) {
		struct room *r;

		if (!room_open_nid(c, m[i].room, &r))
			return false;
		jsonw_str(w, NULL, room_id(r));
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

/* GET /directory/room/{roomAlias} */
bool
alias_get(struct req *rq)
{
	struct str alias, id, server[ALIAS_SERVERS_MAX];
	struct room *r;
	struct jsonw *w;
	size_t n;

	if (!req_path_alias(rq, "roomAlias", &alias))
		return false;
	if (server_is_local(alias)) {
		if (!alias_resolve(&rq->ctx, alias, &r))
			return false;
		id = room_id(r);
		server[0] = server_get()->name;
		n = 1 + room_servers(&rq->ctx, r, server + 1,
		    LEN(server) - 1);
	} else if (!fed_directory(&rq->ctx, alias, &id, server, LEN(server),
	    &n)) {
		return false;
	}
	w = res_open(rq, 200);
	jsonw_str(w, "room_id", id);
	jsonw_strs(w, "servers", server, n);
	res_note(rq, SEEN_DIRECTORY, alias, 1);
	return res_close(rq);
}

/* PUT /directory/room/{roomAlias}: room_id */
bool
alias_put(struct req *rq)
{
	struct str alias, id;
	struct room *r;

	if (!req_path_alias(rq, "roomAlias", &alias) ||
	    !body_str(rq, "room_id", 255, &id))
		return false;
	if (!id_room_ok(id))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "room_id is malformed");
	return room_open(&rq->ctx, id, &r) && room_must_be_in(&rq->ctx, r) &&
	    alias_create(&rq->ctx, r, alias) && res_empty(rq);
}

/* DELETE /directory/room/{roomAlias} */
bool
alias_delete_delete(struct req *rq)
{
	struct str alias;

	return req_path_alias(rq, "roomAlias", &alias) &&
	    alias_remove(&rq->ctx, alias) && res_empty(rq);
}

/* GET /rooms/{roomId}/aliases */
bool
room_aliases_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str *alias;
	struct room *r;
	struct jsonw *w;
	size_t n;

	if (!req_room(rq, &r) || !room_must_be_in(c, r) ||
	    !aliases_of_room(c->db, c->a, room_nid(r), &alias, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_strs(w, "aliases", alias, n);
	return res_close(rq);
}

/* GET /directory/list/room/{roomId} */
bool
room_visibility_get(struct req *rq)
{
	struct str id;
	struct room *r;
	bool on;

	if (!req_path_room(rq, "roomId", &id) ||
	    !room_open(&rq->ctx, id, &r) ||
	    !room_is_published(&rq->ctx, r, &on))
		return false;
	jsonw_cstr(res_open(rq, 200), "visibility", on ? "public" : "private");
	return res_close(rq);
}

/* PUT /directory/list/room/{roomId}: visibility */
bool
room_visibility_put(struct req *rq)
{
	struct str how = S("public");
	struct room *r;
	bool on;

	if (!body_opt_str(rq, "visibility", 16, &how))
		return false;
	on = str_eq(how, S("public"));
	if (!on && !str_eq(how, S("private")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "visibility must be public or private");
	if (!req_room(rq, &r) || !room_may_publish(&rq->ctx, r))
		return false;
	if (on && !conf_get()->directory_public_listing && !rq->ctx.who.admin)
		return fail(&rq->ctx.err, M_FORBIDDEN,
		    "Rooms may not be published here");
	return room_publish(&rq->ctx, r, on) && res_empty(rq);
}
