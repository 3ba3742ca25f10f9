/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Writing pages: landmarks, labels, hints and errors tied to their fields, the
 * focus where one writes next. Everything that is not ours goes through
 * page_esc. See page.h.
 */
#include "api/oauth/page.h"

#include "api/res.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/enc.h"
#include "core/ctx.h"

#define PAGE_MAX ((size_t)1 << 20)

void
page_html(struct page *p, const char *html)
{
	buf_c(&p->b, html);
}

void
page_esc(struct page *p, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '&':
			buf_c(&p->b, "&amp;");
			break;
		case '<':
			buf_c(&p->b, "&lt;");
			break;
		case '>':
			buf_c(&p->b, "&gt;");
			break;
		case '"':
			buf_c(&p->b, "&quot;");
			break;
		case '\'':
			buf_c(&p->b, "&#39;");
			break;
		default:
			buf_char(&p->b, s.p[i]);
		}
	}
}

void
page_text(struct page *p, enum text t)
{
	page_esc(p, str_c(text_of(p->v->lang, t)));
}

void
page_para(struct page *p, enum text t)
{
	page_html(p, "<p>");
	page_text(p, t);
	page_html(p, "</p>\n");
}

static struct str
title_of_service(void)
{
	return conf_get()->oauth_title.n > 0 ? conf_get()->oauth_title
	    : server_get()->name;
}

/* One link for each other language; the choice is kept in a cookie. */
static void
languages(struct page *p)
{
	struct str here = page_here(p->rq);

	page_html(p, "<nav aria-label=\"");
	page_text(p, T_LANGUAGE);
	page_html(p, "\">");
	for (unsigned i = 0; i < LANG_N; i++) {
		const char *code = lang_code((enum lang)i);

		if (i == p->v->lang)
			continue;
		buf_fmt(&p->b, "<a lang=\"%s\" hreflang=\"%s\" href=\"", code,
		    code);
		page_esc(p, p->v->site.path);
		buf_fmt(&p->b, PAGE_ROOT "/language?to=%s&amp;next=", code);
		page_esc(p, pct_encode(p->rq->ctx.a, here));
		page_html(p, "\">");
		page_html(p, lang_name((enum lang)i));
		page_html(p, "</a>");
	}
	page_html(p, "</nav>");
}

void
page_begin(struct page *p, struct req *rq, const struct visitor *v,
    enum text title, enum text error)
{
	*p = (struct page){ .rq = rq, .v = v };
	buf_init(&p->b, rq->ctx.a, PAGE_MAX);
	buf_fmt(&p->b, "<!doctype html>\n<html lang=\"%s\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n<title>",
	    lang_code(v->lang));
	if (error != 0) {
		page_text(p, T_ERROR);
		page_html(p, " – ");
	}
	page_text(p, title);
	page_html(p, " – ");
	page_esc(p, title_of_service());
	page_html(p, "</title>\n<link rel=\"stylesheet\" href=\"");
	page_esc(p, v->site.path);
	page_html(p, OAUTH_ROOT "/style.css\">\n</head>\n<body>\n"
	    "<a class=\"skip\" href=\"#main\">");
	page_text(p, T_SKIP_TO_MAIN);
	page_html(p, "</a>\n<header><p class=\"service\">");
	page_esc(p, title_of_service());
	page_html(p, "</p>");
	languages(p);
	page_html(p, "</header>\n<main id=\"main\">\n<h1>");
	page_text(p, title);
	page_html(p, "</h1>\n");
	if (error != 0) {
		page_html(p, "<p class=\"error\" role=\"alert\" "
		    "id=\"error\">");
		page_text(p, error);
		page_html(p, "</p>\n");
	}
}

void
page_link(struct page *p, struct str href, enum text t)
{
	page_html(p, "<p><a href=\"");
	page_esc(p, p->v->site.path);
	page_esc(p, href);
	page_html(p, "\">");
	page_text(p, t);
	page_html(p, "</a></p>\n");
}

void
page_hidden(struct page *p, const char *name, struct str value)
{
	buf_fmt(&p->b, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	page_esc(p, value);
	page_html(p, "\">\n");
}

void
page_field(struct page *p, const struct field *f)
{
	buf_fmt(&p->b, "<p class=\"field\"><label for=\"%s\">", f->name);
	page_text(p, f->label);
	page_html(p, "</label>");
	if (f->hint != 0) {
		buf_fmt(&p->b, "<span class=\"hint\" id=\"%s-hint\">",
		    f->name);
		page_text(p, f->hint);
		if (f->hint_more.n > 0)
			page_html(p, " ");
		page_esc(p, f->hint_more);
		page_html(p, "</span>");
	}
	buf_fmt(&p->b, "<input id=\"%s\" name=\"%s\" type=\"%s\" "
	    "autocomplete=\"%s\" maxlength=\"512\"", f->name, f->name,
	    f->type, f->autocomplete);
	if (f->type[0] == 't')
		page_html(p, " autocapitalize=\"none\" spellcheck=\"false\"");
	if (f->hint != 0)
		buf_fmt(&p->b, " aria-describedby=\"%s-hint\"", f->name);
	if (f->value.n > 0) {
		page_html(p, " value=\"");
		page_esc(p, f->value);
		page_html(p, "\"");
	}
	page_html(p, f->optional ? "" : " required");
	page_html(p, f->focus ? " autofocus></p>\n" : "></p>\n");
}

void
page_check(struct page *p, const char *name, enum text label, bool on)
{
	buf_fmt(&p->b, "<p class=\"check\"><input type=\"checkbox\" id=\"%s\" "
	    "name=\"%s\" value=\"1\"%s><label for=\"%s\">", name, name,
	    on ? " checked" : "", name);
	page_text(p, label);
	page_html(p, "</label></p>\n");
}

void
page_button(struct page *p, enum text t, const char *name, const char *value,
    const char *kind)
{
	buf_fmt(&p->b, "<button type=\"submit\" class=\"%s\"", kind);
	if (name != NULL)
		buf_fmt(&p->b, " name=\"%s\" value=\"%s\"", name, value);
	page_html(p, ">");
	page_text(p, t);
	page_html(p, "</button>\n");
}

void
page_form_end(struct page *p)
{
	page_html(p, "</form>\n");
}

void
page_time(struct page *p, int64_t ms)
{
	struct str t = clock_rfc3339(p->rq->ctx.a, ms);

	if (ms <= 0) {
		page_text(p, T_NEVER);
		return;
	}
	buf_fmt(&p->b, "<time datetime=\"" STR_FMT "\">" STR_FMT " " STR_FMT
	    " UTC</time>", STR_ARG(t), STR_ARG(str_sub(t, 0, 10)),
	    STR_ARG(str_sub(t, 11, 5)));
}

bool
page_say(struct req *rq, const struct visitor *v, enum text title,
    enum text what)
{
	struct page p;

	page_begin(&p, rq, v, title, 0);
	page_html(&p, "<p role=\"status\">");
	page_text(&p, what);
	page_html(&p, "</p>\n");
	return page_end(&p, 200);
}

enum text
text_of_error(const struct err *e)
{
	static const struct {
		enum errcode code;
		enum text text;
	} known[] = {
		{ M_LIMIT_EXCEEDED, T_TOO_MANY },
		{ M_USER_IN_USE, T_NAME_TAKEN },
		{ M_INVALID_USERNAME, T_NAME_BAD },
		{ M_WEAK_PASSWORD, T_PASSWORD_WEAK },
		{ M_USER_LOCKED, T_ACCOUNT_LOCKED },
		{ M_UNRECOGNIZED, T_ERROR_GONE },
		{ M_NOT_FOUND, T_ERROR_GONE },
	};

	for (size_t i = 0; i < LEN(known); i++)
		if (known[i].code == e->code)
			return known[i].text;
	return 0;
}

bool
page_error(struct req *rq)
{
	struct err e = rq->ctx.err;
	struct visitor v = { .lang = visitor_lang(rq) };
	bool offered = site_open(rq, &v.site);
	struct page p;

	rq->ctx.err = e;
	/* Without an address there are no pages; and a program reads none. */
	if (!offered || str_find_str(http_header_get(rq->v, "Accept"),
	    S("text/html")) < 0)
		return false;
	page_begin(&p, rq, &v, T_ERROR_TITLE, text_of_error(&e));
	if (text_of_error(&e) == 0) {
		page_html(&p, "<p class=\"error\" role=\"alert\" "
		    "lang=\"en\">");
		page_esc(&p, str_c(e.text));
		page_html(&p, "</p>\n");
	}
	page_html(&p, "<p><code>errcode: ");
	page_html(&p, err_name(e.code));
	page_html(&p, "</code></p>\n");
	page_link(&p, S(PAGE_ROOT), T_ACCOUNT);
	if (!page_end(&p, err_status(&e)))
		return false;
	if (e.retry_ms > 0)
		res_header(rq, "Retry-After", str_fmt(rq->ctx.a, "%lld",
		    (long long)(e.retry_ms + 999) / 1000));
	return true;
}
