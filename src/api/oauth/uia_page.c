/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * User-interactive authentication by the pages (m.login.sso), for accounts
 * that a password alone does not open: the person shows who they are, is told
 * what an application asks for, and allows that one request.
 * spec: client-server v1.19, "Fallback", "SSO during User-Interactive Authentication".
 */
#include "api/oauth/consent.h"

#include "api/res.h"
#include "base/conf.h"
#include "store/q_account.h"

/* What an operation is to a person; by the name of its handler. */
static enum text
operation_text(struct str name)
{
	static const struct {
		const char *handler;
		enum text text;
	} known[] = {
		{ "device_delete_delete", T_SIGN_OUT_SESSION },
		{ "delete_devices_post", T_SIGN_OUT_SESSION },
		{ "password_post", T_PASSWORD_CHANGE },
		{ "deactivate_post", T_DEACTIVATE },
		{ "device_signing_upload_post", T_RESET },
		{ "login_get_token_post", T_UIA_LOGIN },
	};

	for (size_t i = 0; i < LEN(known); i++)
		if (str_eq_c(name, known[i].handler))
			return known[i].text;
	return T_UIA_OTHER;
}

/* The session that the address names: young, and of who is here. */
static bool
open_session(struct req *rq, struct visitor *v, struct uia_row *row,
    bool *replied)
{
	struct ctx *c = &rq->ctx;
	struct str id = req_query(rq, "session");
	bool found = false;

	*replied = false;
	if (!str_eq(req_path(rq, "authType"), S("m.login.sso")))
		return fail(&c->err, M_NOT_FOUND,
		    "There is no page for this stage");
	if (id.n > 0 && id.n <= 64 && str_find(id, '\0') < 0 &&
	    !uia_find(c->db, c->a, id, row, &found, &c->err))
		return false;
	if (!found || c->now_ms - row->created_ms >
	    conf_get()->session_uia_lifetime)
		return fail(&c->err, M_NOT_FOUND,
		    "The request is not known, or too old");
	if (!visitor_need_fresh(rq, v, replied))
		return false;
	return str_eq(row->user_id, v->browser.user) || fail(&c->err,
	    M_FORBIDDEN, "The request is of another account than the one "
	    "that is signed in here");
}

/* GET /_matrix/client/v3/auth/{authType}/fallback/web?session= */
bool
uia_page_get(struct req *rq)
{
	struct uia_row row;
	struct visitor v;
	struct page p;
	bool replied;

	if (!visitor_open(rq, &v))
		return false;
	if (!open_session(rq, &v, &row, &replied))
		return replied;
	page_begin(&p, rq, &v, T_UIA_TITLE, 0);
	consent_who(&p);
	page_para(&p, T_UIA_INTRO);
	page_html(&p, "<p><strong>");
	page_text(&p, operation_text(row.operation));
	page_html(&p, "</strong></p>\n");
	page_para(&p, T_CONSENT_WARN);
	page_form(&p, page_here(rq), S(""));
	page_button(&p, T_ALLOW, NULL, NULL, "");
	page_form_end(&p);
	return page_end(&p, 200);
}

static bool
done_body(struct db *db, void *arg, struct err *e)
{
	const struct uia_row *row = arg;

	return uia_set_done(db, row->id, S("[\"m.login.sso\"]"), e);
}

/* POST /_matrix/client/v3/auth/{authType}/fallback/web?session= */
bool
uia_page_post(struct req *rq)
{
	struct uia_row row;
	struct visitor v;
	struct page p;
	struct form f;
	bool replied;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!open_session(rq, &v, &row, &replied))
		return replied;
	if (!db_transact(rq->ctx.db, done_body, &row, &rq->ctx.err))
		return false;
	page_begin(&p, rq, &v, T_UIA_TITLE, 0);
	page_para(&p, T_DONE);
	page_para(&p, T_CLOSE);
	page_html(&p, "<script src=\"");
	page_esc(&p, v.site.path);
	page_html(&p, OAUTH_ROOT "/done.js\" defer></script>\n");
	p.script = true;
	return page_end(&p, 200);
}
