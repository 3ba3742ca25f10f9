/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The endpoints that clients call themselves: tokens, revocation, and the
 * beginning of the device grant. All clients are public: client_id says who,
 * PKCE and the tokens themselves prove it.
 * spec: client-server v1.19, "Grant types", "Token revocation"; RFC 6749, 7009, 8628.
 */
#include "api/oauth/page.h"
#include "api/res.h"
#include "base/enc.h"
#include "core/oauth.h"
#include "core/oauth_scope.h"

#define DEVICE_GRANT "urn:ietf:params:oauth:grant-type:device_code"

/* A form from a client; what is wrong with it is OAuth's invalid_request. */
static bool
client_form(struct req *rq, struct form *f)
{
	struct site s;
	struct err e;

	if (!site_open(rq, &s))
		return false;
	if (form_read(rq, f))
		return true;
	e = rq->ctx.err;
	return oauth_fail(&rq->ctx, "invalid_request",
	    str_cz(rq->ctx.a, str_c(e.text)));
}

static bool
need(struct req *rq, const struct form *f, const char *name, struct str *out)
{
	*out = form_get(f, name);
	return out->n > 0 || oauth_fail(&rq->ctx, "invalid_request",
	    str_cz(rq->ctx.a, str_fmt(rq->ctx.a, "%s is required", name)));
}

static bool
tokens(struct req *rq, const struct oauth_tokens *t)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_str(w, "access_token", t->t.access);
	jsonw_cstr(w, "token_type", "Bearer");
	jsonw_int(w, "expires_in", t->t.expires_in_ms / 1000);
	jsonw_str(w, "refresh_token", t->t.refresh);
	jsonw_str(w, "scope", t->scope);
	res_header(rq, "Cache-Control", S("no-store"));
	return res_close(rq);
}

/*
 * POST /_beffroi/oauth/token
 *
 * form    grant_type authorization_code: code, redirect_uri, client_id, code_verifier
 *         refresh_token: refresh_token, client_id
 *         urn:ietf:params:oauth:grant-type:device_code: device_code, client_id
 * errors  400 invalid_request, invalid_client, invalid_grant, invalid_scope,
 *         unsupported_grant_type; authorization_pending, slow_down,
 *         access_denied, expired_token of the device grant
 */
bool
oauth_token_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str type, client_id, x, uri, verifier;
	struct oauth_client client;
	struct oauth_tokens t;
	struct form f;
	bool found;

	if (!client_form(rq, &f) || !need(rq, &f, "grant_type", &type) ||
	    !need(rq, &f, "client_id", &client_id) ||
	    !oauth_client_find(c, client_id, &client, &found))
		return false;
	if (!found)
		return oauth_fail(c, "invalid_client",
		    "The client is not registered");
	if (str_eq(type, S("authorization_code")))
		return need(rq, &f, "code", &x) &&
		    need(rq, &f, "redirect_uri", &uri) &&
		    need(rq, &f, "code_verifier", &verifier) &&
		    oauth_code_use(c, x, client_id, uri, verifier, &t) &&
		    tokens(rq, &t);
	if (str_eq(type, S("refresh_token")))
		return need(rq, &f, "refresh_token", &x) &&
		    oauth_refresh(c, client_id, x, &t) && tokens(rq, &t);
	if (str_eq(type, S(DEVICE_GRANT)))
		return need(rq, &f, "device_code", &x) &&
		    oauth_device_poll(c, client_id, x, &t) && tokens(rq, &t);
	return oauth_fail(c, "unsupported_grant_type",
	    "This grant type is not offered");
}

/*
 * POST /_beffroi/oauth/revoke: token, token_type_hint, client_id. 200 for a
 * token that is not known too.
 */
bool
oauth_revoke_post(struct req *rq)
{
	struct str token, hint;
	struct form f;

	if (!client_form(rq, &f) || !need(rq, &f, "token", &token))
		return false;
	hint = form_get(&f, "token_type_hint");
	if (hint.n > 0 && !str_eq(hint, S("access_token")) &&
	    !str_eq(hint, S("refresh_token")))
		return oauth_fail(&rq->ctx, "unsupported_token_type",
		    "There are access tokens and refresh tokens");
	return oauth_revoke(&rq->ctx, token) && res_empty(rq);
}

/*
 * POST /_beffroi/oauth/device: client_id, scope.
 *
 * errors  invalid_client, invalid_scope, unauthorized_client 400
 */
bool
oauth_device_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct oauth_device_begun d;
	struct oauth_client client;
	struct oauth_scope scope;
	struct str id, text;
	struct site s;
	struct jsonw *w;
	struct form f;
	bool found;

	if (!client_form(rq, &f) || !site_open(rq, &s) ||
	    !need(rq, &f, "client_id", &id) ||
	    !need(rq, &f, "scope", &text) ||
	    !oauth_client_find(c, id, &client, &found))
		return false;
	if (!found)
		return oauth_fail(c, "invalid_client",
		    "The client is not registered");
	if (!oauth_client_may(&client.metadata, S(DEVICE_GRANT)))
		return oauth_fail(c, "unauthorized_client",
		    "The client is not registered for this grant");
	if (!oauth_scope_read(c->a, text, &scope))
		return oauth_fail(c, "invalid_scope",
		    "The scope must be the client API and one device");
	if (!oauth_client_touch(c, id) ||
	    !oauth_device_begin(c, &client, scope.granted, &d))
		return false;
	text = site_url(rq, &s, OAUTH_ROOT "/link");
	w = res_open(rq, 200);
	jsonw_str(w, "device_code", d.device_code);
	jsonw_str(w, "user_code", d.user_code);
	jsonw_str(w, "verification_uri", text);
	jsonw_str(w, "verification_uri_complete", str_fmt(c->a,
	    STR_FMT "?user_code=" STR_FMT, STR_ARG(text),
	    STR_ARG(d.user_code)));
	jsonw_int(w, "expires_in", OAUTH_DEVICE_S);
	jsonw_int(w, "interval", OAUTH_POLL_S);
	res_header(rq, "Cache-Control", S("no-store"));
	return res_close(rq);
}
