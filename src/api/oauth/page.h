/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The pages for browsers: who visits, what was posted, and writing HTML that
 * is escaped by whoever writes it. Pages work without script; a strict CSP
 * goes with each. A form that is posted must carry the token of the browser it
 * was made for.
 */
#ifndef API_OAUTH_PAGE_H
#define API_OAUTH_PAGE_H

#include "api/handlers.h"
#include "api/oauth/text.h"
#include "api/req.h"
#include "core/browser.h"

/* Where the pages are, under the public address. */
#define PAGE_ROOT "_beffroi/account"
#define OAUTH_ROOT "_beffroi/oauth"

/* The public address, in the parts that pages need; base and path end with '/'. */
struct site {
	struct str base, origin, path;
	bool secure;
};
/* False: the API is not offered (M_UNRECOGNIZED 404). */
bool site_open(struct req *rq, struct site *out) MUST_CHECK;
/* base + what; "" as what gives the issuer. */
struct str site_url(struct req *rq, const struct site *s, const char *what);

struct visitor {
	struct site site;
	enum lang lang;
	struct str cookie;		/* never empty; drawn if the browser had none */
	bool fresh;			/* it must be set */
	bool signed_in;			/* wholly: no factor is owed */
	bool partial;
	struct browser browser;		/* of either of these */
};
/* The language that the visitor chose, or the browser asks for. */
enum lang visitor_lang(struct req *rq);
/* Who comes. Also sets the actor when somebody is signed in. */
bool visitor_open(struct req *rq, struct visitor *v) MUST_CHECK;
/* The visitor has become somebody (or nobody): the new cookie goes out with the reply. */
void visitor_become(struct visitor *v, struct str cookie);
/* Signed in wholly; else false, and the reply sends to the sign-in and back (*replied), or the error is set. */
bool visitor_need(struct req *rq, struct visitor *v, bool *replied) MUST_CHECK;
/* As visitor_need, and the person has shown who they are a short while ago. */
bool visitor_need_fresh(struct req *rq, struct visitor *v, bool *replied) MUST_CHECK;

/* A form's fields; those it lacks are empty. */
struct form {
	struct param *at;
	size_t n;
};
/* Any urlencoded body; a member given twice is refused. */
bool form_read(struct req *rq, struct form *f) MUST_CHECK;
/* A page's own form: from this browser, from our pages. errors M_FORBIDDEN 403 */
bool form_open(struct req *rq, const struct visitor *v, struct form *f) MUST_CHECK;
struct str form_get(const struct form *f, const char *name);
bool form_has(const struct form *f, const char *name);

struct page {
	struct req *rq;
	const struct visitor *v;
	struct buf b;
	struct str form_action;		/* added to CSP's form-action; empty: nothing */
	bool script;			/* the page uses the one script there is */
};
/* The head up to <main> with its heading; error: shown first, or 0. */
void page_begin(struct page *p, struct req *rq, const struct visitor *v, enum text title, enum text error);
bool page_end(struct page *p, int status) MUST_CHECK;

void page_html(struct page *p, const char *html);	/* ours, as it is */
void page_esc(struct page *p, struct str s);		/* anybody's */
void page_text(struct page *p, enum text t);
void page_para(struct page *p, enum text t);
/* A link under the public address, or with a class. */
void page_link(struct page *p, struct str href, enum text t);
/* A form to a path under the public address, with the browser's token and where to go next (empty: nowhere). */
void page_form(struct page *p, struct str action, struct str next);
void page_hidden(struct page *p, const char *name, struct str value);
struct field {
	const char *name, *type, *autocomplete;
	enum text label, hint;		/* hint 0: none */
	struct str hint_more, value;
	bool optional, focus;
};
void page_field(struct page *p, const struct field *f);
void page_check(struct page *p, const char *name, enum text label, bool on);
/* A button; with a name it sends that value. kind: "", "quiet" or "danger". */
void page_button(struct page *p, enum text t, const char *name, const char *value, const char *kind);
void page_form_end(struct page *p);
/* A time as people read it, in UTC. */
void page_time(struct page *p, int64_t ms);

/* 303 to a path under the public address (checked to be one of the pages; else the account), or to where a client is. */
bool page_go(struct req *rq, const struct visitor *v, struct str path) MUST_CHECK;
bool page_leave(struct req *rq, const struct visitor *v, struct str url) MUST_CHECK;
/* A path of the pages, as `next` may be: else the account's. */
struct str page_next(struct str next);
/* This request's own path and query, for coming back. */
struct str page_here(struct req *rq);
/* A whole page that says one thing. */
bool page_say(struct req *rq, const struct visitor *v, enum text title, enum text what) MUST_CHECK;
/* What a refusal is in the visitor's language, or 0. */
enum text text_of_error(const struct err *e);
/* The reply to a request that failed, by the frame; false: it is to be JSON. */
bool page_error(struct req *rq) MUST_CHECK;

#endif
