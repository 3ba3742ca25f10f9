/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Our users' devices and keys for other servers, as far as they share rooms
 * (CVE-2023-43796). spec: server-server, "End-to-End Encryption".
 */
#include "api/res.h"

#include "core/account.h"
#include "core/edu.h"
#include "core/keys.h"
#include "room/ids.h"
#include "store/stream.h"

#define USERS_MAX 1000

/* May the asking server know of that user's devices? */
static bool
may_know(struct req *rq, struct str user, bool *may)
{
	*may = false;
	return !id_user_ok(user) || !server_is_local(user) ||
	    edu_shares_room(&rq->ctx, user, rq->ctx.who.user, may);
}

/* POST /user/keys/query: { device_keys: { user: [device] } } */
bool
fed_keys_query_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct json devices = json_new_obj(), master = json_new_obj(),
	    self = json_new_obj();
	const struct json *ask;
	struct user_keys k;
	struct jsonw *w;
	bool may;

	if (!body_obj(rq, "device_keys", &ask))
		return false;
	for (uint32_t i = 0; i < ask->n && i < USERS_MAX; i++) {
		struct str user = ask->m[i].key;

		if (ask->m[i].val.type != JSON_ARR)
			return fail(&c->err, M_BAD_JSON,
			    "device_keys names a list of devices a user");
		if (!may_know(rq, user, &may))
			return false;
		if (!may)
			continue;
		if (!keys_query(c, user, &ask->m[i].val, &k))
			return false;
		json_set(c->a, &devices, user, k.devices);
		if (k.has_master)
			json_set(c->a, &master, user, k.master);
		if (k.has_self_signing)
			json_set(c->a, &self, user, k.self_signing);
		res_note(rq, SEEN_DEVICES, user, k.devices.n);
	}
	w = res_open(rq, 200);
	jsonw_json(w, "device_keys", &devices);
	jsonw_json(w, "master_keys", &master);
	jsonw_json(w, "self_signing_keys", &self);
	if (rq->seen.n == 0)
		res_note(rq, SEEN_DEVICES, S(""), 0);
	return res_close(rq);
}

/* POST /user/keys/claim: { one_time_keys: { user: { device: algorithm } } } */
bool
fed_keys_claim_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct json known = json_new_obj(), out;
	const struct json *ask;
	bool may;

	if (!body_obj(rq, "one_time_keys", &ask))
		return false;
	for (uint32_t i = 0; i < ask->n && i < USERS_MAX; i++) {
		if (!may_know(rq, ask->m[i].key, &may))
			return false;
		if (may)
			json_set(c->a, &known, ask->m[i].key,
			    ask->m[i].val);
	}
	if (!keys_claim(c, &known, &out))
		return false;
	jsonw_json(res_open(rq, 200), "one_time_keys", &out);
	res_note(rq, SEEN_DEVICES, S("one-time keys"), out.n);
	return res_close(rq);
}

static void
write_device(struct jsonw *w, struct str id, const struct json *keys)
{
	struct str name = json_str(json_get_obj(keys, S("unsigned")),
	    S("device_display_name"));

	jsonw_obj(w, NULL);
	jsonw_str(w, "device_id", id);
	jsonw_json(w, "keys", keys);
	if (name.n > 0)
		jsonw_str(w, "device_display_name", name);
	jsonw_obj_end(w);
}

/* GET /user/devices/{userId} */
bool
fed_user_devices_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct json all = json_new_arr();
	struct user_keys k;
	struct jsonw *w;
	struct str user;
	bool may;

	if (!req_path_user(rq, "userId", &user) || !may_know(rq, user, &may))
		return false;
	if (!may)
		return fail(&c->err, M_FORBIDDEN, "The user is not of this "
		    "server, or shares no room with yours");
	if (!keys_query(c, user, &all, &k))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "user_id", user);
	jsonw_int(w, "stream_id", stream_now());
	jsonw_arr(w, "devices");
	for (uint32_t i = 0; i < k.devices.n; i++)
		write_device(w, k.devices.m[i].key, &k.devices.m[i].val);
	jsonw_arr_end(w);
	if (k.has_master)
		jsonw_json(w, "master_key", &k.master);
	if (k.has_self_signing)
		jsonw_json(w, "self_signing_key", &k.self_signing);
	res_note(rq, SEEN_DEVICES, user, k.devices.n);
	return res_close(rq);
}
