/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Where a person types the code that a device shows, and decides. A code that
 * comes in the address is asked about all the same. Guesses are counted by
 * address and by account.
 * spec: client-server v1.19, "Device authorisation flow"; RFC 8628, section 5.
 */
#include "api/oauth/consent.h"

#include "api/rate.h"
#include "core/oauth.h"

static bool
code_page(struct req *rq, const struct visitor *v, enum text error)
{
	struct field code = { .name = "user_code", .type = "text",
	    .autocomplete = "off", .label = T_LINK_CODE, .hint = T_LINK_HINT,
	    .focus = true };
	struct page p;

	page_begin(&p, rq, v, T_LINK_TITLE, error);
	page_para(&p, T_LINK_INTRO);
	page_form(&p, S(OAUTH_ROOT "/link"), S(""));
	page_field(&p, &code);
	page_button(&p, T_CONTINUE, NULL, NULL, "");
	page_form_end(&p);
	consent_who(&p);
	return page_end(&p, error == 0 ? 200 : 400);
}

static bool
ask_page(struct req *rq, const struct visitor *v, struct str code,
    const struct oauth_device_ask *ask)
{
	struct oauth_client client;
	struct oauth_scope scope;
	struct page p;
	bool found;

	if (!oauth_client_find(&rq->ctx, ask->client_id, &client, &found))
		return false;
	if (!found || !oauth_scope_read(rq->ctx.a, ask->scope, &scope))
		return code_page(rq, v, T_LINK_UNKNOWN);
	page_begin(&p, rq, v, T_CONSENT_TITLE, 0);
	consent_client(&p, &client);
	if (!consent_scope(&p, &scope))
		return false;
	consent_who(&p);
	page_html(&p, "<p><strong>");
	page_text(&p, T_LINK_WARN);
	page_html(&p, "</strong></p>\n<p>");
	page_text(&p, T_LINK_CODE);
	page_html(&p, " <code>");
	page_esc(&p, code);
	page_html(&p, "</code></p>\n");
	page_form(&p, S(OAUTH_ROOT "/link"), S(""));
	page_hidden(&p, "user_code", code);
	page_button(&p, T_ALLOW, "decision", "allow", "");
	page_button(&p, T_REFUSE, "decision", "refuse", "quiet");
	page_form_end(&p);
	consent_links(&p, &client);
	return page_end(&p, 200);
}

/* A code that somebody typed or followed: what does it stand for? */
static bool
look(struct req *rq, const struct visitor *v, struct str code,
    struct oauth_device_ask *ask, bool *found)
{
	return rate_take_account(v->browser.user, &rq->ctx.err) &&
	    oauth_device_ask(&rq->ctx, code, ask, found);
}

/* GET /_beffroi/oauth/link?user_code= */
bool
oauth_link_get(struct req *rq)
{
	struct str code = str_sub(req_query(rq, "user_code"), 0, 16);
	struct oauth_device_ask ask;
	struct visitor v;
	bool replied, found;

	if (!visitor_open(rq, &v))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	if (code.n == 0)
		return code_page(rq, &v, 0);
	if (!look(rq, &v, code, &ask, &found))
		return false;
	return found ? ask_page(rq, &v, code, &ask)
	    : code_page(rq, &v, T_LINK_UNKNOWN);
}

/* POST /_beffroi/oauth/link: user_code; decision=allow or refuse, once it was asked. */
bool
oauth_link_post(struct req *rq)
{
	struct oauth_device_ask ask;
	struct str code, decision;
	struct visitor v;
	struct form f;
	bool replied, found, done;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	code = str_sub(form_get(&f, "user_code"), 0, 16);
	decision = form_get(&f, "decision");
	if (!look(rq, &v, code, &ask, &found))
		return false;
	if (!found)
		return code_page(rq, &v, T_LINK_UNKNOWN);
	if (decision.n == 0)
		return ask_page(rq, &v, code, &ask);
	if (!oauth_device_decide(&rq->ctx, &ask, v.browser.user,
	    str_eq(decision, S("allow")), &done))
		return false;
	if (!done)
		return code_page(rq, &v, T_LINK_UNKNOWN);
	return page_say(rq, &v, T_LINK_TITLE, str_eq(decision, S("allow"))
	    ? T_LINK_DONE : T_LINK_REFUSED);
}
