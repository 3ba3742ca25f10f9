/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signing in by another service: there, back again, and when it ends. See core/oidc.h. */
#include "api/oauth/sign_in.h"

#include "api/res.h"
#include "core/oauth_client.h"
#include "core/oidc.h"

static bool
need_upstream(struct req *rq)
{
	return oidc_offered() || fail(&rq->ctx.err, M_NOT_FOUND,
	    "No other service is signed in by here");
}

static struct str
callback(struct req *rq, const struct visitor *v)
{
	return site_url(rq, &v->site, PAGE_ROOT "/upstream/callback");
}

/* GET /_beffroi/account/upstream?next=: to the other service. */
bool
upstream_get(struct req *rq)
{
	struct oidc_begin x;
	struct visitor v;
	struct str url;

	if (!visitor_open(rq, &v) || !need_upstream(rq))
		return false;
	/* Who is here already wants to show again who they are. */
	x = (struct oidc_begin){ .callback = callback(rq, &v),
	    .browser = v.cookie, .anew = v.signed_in,
	    .next = page_next(req_query(rq, "next")) };
	return oidc_begin(&rq->ctx, &x, &url) && page_leave(rq, &v, url);
}

static bool
failed_page(struct req *rq, const struct visitor *v, enum text error)
{
	struct page p;

	page_begin(&p, rq, v, T_ERROR_TITLE, error);
	page_link(&p, S(PAGE_ROOT "/sign-in"), T_SIGN_IN);
	return page_end(&p, 403);
}

/* GET /_beffroi/account/upstream/callback?code=&state=&iss=: back from it. */
bool
upstream_callback_get(struct req *rq)
{
	struct str user = { NULL, 0 }, next;
	struct oidc_back x;
	struct visitor v;
	enum oidc_end end;

	if (!visitor_open(rq, &v) || !need_upstream(rq))
		return false;
	x = (struct oidc_back){ .callback = callback(rq, &v),
	    .browser = v.cookie, .code = req_query(rq, "code"),
	    .state = req_query(rq, "state"), .iss = req_query(rq, "iss") };
	if (!oidc_finish(&rq->ctx, &x, &user, &next, &end))
		return false;
	if (end != OIDC_OK)
		return failed_page(rq, &v, end == OIDC_NO_ACCOUNT
		    ? T_UPSTREAM_REFUSED : T_UPSTREAM_FAILED);
	/* Which factors it asks for is the other service's to say. */
	return sign_in_done(rq, &v, user, false, page_next(next));
}

/* POST /_beffroi/oauth/upstream/logout: logout_token. errors invalid_request 400 */
bool
upstream_logout_post(struct req *rq)
{
	struct str token;
	struct form f;
	bool ok = false;

	if (!need_upstream(rq) || !form_read(rq, &f))
		return false;
	token = form_get(&f, "logout_token");
	if (token.n > 0 && !oidc_logout(&rq->ctx, token, &ok))
		return false;
	if (!ok)
		return oauth_fail(&rq->ctx, "invalid_request",
		    "The logout token is not valid");
	if (!res_empty(rq))
		return false;
	res_header(rq, "Cache-Control", S("no-store"));
	return true;
}
