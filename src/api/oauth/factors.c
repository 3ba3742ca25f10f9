/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Second factors on the pages: the step after a password, and setting them up
 * and removing them on the account page. A wrong code costs three attempts of
 * the account's: it is short.
 */
#include "api/oauth/qr.h"
#include "api/oauth/sign_in.h"

#include "api/rate.h"
#include "api/res.h"
#include "core/account.h"
#include "core/factor.h"
#include "core/totp.h"
#include "room/ids.h"

static bool
second_page(struct req *rq, const struct visitor *v, struct str next,
    enum text error)
{
	struct field code = { .name = "code", .type = "text",
	    .autocomplete = "one-time-code", .label = T_CODE,
	    .hint = T_CODE_HINT, .focus = true };
	struct factors all;
	struct page p;

	if (!factor_list(&rq->ctx, v->browser.user, &all))
		return false;
	page_begin(&p, rq, v, T_SECOND, error);
	page_para(&p, T_SECOND_INTRO);
	page_form(&p, S(PAGE_ROOT "/second"), next);
	page_field(&p, &code);
	page_button(&p, T_CONTINUE, NULL, NULL, "");
	page_form_end(&p);
	if (all.npasskeys > 0)
		page_link(&p, str_cat(rq->ctx.a, S(PAGE_ROOT
		    "/passkey?next="), pct_encode(rq->ctx.a, next)),
		    T_PASSKEY_USE);
	page_form(&p, S(PAGE_ROOT "/sign-out"), next);
	page_button(&p, T_NOT_YOU, NULL, NULL, "quiet");
	page_form_end(&p);
	return page_end(&p, error == 0 ? 200 : error == T_TOO_MANY ? 429
	    : 403);
}

/* GET /_beffroi/account/second?next= */
bool
second_get(struct req *rq)
{
	struct str next = page_next(req_query(rq, "next"));
	struct visitor v;

	if (!visitor_open(rq, &v))
		return false;
	return v.partial ? second_page(rq, &v, next, 0)
	    : page_go(rq, &v, next);
}

/* POST /_beffroi/account/second: code, next. */
bool
second_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct visitor v;
	struct form f;
	struct err ignored;
	struct str next;
	bool ok;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	next = page_next(form_get(&f, "next"));
	if (!v.partial)
		return page_go(rq, &v, next);
	if (!rate_take_account(v.browser.user, &c->err)) {
		err_clear(&c->err);
		return second_page(rq, &v, next, T_TOO_MANY);
	}
	if (!factor_code_use(c, v.browser.user, form_get(&f, "code"), &ok))
		return false;
	if (ok)
		return sign_in_done(rq, &v, v.browser.user, false, next);
	(void)(rate_take_account(v.browser.user, &ignored) &&
	    rate_take_account(v.browser.user, &ignored));
	return second_page(rq, &v, next, T_CODE_WRONG);
}

/* A button that does one thing on this page. */
static void
act(struct page *p, enum text t, const char *what, struct str id,
    const char *kind)
{
	page_form(p, S(PAGE_ROOT "/factors"), S(""));
	if (id.n > 0)
		page_hidden(p, "id", b64_encode(p->rq->ctx.a, B64_URL, id));
	page_button(p, t, "do", what, kind);
	page_form_end(p);
}

static void
heading(struct page *p, enum text t)
{
	page_html(p, "<h2>");
	page_text(p, t);
	page_html(p, "</h2>\n");
}

static void
passkeys_part(struct page *p, const struct factors *all)
{
	heading(p, T_PASSKEYS);
	page_html(p, "<ul class=\"list\">\n");
	for (size_t i = 0; i < all->npasskeys; i++) {
		page_html(p, "<li><strong>");
		page_esc(p, all->passkey[i].name);
		page_html(p, "</strong> – ");
		page_text(p, T_LAST_SEEN);
		page_html(p, " ");
		page_time(p, all->passkey[i].used_ms);
		act(p, T_PASSKEY_REMOVE, "passkey-remove",
		    all->passkey[i].id, "quiet");
		page_html(p, "</li>\n");
	}
	page_html(p, "</ul>\n");
	if (all->npasskeys < PASSKEYS_MAX)
		page_link(p, S(PAGE_ROOT "/passkey-new"), T_PASSKEY_ADD);
}

static bool
factors_page(struct req *rq, const struct visitor *v)
{
	struct factors all;
	struct page p;

	if (!factor_list(&rq->ctx, v->browser.user, &all))
		return false;
	page_begin(&p, rq, v, T_SECOND, 0);
	if (!all.totp && all.npasskeys == 0)
		page_para(&p, T_SECOND_NONE);
	heading(&p, T_TOTP);
	if (all.totp) {
		page_para(&p, T_TOTP_ON);
		act(&p, T_TOTP_REMOVE, "totp-remove", S(""), "quiet");
	} else {
		act(&p, T_TOTP_ADD, "totp-begin", S(""), "");
	}
	passkeys_part(&p, &all);
	if (all.totp || all.npasskeys > 0) {
		heading(&p, T_RECOVERY);
		buf_fmt(&p.b, "<p>%lld / %d</p>\n", (long long)all.recovery,
		    RECOVERY_CODES);
		act(&p, T_RECOVERY_NEW, "recovery", S(""), "quiet");
	}
	page_link(&p, S(PAGE_ROOT), T_BACK);
	return page_end(&p, 200);
}

static bool
recovery_page(struct req *rq, const struct visitor *v)
{
	struct str code[RECOVERY_CODES];
	struct page p;

	if (!factor_recovery_new(&rq->ctx, v->browser.user, code))
		return false;
	page_begin(&p, rq, v, T_RECOVERY, 0);
	page_para(&p, T_RECOVERY_INTRO);
	page_html(&p, "<ul>\n");
	for (size_t i = 0; i < RECOVERY_CODES; i++) {
		page_html(&p, "<li><code>");
		page_esc(&p, code[i]);
		page_html(&p, "</code></li>\n");
	}
	page_html(&p, "</ul>\n");
	page_link(&p, S(PAGE_ROOT "/factors"), T_CONTINUE);
	return page_end(&p, 200);
}

bool
factors_added(struct req *rq, const struct visitor *v)
{
	struct factors all;

	if (!factor_list(&rq->ctx, v->browser.user, &all))
		return false;
	return all.recovery == 0 ? recovery_page(rq, v)
	    : factors_page(rq, v);
}

static bool
totp_page(struct req *rq, const struct visitor *v, struct str secret,
    struct str token, enum text error)
{
	struct arena *a = rq->ctx.a;
	struct field code = { .name = "code", .type = "text",
	    .autocomplete = "one-time-code", .label = T_CODE,
	    .focus = true };
	struct str uri = totp_uri(a, secret, server_get()->name,
	    id_localpart(v->browser.user));
	struct page p;

	page_begin(&p, rq, v, T_TOTP_ADD, error);
	page_para(&p, T_TOTP_INTRO);
	qr_svg(&p.b, uri, text_of(v->lang, T_TOTP_QR));
	page_html(&p, "<dl><dt>");
	page_text(&p, T_TOTP_SECRET);
	page_html(&p, "</dt><dd><code>");
	page_esc(&p, totp_shown(a, secret));
	page_html(&p, "</code></dd></dl>\n<p><a href=\"");
	page_esc(&p, uri);
	page_html(&p, "\">");
	page_text(&p, T_TOTP_LINK);
	page_html(&p, "</a></p>\n");
	page_form(&p, S(PAGE_ROOT "/factors"), S(""));
	page_hidden(&p, "pending", token);
	page_field(&p, &code);
	page_button(&p, T_CONTINUE, "do", "totp-set", "");
	page_form_end(&p);
	page_link(&p, S(PAGE_ROOT "/factors"), T_CANCEL);
	return page_end(&p, error == 0 ? 200 : 400);
}

static bool
totp_begin(struct req *rq, const struct visitor *v)
{
	struct str secret, token;

	return factor_totp_begin(&rq->ctx, v->browser.user, &secret,
	    &token) && totp_page(rq, v, secret, token, 0);
}

static bool
totp_set(struct req *rq, const struct visitor *v, const struct form *f)
{
	struct ctx *c = &rq->ctx;
	struct str user = v->browser.user, secret, token;
	bool found, ok;

	if (!rate_take_account(user, &c->err) || !factor_totp_pending(c, user,
	    form_get(f, "pending"), &secret, &found))
		return false;
	if (!found)
		return totp_begin(rq, v);
	if (!factor_totp_set(c, user, secret, form_get(f, "code"), &ok))
		return false;
	if (ok)
		return factors_added(rq, v);
	return factor_totp_keep(c, user, secret, &token) &&
	    totp_page(rq, v, secret, token, T_CODE_WRONG);
}

static bool
passkey_remove(struct req *rq, const struct visitor *v, const struct form *f)
{
	struct str id;

	if (!b64_decode(rq->ctx.a, B64_URL, form_get(f, "id"), &id) ||
	    id.n == 0)
		return factors_page(rq, v);
	return factor_remove(&rq->ctx, v->browser.user, id) &&
	    factors_page(rq, v);
}

/* GET /_beffroi/account/factors */
bool
factors_get(struct req *rq)
{
	struct visitor v;
	bool replied;

	if (!visitor_open(rq, &v))
		return false;
	if (!visitor_need_fresh(rq, &v, &replied))
		return replied;
	return factors_page(rq, &v);
}

/* POST /_beffroi/account/factors: do; id, pending, code. */
bool
factors_post(struct req *rq)
{
	struct visitor v;
	struct form f;
	struct str what;
	bool replied;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!visitor_need_fresh(rq, &v, &replied))
		return replied;
	what = form_get(&f, "do");
	if (str_eq(what, S("totp-begin")))
		return totp_begin(rq, &v);
	if (str_eq(what, S("totp-set")))
		return totp_set(rq, &v, &f);
	if (str_eq(what, S("totp-remove")))
		return factor_totp_remove(&rq->ctx, v.browser.user) &&
		    factors_page(rq, &v);
	if (str_eq(what, S("passkey-remove")))
		return passkey_remove(rq, &v, &f);
	if (str_eq(what, S("recovery")))
		return recovery_page(rq, &v);
	return factors_page(rq, &v);
}

/* DELETE /_beffroi/admin/v1/users/{userId}/factors: of who has lost them all. */
bool
admin_factors_delete(struct req *rq)
{
	struct account account;
	struct str user;

	return req_path_user(rq, "userId", &user) &&
	    account_get(&rq->ctx, user, &account) &&
	    factor_remove(&rq->ctx, user, (struct str){ NULL, 0 }) &&
	    res_empty(rq);
}
