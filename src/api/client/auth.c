/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Registering, signing in and out, refreshing. spec: client-server, "Client Authentication". */
#include "api/rate.h"
#include "api/res.h"
#include "api/uia.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/enc.h"
#include "core/account.h"
#include "core/browser.h"
#include "core/factor.h"
#include "core/oauth.h"
#include "core/oidc.h"
#include "core/session.h"
#include "crypto/digest.h"
#include "room/ids.h"

#include <pthread.h>

#define PASSWORD_MAX 512
#define NAME_MAX_BYTES 255

static bool
write_tokens(struct req *rq, struct str user, const struct tokens *t)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_str(w, "user_id", user);
	jsonw_str(w, "access_token", t->access);
	jsonw_str(w, "device_id", t->device);
	jsonw_str(w, "home_server", server_get()->name);
	if (t->refresh.n > 0) {
		jsonw_str(w, "refresh_token", t->refresh);
		jsonw_int(w, "expires_in_ms", t->expires_in_ms);
	}
	return res_close(rq);
}

static bool
device_params(struct req *rq, struct login *l)
{
	return body_opt_str(rq, "device_id", NAME_MAX_BYTES, &l->device) &&
	    body_opt_str(rq, "initial_device_display_name", 1024,
	    &l->device_name) &&
	    body_opt_bool(rq, "refresh_token", &l->refresh) &&
	    (l->device.n == 0 || id_device_ok(l->device) ||
	    fail(&rq->ctx.err, M_INVALID_PARAM, "device_id is malformed"));
}

/* GET /login: the flows offered. */
bool
login_get(struct req *rq)
{
	struct jsonw *w = res_open(rq, 200);

	jsonw_arr(w, "flows");
	if (conf_get()->password_enabled) {
		jsonw_obj(w, NULL);
		jsonw_cstr(w, "type", "m.login.password");
		jsonw_obj_end(w);
	}
	jsonw_obj(w, NULL);
	jsonw_cstr(w, "type", "m.login.token");
	jsonw_bool(w, "get_login_token", true);
	jsonw_obj_end(w);
	if (oauth_offered()) {
		jsonw_obj(w, NULL);
		jsonw_cstr(w, "type", "m.login.sso");
		jsonw_bool(w, "oauth_aware_preferred", true);
		jsonw_bool(w, "org.matrix.msc3824."
		    "delegated_oidc_compatibility", true);
		if (oidc_offered()) {
			jsonw_arr(w, "identity_providers");
			jsonw_obj(w, NULL);
			jsonw_cstr(w, "id", "oidc");
			jsonw_str(w, "name", oidc_name());
			jsonw_obj_end(w);
			jsonw_arr_end(w);
		}
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

/* By a token that get_token or a page gave: it holds once. */
static bool
login_by_token(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct login l = { .refresh = false };
	struct account account;
	struct tokens t;
	struct str token;
	bool found;

	if (!body_str(rq, "token", 255, &token) || !device_params(rq, &l) ||
	    !onetime_use(c, "login", token, &l.user, &found))
		return false;
	if (!found)
		return fail(&c->err, M_FORBIDDEN,
		    "The login token is not known, was used, or is too old");
	if (!account_get(c, l.user, &account))
		return false;
	if (account.deactivated || account.locked)
		return fail(&c->err, account.locked ? M_USER_LOCKED
		    : M_USER_DEACTIVATED, "This account cannot be signed in "
		    "to");
	return session_login(c, &l, &t) && write_tokens(rq, l.user, &t);
}

/* A second factor is asked for on pages alone: else this would be the way around it. */
static bool
password_suffices(struct ctx *c, struct str user)
{
	bool owed;

	return factor_owed(c, user, &owed) && (!owed || fail(&c->err,
	    M_FORBIDDEN, "This account has a second factor: sign in with an "
	    "application that uses OAuth 2.0"));
}

/*
 * POST /login
 *
 * body    type "m.login.password"; identifier {type "m.id.user", user} or user; password;
 *         or type "m.login.token"; token;
 *         device_id, initial_device_display_name, refresh_token
 * errors  M_UNRECOGNIZED 400 another type; M_FORBIDDEN 403 wrong name or password
 */
bool
login_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	const struct json *who;
	struct str type, name = { NULL, 0 }, password;
	struct login l = { .refresh = false };
	struct account account;
	struct tokens t;

	if (!body_str(rq, "type", 64, &type) ||
	    !body_opt_obj(rq, "identifier", &who))
		return false;
	if (str_eq(type, S("m.login.token")))
		return login_by_token(rq);
	if (!str_eq(type, S("m.login.password")) ||
	    !conf_get()->password_enabled) {
		fail(&c->err, M_UNRECOGNIZED, "Sign-in of this type is not "
		    "offered");
		c->err.status = 400;
		return false;
	}
	if (who != NULL && !str_eq(json_str(who, S("type")), S("m.id.user")))
		return fail(&c->err, M_INVALID_PARAM,
		    "Only m.id.user identifies users here");
	if (who != NULL)
		name = json_str(who, S("user"));
	else if (!body_opt_str(rq, "user", NAME_MAX_BYTES, &name))
		return false;
	if (name.n == 0)
		return fail(&c->err, M_MISSING_PARAM,
		    "The body needs an identifier with a user");
	if (!body_str(rq, "password", PASSWORD_MAX, &password) ||
	    !device_params(rq, &l))
		return false;
	if (!account_id(c, str_lower(c->a, name), &l.user)) {
		err_clear(&c->err);
		return fail(&c->err, M_FORBIDDEN,
		    "The user name or the password is wrong");
	}
	if (!rate_take_account(l.user, &c->err) ||
	    !account_login(c, l.user, secret_dup(c->a, password), &account) ||
	    !password_suffices(c, l.user) ||
	    !session_login(c, &l, &t))
		return false;
	return write_tokens(rq, l.user, &t);
}

/* POST /refresh: rotates the tokens. */
bool
refresh_post(struct req *rq)
{
	struct str token;
	struct tokens t;
	struct jsonw *w;

	if (!body_str(rq, "refresh_token", 512, &token) ||
	    !session_refresh(&rq->ctx, token, &t))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "access_token", t.access);
	jsonw_str(w, "refresh_token", t.refresh);
	jsonw_int(w, "expires_in_ms", t.expires_in_ms);
	return res_close(rq);
}

/* POST /logout */
bool
logout_post(struct req *rq)
{
	return session_logout(&rq->ctx) && res_empty(rq);
}

/* POST /logout/all */
bool
logout_all_post(struct req *rq)
{
	return session_end_all(&rq->ctx, rq->ctx.who.user,
	    (struct str){ NULL, 0 }) && browser_end_others(&rq->ctx,
	    rq->ctx.who.user, (struct str){ NULL, 0 }) && res_empty(rq);
}

/* GET /register/available?username= */
bool
register_available_get(struct req *rq)
{
	struct str name, user;
	struct jsonw *w;

	if (!req_need(rq, "username", &name) ||
	    !account_id(&rq->ctx, str_lower(rq->ctx.a, name), &user) ||
	    !account_available(&rq->ctx, user))
		return false;
	w = res_open(rq, 200);
	jsonw_bool(w, "available", true);
	return res_close(rq);
}

/* GET /_matrix/client/v1/register/m.login.registration_token/validity?token= */
bool
register_token_validity_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct reg_token t;
	struct str token;
	struct jsonw *w;
	bool found;

	if (!req_need(rq, "token", &token) || !reg_token_find(c->db, c->a,
	    token, &t, &found, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_bool(w, "valid", found &&
	    (t.uses_allowed < 0 || t.completed < t.uses_allowed) &&
	    (t.expires_ms == 0 || t.expires_ms > c->now_ms));
	return res_close(rq);
}

/* The flows by which this server takes new accounts; none: closed. */
static size_t
register_flows(struct str flow[2])
{
	switch (account_registration()) {
	case REGISTRATION_OPEN:
		flow[0] = S("m.login.dummy");
		return 1;
	case REGISTRATION_BY_TOKEN:
		flow[0] = S("m.login.registration_token");
		return 1;
	case REGISTRATION_CLOSED:
		break;
	}
	return 0;
}

/*
 * POST /register?kind=user
 *
 * body    username (else one is made up), password, device_id,
 *         initial_device_display_name, inhibit_login, refresh_token, auth
 * errors  M_USER_IN_USE, M_INVALID_USERNAME, M_WEAK_PASSWORD 400; M_FORBIDDEN 403 closed
 */
bool
register_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str flow[2], name = { NULL, 0 }, password = { NULL, 0 };
	struct str token = { NULL, 0 };
	struct uia u = { .flow = flow, .body_may_change = true,
	    .token = &token };
	struct account_new n = { .kind = S("user") };
	struct login l = { .refresh = false };
	struct tokens t = { .expires_in_ms = 0 };
	bool inhibit = false;

	u.nflows = register_flows(flow);
	if (str_eq(req_query(rq, "kind"), S("guest")))
		return fail(&c->err, M_FORBIDDEN, "There are no guests here");
	if (u.nflows == 0)
		return fail(&c->err, M_FORBIDDEN,
		    "Accounts are made by this server's administrators");
	if (!body_opt_str(rq, "username", NAME_MAX_BYTES, &name) ||
	    !body_opt_str(rq, "password", PASSWORD_MAX, &password) ||
	    !body_opt_bool(rq, "inhibit_login", &inhibit) ||
	    !device_params(rq, &l))
		return false;
	if (name.n == 0)
		name = random_text(c->a, 12);
	if (!account_id(c, str_lower(c->a, name), &n.user) ||
	    !account_available(c, n.user) || !uia_ask(rq, &u))
		return false;
	if (password.n == 0)
		return fail(&c->err, M_MISSING_PARAM,
		    "The body needs a password");
	n.password = secret_dup(c->a, password);
	n.reg_token = token;
	if (!account_create(c, &n))
		return false;
	l.user = n.user;
	if (!inhibit)
		return session_login(c, &l, &t) && write_tokens(rq, n.user,
		    &t);
	jsonw_str(res_open(rq, 200), "user_id", n.user);
	return res_close(rq);
}

/* Nonces of the shared-secret registration: each once, within a minute. */
#define NONCES 64
#define NONCE_MS 60000

static struct {
	pthread_mutex_t lock;
	struct {
		char text[32];
		int64_t at_ms;
	} nonce[NONCES];
	size_t next;
} nonces = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* GET /_synapse/admin/v1/register: a nonce. */
bool
admin_register_get(struct req *rq)
{
	struct str nonce = random_text(rq->ctx.a, sizeof(nonces.nonce[0].text));

	if (conf_get()->registration_shared_secret.n == 0)
		return fail(&rq->ctx.err, M_UNRECOGNIZED,
		    "Shared-secret registration is not configured");
	pthread_mutex_lock(&nonces.lock);
	for (size_t i = 0; i < nonce.n; i++)
		nonces.nonce[nonces.next].text[i] = nonce.p[i];
	nonces.nonce[nonces.next].at_ms = rq->ctx.now_ms;
	nonces.next = (nonces.next + 1) % NONCES;
	pthread_mutex_unlock(&nonces.lock);
	jsonw_str(res_open(rq, 200), "nonce", nonce);
	return res_close(rq);
}

static bool
nonce_use(struct req *rq, struct str nonce)
{
	bool ok = false;

	pthread_mutex_lock(&nonces.lock);
	for (size_t i = 0; i < NONCES && !ok; i++) {
		if (nonces.nonce[i].at_ms + NONCE_MS < rq->ctx.now_ms ||
		    !str_eq_secret(nonce, str_n(nonces.nonce[i].text,
		    sizeof(nonces.nonce[i].text))))
			continue;
		nonces.nonce[i].at_ms = 0;
		ok = true;
	}
	pthread_mutex_unlock(&nonces.lock);
	return ok;
}

/*
 * POST /_synapse/admin/v1/register: nonce, username, password, admin, mac
 * (HMAC-SHA1 of them, as Synapse's tools make it).
 */
bool
admin_register_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str nonce, name, password, mac, kind = { NULL, 0 }, text;
	struct account_new n = { .kind = S("user") };
	struct login l = { .refresh = false };
	struct tokens t;
	struct buf b;
	uint8_t want[20];
	bool admin = false;

	if (conf_get()->registration_shared_secret.n == 0)
		return fail(&c->err, M_UNRECOGNIZED,
		    "Shared-secret registration is not configured");
	if (!body_str(rq, "nonce", 64, &nonce) ||
	    !body_str(rq, "username", NAME_MAX_BYTES, &name) ||
	    !body_str(rq, "password", PASSWORD_MAX, &password) ||
	    !body_str(rq, "mac", 64, &mac) ||
	    !body_opt_bool(rq, "admin", &admin) ||
	    !body_opt_str(rq, "user_type", 64, &kind) ||
	    !body_opt_str(rq, "displayname", 256, &n.display_name))
		return false;
	buf_init(&b, c->a, 4096);
	buf_str(&b, nonce);
	buf_char(&b, '\0');
	buf_str(&b, name);
	buf_char(&b, '\0');
	buf_str(&b, password);
	buf_char(&b, '\0');
	buf_c(&b, admin ? "admin" : "notadmin");
	if (kind.n > 0) {
		buf_char(&b, '\0');
		buf_str(&b, kind);
	}
	hmac_sha1(conf_get()->registration_shared_secret, buf_view(&b), want);
	text = hex_encode(c->a, str_n((char *)want, sizeof(want)));
	if (!nonce_use(rq, nonce) || !str_eq_secret(mac, text))
		return fail(&c->err, M_FORBIDDEN,
		    "The nonce or the mac is wrong");
	if (!account_id(c, str_lower(c->a, name), &n.user))
		return false;
	n.admin = admin;
	n.password = secret_dup(c->a, password);
	l.user = n.user;
	return account_create(c, &n) && session_login(c, &l, &t) &&
	    write_tokens(rq, n.user, &t);
}
