/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See oidc_cache.h. No lock is held while the network is waited for. */
#include "core/oidc_cache.h"

#include "base/heap.h"
#include "core/uri.h"
#include "net/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_MS (3600 * INT64_C(1000))
#define RENEW_MS (60 * INT64_C(1000))
#define WAIT_MS 10000
#define ANSWER_MAX 262144

/* A text with when it was fetched. */
struct kept {
	char *p;
	size_t n;
	int64_t at_ms;
};

static struct {
	pthread_mutex_t lock;
	struct kept metadata, keys;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool
get(struct ctx *c, const struct kept *k, int64_t young_ms, struct str *out)
{
	bool ok;

	pthread_mutex_lock(&cache.lock);
	ok = k->p != NULL && c->now_ms - k->at_ms < young_ms;
	if (ok)
		*out = str_dup(c->a, str_n(k->p, k->n));
	pthread_mutex_unlock(&cache.lock);
	return ok;
}

static void
put(struct ctx *c, struct kept *k, struct str text)
{
	char *p = must(malloc(text.n + 1));

	memcpy(p, text.p, text.n);
	pthread_mutex_lock(&cache.lock);
	free(k->p);
	*k = (struct kept){ p, text.n, c->now_ms };
	pthread_mutex_unlock(&cache.lock);
}

void
oidc_cache_stop(void)
{
	pthread_mutex_lock(&cache.lock);
	free(cache.metadata.p);
	free(cache.keys.p);
	cache.metadata = cache.keys = (struct kept){ NULL, 0, 0 };
	pthread_mutex_unlock(&cache.lock);
}

bool
oidc_call(struct ctx *c, const struct oidc_call *x, int *status,
    struct str *body)
{
	struct http_header header[3] = {
		{ S("Accept"), S("application/json, application/jwt") } };
	struct client_req req = { .purpose = "oidc", .url = x->url,
	    .method = x->form.n > 0 ? S("POST") : S("GET"), .body = x->form,
	    .header = header, .nheaders = 1, .total_ms = WAIT_MS,
	    .body_max = ANSWER_MAX, .trusted = true };
	struct client_res res;

	if (x->form.n > 0)
		header[req.nheaders++] = (struct http_header){
		    S("Content-Type"),
		    S("application/x-www-form-urlencoded") };
	if (x->authorization.n > 0)
		header[req.nheaders++] = (struct http_header){
		    S("Authorization"), x->authorization };
	if (!client_call(&req, c->a, &res, &c->err))
		return false;
	*status = res.status;
	*body = res.body;
	return true;
}

static bool
bad_provider(struct ctx *c, const char *why)
{
	fail(&c->err, M_UNAVAILABLE,
	    "The other service cannot be reached: try again later");
	return err_cause(&c->err, "oidc: %s", why);
}

/* Fetches a JSON object. */
static bool
fetch(struct ctx *c, struct str url, struct str *text, struct json *out)
{
	struct oidc_call x = { .url = url };
	struct err e = { .code = M_OK };
	int status;

	if (!oidc_call(c, &x, &status, text))
		return false;
	if (status != 200 || !json_parse(c->a, *text, JSON_ANY, out, &e) ||
	    out->type != JSON_OBJ)
		return bad_provider(c, "no JSON object where one must be");
	return true;
}

/* Has it that scheme, or a safer one? The operator chose the issuer's. */
static bool
endpoint(const struct json *v, struct str key, bool plain, struct str *out)
{
	struct uri u;

	*out = json_str(v, key);
	return uri_parse(*out, &u) && u.has_authority && !u.has_userinfo &&
	    !u.has_fragment && (str_eq_nocase(u.scheme, S("https")) ||
	    (plain && str_eq_nocase(u.scheme, S("http"))));
}

bool
oidc_provider_read(const struct json *v, struct str issuer,
    struct oidc_provider *out)
{
	const struct json *ways = json_get_arr(v,
	    S("token_endpoint_auth_methods_supported"));
	bool plain = str_starts(issuer, S("http://"));
	bool basic = ways == NULL, post = false;

	*out = (struct oidc_provider){ .issuer = issuer };
	for (uint32_t i = 0; ways != NULL && i < ways->n; i++) {
		if (ways->at[i].type != JSON_STR)
			continue;
		basic = basic || str_eq(ways->at[i].s,
		    S("client_secret_basic"));
		post = post || str_eq(ways->at[i].s,
		    S("client_secret_post"));
	}
	out->secret_by_post = !basic && post;
	(void)json_get_bool(v,
	    S("authorization_response_iss_parameter_supported"),
	    &out->sends_iss);
	if (json_get(v, S("userinfo_endpoint")) != NULL &&
	    !endpoint(v, S("userinfo_endpoint"), plain, &out->userinfo))
		return false;
	return str_eq(json_str(v, S("issuer")), issuer) &&
	    endpoint(v, S("authorization_endpoint"), plain,
	    &out->authorization) &&
	    endpoint(v, S("token_endpoint"), plain, &out->token) &&
	    endpoint(v, S("jwks_uri"), plain, &out->jwks);
}

bool
oidc_provider_get(struct ctx *c, struct oidc_provider *out)
{
	struct str issuer = conf_get()->oidc_issuer, text, base = issuer;
	struct json v;

	if (get(c, &cache.metadata, KEEP_MS, &text)) {
		if (!json_parse(c->a, text, JSON_ANY, &v, &c->err))
			return false;
		if (oidc_provider_read(&v, issuer, out))
			return true;	/* else oidc.issuer has changed */
	}
	if (str_ends(base, S("/")))
		base = str_sub(base, 0, base.n - 1);
	if (!fetch(c, str_cat(c->a, base,
	    S("/.well-known/openid-configuration")), &text, &v))
		return false;
	if (!oidc_provider_read(&v, issuer, out))
		return bad_provider(c, "its metadata are not of oidc.issuer, "
		    "or lack an endpoint");
	put(c, &cache.metadata, text);
	return true;
}

bool
oidc_keys_get(struct ctx *c, const struct oidc_provider *p, bool renew,
    struct json *out)
{
	struct str text;

	if (get(c, &cache.keys, renew ? RENEW_MS : KEEP_MS, &text))
		return json_parse(c->a, text, JSON_ANY, out, &c->err);
	if (!fetch(c, p->jwks, &text, out))
		return false;
	put(c, &cache.keys, text);
	return true;
}
