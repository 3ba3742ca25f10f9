/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One's account, devices and profiles; finding people. */
#include "api/res.h"
#include "base/conf.h"
#include "core/account.h"
#include "core/e2ee.h"
#include "core/fed.h"
#include "core/session.h"
#include "room/ids.h"
#include "store/q_profile.h"
#include "store/stream.h"

/* GET /account/whoami */
bool
whoami_get(struct req *rq)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_str(w, "user_id", rq->ctx.who.user);
	if (rq->ctx.who.device.n > 0)
		jsonw_str(w, "device_id", rq->ctx.who.device);
	jsonw_bool(w, "is_guest", rq->ctx.who.guest);
	return res_close(rq);
}

/* POST /account/password: new_password, logout_devices (default true), auth. */
bool
password_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str new_password;
	bool all = true;

	if (!body_str(rq, "new_password", 512, &new_password) ||
	    !body_opt_bool(rq, "logout_devices", &all) || !req_uia(rq) ||
	    !account_change_password(c, c->who.user, secret_dup(c->a,
	    new_password)))
		return false;
	return (!all || session_end_all(c, c->who.user, c->who.device)) &&
	    res_empty(rq);
}

/* POST /account/deactivate: auth, erase. */
bool
deactivate_post(struct req *rq)
{
	struct jsonw *w;
	bool erase = false;

	if (!body_opt_bool(rq, "erase", &erase) || !req_uia(rq) ||
	    !account_deactivate(&rq->ctx, rq->ctx.who.user, erase))
		return false;
	w = res_open(rq, 200);
	jsonw_cstr(w, "id_server_unbind_result", "success");
	return res_close(rq);
}

/* GET /account/3pid: none are kept here. */
bool
threepids_get(struct req *rq)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_arr(w, "threepids");
	jsonw_arr_end(w);
	return res_close(rq);
}

static void
write_device(struct jsonw *w, const struct device *d)
{
	jsonw_str(w, "device_id", d->device_id);
	if (d->name.n > 0)
		jsonw_str(w, "display_name", d->name);
	if (d->seen_ms > 0) {
		jsonw_str(w, "last_seen_ip", d->seen_address);
		jsonw_int(w, "last_seen_ts", d->seen_ms);
	}
}

/* GET /devices */
bool
devices_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct device *d;
	struct jsonw *w;
	size_t n;

	if (!device_list(c->db, c->a, c->who.user, &d, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "devices");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		write_device(w, &d[i]);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

static bool
no_device(struct req *rq)
{
	return fail(&rq->ctx.err, M_NOT_FOUND, "You have no such device");
}

/* GET /devices/{deviceId} */
bool
device_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct device d;
	bool found;

	if (!device_find(c->db, c->a, c->who.user, req_path(rq, "deviceId"),
	    &d, &found, &c->err))
		return false;
	if (!found)
		return no_device(rq);
	write_device(res_open(rq, 200), &d);
	return res_close(rq);
}

struct rename {
	struct str user, device, name;
	int64_t n;
	struct stream_tx tx;
};

static bool
rename_body(struct db *db, void *arg, struct err *e)
{
	struct rename *x = arg;

	/* Others are shown the name with the keys. */
	return device_rename(db, x->user, x->device, x->name, &x->n, e) &&
	    (x->n == 0 || devicelist_bump(db, &x->tx, x->user, e));
}

/* PUT /devices/{deviceId}: display_name. */
bool
device_put_put(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct rename x = { .user = c->who.user,
	    .device = req_path(rq, "deviceId") };

	if (!body_opt_str(rq, "display_name", 1024, &x.name) ||
	    !devicelist_begin(c, x.user) ||
	    !stream_transact(c->db, rename_body, &x, &x.tx, &c->err))
		return false;
	devicelist_end(&x.tx, x.user);
	return x.n > 0 ? res_empty(rq) : no_device(rq);
}

/* DELETE /devices/{deviceId}: auth. */
bool
device_delete_delete(struct req *rq)
{
	struct str id = req_path(rq, "deviceId");

	return req_uia(rq) && session_end_devices(&rq->ctx, rq->ctx.who.user,
	    &id, 1) && res_empty(rq);
}

/* POST /delete_devices: devices, auth. */
bool
delete_devices_post(struct req *rq)
{
	const struct json *list;
	struct str *ids;

	if (!body_opt_arr(rq, "devices", 1000, &list))
		return false;
	if (list == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs devices");
	ids = arena_array(rq->ctx.a, struct str, list->n);
	for (uint32_t i = 0; i < list->n; i++) {
		if (list->at[i].type != JSON_STR)
			return fail(&rq->ctx.err, M_BAD_JSON,
			    "devices must be an array of strings");
		ids[i] = list->at[i].s;
	}
	return req_uia(rq) && session_end_devices(&rq->ctx, rq->ctx.who.user,
	    ids, list->n) && res_empty(rq);
}

static bool
known_user(struct req *rq, struct str *user)
{
	struct account x;
	bool found;

	if (!req_path_user(rq, "userId", user) ||
	    !account_find(rq->ctx.db, rq->ctx.a, *user, &x, &found,
	    &rq->ctx.err))
		return false;
	return (found && !x.deactivated) || fail(&rq->ctx.err, M_NOT_FOUND,
	    "There is no such user");
}

/* Of a user of another server that server is asked; field empty: all. */
static bool
profile_of(struct req *rq, struct str field, struct str *user,
    struct json *out)
{
	struct ctx *c = &rq->ctx;
	struct str part[2];
	struct fed_req q = { .method = "GET" };
	const struct json *got;

	if (!req_path_user(rq, "userId", user))
		return false;
	if (server_is_local(*user))
		return known_user(rq, user) && profile_all(c->db, c->a, *user,
		    out, &c->err);
	part[0] = *user;
	part[1] = field;
	q.server = id_server(*user);
	q.path = fed_path(c->a, field.n > 0
	    ? "v1/query/profile?user_id=%s&field=%s"
	    : "v1/query/profile?user_id=%s", part, 2);
	if (!fed_call(c, &q, &got))
		return false;
	*out = *got;
	return true;
}

/* GET /profile/{userId} */
bool
profile_get(struct req *rq)
{
	struct str user;
	struct json all;

	if (!profile_of(rq, S(""), &user, &all))
		return false;
	res_note(rq, SEEN_PROFILE, user, 1);
	return res_json(rq, 200, &all);
}

/* GET /profile/{userId}/{keyName} */
bool
profile_field_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str user, field = req_path(rq, "keyName");
	const struct json *v;
	struct json all, one = json_new_obj();

	if (!profile_of(rq, field, &user, &all))
		return false;
	v = json_get(&all, field);
	if (v == NULL && !str_eq(field, S("displayname")) &&
	    !str_eq(field, S("avatar_url")))
		return fail(&c->err, M_NOT_FOUND,
		    "The profile has no such field");
	if (v != NULL)
		json_set(c->a, &one, field, *v);
	res_note(rq, SEEN_PROFILE, user, 1);
	return res_json(rq, 200, &one);
}

static bool
own_profile(struct req *rq)
{
	return str_eq(req_path(rq, "userId"), rq->ctx.who.user) ||
	    rq->ctx.who.admin ||
	    fail(&rq->ctx.err, M_FORBIDDEN, "That is somebody else's profile");
}

/* PUT /profile/{userId}/{keyName}: { keyName: value } */
bool
profile_field_put(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str field = req_path(rq, "keyName");
	const struct json *v = json_get(&rq->body, field);
	bool text = str_eq(field, S("displayname")) ||
	    str_eq(field, S("avatar_url"));

	if (!own_profile(rq))
		return false;
	if (field.n == 0 || field.n > 255)
		return fail(&c->err, M_KEY_TOO_LARGE,
		    "A field's name takes 1 to 255 bytes");
	if (v == NULL)
		return fail(&c->err, M_MISSING_PARAM, "The body needs "
		    STR_FMT, STR_ARG(field));
	if (text && v->type != JSON_STR && v->type != JSON_NULL)
		return fail(&c->err, M_INVALID_PARAM, STR_FMT
		    " must be a string", STR_ARG(field));
	if (text && v->type == JSON_STR && v->s.n > 1000)
		return fail(&c->err, M_INVALID_PARAM, STR_FMT
		    " takes at most 1000 bytes", STR_ARG(field));
	return profile_change(c, req_path(rq, "userId"), field,
	    v->type == JSON_NULL || (text && v->s.n == 0)
	    ? (struct str){ NULL, 0 } : json_text(c->a, v)) && res_empty(rq);
}

/* DELETE /profile/{userId}/{keyName} */
bool
profile_field_delete(struct req *rq)
{
	return own_profile(rq) && profile_change(&rq->ctx,
	    req_path(rq, "userId"), req_path(rq, "keyName"),
	    (struct str){ NULL, 0 }) && res_empty(rq);
}

/* POST /user_directory/search: search_term, limit. */
bool
user_search_post(struct req *rq)
{
	struct user_found *u;
	struct str term;
	struct jsonw *w;
	int64_t limit = 10;
	bool limited;
	size_t n;

	if (!body_str(rq, "search_term", 512, &term) ||
	    !body_opt_int(rq, "limit", 1, 1000, &limit))
		return false;
	if (limit > 50)
		limit = 50;
	if (!user_search(&rq->ctx, term, (size_t)limit, &u, &n, &limited))
		return false;
	w = res_open(rq, 200);
	jsonw_bool(w, "limited", limited);
	jsonw_arr(w, "results");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "user_id", u[i].user);
		if (u[i].display_name.n > 0)
			jsonw_str(w, "display_name", u[i].display_name);
		if (u[i].avatar_url.n > 0)
			jsonw_str(w, "avatar_url", u[i].avatar_url);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	res_note(rq, SEEN_USERS, term, (int64_t)n);
	for (size_t i = 0; i < n; i++)
		seen_row(&rq->seen, u[i].user);
	return res_close(rq);
}
