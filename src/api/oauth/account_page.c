/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The account page: one's name, sessions, password, and the end of the
 * account. Clients link to its parts by `action`. What is grave asks who one
 * is again, if that was a while ago.
 * spec: client-server v1.19, "Account management" of the OAuth 2.0 API.
 */
#include "api/oauth/consent.h"
#include "api/oauth/sign_in.h"

#include "api/rate.h"
#include "core/account.h"
#include "core/oauth.h"
#include "core/session.h"
#include "room/ids.h"
#include "store/q_oauth.h"
#include "store/q_profile.h"

#define DEVICES_SHOWN 500

/*
 * Where the actions that clients link to are; NULL: on the page itself. The
 * session_* ones are what the proposal called device_*.
 */
static const char *
part_of(struct str action)
{
	static const struct {
		const char *action, *path;
	} parts[] = {
		{ "org.matrix.device_view", PAGE_ROOT "/session?id=" },
		{ "org.matrix.device_delete", PAGE_ROOT "/session?id=" },
		{ "org.matrix.session_view", PAGE_ROOT "/session?id=" },
		{ "org.matrix.session_end", PAGE_ROOT "/session?id=" },
		{ "org.matrix.account_deactivate", PAGE_ROOT "/deactivate" },
		{ "org.matrix.cross_signing_reset", PAGE_ROOT "/reset" },
	};

	for (size_t i = 0; i < LEN(parts); i++)
		if (str_eq_c(action, parts[i].action))
			return parts[i].path;
	return NULL;
}

static void
term(struct page *p, enum text t)
{
	page_html(p, "<dt>");
	page_text(p, t);
	page_html(p, "</dt><dd>");
}

/* The application that a session is of, if it said. */
static bool
client_of(struct req *rq, const struct visitor *v, struct str device,
    struct str *name)
{
	struct ctx *c = &rq->ctx;
	struct json metadata;
	struct str text;

	*name = (struct str){ NULL, 0 };
	if (!oauth_device_client(c->db, c->a, v->browser.user, device, &text,
	    &c->err))
		return false;
	if (text.n == 0 || !json_parse(c->a, text, JSON_ANY, &metadata,
	    &c->err))
		return text.n == 0;
	*name = oauth_client_text(&metadata, S("client_name"),
	    str_c(lang_code(v->lang)));
	return true;
}

static void
device_facts(struct page *p, const struct device *d)
{
	page_html(p, "<dl>");
	term(p, T_SINCE);
	page_time(p, d->created_ms);
	page_html(p, "</dd>");
	term(p, T_LAST_SEEN);
	page_time(p, d->seen_ms);
	page_html(p, "</dd>");
	if (d->seen_address.n > 0) {
		term(p, T_FROM_ADDRESS);
		page_esc(p, d->seen_address);
		page_html(p, "</dd>");
	}
	page_html(p, "</dl>\n");
}

static void
device_item(struct page *p, const struct device *d)
{
	page_html(p, "<li><strong>");
	page_esc(p, d->name.n > 0 ? d->name : d->device_id);
	page_html(p, "</strong> <code>");
	page_esc(p, d->device_id);
	page_html(p, "</code>\n");
	device_facts(p, d);
	page_link(p, str_cat(p->rq->ctx.a, S(PAGE_ROOT "/session?id="),
	    pct_encode(p->rq->ctx.a, d->device_id)), T_DETAILS);
	page_html(p, "</li>\n");
}

static bool
sessions_part(struct page *p)
{
	struct ctx *c = &p->rq->ctx;
	struct device *d;
	size_t n;

	if (!device_list(c->db, c->a, c->who.user, &d, &n, &c->err))
		return false;
	page_html(p, "<h2 id=\"sessions\">");
	page_text(p, T_SESSIONS);
	page_html(p, "</h2>\n");
	page_para(p, n > 0 ? T_SESSIONS_INTRO : T_NO_SESSIONS);
	page_html(p, "<ul class=\"list\">\n");
	for (size_t i = 0; i < n && i < DEVICES_SHOWN; i++)
		device_item(p, &d[i]);
	page_html(p, "</ul>\n");
	return true;
}

static bool
profile_part(struct page *p)
{
	struct ctx *c = &p->rq->ctx;
	struct json all;
	struct field name = { .name = "displayname", .type = "text",
	    .autocomplete = "name", .label = T_DISPLAY_NAME,
	    .optional = true };

	if (!profile_all(c->db, c->a, c->who.user, &all, &c->err))
		return false;
	name.value = json_str(&all, S("displayname"));
	page_html(p, "<h2>");
	page_text(p, T_PROFILE);
	page_html(p, "</h2>\n");
	page_form(p, S(PAGE_ROOT), S(""));
	page_field(p, &name);
	page_button(p, T_SAVE, NULL, NULL, "");
	page_form_end(p);
	return true;
}

static bool
account_page(struct req *rq, const struct visitor *v, bool saved)
{
	struct page p;

	page_begin(&p, rq, v, T_ACCOUNT, 0);
	if (saved) {
		page_html(&p, "<p role=\"status\">");
		page_text(&p, T_DONE);
		page_html(&p, "</p>\n");
	}
	consent_who(&p);
	page_form(&p, S(PAGE_ROOT "/sign-out"), S(PAGE_ROOT "/sign-in"));
	page_button(&p, T_SIGN_OUT, NULL, NULL, "quiet");
	page_form_end(&p);
	if (!profile_part(&p) || !sessions_part(&p))
		return false;
	page_html(&p, "<h2>");
	page_text(&p, T_SECURITY);
	page_html(&p, "</h2>\n");
	if (conf_get()->password_enabled)
		page_link(&p, S(PAGE_ROOT "/password"), T_PASSWORD_CHANGE);
	page_link(&p, S(PAGE_ROOT "/factors"), T_SECOND);
	page_link(&p, S(PAGE_ROOT "/reset"), T_RESET);
	page_link(&p, S(PAGE_ROOT "/deactivate"), T_DEACTIVATE);
	return page_end(&p, 200);
}

/* GET /_beffroi/account?action=&device_id= */
bool
account_page_get(struct req *rq)
{
	const char *part = part_of(req_query(rq, "action"));
	struct visitor v;
	struct str path;
	bool replied;

	if (!visitor_open(rq, &v))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	if (part == NULL)
		return account_page(rq, &v, false);
	path = str_c(part);
	if (str_ends(path, S("=")))
		path = str_cat(rq->ctx.a, path, pct_encode(rq->ctx.a,
		    req_query(rq, "device_id")));
	return page_go(rq, &v, path);
}

/* POST /_beffroi/account: displayname. */
bool
account_page_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct visitor v;
	struct str name;
	struct json text;
	struct form f;
	bool replied;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	name = str_utf8_clip(str_trim(form_get(&f, "displayname")), 256);
	text = json_of_str(name);
	return profile_change(c, c->who.user, S("displayname"), name.n > 0
	    ? json_text(c->a, &text) : name) && account_page(rq, &v, true);
}

static bool
find_device(struct req *rq, const struct visitor *v, struct device *d,
    bool *found)
{
	struct ctx *c = &rq->ctx;
	struct str id = req_query(rq, "id");

	*found = false;
	if (!id_device_ok(id))
		return true;
	return device_find(c->db, c->a, v->browser.user, id, d, found,
	    &c->err);
}

static bool
session_page(struct req *rq, const struct visitor *v, const struct device *d)
{
	struct str client;
	struct page p;

	if (!client_of(rq, v, d->device_id, &client))
		return false;
	page_begin(&p, rq, v, T_SESSION, 0);
	page_html(&p, "<dl>");
	term(&p, T_SESSION_NAME);
	page_esc(&p, d->name);
	page_html(&p, " <code>");
	page_esc(&p, d->device_id);
	page_html(&p, "</code></dd>");
	if (client.n > 0) {
		term(&p, T_CLIENT);
		page_esc(&p, client);
		page_html(&p, "</dd>");
	}
	page_html(&p, "</dl>\n");
	device_facts(&p, d);
	page_para(&p, T_SIGN_OUT_ASK);
	page_form(&p, page_here(rq), S(""));
	page_button(&p, T_SIGN_OUT_SESSION, NULL, NULL, "danger");
	page_form_end(&p);
	page_link(&p, S(PAGE_ROOT), T_BACK);
	return page_end(&p, 200);
}

/* GET /_beffroi/account/session?id= */
bool
account_session_get(struct req *rq)
{
	struct visitor v;
	struct device d;
	bool replied, found;

	if (!visitor_open(rq, &v))
		return false;
	if (!visitor_need(rq, &v, &replied))
		return replied;
	if (!find_device(rq, &v, &d, &found))
		return false;
	return found ? session_page(rq, &v, &d)
	    : page_say(rq, &v, T_SESSION, T_NO_SUCH_SESSION);
}

/* POST /_beffroi/account/session?id=: the session ends. */
bool
account_session_post(struct req *rq)
{
	struct visitor v;
	struct device d;
	struct form f;
	bool replied, found;

	if (!visitor_open(rq, &v) || !form_open(rq, &v, &f))
		return false;
	if (!visitor_need_fresh(rq, &v, &replied))
		return replied;
	if (!find_device(rq, &v, &d, &found))
		return false;
	if (!found)
		return page_say(rq, &v, T_SESSION, T_NO_SUCH_SESSION);
	return session_end_devices(&rq->ctx, v.browser.user, &d.device_id, 1)
	    && page_say(rq, &v, T_SESSION, T_DONE);
}
