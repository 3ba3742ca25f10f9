/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See oauth_client.h. */
#include "core/oauth_client.h"

#include "base/enc.h"
#include "core/uri.h"
#include "crypto/digest.h"
#include "store/q_oauth.h"

#define NAME_MAX_BYTES 200
#define REDIRECTS_MAX 20
#define CLIENTS_MAX 50000

bool
oauth_fail(struct ctx *c, const char *error, const char *text)
{
	struct json v = json_of_str(str_c(text));

	fail(&c->err, M_INVALID_PARAM, "%s", text);
	c->err.bare = true;
	c->err.extra = str_fmt(c->a, "\"error\":\"%s\",\"error_description\":"
	    STR_FMT, error, STR_ARG(json_text(c->a, &v)));
	return false;
}

/* One reading of metadata. */
struct reading {
	struct arena *a;
	const struct json *given;
	struct json *out;
	struct str base;		/* the host of client_uri */
	bool native;
	const char **error, **why;
};

static bool
bad(struct reading *r, const char *why)
{
	*r->error = "invalid_client_metadata";
	*r->why = why;
	return false;
}

static bool
bad_redirect(struct reading *r, const char *why)
{
	*r->error = "invalid_redirect_uri";
	*r->why = why;
	return false;
}

static bool
read_client_uri(struct reading *r)
{
	struct str text;
	struct uri u;

	if (!json_get_str(r->given, S("client_uri"), &text))
		return bad(r, "client_uri is required");
	if (!uri_parse(text, &u) || !uri_is_https(&u) || u.has_fragment)
		return bad(r, "client_uri must be an https URL without user, "
		    "password or fragment");
	r->base = u.host;
	json_set(r->a, r->out, S("client_uri"), json_of_str(text));
	return true;
}

/* An https URL on the client's own host, or under it. */
static bool
read_link(struct reading *r, struct str key)
{
	const struct json *v = json_get(r->given, key);
	struct uri u;

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_STR || !uri_parse(v->s, &u) || !uri_is_https(&u))
		return bad(r, "logo_uri, tos_uri and policy_uri must be https "
		    "URLs without user or password");
	if (!uri_host_under(u.host, r->base))
		return bad(r, "logo_uri, tos_uri and policy_uri must be on "
		    "client_uri's host or under it");
	json_set(r->a, r->out, key, json_of_str(v->s));
	return true;
}

static bool
read_name(struct reading *r, struct str key)
{
	const struct json *v = json_get(r->given, key);

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_STR || v->s.n > NAME_MAX_BYTES)
		return bad(r, "client_name must be a string of at most 200 "
		    "bytes");
	for (size_t i = 0; i < v->s.n; i++)
		if ((unsigned char)v->s.p[i] < 0x20 || v->s.p[i] == 0x7f)
			return bad(r, "client_name must have no control "
			    "characters");
	json_set(r->a, r->out, key, json_of_str(v->s));
	return true;
}

static bool
read_type(struct reading *r)
{
	struct str type = S("web");
	const struct json *v = json_get(r->given, S("application_type"));

	if (v != NULL && v->type == JSON_STR)
		type = v->s;
	else if (v != NULL)
		return bad(r, "application_type must be a string");
	if (!str_eq(type, S("web")) && !str_eq(type, S("native")))
		return bad(r, "application_type must be web or native");
	r->native = str_eq(type, S("native"));
	json_set(r->a, r->out, S("application_type"), json_of_str(type));
	v = json_get(r->given, S("token_endpoint_auth_method"));
	if (v != NULL && (v->type != JSON_STR || !str_eq(v->s, S("none"))))
		return bad(r, "token_endpoint_auth_method must be none");
	json_set(r->a, r->out, S("token_endpoint_auth_method"),
	    json_of_str(S("none")));
	return true;
}

/* Those of the list that are known here, in our order; the default without a list. */
static bool
read_list(struct reading *r, struct str key, const struct str *known, size_t n)
{
	const struct json *v = json_get(r->given, key);
	struct json list = json_new_arr();

	if (v != NULL && v->type != JSON_ARR)
		return bad(r, "grant_types and response_types must be arrays");
	for (size_t k = 0; k < n; k++) {
		bool has = v == NULL && k == 0;

		for (uint32_t i = 0; v != NULL && i < v->n; i++)
			has = has || (v->at[i].type == JSON_STR &&
			    str_eq(v->at[i].s, known[k]));
		if (has)
			json_push(r->a, &list, json_of_str(known[k]));
	}
	json_set(r->a, r->out, key, list);
	return true;
}

/* Is the scheme client_uri's host in reverse order, or does it begin so? */
static bool
scheme_fits(struct arena *a, struct str scheme, struct str host)
{
	struct str rest = host, label;
	struct buf b;
	ptrdiff_t dot;

	buf_init(&b, a, 512);
	while (rest.n > 0) {
		dot = str_rfind(rest, '.');
		label = str_from(rest, (size_t)(dot + 1));
		if (b.n > 0)
			buf_char(&b, '.');
		buf_str(&b, label);
		rest = dot < 0 ? S("") : str_sub(rest, 0, (size_t)dot);
	}
	/* A bare name is no domain, and would let common schemes through. */
	return str_find(host, '.') > 0 && scheme.n >= b.n &&
	    str_eq_nocase(str_sub(scheme, 0, b.n), buf_view(&b)) &&
	    (scheme.n == b.n || scheme.p[b.n] == '.');
}

static bool
redirect_ok(struct reading *r, struct str text)
{
	struct uri u;

	if (!uri_parse(text, &u))
		return bad_redirect(r, "A redirect URI is not a URI");
	if (u.has_fragment)
		return bad_redirect(r, "A redirect URI has no fragment");
	if (uri_is_https(&u))
		return uri_host_under(u.host, r->base) || bad_redirect(r,
		    "An https redirect URI must be on client_uri's host or "
		    "under it");
	if (!r->native)
		return bad_redirect(r, "A web client's redirect URIs must be "
		    "https, without user or password");
	if (uri_is_loopback(&u))
		return !u.has_port || bad_redirect(r, "A loopback redirect "
		    "URI is registered without a port");
	if (u.has_authority || str_eq_nocase(u.scheme, S("http")) ||
	    str_eq_nocase(u.scheme, S("https")) ||
	    !scheme_fits(r->a, u.scheme, r->base))
		return bad_redirect(r, "A private-use scheme must begin with "
		    "client_uri's host reversed, and have no authority");
	return true;
}

static bool
read_redirects(struct reading *r)
{
	const struct json *v = json_get(r->given, S("redirect_uris"));
	struct json list = json_new_arr();

	if (v == NULL)
		return true;
	if (v->type != JSON_ARR || v->n > REDIRECTS_MAX)
		return bad_redirect(r, "redirect_uris must be an array of at "
		    "most 20");
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->at[i].type != JSON_STR)
			return bad_redirect(r,
			    "redirect_uris must be strings");
		if (!redirect_ok(r, v->at[i].s))
			return false;
		json_push(r->a, &list, json_of_str(v->at[i].s));
	}
	json_set(r->a, r->out, S("redirect_uris"), list);
	return true;
}

static bool
list_has(const struct json *list, struct str what)
{
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (str_eq(list->at[i].s, what))
			return true;
	return false;
}

static bool
check_grants(struct reading *r)
{
	const struct json *uris = json_get_arr(r->out, S("redirect_uris"));
	bool code = oauth_client_may(r->out, S("authorization_code"));

	if (!code && !oauth_client_may(r->out,
	    S("urn:ietf:params:oauth:grant-type:device_code")))
		return bad(r, "grant_types must have authorization_code or "
		    "the device grant");
	if (code && !list_has(json_get_arr(r->out, S("response_types")),
	    S("code")))
		return bad(r, "response_types must have code");
	if (code && (uris == NULL || uris->n == 0))
		return bad_redirect(r, "redirect_uris is required for "
		    "authorization_code");
	return true;
}

bool
oauth_metadata_read(struct arena *a, const struct json *given,
    struct json *out, const char **error, const char **why)
{
	static const struct str grants[] = {
		S_INIT("authorization_code"), S_INIT("refresh_token"),
		S_INIT("urn:ietf:params:oauth:grant-type:device_code"),
	}, types[] = { S_INIT("code") };
	struct reading r = { .a = a, .given = given, .out = out,
	    .error = error, .why = why };

	*out = json_new_obj();
	return read_client_uri(&r) && read_type(&r) &&
	    read_name(&r, S("client_name")) &&
	    read_name(&r, S("client_name#fr")) &&
	    read_link(&r, S("logo_uri")) && read_link(&r, S("tos_uri")) &&
	    read_link(&r, S("tos_uri#fr")) && read_link(&r, S("policy_uri")) &&
	    read_link(&r, S("policy_uri#fr")) &&
	    read_list(&r, S("grant_types"), grants, LEN(grants)) &&
	    read_list(&r, S("response_types"), types, LEN(types)) &&
	    read_redirects(&r) && check_grants(&r);
}

bool
oauth_client_may(const struct json *metadata, struct str grant_type)
{
	return list_has(json_get_arr(metadata, S("grant_types")), grant_type);
}

struct str
oauth_client_text(const struct json *metadata, struct str key,
    struct str language)
{
	char local[64];
	struct buf b = { local, 0, sizeof(local), sizeof(local), NULL, false };
	struct str s;

	buf_str(&b, key);
	buf_char(&b, '#');
	buf_str(&b, language);
	s = json_str(metadata, buf_view(&b));
	return s.n > 0 ? s : json_str(metadata, key);
}

/* The same but for the port, which the registered one does not have. */
static bool
same_loopback(struct str registered, struct str asked)
{
	struct uri x, y;

	return uri_parse(registered, &x) && uri_parse(asked, &y) &&
	    uri_is_loopback(&x) && uri_is_loopback(&y) &&
	    str_eq(x.host, y.host) && str_eq(x.path, y.path) &&
	    x.has_query == y.has_query && str_eq(x.query, y.query) &&
	    !y.has_fragment;
}

bool
oauth_redirect_ok(const struct json *metadata, struct str uri)
{
	const struct json *list = json_get_arr(metadata, S("redirect_uris"));

	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (str_eq(list->at[i].s, uri) ||
		    same_loopback(list->at[i].s, uri))
			return true;
	return false;
}

struct putting {
	struct str id, metadata;
	int64_t now_ms;
};

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	struct putting *x = arg;

	return oauth_client_put(db, x->id, x->metadata, x->now_ms, CLIENTS_MAX,
	    e);
}

bool
oauth_client_register(struct ctx *c, const struct json *given,
    struct oauth_client *out)
{
	struct putting x = { .now_ms = c->now_ms };
	const char *error, *why;

	if (!oauth_metadata_read(c->a, given, &out->metadata, &error, &why))
		return oauth_fail(c, error, why);
	x.metadata = json_text(c->a, &out->metadata);
	x.id = b64_encode(c->a, B64_URL, str_sub(sha256_raw(c->a, x.metadata),
	    0, 18));
	out->id = x.id;
	return db_transact(c->db, put_body, &x, &c->err);
}

bool
oauth_client_find(struct ctx *c, struct str id, struct oauth_client *out,
    bool *found)
{
	struct str text;

	*found = false;
	if (id.n == 0 || id.n > 64 || str_find(id, '\0') >= 0)
		return true;
	if (!oauth_client_get(c->db, c->a, id, &text, found, &c->err))
		return false;
	out->id = id;
	return !*found || json_parse(c->a, text, JSON_ANY, &out->metadata,
	    &c->err);
}

static bool
touch_body(struct db *db, void *arg, struct err *e)
{
	struct putting *x = arg;

	return oauth_client_used(db, x->id, x->now_ms, e);
}

bool
oauth_client_touch(struct ctx *c, struct str id)
{
	struct putting x = { .id = id, .now_ms = c->now_ms };

	return db_transact(c->db, touch_body, &x, &c->err);
}
