/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The parts of the account page that change who can get in: the password, the
 * reset of cross-signing keys, the end of the account. Each asks who one is
 * again, if that was a while ago.
 */
#include "api/oauth/consent.h"
#include "api/oauth/sign_in.h"

#include "api/rate.h"
#include "core/account.h"
#include "core/session.h"
#include "room/ids.h"

static bool
password_page(struct req *rq, const struct visitor *v, bool has_one,
    enum text error)
{
	struct field old = { .name = "current", .type = "password",
	    .autocomplete = "current-password", .label = T_CURRENT_PASSWORD,
	    .focus = true };
	struct field fresh = { .name = "password", .type = "password",
	    .autocomplete = "new-password", .label = T_NEW_PASSWORD,
	    .hint = T_PASSWORD_HINT, .hint_more = str_fmt(rq->ctx.a, "%lld",
	    (long long)conf_get()->password_min_length) };
	struct field repeat = { .name = "password2", .type = "password",
	    .autocomplete = "new-password", .label = T_REPEAT_PASSWORD };
	struct page p;

	page_begin(&p, rq, v, T_PASSWORD_CHANGE, error);
	page_form(&p, S(PAGE_ROOT "/password"), S(""));
	if (has_one)
		page_field(&p, &old);
	page_field(&p, &fresh);
	page_field(&p, &repeat);
	page_check(&p, "everywhere", T_PASSWORD_OTHERS, true);
	page_button(&p, T_SAVE, NULL, NULL, "");
	page_form_end(&p);
	page_link(&p, S(PAGE_ROOT), T_BACK);
	err_clear(&rq->ctx.err);
	return page_end(&p, error == 0 ? 200 : 400);
}

/* Who is here, wholly and a short while ago; the account goes with it. */
static bool
open_fresh(struct req *rq, struct visitor *v, struct form *f,
    struct account *account, bool *replied)
{
	*replied = false;
	if (!visitor_open(rq, v) || (f != NULL && !form_open(rq, v, f)) ||
	    !visitor_need_fresh(rq, v, replied))
		return false;
	return account_get(&rq->ctx, v->browser.user, account);
}

/* GET /_beffroi/account/password */
bool
account_password_get(struct req *rq)
{
	struct account account;
	struct visitor v;
	bool replied;

	if (!open_fresh(rq, &v, NULL, &account, &replied))
		return replied;
	return password_page(rq, &v, account.password.n > 0, 0);
}

/* 0, or what is wrong; the error is set if the server failed. */
static enum text
change_password(struct req *rq, const struct account *account,
    const struct form *f)
{
	struct ctx *c = &rq->ctx;
	struct str fresh = form_get(f, "password");
	bool ok = true;

	if (!str_eq_secret(fresh, form_get(f, "password2")))
		return T_PASSWORDS_DIFFER;
	if (account->password.n > 0) {
		if (!rate_take_account(account->user_id, &c->err))
			return T_TOO_MANY;
		if (!account_password_ok(c, account->user_id,
		    secret_dup(c->a, form_get(f, "current")), &ok))
			return 0;
	}
	if (!ok)
		return T_WRONG_PASSWORD;
	if (account_change_password(c, account->user_id, secret_dup(c->a,
	    fresh)))
		return 0;
	return c->err.code == M_INVALID_PARAM ? T_PASSWORD_WEAK
	    : text_of_error(&c->err);
}

/* POST /_beffroi/account/password: current, password, password2, everywhere. */
bool
account_password_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct account account;
	struct str cookie;
	struct visitor v;
	struct form f;
	enum text error;
	bool replied;

	if (!open_fresh(rq, &v, &f, &account, &replied))
		return replied;
	error = change_password(rq, &account, &f);
	if (error != 0)
		return password_page(rq, &v, account.password.n > 0, error);
	if (c->err.code != M_OK)
		return false;
	/* The change has ended every browser's sign-in; this one goes on. */
	if (!browser_begin(c, account.user_id, false, v.cookie, &cookie))
		return false;
	visitor_become(&v, cookie);
	if (form_has(&f, "everywhere") && !session_end_all(c,
	    account.user_id, (struct str){ NULL, 0 }))
		return false;
	return page_say(rq, &v, T_PASSWORD_CHANGE, T_DONE);
}

/* GET /_beffroi/account/reset */
bool
account_reset_get(struct req *rq)
{
	struct account account;
	struct visitor v;
	struct page p;
	bool replied;

	if (!open_fresh(rq, &v, NULL, &account, &replied))
		return replied;
	page_begin(&p, rq, &v, T_RESET, 0);
	consent_who(&p);
	page_para(&p, T_RESET_WARN);
	page_form(&p, S(PAGE_ROOT "/reset"), S(""));
	page_button(&p, T_ALLOW, NULL, NULL, "danger");
	page_form_end(&p);
	page_link(&p, S(PAGE_ROOT), T_BACK);
	return page_end(&p, 200);
}

/* POST /_beffroi/account/reset: a client may replace the keys, once and for ten minutes. */
bool
account_reset_post(struct req *rq)
{
	struct account account;
	struct visitor v;
	struct form f;
	bool replied;

	if (!open_fresh(rq, &v, &f, &account, &replied))
		return replied;
	return approval_give(&rq->ctx, account.user_id,
	    S("cross_signing_reset")) &&
	    page_say(rq, &v, T_RESET, T_RESET_DONE);
}

static bool
deactivate_page(struct req *rq, const struct visitor *v, enum text error)
{
	struct field name = { .name = "username", .type = "text",
	    .autocomplete = "off", .label = T_DEACTIVATE_CONFIRM,
	    .focus = true };
	struct page p;

	page_begin(&p, rq, v, T_DEACTIVATE, error);
	consent_who(&p);
	page_para(&p, T_DEACTIVATE_WARN);
	page_form(&p, S(PAGE_ROOT "/deactivate"), S(""));
	page_field(&p, &name);
	page_check(&p, "erase", T_DEACTIVATE_ERASE, false);
	page_button(&p, T_DEACTIVATE, NULL, NULL, "danger");
	page_form_end(&p);
	page_link(&p, S(PAGE_ROOT), T_BACK);
	return page_end(&p, error == 0 ? 200 : 400);
}

/* GET /_beffroi/account/deactivate */
bool
account_deactivate_get(struct req *rq)
{
	struct account account;
	struct visitor v;
	bool replied;

	if (!open_fresh(rq, &v, NULL, &account, &replied))
		return replied;
	return deactivate_page(rq, &v, 0);
}

/* POST /_beffroi/account/deactivate: username (to confirm), erase. */
bool
account_deactivate_post(struct req *rq)
{
	struct account account;
	struct visitor v;
	struct form f;
	struct str name;
	bool replied;

	if (!open_fresh(rq, &v, &f, &account, &replied))
		return replied;
	name = str_trim(form_get(&f, "username"));
	if (!str_eq(name, account.user_id) &&
	    !str_eq(name, id_localpart(account.user_id)))
		return deactivate_page(rq, &v, T_DEACTIVATE_CONFIRM);
	if (!account_deactivate(&rq->ctx, account.user_id,
	    form_has(&f, "erase")))
		return false;
	visitor_become(&v, random_text(rq->ctx.a, COOKIE_LETTERS));
	return page_say(rq, &v, T_DEACTIVATE, T_DEACTIVATED);
}
