/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See oidc.h. What the provider is: oidc_cache.c; whose account: oidc_account.c. */
#include "core/oidc.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/log.h"
#include "core/browser.h"
#include "core/oidc_account.h"
#include "core/oidc_cache.h"
#include "core/oidc_token.h"
#include "core/session.h"
#include "core/uri.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "store/q_browser.h"
#include "store/q_upstream.h"

#define STATE_MS (15 * 60 * INT64_C(1000))

bool
oidc_offered(void)
{
	return conf_get()->oidc_issuer.n > 0 &&
	    conf_get()->oidc_client_id.n > 0;
}

struct str
oidc_name(void)
{
	struct uri u;

	if (conf_get()->oidc_name.n > 0)
		return conf_get()->oidc_name;
	return uri_parse(conf_get()->oidc_issuer, &u) ? u.host
	    : conf_get()->oidc_issuer;
}

static void
param(struct buf *b, struct arena *a, const char *key, struct str val)
{
	if (b->n > 0)
		buf_char(b, '&');
	buf_c(b, key);
	buf_char(b, '=');
	buf_str(b, pct_encode(a, val));
}

/* What is kept beside the state, until the browser is back. */
static struct json
keep(struct ctx *c, const struct oidc_begin *x, struct str nonce,
    struct str verifier)
{
	struct json v = json_new_obj();

	json_set(c->a, &v, S("nonce"), json_of_str(nonce));
	json_set(c->a, &v, S("verifier"), json_of_str(verifier));
	json_set(c->a, &v, S("anew"), json_of_bool(x->anew));
	json_set(c->a, &v, S("next"), json_of_str(x->next));
	json_set(c->a, &v, S("browser"), json_of_str(hex_encode(c->a,
	    sha256_raw(c->a, x->browser))));
	return v;
}

bool
oidc_begin(struct ctx *c, const struct oidc_begin *x, struct str *url)
{
	struct str nonce = random_text(c->a, 43), state;
	struct str verifier = random_text(c->a, 43);
	struct json kept = keep(c, x, nonce, verifier);
	struct oidc_provider p;
	struct buf b;

	if (!oidc_provider_get(c, &p) || !onetime_make(c, "oidc",
	    json_text(c->a, &kept), STATE_MS, &state))
		return false;
	buf_init(&b, c->a, 16384);
	param(&b, c->a, "response_type", S("code"));
	param(&b, c->a, "client_id", conf_get()->oidc_client_id);
	param(&b, c->a, "redirect_uri", x->callback);
	param(&b, c->a, "scope", conf_get()->oidc_scopes);
	param(&b, c->a, "state", state);
	param(&b, c->a, "nonce", nonce);
	param(&b, c->a, "code_challenge", b64_encode(c->a, B64_URL,
	    sha256_raw(c->a, verifier)));
	param(&b, c->a, "code_challenge_method", S("S256"));
	if (x->anew)
		param(&b, c->a, "prompt", S("login"));
	if (x->anew)
		param(&b, c->a, "max_age", S("0"));
	*url = str_fmt(c->a, STR_FMT "%c" STR_FMT, STR_ARG(p.authorization),
	    str_find(p.authorization, '?') < 0 ? '?' : '&',
	    STR_ARG(buf_view(&b)));
	return true;
}

static bool
distrust(const char *why, enum oidc_end *end)
{
	log_warn("oidc", "a sign-in was refused", LC("why", why));
	*end = OIDC_FAILED;
	return true;
}

/* Checks a token's signature; keys that lack the one it names are asked for anew. */
static bool
check_token(struct ctx *c, const struct oidc_provider *p, struct str token,
    struct json *claims, bool *ok)
{
	enum jws_result r;
	struct json keys;

	if (!oidc_keys_get(c, p, false, &keys))
		return false;
	r = jws_check(c->a, token, &keys, claims);
	if (r == JWS_NO_KEY) {
		if (!oidc_keys_get(c, p, true, &keys))
			return false;
		r = jws_check(c->a, token, &keys, claims);
	}
	*ok = r == JWS_OK;
	return true;
}

static struct oidc_expect
expect(struct ctx *c, struct str nonce)
{
	return (struct oidc_expect){ .issuer = conf_get()->oidc_issuer,
	    .client_id = conf_get()->oidc_client_id, .nonce = nonce,
	    .now_s = c->now_ms / 1000 };
}

/* Basic authentication wants the padding. */
static struct str
padded(struct arena *a, struct str s)
{
	struct str text = b64_encode(a, B64_STD, s);

	return str_cat(a, text, str_sub(S("=="), 0, (4 - text.n % 4) % 4));
}

/* The code for tokens. *ok false: the provider would not have it. */
static bool
exchange(struct ctx *c, const struct oidc_provider *p,
    const struct oidc_back *x, struct str verifier, struct json *tokens,
    bool *ok)
{
	const struct conf *conf = conf_get();
	struct oidc_call call = { .url = p->token };
	struct err e = { .code = M_OK };
	struct str body;
	struct buf b;
	int status;

	buf_init(&b, c->a, 16384);
	param(&b, c->a, "grant_type", S("authorization_code"));
	param(&b, c->a, "code", x->code);
	param(&b, c->a, "redirect_uri", x->callback);
	param(&b, c->a, "code_verifier", verifier);
	param(&b, c->a, "client_id", conf->oidc_client_id);
	if (p->secret_by_post)
		param(&b, c->a, "client_secret", conf->oidc_client_secret);
	else if (conf->oidc_client_secret.n > 0)
		call.authorization = str_cat(c->a, S("Basic "),
		    padded(c->a, str_fmt(c->a, STR_FMT ":" STR_FMT,
		    STR_ARG(pct_encode(c->a, conf->oidc_client_id)),
		    STR_ARG(pct_encode(c->a, conf->oidc_client_secret)))));
	call.form = buf_view(&b);
	if (!oidc_call(c, &call, &status, &body))
		return false;
	*ok = status == 200 && json_parse(c->a, body, JSON_ANY, tokens, &e) &&
	    tokens->type == JSON_OBJ;
	return true;
}

/* Adds what the userinfo endpoint says of the same person. */
static bool
userinfo(struct ctx *c, const struct oidc_provider *p, struct str token,
    struct json *claims, bool *ok)
{
	struct oidc_call call = { .url = p->userinfo,
	    .authorization = str_cat(c->a, S("Bearer "), token) };
	struct err e = { .code = M_OK };
	struct json more, all;
	struct str body;
	int status;

	*ok = true;
	if (!conf_get()->oidc_userinfo || p->userinfo.n == 0 || token.n == 0)
		return true;
	if (!oidc_call(c, &call, &status, &body))
		return false;
	*ok = status == 200;
	if (*ok && !str_starts(str_trim(body), S("{"))) {
		if (!check_token(c, p, str_trim(body), &more, ok))
			return false;
	} else if (*ok) {
		*ok = json_parse(c->a, body, JSON_ANY, &more, &e) &&
		    more.type == JSON_OBJ;
	}
	*ok = *ok && str_eq(json_str(&more, S("sub")), json_str(claims,
	    S("sub")));
	if (!*ok)
		return true;
	all = json_copy(c->a, claims);
	for (uint32_t i = 0; i < more.n; i++)
		if (json_get(claims, more.m[i].key) == NULL)
			json_set(c->a, &all, more.m[i].key, more.m[i].val);
	*claims = all;
	return true;
}

static bool
session_body(struct db *db, void *arg, struct err *e)
{
	return upstream_session_put(db, arg, e);
}

/* The provider's own session, for when it ends it. */
static bool
note_session(struct ctx *c, const struct json *claims, struct str user)
{
	struct upstream_who x = { .issuer = conf_get()->oidc_issuer,
	    .subject = json_str(claims, S("sid")), .user = user,
	    .created_ms = c->now_ms };

	if (x.subject.n == 0 || x.subject.n > OIDC_TEXT_MAX ||
	    str_find(x.subject, '\0') >= 0)
		return true;
	return db_transact(c->db, session_body, &x, &c->err);
}

/* From the code to who it is. */
static bool
identify(struct ctx *c, const struct oidc_provider *p,
    const struct oidc_back *x, const struct json *kept, struct json *claims,
    enum oidc_end *end)
{
	struct oidc_expect want = expect(c, json_str(kept, S("nonce")));
	const char *why;
	struct json t;
	bool ok, anew = false;

	if (!exchange(c, p, x, json_str(kept, S("verifier")), &t, &ok))
		return false;
	if (!ok)
		return distrust("the provider did not take the code", end);
	if (!check_token(c, p, json_str(&t, S("id_token")), claims, &ok))
		return false;
	if (!ok)
		return distrust("the ID token is not signed by it", end);
	if (!oidc_id_token_ok(claims, &want, &why))
		return distrust(why, end);
	/* The browser may have left out that it was to ask anew. */
	if (json_get_bool(kept, S("anew"), &anew) && anew &&
	    !oidc_fresh(claims, want.now_s))
		return distrust("the person did not sign in anew there", end);
	if (!userinfo(c, p, json_str(&t, S("access_token")), claims, &ok))
		return false;
	*end = OIDC_OK;
	return ok || distrust("its userinfo is of somebody else, or is not "
	    "to be read", end);
}

bool
oidc_finish(struct ctx *c, const struct oidc_back *x, struct str *user,
    struct str *next, enum oidc_end *end)
{
	struct str data, mark = hex_encode(c->a, sha256_raw(c->a,
	    x->browser));
	struct json kept, claims;
	struct oidc_provider p;
	bool found;

	*next = (struct str){ NULL, 0 };
	if (!onetime_use(c, "oidc", x->state, &data, &found))
		return false;
	if (!found)
		return distrust("the state is not known, or too old", end);
	if (!json_parse(c->a, data, JSON_ANY, &kept, &c->err))
		return false;
	if (!str_eq_secret(json_str(&kept, S("browser")), mark))
		return distrust("the state is another browser's", end);
	*next = json_str(&kept, S("next"));
	if (!oidc_provider_get(c, &p))
		return false;
	if ((x->iss.n > 0 || p.sends_iss) && !str_eq(x->iss, p.issuer))
		return distrust("iss is another provider", end);
	if (x->code.n == 0)
		return distrust("the provider gave no code", end);
	if (!identify(c, &p, x, &kept, &claims, end))
		return false;
	if (*end != OIDC_OK)
		return true;
	if (!oidc_account(c, p.issuer, &claims, user, &found))
		return false;
	*end = found ? OIDC_OK : OIDC_NO_ACCOUNT;
	return !found || note_session(c, &claims, *user);
}

struct once {
	struct arena *a;
	struct str hash;
	int64_t expires_ms;
	bool first;
};

/* A logout token holds once: its jti is remembered as long as it is young. */
static bool
jti_body(struct db *db, void *arg, struct err *e)
{
	struct once *x = arg;
	struct str data;
	bool found;

	if (!onetime_get(db, x->a, x->hash, S("jti"), 0, &data, &found, e))
		return false;
	x->first = !found;
	return found || onetime_insert(db, x->hash, S("jti"), S(""),
	    x->expires_ms, e);
}

static bool
end_sessions(struct ctx *c, struct str user)
{
	struct str how = conf_get()->oidc_logout, none = { NULL, 0 };

	if (str_eq(how, S("nothing")))
		return true;
	return browser_end_others(c, user, none) &&
	    (!str_eq(how, S("sessions")) || session_end_all(c, user, none));
}

bool
oidc_logout(struct ctx *c, struct str token, bool *ok)
{
	struct oidc_expect want = expect(c, S(""));
	struct once once = { .a = c->a, .expires_ms = c->now_ms + 600000 };
	struct str sub, sid, jti, user;
	struct oidc_provider p;
	struct json claims;
	const char *why;
	bool found = false;

	if (!oidc_provider_get(c, &p) || !check_token(c, &p, token, &claims,
	    ok))
		return false;
	if (!*ok || !oidc_logout_token_ok(&claims, &want, &sub, &sid, &jti,
	    &why)) {
		log_warn("oidc", "a logout token was refused", LC("why",
		    *ok ? why : "it is not signed by the provider"));
		*ok = false;
		return true;
	}
	once.hash = sha256_raw(c->a, str_cat(c->a, S("jti "), jti));
	if (!db_transact(c->db, jti_body, &once, &c->err))
		return false;
	*ok = once.first;
	if (!*ok)
		return true;
	if (sid.n > 0 && !upstream_session_find(c->db, c->a, p.issuer, sid,
	    &user, &found, &c->err))
		return false;
	if (!found && sub.n > 0 && !upstream_link_find(c->db, c->a, p.issuer,
	    sub, &user, &found, &c->err))
		return false;
	return !found || end_sessions(c, user);
}
