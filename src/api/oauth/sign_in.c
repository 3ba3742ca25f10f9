/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Signing in and out of the pages, making an account, showing again who one
 * is. A password is tried by the rates of /login, by address and by account;
 * a name that does not exist takes as long and gets the same words.
 */
#include "api/oauth/sign_in.h"

#include "api/rate.h"
#include "api/res.h"
#include "base/conf.h"
#include "core/account.h"
#include "core/factor.h"
#include "core/oidc.h"

#define NAME_MAX_BYTES 255

static bool
may_register(void)
{
	return account_registration() != REGISTRATION_CLOSED;
}

static struct str
with_next(struct req *rq, const char *path, struct str next)
{
	return str_fmt(rq->ctx.a, PAGE_ROOT "/%s?next=" STR_FMT, path,
	    STR_ARG(pct_encode(rq->ctx.a, next)));
}

void
sign_in_ways(struct page *p, struct str next)
{
	page_link(p, with_next(p->rq, "passkey", next), T_PASSKEY_USE);
	if (!oidc_offered())
		return;
	page_html(p, "<p><a href=\"");
	page_esc(p, p->v->site.path);
	page_esc(p, with_next(p->rq, "upstream", next));
	page_html(p, "\">");
	page_text(p, T_SIGN_IN_WITH);
	page_html(p, " ");
	page_esc(p, oidc_name());
	page_html(p, "</a></p>\n");
}

/* The form for a password, of a name that is typed or of who is here. */
static bool
password_page(struct req *rq, const struct visitor *v, struct str next,
    struct str name, enum text error, int status)
{
	bool confirm = v->signed_in;
	struct account account = { .password = S("-") };
	struct page p;
	struct field user = { .name = "username", .type = "text",
	    .autocomplete = "username", .label = T_USER_NAME, .value = name,
	    .focus = name.n == 0 };
	struct field password = { .name = "password", .type = "password",
	    .autocomplete = "current-password", .label = T_PASSWORD,
	    .focus = confirm || name.n > 0 };

	if (confirm && !account_get(&rq->ctx, v->browser.user, &account))
		return false;
	page_begin(&p, rq, v, confirm ? T_CONFIRM_TITLE : T_SIGN_IN, error);
	if (confirm) {
		page_para(&p, T_CONFIRM_INTRO);
		page_html(&p, "<p>");
		page_text(&p, T_SIGNED_IN_AS);
		page_html(&p, " <strong>");
		page_esc(&p, v->browser.user);
		page_html(&p, "</strong></p>\n");
	}
	/* Who comes from another service has no password to show. */
	if (account.password.n > 0 && conf_get()->password_enabled) {
		page_form(&p, confirm ? S(PAGE_ROOT "/confirm")
		    : S(PAGE_ROOT "/sign-in"), next);
		if (!confirm)
			page_field(&p, &user);
		page_field(&p, &password);
		page_button(&p, confirm ? T_CONTINUE : T_SIGN_IN, NULL, NULL,
		    "");
		page_form_end(&p);
	}
	sign_in_ways(&p, next);
	if (!confirm && may_register())
		page_link(&p, with_next(rq, "register", next),
		    T_REGISTER_INSTEAD);
	if (!page_end(&p, status))
		return false;
	if (rq->ctx.err.retry_ms > 0)
		res_header(rq, "Retry-After", str_fmt(rq->ctx.a, "%lld",
		    (long long)(rq->ctx.err.retry_ms + 999) / 1000));
	err_clear(&rq->ctx.err);
	return true;
}

bool
sign_in_done(struct req *rq, struct visitor *v, struct str user,
    bool need_second, struct str next)
{
	struct str cookie;
	bool owes = false;

	if ((need_second && !factor_owed(&rq->ctx, user, &owes)) ||
	    !browser_begin(&rq->ctx, user, owes, v->cookie, &cookie))
		return false;
	visitor_become(v, cookie);
	return page_go(rq, v, owes ? with_next(rq, "second", next)
	    : page_next(next));
}

/* GET /_beffroi/account/sign-in?next= */
bool
sign_in_get(struct req *rq)
{
	struct str next = page_next(req_query(rq, "next"));
	struct visitor v;

	if (!visitor_open(rq, &v))
		return false;
	if (v.signed_in)
		return page_go(rq, &v, next);
	return password_page(rq, &v, next, S(""), 0, 200);
}

/* What a refusal of a password is on the page; 0: an error of the server's. */
static enum text
password_error(const struct err *e)
{
	switch (err_status(e)) {
	case 429:
	case 401:
		return text_of_error(e);
	case 400:
	case 403:
		return T_WRONG_PASSWORD;
	default:
		return 0;
	}
}

/* Shows the form again with what was wrong, unless the server failed. */
static bool
again(struct req *rq, const struct visitor *v, struct str next,
    struct str name)
{
	enum text error = password_error(&rq->ctx.err);

	if (error == 0)
		return false;
	return password_page(rq, v, next, name, error,
	    err_status(&rq->ctx.err) == 429 ? 429 : 403);
}

/* POST /_beffroi/account/sign-in: username, password, next. */
bool
sign_in_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str name, next, user;
	struct account account;
	struct visitor v;
	struct form f;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!conf_get()->password_enabled)
		return fail(&c->err, M_FORBIDDEN,
		    "Accounts are not opened by passwords here");
	v.signed_in = false;		/* whoever was here signs in anew */
	name = str_sub(form_get(&f, "username"), 0, NAME_MAX_BYTES);
	next = page_next(form_get(&f, "next"));
	if (!account_id(c, str_lower(c->a, str_trim(name)), &user) ||
	    !rate_take_account(user, &c->err) ||
	    !account_login(c, user, secret_dup(c->a, form_get(&f,
	    "password")), &account))
		return again(rq, &v, next, name);
	return sign_in_done(rq, &v, user, true, next);
}

/* GET /_beffroi/account/confirm?next= */
bool
confirm_get(struct req *rq)
{
	struct visitor v;
	bool replied;

	if (!visitor_open(rq, &v))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	return password_page(rq, &v, page_next(req_query(rq, "next")),
	    S(""), 0, 200);
}

/* POST /_beffroi/account/confirm: password, next. */
bool
confirm_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct account account;
	struct visitor v;
	struct form f;
	struct str next;
	bool replied;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	next = page_next(form_get(&f, "next"));
	if (!conf_get()->password_enabled)
		return fail(&c->err, M_FORBIDDEN,
		    "Accounts are not opened by passwords here");
	if (!rate_take_account(v.browser.user, &c->err) ||
	    !account_login(c, v.browser.user, secret_dup(c->a, form_get(&f,
	    "password")), &account))
		return again(rq, &v, next, S(""));
	return sign_in_done(rq, &v, v.browser.user, true, next);
}

/* POST /_beffroi/account/sign-out: next. */
bool
sign_out_post(struct req *rq)
{
	struct visitor v;
	struct form f;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f) ||
	    !browser_end(&rq->ctx, v.cookie))
		return false;
	visitor_become(&v, random_text(rq->ctx.a, COOKIE_LETTERS));
	return page_go(rq, &v, form_get(&f, "next"));
}

/* The form for a new account. */
static bool
sign_up_page(struct req *rq, const struct visitor *v, struct str next,
    struct str name, enum text error, int status)
{
	struct page p;
	struct field user = { .name = "username", .type = "text",
	    .autocomplete = "username", .label = T_USER_NAME,
	    .hint = T_NAME_HINT, .value = name, .focus = true };
	struct field password = { .name = "password", .type = "password",
	    .autocomplete = "new-password", .label = T_PASSWORD,
	    .hint = T_PASSWORD_HINT, .hint_more = str_fmt(rq->ctx.a, "%lld",
	    (long long)conf_get()->password_min_length) };
	struct field repeat = { .name = "password2", .type = "password",
	    .autocomplete = "new-password", .label = T_REPEAT_PASSWORD };
	struct field token = { .name = "token", .type = "text",
	    .autocomplete = "off", .label = T_TOKEN };

	page_begin(&p, rq, v, T_REGISTER, error);
	if (may_register()) {
		page_form(&p, S(PAGE_ROOT "/register"), next);
		page_field(&p, &user);
		page_field(&p, &password);
		page_field(&p, &repeat);
		if (account_registration() == REGISTRATION_BY_TOKEN)
			page_field(&p, &token);
		page_button(&p, T_REGISTER, NULL, NULL, "");
		page_form_end(&p);
	} else {
		page_para(&p, T_NO_REGISTRATION);
	}
	page_link(&p, with_next(rq, "sign-in", next), T_SIGN_IN_INSTEAD);
	err_clear(&rq->ctx.err);
	return page_end(&p, status);
}

/* GET /_beffroi/account/register?next= */
bool
sign_up_get(struct req *rq)
{
	struct visitor v;

	if (!visitor_open(rq, &v))
		return false;
	return sign_up_page(rq, &v, page_next(req_query(rq, "next")),
	    S(""), 0, 200);
}

/* By the policy of /register: 0, or what is wrong. The error is set only if the server failed. */
static enum text
sign_up(struct req *rq, const struct form *f, struct str *user)
{
	struct ctx *c = &rq->ctx;
	struct str password = form_get(f, "password");
	struct account_new n = { .kind = S("user"),
	    .password = secret_dup(c->a, password) };

	if (!may_register())
		return T_NO_REGISTRATION;
	if (!str_eq_secret(password, form_get(f, "password2")))
		return T_PASSWORDS_DIFFER;
	if (password.n == 0)
		return T_PASSWORD_WEAK;
	if (!account_id(c, str_lower(c->a, str_trim(form_get(f,
	    "username"))), &n.user) ||
	    !account_available(c, n.user))
		return text_of_error(&c->err);
	if (account_registration() == REGISTRATION_BY_TOKEN) {
		n.reg_token = form_get(f, "token");
		if (n.reg_token.n == 0 || n.reg_token.n > 64 ||
		    str_find(n.reg_token, '\0') >= 0)
			return T_TOKEN_BAD;
	}
	*user = n.user;
	if (account_create(c, &n))
		return 0;
	return c->err.code == M_FORBIDDEN ? T_TOKEN_BAD
	    : text_of_error(&c->err);
}

/* POST /_beffroi/account/register: username, password, password2, token, next. */
bool
sign_up_post(struct req *rq)
{
	struct str next, user = { NULL, 0 };
	struct visitor v;
	struct form f;
	enum text error;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	next = page_next(form_get(&f, "next"));
	error = sign_up(rq, &f, &user);
	if (error != 0)
		return sign_up_page(rq, &v, next, str_sub(form_get(&f,
		    "username"), 0, NAME_MAX_BYTES), error, 400);
	if (rq->ctx.err.code != M_OK)
		return false;
	return sign_in_done(rq, &v, user, false, next);
}

/* GET /_beffroi/account/language?to=fr&next= */
bool
account_language_get(struct req *rq)
{
	struct visitor v;
	enum lang lang;

	if (!visitor_open(rq, &v) || !page_go(rq, &v, req_query(rq, "next")))
		return false;
	if (lang_find(req_query(rq, "to"), &lang))
		res_header(rq, "Set-Cookie", str_fmt(rq->ctx.a,
		    "beffroi_lang=%s; Path=" STR_FMT "; HttpOnly; "
		    "SameSite=Lax; Max-Age=31536000%s", lang_code(lang),
		    STR_ARG(v.site.path), v.site.secure ? "; Secure" : ""));
	return true;
}
