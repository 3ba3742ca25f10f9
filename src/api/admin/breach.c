/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Administration: the breach report. See guard/breach.h. */
#include "api/res.h"
#include "core/account.h"
#include "guard/breach.h"

#define TEXT_MAX ((size_t)96 << 20)

static bool
one_of(struct req *rq, const char *name, const char *const *words, size_t n,
    struct str *out)
{
	*out = str_c(words[0]);
	if (!req_has(rq, name))
		return true;
	*out = req_query(rq, name);
	for (size_t i = 0; i < n; i++)
		if (str_eq_c(*out, words[i]))
			return true;
	return fail(&rq->ctx.err, M_INVALID_PARAM, "%s must be %s, %s%s%s",
	    name, words[0], words[1], n > 2 ? " or " : "",
	    n > 2 ? words[2] : "");
}

static bool
read_ask(struct req *rq, struct breach_ask *ask)
{
	struct str account;

	*ask = (struct breach_ask){ .device = req_query(rq, "device"),
	    .address = req_query(rq, "address"),
	    .absent = req_query(rq, "absent") };
	return req_need(rq, "account", &account) &&
	    account_id(&rq->ctx, account, &ask->user) &&
	    req_int(rq, "from", 0, JSON_INT_MAX, &ask->from_ms) &&
	    req_int(rq, "to", 1, JSON_INT_MAX, &ask->to_ms);
}

static bool
write_report(struct req *rq, struct breach *b, struct str format,
    struct str lang)
{
	struct json v;
	struct buf text;

	if (!breach_json(b, &v, &rq->ctx.err))
		return false;
	if (str_eq(format, S("json")))
		return res_json(rq, 200, &v);
	buf_init(&text, b->a, TEXT_MAX);
	if (str_eq(format, S("csv")))
		breach_csv(b, &text);
	else
		breach_html(b, lang, &v, &text);
	if (text.over)
		return fail(&rq->ctx.err, M_TOO_LARGE,
		    "The report is too large: ask for a shorter time");
	return str_eq(format, S("html")) ? res_html(rq, 200,
	    buf_view(&text)) : res_text(rq, 200, "text/csv; charset=utf-8",
	    buf_view(&text));
}

/*
 * GET /report: what an account was shown.
 *
 * query   account (whole id or localpart), device, address
 *         from, to    milliseconds since 1970; without to, until now
 *         absent      a room, event or file: was it shown?
 *         format      json (signed), html or csv; lang of html: en, fr
 * errors  M_NOT_FOUND 404 no such account; M_INVALID_PARAM 400; M_TOO_LARGE 413
 */
bool
admin_breach_report_get(struct req *rq)
{
	static const char *const formats[] = { "json", "html", "csv" };
	static const char *const langs[] = { "en", "fr" };
	struct str dir = str_cat(rq->ctx.a, conf_get()->data_dir,
	    S("/ledger")), format, lang;
	struct breach_ask ask;
	struct breach b;
	bool ok;

	if (!one_of(rq, "format", formats, LEN(formats), &format) ||
	    !one_of(rq, "lang", langs, LEN(langs), &lang) ||
	    !read_ask(rq, &ask))
		return false;
	ok = breach_make(&rq->ctx, dir, &ask, &b) &&
	    write_report(rq, &b, format, lang);
	breach_done(&b);
	res_note(rq, SEEN_ACCOUNT, ask.user, 1);
	return ok;
}
