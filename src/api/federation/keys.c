/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What this server says of itself to others.
 * spec: server-server, "Server implementation", "Publishing Keys".
 */
#include "api/res.h"
#include "base/enc.h"

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

/* GET /key/v2/server */
bool
fed_keys_get(struct req *rq)
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
	return res_json(rq, 200, &out);
}
