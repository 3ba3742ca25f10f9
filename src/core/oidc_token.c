/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See oidc_token.h. */
#include "core/oidc_token.h"

#include <string.h>

#define SKEW_S 60			/* clocks differ */
#define LOGOUT_AGE_S 300
#define FRESH_S 300

static bool
no(const char **why, const char *text)
{
	*why = text;
	return false;
}

/* Numbers of seconds may come with a fraction: what follows the point is dropped. */
static bool
seconds(const struct json *claims, struct str key, int64_t *out)
{
	const struct json *v = json_get(claims, key);
	struct str whole, rest;

	if (v == NULL)
		return false;
	if (v->type == JSON_INT) {
		*out = v->i;
		return true;
	}
	if (v->type != JSON_REAL)
		return false;
	str_cut(v->src, '.', &whole, &rest);
	return str_i64(whole, out);
}

/* For us, and if for others too, made for us to use. */
static bool
audience_ok(const struct json *claims, struct str client_id)
{
	const struct json *aud = json_get(claims, S("aud"));
	const struct json *azp = json_get(claims, S("azp"));
	bool ours = false;

	if (aud == NULL)
		return false;
	if (azp != NULL && (azp->type != JSON_STR ||
	    !str_eq(azp->s, client_id)))
		return false;
	if (aud->type == JSON_STR)
		return str_eq(aud->s, client_id);
	if (aud->type != JSON_ARR)
		return false;
	for (uint32_t i = 0; i < aud->n; i++)
		ours = ours || (aud->at[i].type == JSON_STR &&
		    str_eq(aud->at[i].s, client_id));
	return ours && (aud->n == 1 || azp != NULL);
}

static bool
text_ok(struct str s)
{
	return s.n <= OIDC_TEXT_MAX && str_utf8_ok(s) &&
	    str_find(s, '\0') < 0;
}

/* What every token must say: by whom, for whom, since when. */
static bool
common_ok(const struct json *claims, const struct oidc_expect *x,
    const char **why)
{
	int64_t iat, nbf;

	if (!str_eq(json_str(claims, S("iss")), x->issuer))
		return no(why, "iss is not the provider");
	if (!audience_ok(claims, x->client_id))
		return no(why, "aud or azp is not this server");
	if (!seconds(claims, S("iat"), &iat) || iat > x->now_s + SKEW_S)
		return no(why, "iat is missing or to come");
	if (seconds(claims, S("nbf"), &nbf) && nbf > x->now_s + SKEW_S)
		return no(why, "nbf is to come");
	return true;
}

bool
oidc_id_token_ok(const struct json *claims, const struct oidc_expect *x,
    const char **why)
{
	struct str sub = json_str(claims, S("sub")), nonce;
	int64_t exp;

	if (!common_ok(claims, x, why))
		return false;
	if (!seconds(claims, S("exp"), &exp) || exp <= x->now_s - SKEW_S)
		return no(why, "exp is missing or past");
	if (sub.n == 0 || !text_ok(sub))
		return no(why, "sub is missing or too long");
	if (!json_get_str(claims, S("nonce"), &nonce) ||
	    !str_eq_secret(nonce, x->nonce))
		return no(why, "nonce is not the one that was sent");
	return true;
}

bool
oidc_fresh(const struct json *claims, int64_t now_s)
{
	int64_t at;

	return seconds(claims, S("auth_time"), &at) &&
	    at >= now_s - FRESH_S && at <= now_s + SKEW_S;
}

bool
oidc_logout_token_ok(const struct json *claims, const struct oidc_expect *x,
    struct str *sub, struct str *sid, struct str *jti, const char **why)
{
	const struct json *events = json_get_obj(claims, S("events"));
	int64_t iat = 0, exp;

	if (!common_ok(claims, x, why))
		return false;
	if (!seconds(claims, S("iat"), &iat) ||
	    iat < x->now_s - LOGOUT_AGE_S)
		return no(why, "iat is too long ago");
	if (seconds(claims, S("exp"), &exp) && exp <= x->now_s - SKEW_S)
		return no(why, "exp is past");
	if (json_get_obj(events, S("http://schemas.openid.net/event/"
	    "backchannel-logout")) == NULL)
		return no(why, "it is no logout token");
	if (json_get(claims, S("nonce")) != NULL)
		return no(why, "a logout token has no nonce");
	*sub = json_str(claims, S("sub"));
	*sid = json_str(claims, S("sid"));
	*jti = json_str(claims, S("jti"));
	if (!text_ok(*sub) || !text_ok(*sid) || !text_ok(*jti) ||
	    jti->n == 0 || (sub->n == 0 && sid->n == 0))
		return no(why, "jti, and sub or sid, are needed");
	return true;
}

/* The part before the @, of a verified address in one of the domains. */
static bool
email_name(const struct json *claims, const struct str *domain, size_t n,
    struct str *out)
{
	struct str email = json_str(claims, S("email")), host;
	ptrdiff_t at = str_rfind(email, '@');
	bool verified = false;

	if (at <= 0 || !json_get_bool(claims, S("email_verified"),
	    &verified) || !verified)
		return false;
	host = str_from(email, (size_t)at + 1);
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(host, domain[i])) {
			*out = str_sub(email, 0, (size_t)at);
			return str_find(*out, '@') < 0;
		}
	return false;
}

static bool
claim(const struct json *claims, struct str name, const struct str *domain,
    size_t n, struct str *out)
{
	if (str_eq(name, S("email")))
		return email_name(claims, domain, n, out);
	return json_get_str(claims, name, out) && out->n > 0;
}

bool
oidc_template(struct arena *a, struct str text, const struct json *claims,
    const struct str *domain, size_t ndomains, struct str *out)
{
	struct str rest = text, plain, name, value;
	struct buf b;

	buf_init(&b, a, 1024);
	while (rest.n > 0) {
		bool more = str_cut(rest, '{', &plain, &rest);

		buf_str(&b, plain);
		if (!more)
			break;
		if (!str_cut(rest, '}', &name, &rest) || !claim(claims, name,
		    domain, ndomains, &value))
			return false;
		buf_str(&b, value);
	}
	*out = buf_view(&b);
	return !b.over && b.n > 0 && str_utf8_ok(*out) &&
	    str_find(*out, '\0') < 0;
}

struct str
oidc_localpart(struct arena *a, struct str name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789"
	    "._-/+";
	struct str lower = str_lower(a, name);
	struct buf b;

	buf_init(&b, a, 4096);
	for (size_t i = 0; i < lower.n; i++) {
		char c = lower.p[i];

		if (c != '\0' && strchr(allowed, c) != NULL)
			buf_char(&b, c);
		else
			buf_fmt(&b, "=%02x", (unsigned char)c);
	}
	return buf_view(&b);
}
