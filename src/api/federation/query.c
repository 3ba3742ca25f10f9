/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What another server asks without being in a room.
 * spec: server-server, "Querying for information".
 */
#include "api/res.h"

#include "base/conf.h"
#include "core/account.h"
#include "core/alias.h"
#include "core/receive.h"
#include "room/ids.h"
#include "store/q_profile.h"

#define SERVERS_MAX 100

/* GET /query/directory?room_alias= */
bool
fed_directory_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str alias, server[SERVERS_MAX];
	struct jsonw *w;
	struct room *r;
	size_t n;

	if (!req_need(rq, "room_alias", &alias))
		return false;
	if (!id_alias_ok(alias) || !server_is_local(alias))
		return fail(&c->err, M_NOT_FOUND,
		    "The alias is not of this server");
	if (!alias_resolve(c, alias, &r))
		return false;
	n = room_servers(c, r, server, SERVERS_MAX);
	w = res_open(rq, 200);
	jsonw_str(w, "room_id", room_id(r));
	jsonw_arr(w, "servers");
	jsonw_str(w, NULL, server_get()->name);
	for (size_t i = 0; i < n; i++)
		jsonw_str(w, NULL, server[i]);
	jsonw_arr_end(w);
	res_note(rq, SEEN_DIRECTORY, alias, 1);
	return res_close(rq);
}

static bool
write_field(struct req *rq, struct str user, struct str only,
    const char *name)
{
	struct str value;

	if (only.n > 0 && !str_eq_c(only, name))
		return true;
	if (!profile_field(rq->ctx.db, rq->ctx.a, user, str_c(name), &value,
	    &rq->ctx.err))
		return false;
	if (value.n > 0)
		jsonw_str(&rq->w, name, value);
	return true;
}

/* GET /query/profile?user_id=&field= */
bool
fed_profile_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct account account;
	struct str user;

	if (!req_need(rq, "user_id", &user))
		return false;
	if (!id_user_ok(user))
		return fail(&c->err, M_INVALID_PARAM,
		    "user_id is malformed");
	if (!server_is_local(user))
		return fail(&c->err, M_NOT_FOUND,
		    "The user is not of this server");
	if (!account_get(c, user, &account))
		return false;
	res_open(rq, 200);
	if (!write_field(rq, user, req_query(rq, "field"), "displayname") ||
	    !write_field(rq, user, req_query(rq, "field"), "avatar_url"))
		return false;
	res_note(rq, SEEN_PROFILE, user, 1);
	return res_close(rq);
}

static bool
directory_open(struct req *rq)
{
	return conf_get()->federation_directory || fail(&rq->ctx.err,
	    M_FORBIDDEN, "This server does not list its rooms to others");
}

/* GET /publicRooms?limit=&since=: what our users are told */
bool
fed_public_rooms_get(struct req *rq)
{
	return directory_open(rq) && public_rooms_get(rq);
}

/* POST /publicRooms: limit, since, filter */
bool
fed_public_rooms_post(struct req *rq)
{
	return directory_open(rq) && public_rooms_post(rq);
}
