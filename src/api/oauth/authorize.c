/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The authorisation endpoint: what a client asks of a person. Nothing is kept
 * of a request: it is read again from its query when the person has decided.
 * Until client and redirect URI are known to be right, errors stay here.
 * spec: client-server v1.19, "Authorisation code flow"; RFC 6749, 7636, 9207.
 */
#include "api/oauth/consent.h"

#include "api/res.h"
#include "base/enc.h"
#include "core/oauth.h"
#include "core/uri.h"
#include "store/q_account.h"

#define STATE_MAX 2048

struct asking {
	struct oauth_client client;
	struct oauth_scope scope;
	struct str redirect_uri, state, challenge;
	bool fragment, create;
	const char *error, *why;	/* for the client, by redirect */
};

/* What is wrong of a request whose client and redirect URI are right; NULL: nothing. */
static const char *
judge(struct req *rq, struct asking *x)
{
	struct str mode = req_query(rq, "response_mode");
	struct str prompt = req_query(rq, "prompt");

	x->why = "The request is not as the specification has it";
	if (x->state.n > STATE_MAX)
		return "invalid_request";
	if (mode.n > 0 && !str_eq(mode, S("query")) &&
	    !str_eq(mode, S("fragment")))
		return "invalid_request";
	x->fragment = str_eq(mode, S("fragment"));
	if (req_has(rq, "request"))
		return "request_not_supported";
	if (req_has(rq, "request_uri"))
		return "request_uri_not_supported";
	if (!str_eq(req_query(rq, "response_type"), S("code")))
		return "unsupported_response_type";
	if (!oauth_client_may(&x->client.metadata, S("authorization_code")))
		return "unauthorized_client";
	x->why = "PKCE with code_challenge_method=S256 is required";
	x->challenge = req_query(rq, "code_challenge");
	if (!str_eq(req_query(rq, "code_challenge_method"), S("S256")) ||
	    !oauth_challenge_ok(x->challenge))
		return "invalid_request";
	x->why = "The scope must be the client API and one device";
	if (!oauth_scope_read(rq->ctx.a, req_query(rq, "scope"), &x->scope))
		return "invalid_scope";
	x->why = "A person must decide";
	if (str_eq(prompt, S("none")))
		return "interaction_required";
	x->create = str_eq(prompt, S("create"));
	return NULL;
}

/* errors M_INVALID_PARAM 400: not from a client of ours, or to where it is not */
static bool
read_asking(struct req *rq, struct asking *x)
{
	struct ctx *c = &rq->ctx;
	bool found;

	*x = (struct asking){ .error = NULL };
	for (size_t i = 0; i < rq->nquery; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(rq->query[i].key, rq->query[k].key))
				return fail(&c->err, M_INVALID_PARAM,
				    "A parameter is given twice");
	if (!oauth_client_find(c, req_query(rq, "client_id"), &x->client,
	    &found))
		return false;
	if (!found)
		return fail(&c->err, M_INVALID_PARAM,
		    "The application is not registered here: start again in "
		    "the application");
	x->redirect_uri = req_query(rq, "redirect_uri");
	if (!oauth_redirect_ok(&x->client.metadata, x->redirect_uri))
		return fail(&c->err, M_INVALID_PARAM, "The application asks "
		    "to be answered at an address that is not its own");
	x->state = req_query(rq, "state");
	x->error = judge(rq, x);
	return true;
}

static void
param(struct buf *b, struct arena *a, const char *key, struct str val)
{
	struct str e = pct_encode(a, val);

	buf_char(b, '&');
	buf_c(b, key);
	buf_char(b, '=');
	buf_str(b, e);
}

/* Back to the client, with a code or an error. */
static bool
answer(struct req *rq, const struct visitor *v, const struct asking *x,
    struct str code)
{
	struct arena *a = rq->ctx.a;
	struct str s;
	struct buf b;

	buf_init(&b, a, 16384);
	if (code.n > 0) {
		param(&b, a, "code", code);
	} else {
		param(&b, a, "error", str_c(x->error));
		param(&b, a, "error_description", str_c(x->why));
	}
	if (x->state.n > 0 && x->state.n <= STATE_MAX)
		param(&b, a, "state", x->state);
	param(&b, a, "iss", v->site.base);
	s = buf_view(&b);
	if (x->fragment || str_find(x->redirect_uri, '?') < 0)
		s = str_cat(a, x->fragment ? S("#") : S("?"), str_from(s, 1));
	return page_leave(rq, v, str_cat(a, x->redirect_uri, s));
}

void
consent_client(struct page *p, const struct oauth_client *client)
{
	struct str lang = str_c(lang_code(p->v->lang));
	struct str name = oauth_client_text(&client->metadata,
	    S("client_name"), lang);
	struct uri u;

	page_html(p, "<p><strong>");
	if (name.n > 0)
		page_esc(p, name);
	else
		page_text(p, T_CONSENT_NAMELESS);
	page_html(p, "</strong> (");
	if (uri_parse(json_str(&client->metadata, S("client_uri")), &u))
		page_esc(p, u.host);
	page_html(p, ") ");
	page_text(p, T_CONSENT_INTRO);
	page_html(p, "</p>\n");
}

bool
consent_scope(struct page *p, const struct oauth_scope *scope)
{
	struct ctx *c = &p->rq->ctx;
	struct device d;
	bool there;

	if (!device_find(c->db, c->a, p->v->browser.user, scope->device, &d,
	    &there, &c->err))
		return false;
	page_para(p, T_CONSENT_CAN);
	page_html(p, "<ul><li>");
	page_text(p, T_CONSENT_ALL);
	page_html(p, "</li><li>");
	page_text(p, T_CONSENT_DEVICE);
	page_html(p, " <code>");
	page_esc(p, scope->device);
	page_html(p, "</code></li></ul>\n");
	if (there) {
		page_html(p, "<p class=\"error\">");
		page_text(p, T_CONSENT_REPLACES);
		page_html(p, "</p>\n");
	}
	return true;
}

static void
link_of(struct page *p, const struct json *metadata, struct str key,
    enum text t)
{
	struct str to = oauth_client_text(metadata, key,
	    str_c(lang_code(p->v->lang)));

	if (to.n == 0)
		return;
	page_html(p, "<li><a rel=\"noopener noreferrer\" href=\"");
	page_esc(p, to);
	page_html(p, "\">");
	page_text(p, t);
	page_html(p, "</a></li>\n");
}

void
consent_links(struct page *p, const struct oauth_client *client)
{
	page_html(p, "<ul>\n");
	link_of(p, &client->metadata, S("tos_uri"), T_CONSENT_TERMS);
	link_of(p, &client->metadata, S("policy_uri"), T_CONSENT_POLICY);
	page_html(p, "</ul>\n");
}

/* Where the person will land: the host, or this device. */
static void
say_where(struct page *p, const struct uri *u)
{
	page_html(p, "<p>");
	page_text(p, T_CONSENT_WHERE);
	page_html(p, " ");
	if (uri_is_https(u)) {
		page_html(p, "<strong>");
		page_esc(p, u->host);
		page_html(p, "</strong>");
	} else {
		page_text(p, T_CONSENT_LOCAL);
	}
	page_html(p, ".</p>\n");
}

struct str
consent_form_target(struct arena *a, const struct uri *u)
{
	struct str port = u->has_port ? str_cat(a, S(":"), u->port) : S("");

	if (!u->has_authority || str_starts(u->host, S("[")))
		return str_cat(a, u->scheme, S(":"));
	return str_fmt(a, STR_FMT "://" STR_FMT STR_FMT, STR_ARG(u->scheme),
	    STR_ARG(u->host), STR_ARG(port));
}

void
consent_who(struct page *p)
{
	page_html(p, "<p>");
	page_text(p, T_SIGNED_IN_AS);
	page_html(p, " <strong>");
	page_esc(p, p->v->browser.user);
	page_html(p, "</strong></p>\n");
}

static bool
consent_page(struct req *rq, const struct visitor *v, const struct asking *x)
{
	struct page p;
	struct uri u;

	if (!uri_parse(x->redirect_uri, &u))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The redirect URI is malformed");
	page_begin(&p, rq, v, T_CONSENT_TITLE, 0);
	p.form_action = consent_form_target(rq->ctx.a, &u);
	consent_client(&p, &x->client);
	if (!consent_scope(&p, &x->scope))
		return false;
	consent_who(&p);
	say_where(&p, &u);
	page_html(&p, "<p><strong>");
	page_text(&p, T_CONSENT_WARN);
	page_html(&p, "</strong></p>\n");
	page_form(&p, page_here(rq), S(""));
	page_button(&p, T_ALLOW, "decision", "allow", "");
	page_button(&p, T_REFUSE, "decision", "refuse", "quiet");
	page_form_end(&p);
	page_form(&p, S(PAGE_ROOT "/sign-out"), page_here(rq));
	page_button(&p, T_NOT_YOU, NULL, NULL, "quiet");
	page_form_end(&p);
	consent_links(&p, &x->client);
	return page_end(&p, 200);
}

/*
 * GET /_beffroi/oauth/authorize
 *
 * query   response_type=code, client_id, redirect_uri, scope, state,
 *         response_mode (query or fragment), code_challenge,
 *         code_challenge_method=S256, prompt (create)
 * reply   the consent page; 303 to the sign-in; 303 to the client with an error
 * errors  M_INVALID_PARAM 400  the client or its redirect URI is not known
 */
bool
oauth_authorize_get(struct req *rq)
{
	struct visitor v;
	struct asking x;

	if (!visitor_open(rq, &v) || !read_asking(rq, &x))
		return false;
	if (x.error != NULL)
		return answer(rq, &v, &x, S(""));
	if (v.signed_in)
		return consent_page(rq, &v, &x);
	return page_go(rq, &v, str_fmt(rq->ctx.a, PAGE_ROOT "/%s?next="
	    STR_FMT, v.partial ? "second" : x.create ? "register" : "sign-in",
	    STR_ARG(pct_encode(rq->ctx.a, page_here(rq)))));
}

/* POST /_beffroi/oauth/authorize: decision=allow or refuse, with the query of the GET. */
bool
oauth_authorize_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct oauth_grant g;
	struct visitor v;
	struct asking x;
	struct form f;
	struct str code;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f) ||
	    !read_asking(rq, &x))
		return false;
	if (x.error != NULL)
		return answer(rq, &v, &x, S(""));
	if (!v.signed_in)
		return page_go(rq, &v, str_fmt(c->a, PAGE_ROOT "/sign-in?next="
		    STR_FMT, STR_ARG(pct_encode(c->a, page_here(rq)))));
	if (!str_eq(form_get(&f, "decision"), S("allow"))) {
		x.error = "access_denied";
		x.why = "The person refused";
		return answer(rq, &v, &x, S(""));
	}
	g = (struct oauth_grant){ .user = v.browser.user,
	    .client_id = x.client.id, .redirect_uri = x.redirect_uri,
	    .scope = x.scope.granted, .challenge = x.challenge };
	return oauth_client_touch(c, x.client.id) &&
	    oauth_code_make(c, &g, &code) && answer(rq, &v, &x, code);
}
