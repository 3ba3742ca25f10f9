/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What clients must know of the authorisation server, and registering them.
 * spec: client-server v1.19, "Server metadata discovery", "Client
 * registration"; RFC 7591, 8414, 9207.
 */
#include "api/oauth/asset.h"
#include "api/oauth/page.h"
#include "api/res.h"
#include "core/oauth.h"

static void
url(struct req *rq, struct jsonw *w, const char *key, const char *path)
{
	struct site s;

	if (site_open(rq, &s))
		jsonw_str(w, key, site_url(rq, &s, path));
}

static void
list(struct jsonw *w, const char *key, const char *const *at, size_t n)
{
	jsonw_arr(w, key);
	for (size_t i = 0; i < n; i++)
		jsonw_cstr(w, NULL, at[i]);
	jsonw_arr_end(w);
}

/*
 * GET /_matrix/client/v1/auth_metadata; the unstable path and RFC 8414's too.
 *
 * errors  M_UNRECOGNIZED 404  not offered
 */
bool
auth_metadata_get(struct req *rq)
{
	static const char *const code[] = { "code" };
	static const char *const s256[] = { "S256" };
	static const char *const none[] = { "none" };
	static const char *const prompts[] = { "create" };
	static const char *const modes[] = { "query", "fragment" };
	static const char *const grants[] = { "authorization_code",
	    "refresh_token", "urn:ietf:params:oauth:grant-type:device_code" };
	static const char *const actions[] = { "org.matrix.profile",
	    "org.matrix.devices_list", "org.matrix.device_view",
	    "org.matrix.device_delete", "org.matrix.account_deactivate",
	    "org.matrix.cross_signing_reset" };
	struct site s;
	struct jsonw *w;

	if (!site_open(rq, &s))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "issuer", s.base);
	url(rq, w, "authorization_endpoint", OAUTH_ROOT "/authorize");
	url(rq, w, "token_endpoint", OAUTH_ROOT "/token");
	url(rq, w, "registration_endpoint", OAUTH_ROOT "/register");
	url(rq, w, "revocation_endpoint", OAUTH_ROOT "/revoke");
	url(rq, w, "device_authorization_endpoint", OAUTH_ROOT "/device");
	url(rq, w, "account_management_uri", PAGE_ROOT);
	list(w, "account_management_actions_supported", actions,
	    LEN(actions));
	list(w, "response_types_supported", code, LEN(code));
	list(w, "response_modes_supported", modes, LEN(modes));
	list(w, "grant_types_supported", grants, LEN(grants));
	list(w, "code_challenge_methods_supported", s256, LEN(s256));
	list(w, "token_endpoint_auth_methods_supported", none, LEN(none));
	list(w, "revocation_endpoint_auth_methods_supported", none,
	    LEN(none));
	list(w, "prompt_values_supported", prompts, LEN(prompts));
	jsonw_bool(w, "authorization_response_iss_parameter_supported", true);
	res_header(rq, "Cache-Control", S("max-age=3600"));
	return res_close(rq);
}

/* GET /_matrix/client/unstable/org.matrix.msc2965/auth_issuer: { issuer } */
bool
auth_issuer_get(struct req *rq)
{
	struct site s;

	if (!site_open(rq, &s))
		return false;
	jsonw_str(res_open(rq, 200), "issuer", s.base);
	return res_close(rq);
}

/*
 * POST /_beffroi/oauth/register: dynamic client registration.
 *
 * reply   201 the metadata that hold, with client_id; the same for the same
 * errors  invalid_client_metadata, invalid_redirect_uri 400
 */
bool
oauth_register_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct oauth_client client;
	struct json out;
	struct site s;

	if (!site_open(rq, &s) || !oauth_client_register(c, &rq->body,
	    &client))
		return false;
	out = json_copy(c->a, &client.metadata);
	json_set(c->a, &out, S("client_id"), json_of_str(client.id));
	json_set(c->a, &out, S("client_id_issued_at"),
	    json_of_int(c->now_ms / 1000));
	if (!res_json(rq, 201, &out))
		return false;
	res_header(rq, "Cache-Control", S("no-store"));
	return true;
}

static bool
send_asset(struct req *rq, const char *name, struct str type)
{
	const struct asset *x = assets;

	while (!str_eq_c(str_c(x->name), name))
		x++;
	if (!res_html(rq, 200, x->text))
		return false;
	buf_reset(&rq->res.head);
	res_header(rq, "Content-Type", type);
	res_header(rq, "Cache-Control", S("max-age=3600"));
	res_header(rq, "X-Content-Type-Options", S("nosniff"));
	res_header(rq, "Content-Security-Policy", S("default-src 'none'"));
	return true;
}

/* GET /_beffroi/oauth/style.css */
bool
oauth_style_get(struct req *rq)
{
	return send_asset(rq, "style.css", S("text/css; charset=utf-8"));
}

/* GET /_beffroi/oauth/passkey.js */
bool
oauth_script_get(struct req *rq)
{
	return send_asset(rq, "passkey.js",
	    S("text/javascript; charset=utf-8"));
}

/* GET /_beffroi/oauth/done.js */
bool
oauth_done_script_get(struct req *rq)
{
	return send_asset(rq, "done.js",
	    S("text/javascript; charset=utf-8"));
}
