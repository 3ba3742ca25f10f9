/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Single sign-on for clients of the legacy API: they send people to the same
 * pages, and get a login token back. The person is told where it goes, every
 * time: who gets it has the account.
 * spec: client-server v1.19, "SSO client login/authentication", "OAuth 2.0
 * aware clients", POST /login/get_token.
 */
#include "api/oauth/consent.h"
#include "api/oauth/sign_in.h"

#include "api/res.h"
#include "core/oauth.h"
#include "core/oidc.h"
#include "core/uri.h"

#define SSO_TOKEN_MS 30000
#define GET_TOKEN_MS 120000

/* Somewhere a client may be: not what a browser would run or read itself. */
static bool
target_ok(struct str url, struct uri *u)
{
	static const struct str never[] = {
		S_INIT("javascript"), S_INIT("data"), S_INIT("vbscript"),
		S_INIT("file"), S_INIT("about"), S_INIT("blob"),
		S_INIT("filesystem"), S_INIT("view-source"),
	};

	if (!uri_parse(url, u) || u->has_userinfo)
		return false;
	for (size_t i = 0; i < LEN(never); i++)
		if (str_eq_nocase(u->scheme, never[i]))
			return false;
	return uri_is_https(u) || !str_eq_nocase(u->scheme, S("https"));
}

static bool
need_target(struct req *rq, struct str url, struct uri *u)
{
	return target_ok(url, u) || fail(&rq->ctx.err, M_INVALID_PARAM,
	    "redirectUrl is not an address that can be gone back to");
}

static bool
sso_redirect(struct req *rq, bool upstream)
{
	struct arena *a = rq->ctx.a;
	struct visitor v;
	struct uri u;
	struct str to, page;

	if (!visitor_open(rq, &v) || !req_need(rq, "redirectUrl", &to) ||
	    !need_target(rq, to, &u))
		return false;
	page = str_cat(a, S(PAGE_ROOT "/sso?to="), pct_encode(a, to));
	if (!v.signed_in && upstream)
		page = str_cat(a, S(PAGE_ROOT "/upstream?next="),
		    pct_encode(a, page));
	else if (!v.signed_in && str_eq(req_query(rq, "action"), S("register")))
		page = str_cat(a, S(PAGE_ROOT "/register?next="),
		    pct_encode(a, page));
	if (!page_go(rq, &v, page))
		return false;
	rq->res.status = 302;
	return true;
}

/*
 * GET /_matrix/client/v3/login/sso/redirect?redirectUrl=&action=
 *
 * reply   302 to the page that asks
 * errors  M_MISSING_PARAM, M_INVALID_PARAM 400
 */
bool
sso_redirect_get(struct req *rq)
{
	return sso_redirect(rq, false);
}

/* GET /_matrix/client/v3/login/sso/redirect/{idpId}: the one provider there is. */
bool
sso_redirect_idp_get(struct req *rq)
{
	if (!oidc_offered() || !str_eq(req_path(rq, "idpId"), S("oidc")))
		return fail(&rq->ctx.err, M_NOT_FOUND,
		    "There is no such identity provider");
	return sso_redirect(rq, true);
}

/* GET /_beffroi/account/sso?to=: may this place have the account? */
bool
sso_page_get(struct req *rq)
{
	struct str to = req_query(rq, "to");
	struct visitor v;
	struct page p;
	struct uri u;
	bool replied;

	if (!visitor_open(rq, &v) || !need_target(rq, to, &u))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	page_begin(&p, rq, &v, T_CONSENT_TITLE, 0);
	p.form_action = consent_form_target(rq->ctx.a, &u);
	page_html(&p, "<p><strong>");
	page_esc(&p, u.has_authority ? u.host : u.scheme);
	page_html(&p, "</strong> ");
	page_text(&p, T_CONSENT_INTRO);
	page_html(&p, "</p>\n");
	page_para(&p, T_CONSENT_CAN);
	page_html(&p, "<ul><li>");
	page_text(&p, T_CONSENT_ALL);
	page_html(&p, "</li></ul>\n");
	consent_who(&p);
	page_html(&p, "<p><strong>");
	page_text(&p, T_CONSENT_WARN);
	page_html(&p, "</strong></p>\n");
	page_form(&p, page_here(rq), S(""));
	page_button(&p, T_ALLOW, NULL, NULL, "");
	page_form_end(&p);
	page_form(&p, S(PAGE_ROOT "/sign-out"), page_here(rq));
	page_button(&p, T_NOT_YOU, NULL, NULL, "quiet");
	page_form_end(&p);
	return page_end(&p, 200);
}

/* The address with a fresh loginToken in place of any it has, before its fragment. */
static struct str
with_token(struct arena *a, const struct uri *u, struct str url,
    struct str token)
{
	struct str rest = u->query, pair, head;
	bool first = true;
	ptrdiff_t end = str_find(url, '?');
	struct buf b;

	buf_init(&b, a, 2 * URI_MAX);
	if (end < 0)
		end = str_find(url, '#');
	head = end < 0 ? url : str_sub(url, 0, (size_t)end);
	if (u->has_fragment && str_find(head, '#') >= 0)
		head = str_sub(head, 0, (size_t)str_find(head, '#'));
	buf_str(&b, head);
	while (rest.n > 0) {
		str_cut(rest, '&', &pair, &rest);
		if (pair.n == 0 || str_starts(pair, S("loginToken=")))
			continue;
		buf_char(&b, first ? '?' : '&');
		buf_str(&b, pair);
		first = false;
	}
	buf_c(&b, first ? "?loginToken=" : "&loginToken=");
	buf_str(&b, token);
	if (u->has_fragment) {
		buf_char(&b, '#');
		buf_str(&b, u->fragment);
	}
	return buf_view(&b);
}

/* POST /_beffroi/account/sso?to= */
bool
sso_page_post(struct req *rq)
{
	struct str to = req_query(rq, "to"), token;
	struct visitor v;
	struct form f;
	struct uri u;
	bool replied;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f) ||
	    !need_target(rq, to, &u))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	return onetime_make(&rq->ctx, "login", v.browser.user, SSO_TOKEN_MS,
	    &token) && page_leave(rq, &v, with_token(rq->ctx.a, &u, to,
	    token));
}

/* POST /_matrix/client/v1/login/get_token: auth. Reply { login_token, expires_in_ms }. */
bool
login_get_token_post(struct req *rq)
{
	struct jsonw *w;
	struct str token;

	if (!req_uia(rq) || !onetime_make(&rq->ctx, "login",
	    rq->ctx.who.user, GET_TOKEN_MS, &token))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "login_token", token);
	jsonw_int(w, "expires_in_ms", GET_TOKEN_MS);
	return res_close(rq);
}
