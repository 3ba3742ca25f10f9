/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The two pages with a script: signing in by a passkey, and making one. Each
 * look draws a challenge for this browser or person, so they count as
 * sign-ins.
 */
#include "api/oauth/sign_in.h"

#include "api/rate.h"
#include "core/factor.h"
#include "core/oauth.h"
#include "core/passkey.h"
#include "core/uri.h"

static bool
passkey_site(struct req *rq, const struct visitor *v, struct passkey_site *s)
{
	struct uri u;

	if (!uri_parse(v->site.base, &u))
		return fail(&rq->ctx.err, M_UNRECOGNIZED,
		    "There are no passkeys here");
	*s = (struct passkey_site){ u.host, v->site.origin };
	return true;
}

static void
data(struct page *p, const char *name, struct str value)
{
	buf_fmt(&p->b, " data-%s=\"", name);
	page_esc(p, value);
	page_html(p, "\"");
}

/* The hidden fields that the script fills in. */
static void
answer_fields(struct page *p)
{
	page_hidden(p, "id", S(""));
	page_hidden(p, "client_data", S(""));
	page_hidden(p, "auth_data", S(""));
	page_hidden(p, "sig", S(""));
}

/* The button with what the script needs; hidden until the script is there. */
static void
button_begin(struct page *p, const char *mode, struct str challenge,
    struct str host)
{
	page_html(p, "<button type=\"submit\" hidden");
	data(p, "passkey", str_c(mode));
	data(p, "challenge", b64_encode(p->rq->ctx.a, B64_URL, challenge));
	data(p, "host", host);
}

static void
button_end(struct page *p, enum text t)
{
	page_html(p, ">");
	page_text(p, t);
	page_html(p, "</button>\n");
	page_form_end(p);
	page_html(p, "<p id=\"failed\" class=\"error\" role=\"alert\" "
	    "tabindex=\"-1\" hidden>");
	page_text(p, T_PASSKEY_FAILED);
	page_html(p, "</p>\n<noscript><p>");
	page_text(p, T_PASSKEY_SCRIPT);
	page_html(p, "</p></noscript>\n<script src=\"");
	page_esc(p, p->v->site.path);
	page_html(p, OAUTH_ROOT "/passkey.js\" defer></script>\n");
	p->script = true;
}

static bool
use_page(struct req *rq, const struct visitor *v, struct str next,
    enum text error)
{
	struct passkey_site s;
	struct str challenge;
	struct page p;

	if (!passkey_site(rq, v, &s) || !passkey_challenge(&rq->ctx, false,
	    v->cookie, &challenge))
		return false;
	page_begin(&p, rq, v, T_PASSKEY_USE, error);
	page_para(&p, T_PASSKEY_WAIT);
	page_form(&p, S(PAGE_ROOT "/passkey"), next);
	answer_fields(&p);
	button_begin(&p, "use", challenge, s.host);
	button_end(&p, T_PASSKEY_USE);
	page_link(&p, str_cat(rq->ctx.a, S(PAGE_ROOT "/sign-in?next="),
	    pct_encode(rq->ctx.a, next)), T_PASSWORD);
	return page_end(&p, error == 0 ? 200 : 403);
}

/* GET /_beffroi/account/passkey?next= */
bool
passkey_get(struct req *rq)
{
	struct visitor v;

	return visitor_open(rq, &v) && use_page(rq, &v, page_next(req_query(rq, "next")), 0);
}

static bool
read_answer(struct req *rq, const struct form *f, struct passkey_answer *x)
{
	struct arena *a = rq->ctx.a;

	return b64_decode(a, B64_URL, form_get(f, "id"), &x->id) &&
	    b64_decode(a, B64_URL, form_get(f, "client_data"),
	    &x->client_data) && b64_decode(a, B64_URL, form_get(f,
	    "auth_data"), &x->auth_data) && b64_decode(a, B64_URL,
	    form_get(f, "sig"), &x->sig);
}

/* POST /_beffroi/account/passkey: id, client_data, auth_data, sig, next. */
bool
passkey_post(struct req *rq)
{
	struct passkey_answer x;
	struct passkey_site s;
	struct visitor v;
	struct form f;
	struct str next, user;
	bool ok = false;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f) ||
	    !passkey_site(rq, &v, &s))
		return false;
	next = page_next(form_get(&f, "next"));
	if (read_answer(rq, &f, &x) && !passkey_use(&rq->ctx, &s, v.cookie,
	    &x, &user, &ok))
		return false;
	if (!ok)
		return use_page(rq, &v, next, T_PASSKEY_FAILED);
	/* The authenticator knew its person: that is two factors. */
	return sign_in_done(rq, &v, user, false, next);
}

static bool
make_page(struct req *rq, const struct visitor *v, enum text error)
{
	struct ctx *c = &rq->ctx;
	struct field name = { .name = "name", .type = "text",
	    .autocomplete = "off", .label = T_PASSKEY_NAME, .focus = true };
	struct str known = S(""), challenge;
	struct passkey_site s;
	struct factors all;
	struct page p;

	if (!passkey_site(rq, v, &s) || !factor_list(c, c->who.user, &all) ||
	    !passkey_challenge(c, true, c->who.user, &challenge))
		return false;
	for (size_t i = 0; i < all.npasskeys; i++)
		known = str_fmt(c->a, STR_FMT " " STR_FMT, STR_ARG(known),
		    STR_ARG(b64_encode(c->a, B64_URL, all.passkey[i].id)));
	page_begin(&p, rq, v, T_PASSKEY_ADD, error);
	page_para(&p, T_PASSKEY_WAIT);
	page_form(&p, S(PAGE_ROOT "/passkey-new"), S(""));
	page_field(&p, &name);
	answer_fields(&p);
	button_begin(&p, "make", challenge, s.host);
	data(&p, "service", server_get()->name);
	data(&p, "user", b64_encode(c->a, B64_URL, passkey_user_handle(c,
	    c->who.user)));
	data(&p, "name", c->who.user);
	data(&p, "known", known);
	button_end(&p, T_PASSKEY_ADD);
	page_link(&p, S(PAGE_ROOT "/factors"), T_CANCEL);
	return page_end(&p, error == 0 ? 200 : 400);
}

/* GET /_beffroi/account/passkey-new */
bool
passkey_new_get(struct req *rq)
{
	struct visitor v;
	bool replied;

	if (!visitor_open(rq, &v))
		return false;
	if (!visitor_need_fresh(rq, &v, &replied))
		return replied;
	return make_page(rq, &v, 0);
}

/* POST /_beffroi/account/passkey-new: name, id, client_data, auth_data. */
bool
passkey_new_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct passkey_answer x;
	struct passkey_site s;
	struct visitor v;
	struct form f;
	struct str name;
	bool replied, ok = false;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!visitor_need_fresh(rq, &v, &replied))
		return replied;
	name = form_get(&f, "name");
	if (!passkey_site(rq, &v, &s))
		return false;
	if (name.n > 0 && read_answer(rq, &f, &x) && !passkey_add(c, &s,
	    c->who.user, name, &x, &ok))
		return false;
	return ok ? factors_added(rq, &v)
	    : make_page(rq, &v, T_PASSKEY_FAILED);
}
