/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who visits the pages: cookies, language, and what a posted form must show.
 * The cookie is __Host- where the public address is https, so that no other
 * host can plant one. A form's token is a MAC of the cookie: it holds for one
 * browser and one sign-in. See page.h.
 */
#include "api/oauth/page.h"

#include "api/res.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/enc.h"
#include "core/oauth.h"
#include "core/uri.h"
#include "crypto/digest.h"

#define FIELDS_MAX 40
#define FORM_MAX 65536

bool
site_open(struct req *rq, struct site *out)
{
	struct str base = conf_get()->server_public_baseurl;
	struct uri u;

	if (!oauth_offered() || !uri_parse(base, &u) || !u.has_authority ||
	    u.has_query || u.has_fragment)
		return fail(&rq->ctx.err, M_UNRECOGNIZED,
		    "OAuth 2.0 is not offered here");
	if (!str_ends(base, S("/"))) {
		base = str_cat(rq->ctx.a, base, S("/"));
		u.path = str_cat(rq->ctx.a, u.path, S("/"));
	}
	out->base = base;
	out->path = u.path;
	out->origin = str_sub(base, 0, base.n - u.path.n);
	out->secure = str_eq_nocase(u.scheme, S("https"));
	return true;
}

struct str
site_url(struct req *rq, const struct site *s, const char *what)
{
	return str_cat(rq->ctx.a, s->base, str_c(what));
}

static const char *
cookie_name(const struct site *s)
{
	return s->secure ? "__Host-beffroi" : "beffroi";
}

/* The first cookie of that name; empty: none. */
static struct str
cookie_get(struct req *rq, const char *name)
{
	struct str rest = http_header_get(rq->v, "Cookie"), pair, key, val;
	bool more;

	do {
		more = str_cut(rest, ';', &pair, &rest);
		str_cut(str_trim(pair), '=', &key, &val);
		if (str_eq_c(key, name))
			return val;
	} while (more);
	return (struct str){ NULL, 0 };
}

static bool
cookie_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') &&
		    !(s.p[i] >= 'A' && s.p[i] <= 'Z') &&
		    !(s.p[i] >= '0' && s.p[i] <= '9'))
			return false;
	return s.n == COOKIE_LETTERS;
}

enum lang
visitor_lang(struct req *rq)
{
	enum lang lang;

	return lang_find(cookie_get(rq, "beffroi_lang"), &lang) ? lang
	    : lang_pick(http_header_get(rq->v, "Accept-Language"));
}

bool
visitor_open(struct req *rq, struct visitor *v)
{
	struct ctx *c = &rq->ctx;
	bool found;

	*v = (struct visitor){ .lang = LANG_EN };
	if (!site_open(rq, &v->site))
		return false;
	v->lang = visitor_lang(rq);
	v->cookie = cookie_get(rq, cookie_name(&v->site));
	if (!cookie_ok(v->cookie)) {
		v->cookie = random_text(c->a, COOKIE_LETTERS);
		v->fresh = true;
		return true;
	}
	if (!browser_find(c, v->cookie, &v->browser, &found))
		return false;
	v->signed_in = found && !v->browser.partial;
	v->partial = found && v->browser.partial;
	if (v->signed_in) {
		c->who.kind = ACTOR_USER;
		c->who.user = v->browser.user;
	}
	return true;
}

void
visitor_become(struct visitor *v, struct str cookie)
{
	v->cookie = cookie;
	v->fresh = true;
}

static struct str
csrf_of(struct req *rq, const struct visitor *v)
{
	uint8_t mac[SHA256_BYTES];

	hmac_sha256(v->cookie, S("form"), mac);
	return b64_encode(rq->ctx.a, B64_URL, str_n((char *)mac,
	    sizeof(mac)));
}

bool
form_read(struct req *rq, struct form *f)
{
	struct str type = http_header_get(rq->v, "Content-Type"), rest;

	str_cut(type, ';', &type, &rest);
	if (!str_eq_nocase(str_trim(type),
	    S("application/x-www-form-urlencoded")))
		return fail(&rq->ctx.err, M_INVALID_PARAM, "The body must be "
		    "application/x-www-form-urlencoded");
	if (rq->v->body.n > FORM_MAX || !params_parse(rq->ctx.a, rq->v->body,
	    FIELDS_MAX, &f->at, &f->n))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The form is not encoded as it must be");
	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(f->at[i].key, f->at[k].key))
				return fail(&rq->ctx.err, M_INVALID_PARAM,
				    "A parameter is given twice");
	return true;
}

bool
form_open(struct req *rq, const struct visitor *v, struct form *f)
{
	struct str origin = http_header_get(rq->v, "Origin");
	struct str from = http_header_get(rq->v, "Sec-Fetch-Site");

	if (!form_read(rq, f))
		return false;
	if ((origin.n > 0 && !str_eq_nocase(origin, v->site.origin)) ||
	    (from.n > 0 && !str_eq(from, S("same-origin"))))
		return fail(&rq->ctx.err, M_FORBIDDEN,
		    "The form was sent from another site");
	if (!str_eq_secret(form_get(f, "csrf"), csrf_of(rq, v)))
		return fail(&rq->ctx.err, M_FORBIDDEN,
		    "The form was too old; go back, reload, and try again");
	return true;
}

struct str
form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq_c(f->at[i].key, name))
			return f->at[i].val;
	return (struct str){ NULL, 0 };
}

bool
form_has(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq_c(f->at[i].key, name))
			return true;
	return false;
}

void
page_form(struct page *p, struct str action, struct str next)
{
	page_html(p, "<form method=\"post\" action=\"");
	page_esc(p, p->v->site.path);
	page_esc(p, action);
	page_html(p, "\">\n");
	page_hidden(p, "csrf", csrf_of(p->rq, p->v));
	if (next.n > 0)
		page_hidden(p, "next", next);
}

/* What every reply to a browser carries. */
static void
common_headers(struct req *rq, const struct visitor *v)
{
	struct arena *a = rq->ctx.a;

	res_header(rq, "Cache-Control", S("no-store"));
	res_header(rq, "Referrer-Policy", S("same-origin"));
	res_header(rq, "X-Content-Type-Options", S("nosniff"));
	res_header(rq, "X-Frame-Options", S("DENY"));
	res_header(rq, "Vary", S("Accept-Language, Cookie"));
	if (v->fresh)
		res_header(rq, "Set-Cookie", str_fmt(a, "%s=" STR_FMT
		    "; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s",
		    cookie_name(&v->site), STR_ARG(v->cookie),
		    (long long)conf_get()->oauth_browser_lifetime / 1000,
		    v->site.secure ? "; Secure" : ""));
}

bool
page_end(struct page *p, int status)
{
	struct req *rq = p->rq;

	page_html(p, "</main>\n</body>\n</html>\n");
	if (p->b.over)
		return fail(&rq->ctx.err, M_UNAVAILABLE,
		    "The page is too large");
	if (!res_html(rq, status, buf_view(&p->b)))
		return false;
	common_headers(rq, p->v);
	res_header(rq, "Content-Security-Policy", str_fmt(rq->ctx.a,
	    "default-src 'none'; style-src 'self'; img-src 'self'; %s"
	    "form-action 'self'%s" STR_FMT "; base-uri 'none'; "
	    "frame-ancestors 'none'", p->script
	    ? "script-src 'self'; connect-src 'self'; " : "",
	    p->form_action.n > 0 ? " " : "", STR_ARG(p->form_action)));
	return true;
}

static bool
redirect(struct req *rq, const struct visitor *v, struct str url)
{
	if (!res_redirect(rq, url))
		return false;
	rq->res.status = 303;
	common_headers(rq, v);
	res_header(rq, "Content-Security-Policy",
	    S("default-src 'none'; frame-ancestors 'none'"));
	return true;
}

bool
page_leave(struct req *rq, const struct visitor *v, struct str url)
{
	return redirect(rq, v, url);
}

bool
page_go(struct req *rq, const struct visitor *v, struct str path)
{
	return redirect(rq, v, str_cat(rq->ctx.a, v->site.base,
	    page_next(path)));
}

struct str
page_next(struct str next)
{
	if (!str_starts(next, S(PAGE_ROOT)) &&
	    !str_starts(next, S(OAUTH_ROOT)))
		return S(PAGE_ROOT);
	for (size_t i = 0; i < next.n; i++)
		if (next.p[i] <= ' ' || next.p[i] >= 0x7f ||
		    next.p[i] == '\\' || next.p[i] == '#')
			return S(PAGE_ROOT);
	return next.n <= 8192 ? next : S(PAGE_ROOT);
}

struct str
page_here(struct req *rq)
{
	struct str path = str_from(rq->v->path, 1);

	return rq->v->query.n == 0 ? path : str_fmt(rq->ctx.a, STR_FMT "?"
	    STR_FMT, STR_ARG(path), STR_ARG(rq->v->query));
}

static bool
to_sign_in(struct req *rq, struct visitor *v, const char *where,
    bool *replied)
{
	*replied = page_go(rq, v, str_fmt(rq->ctx.a, PAGE_ROOT "/%s?next="
	    STR_FMT, where, STR_ARG(pct_encode(rq->ctx.a, page_here(rq)))));
	return false;
}

bool
visitor_need(struct req *rq, struct visitor *v, bool *replied)
{
	*replied = false;
	if (v->signed_in)
		return true;
	return to_sign_in(rq, v, v->partial ? "second" : "sign-in", replied);
}

bool
visitor_need_fresh(struct req *rq, struct visitor *v, bool *replied)
{
	if (!visitor_need(rq, v, replied))
		return false;
	if (rq->ctx.now_ms - v->browser.auth_ms < BROWSER_FRESH_MS)
		return true;
	return to_sign_in(rq, v, "confirm", replied);
}
