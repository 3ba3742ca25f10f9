/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What this server says of itself to others.
 * spec: server-server, "Server implementation", "Publishing Keys".
 */
#include "api/res.h"
#include "base/enc.h"
#include "core/server_keys.h"
#include "room/ids.h"

#define NOTARY_MAX 20			/* servers of one request: each is asked */
#define KEYS_VALID_MS (INT64_C(24) * 3600 * 1000)

/* GET /federation/v1/version */
bool
fed_version_get(struct req *rq)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_obj(w, "server");
	jsonw_cstr(w, "name", "beffroi");
	jsonw_cstr(w, "version", BEFFROI_VERSION);
	jsonw_obj_end(w);
	return res_close(rq);
}

static struct json
our_keys(struct req *rq)
{
	struct arena *a = rq->ctx.a;
	const struct server *s = server_get();
	struct json out = json_new_obj(), keys = json_new_obj(),
	    key = json_new_obj();

	json_set(a, &key, S("key"), json_of_str(b64_encode(a, B64_STD,
	    str_n((const char *)s->key.public_key, SIGN_PUBLIC_BYTES))));
	json_set(a, &keys, s->key.id, key);
	json_set(a, &out, S("server_name"), json_of_str(s->name));
	json_set(a, &out, S("verify_keys"), keys);
	json_set(a, &out, S("old_verify_keys"), json_new_obj());
	json_set(a, &out, S("valid_until_ts"), json_of_int(rq->ctx.now_ms +
	    KEYS_VALID_MS));
	sign_json(a, &out, s->name, &s->key);
	return out;
}

/* GET /key/v2/server */
bool
fed_keys_get(struct req *rq)
{
	struct json out = our_keys(rq);

	return res_json(rq, 200, &out);
}

/* What a server publishes, with our signature too. One that does not answer is left out. */
static void
vouch_for(struct req *rq, struct str server, struct json *list)
{
	struct ctx *c = &rq->ctx;
	const struct json *got;
	struct json one;

	if (str_eq(server, server_get()->name)) {
		json_push(c->a, list, our_keys(rq));
		return;
	}
	if (!id_server_name_ok(server) ||
	    !server_keys_published(c, server, &got)) {
		err_clear(&c->err);
		return;
	}
	one = json_copy(c->a, got);
	sign_json(c->a, &one, server_get()->name, &server_get()->key);
	json_push(c->a, list, one);
}

static bool
reply_list(struct req *rq, struct json list)
{
	struct json out = json_new_obj();

	json_set(rq->ctx.a, &out, S("server_keys"), list);
	return res_json(rq, 200, &out);
}

/* GET /key/v2/query/{serverName} */
bool
fed_keys_query_get(struct req *rq)
{
	struct json list = json_new_arr();

	vouch_for(rq, req_path(rq, "serverName"), &list);
	return reply_list(rq, list);
}

/* POST /key/v2/query: { server_keys: { server: ... } } */
bool
fed_notary_post(struct req *rq)
{
	struct json list = json_new_arr();
	const struct json *ask;

	if (!body_obj(rq, "server_keys", &ask))
		return false;
	if (ask->n > NOTARY_MAX)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "At most %d servers at once", NOTARY_MAX);
	for (uint32_t i = 0; i < ask->n; i++)
		vouch_for(rq, ask->m[i].key, &list);
	return reply_list(rq, list);
}
