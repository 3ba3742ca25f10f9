/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys, cross-signing, to-device. spec: client-server, "End-to-End Encryption". */
#include "api/client/sync_write.h"
#include "api/res.h"
#include "api/uia.h"
#include "core/e2ee.h"
#include "core/fed_keys.h"
#include "core/keys.h"
#include "core/token.h"
#include "room/ids.h"

#define QUERY_USERS_MAX 2000

/* POST /keys/upload: device_keys, one_time_keys, fallback_keys. */
bool
keys_upload_post(struct req *rq)
{
	const struct json *device, *one_time, *fallback;
	struct otk_count *count;
	struct str *unused;
	size_t n, nunused;

	if (!body_opt_obj(rq, "device_keys", &device) ||
	    !body_opt_obj(rq, "one_time_keys", &one_time) ||
	    !body_opt_obj(rq, "fallback_keys", &fallback) ||
	    !keys_upload(&rq->ctx, device, one_time, fallback) ||
	    !otk_counts(&rq->ctx, rq->ctx.who.user, rq->ctx.who.device,
	    &count, &n, &unused, &nunused))
		return false;
	sync_write_counts(res_open(rq, 200), "one_time_key_counts", count, n);
	return res_close(rq);
}

/* What is known of the keys of several users: each an object by user id. */
struct known {
	struct json devices, master, self, user;
};

static bool
query_one(struct req *rq, struct str id, const struct json *devices,
    struct known *out)
{
	struct arena *a = rq->ctx.a;
	struct user_keys k;

	if (devices->type != JSON_ARR)
		return fail(&rq->ctx.err, M_BAD_JSON,
		    "device_keys names a list of devices a user");
	if (!id_user_ok(id) || !server_is_local(id))
		return true;
	if (!keys_query(&rq->ctx, id, devices, &k))
		return false;
	json_set(a, &out->devices, id, k.devices);
	if (k.has_master)
		json_set(a, &out->master, id, k.master);
	if (k.has_self_signing)
		json_set(a, &out->self, id, k.self_signing);
	if (k.has_user_signing)
		json_set(a, &out->user, id, k.user_signing);
	res_note(rq, SEEN_DEVICES, id, k.devices.n);
	return true;
}

/* All at one moment, which is also cheaper than asking anew for each. */
static bool
query_all(struct req *rq, const struct json *ask, struct known *out)
{
	bool ok = db_read_begin(rq->ctx.db, &rq->ctx.err);

	if (!ok)
		return false;
	for (uint32_t i = 0; i < ask->n && ok; i++)
		ok = query_one(rq, ask->m[i].key, &ask->m[i].val, out);
	db_read_end(rq->ctx.db);
	return ok;
}

/* What another server says of its own users, and of nobody else. */
static void
merge(struct req *rq, struct str server, const struct json *from,
    struct json *into, bool noted)
{
	for (uint32_t i = 0; from != NULL && i < from->n; i++) {
		struct str user = from->m[i].key;

		if (!id_user_ok(user) || !str_eq(id_server(user), server) ||
		    from->m[i].val.type != JSON_OBJ)
			continue;
		json_set(rq->ctx.a, into, user, from->m[i].val);
		if (noted)
			res_note(rq, SEEN_DEVICES, user, from->m[i].val.n);
	}
}

struct remote {
	struct req *rq;
	struct known *known;
	struct json *claimed;
};

static void
take_queried(void *arg, struct str server, const struct json *got)
{
	struct remote *x = arg;

	merge(x->rq, server, json_get_obj(got, S("device_keys")),
	    &x->known->devices, true);
	merge(x->rq, server, json_get_obj(got, S("master_keys")),
	    &x->known->master, false);
	merge(x->rq, server, json_get_obj(got, S("self_signing_keys")),
	    &x->known->self, false);
}

static void
take_claimed(void *arg, struct str server, const struct json *got)
{
	struct remote *x = arg;

	merge(x->rq, server, json_get_obj(got, S("one_time_keys")),
	    x->claimed, false);
}

/* POST /keys/query: device_keys { user: [device...] }. */
bool
keys_query_post(struct req *rq)
{
	struct known k = { json_new_obj(), json_new_obj(), json_new_obj(),
	    json_new_obj() };
	struct json failures = json_new_obj();
	struct remote remote = { .rq = rq, .known = &k };
	const struct json *ask;
	struct jsonw *w;

	if (!body_obj(rq, "device_keys", &ask))
		return false;
	if (ask->n > QUERY_USERS_MAX)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "At most %d users at once", QUERY_USERS_MAX);
	if (!query_all(rq, ask, &k) || !fed_keys_ask(&rq->ctx, "query",
	    "device_keys", ask, take_queried, &remote, &failures))
		return false;
	w = res_open(rq, 200);
	jsonw_json(w, "device_keys", &k.devices);
	jsonw_json(w, "failures", &failures);
	jsonw_json(w, "master_keys", &k.master);
	jsonw_json(w, "self_signing_keys", &k.self);
	jsonw_json(w, "user_signing_keys", &k.user);
	if (rq->seen.n == 0)
		res_note(rq, SEEN_DEVICES, S(""), 0);
	return res_close(rq);
}

/* POST /keys/claim: one_time_keys { user: { device: algorithm } }. */
bool
keys_claim_post(struct req *rq)
{
	const struct json *ask;
	struct json out, failures = json_new_obj();
	struct remote remote = { .rq = rq, .claimed = &out };
	struct jsonw *w;

	if (!body_obj(rq, "one_time_keys", &ask) ||
	    !keys_claim(&rq->ctx, ask, &out) || !fed_keys_ask(&rq->ctx,
	    "claim", "one_time_keys", ask, take_claimed, &remote, &failures))
		return false;
	w = res_open(rq, 200);
	jsonw_json(w, "failures", &failures);
	jsonw_json(w, "one_time_keys", &out);
	res_note(rq, SEEN_DEVICES, S("one-time keys"), out.n);
	return res_close(rq);
}

/* GET /keys/changes?from=&to= */
bool
keys_changes_get(struct req *rq)
{
	struct str from_text, to_text, *changed, *left;
	int64_t from, to;
	struct jsonw *w;
	size_t nc, nl;

	if (!req_need(rq, "from", &from_text) || !req_need(rq, "to", &to_text) ||
	    !token_sync_read(from_text, &from, &rq->ctx.err) ||
	    !token_sync_read(to_text, &to, &rq->ctx.err) ||
	    !devicelist_changes(&rq->ctx, rq->ctx.who.user, from, to, &changed,
	    &nc, &left, &nl))
		return false;
	w = res_open(rq, 200);
	jsonw_strs(w, "changed", changed, nc);
	jsonw_strs(w, "left", left, nl);
	return res_close(rq);
}

/* POST /keys/device_signing/upload: master_key, self_signing_key, user_signing_key, auth. */
bool
device_signing_upload_post(struct req *rq)
{
	const struct json *master, *self, *user;
	bool harmless;

	return body_opt_obj(rq, "master_key", &master) &&
	    body_opt_obj(rq, "self_signing_key", &self) &&
	    body_opt_obj(rq, "user_signing_key", &user) &&
	    crosssign_is_harmless(&rq->ctx, master, self, user, &harmless) &&
	    (harmless || uia_ask_reset(rq)) &&
	    crosssign_upload(&rq->ctx, master, self, user) && res_empty(rq);
}

/* POST /keys/signatures/upload: { user: { key: signed object } }. */
bool
signatures_upload_post(struct req *rq)
{
	struct json failures;

	if (!signatures_upload(&rq->ctx, &rq->body, &failures))
		return false;
	jsonw_json(res_open(rq, 200), "failures", &failures);
	return res_close(rq);
}

/* PUT /sendToDevice/{eventType}/{txnId}: messages. */
bool
send_to_device_put(struct req *rq)
{
	struct str type = req_path(rq, "eventType");
	const struct json *messages;

	if (!body_obj(rq, "messages", &messages))
		return false;
	if (type.n == 0 || type.n > 255)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "An event type takes 1 to 255 bytes");
	return todevice_send(&rq->ctx, type, req_path(rq, "txnId"),
	    messages) && res_empty(rq);
}
