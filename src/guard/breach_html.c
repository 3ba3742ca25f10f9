/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The breach report for printing: one page without anything from outside, with
 * the signed JSON in it. Every value is escaped. See breach.h.
 */
#include "guard/breach.h"

#include "base/clock.h"
#include "base/enc.h"
#include "guard/breach_text.h"

#include <string.h>

static const char *const texts[T_COUNT][2] = {
#define X(name, en, fr) { en, fr },
	BREACH_TEXTS(X)
#undef X
};

static const char style[] =
    "@page{size:A4;margin:18mm 15mm}body{font:10pt/1.45 system-ui,sans-serif;"
    "color:#111;max-width:180mm;margin:10mm auto;padding:0 5mm}@media print{"
    "body{margin:0;padding:0}}h1{font-size:17pt;margin:0 0 4mm}h2{"
    "font-size:12.5pt;border-bottom:1px solid #888;margin:8mm 0 2mm;"
    "break-after:avoid}table{border-collapse:collapse;width:100%}th,td{"
    "text-align:left;vertical-align:top;padding:1mm 2mm;"
    "border-bottom:1px solid #ddd;overflow-wrap:break-word}th{font-weight:600;"
    "background:#f2f2f2}td.n,th.n{text-align:right;white-space:nowrap}tr{"
    "break-inside:avoid}thead{display:table-header-group}.f th{width:38%;"
    "background:none}pre,code{font:8.5pt/1.35 monospace;"
    "overflow-wrap:anywhere;white-space:pre-wrap}ul{columns:2;"
    "padding-left:5mm;margin:2mm 0}.s{color:#555}"
    "time{white-space:nowrap}pre{break-inside:avoid}";

struct page {
	const struct breach *b;
	struct buf *to;
	int lang;			/* 0 English, 1 French */
};

static void
text(struct page *p, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<':
			buf_c(p->to, "&lt;");
			break;
		case '>':
			buf_c(p->to, "&gt;");
			break;
		case '&':
			buf_c(p->to, "&amp;");
			break;
		case '"':
			buf_c(p->to, "&quot;");
			break;
		default:
			buf_char(p->to, s.p[i]);
		}
	}
}

static void
say(struct page *p, enum breach_text t)
{
	text(p, str_c(texts[t][p->lang]));
}

static void
html(struct page *p, const char *s)
{
	buf_c(p->to, s);
}

/* To the minute, universal time. */
static void
when(struct page *p, int64_t ms)
{
	char at[CLOCK_TEXT];
	struct str s = clock_rfc3339_in(at, sizeof(at), ms);

	if (ms == 0)
		return;
	html(p, "<time>");
	text(p, str_sub(s, 0, 10));
	html(p, " ");
	text(p, str_sub(s, 11, 5));
	html(p, " UTC</time>");
}

static void
heading(struct page *p, enum breach_text t)
{
	html(p, "<h2>");
	say(p, t);
	html(p, "</h2>\n");
}

/* A table's head: columns with numbers are marked by their negative. */
static void
table(struct page *p, const int *column, size_t n)
{
	html(p, "<table><thead><tr>");
	for (size_t i = 0; i < n; i++) {
		html(p, column[i] < 0 ? "<th class=n>" : "<th>");
		say(p, (enum breach_text)(column[i] < 0 ? -column[i]
		    : column[i]));
		html(p, "</th>");
	}
	html(p, "</tr></thead><tbody>\n");
}

static void
cell(struct page *p, struct str s)
{
	html(p, "<td>");
	text(p, s);
	html(p, "</td>");
}

static void
number(struct page *p, int64_t n)
{
	html(p, "<td class=n>");
	buf_i64(p->to, n);
	html(p, "</td>");
}

static void
time_cell(struct page *p, int64_t ms)
{
	html(p, "<td>");
	when(p, ms);
	html(p, "</td>");
}

static void
field(struct page *p, enum breach_text t)
{
	html(p, "<tr><th>");
	say(p, t);
	html(p, "</th><td>");
}

static void
field_end(struct page *p)
{
	html(p, "</td></tr>\n");
}

/* When something was shown first. */
static int64_t
first_ms(const struct breach *b)
{
	int64_t ms = b->made_ms;

	for (size_t i = 0; i < b->sessions.n; i++) {
		const struct breach_session *x = b->sessions.at[i];

		ms = x->first_ms < ms ? x->first_ms : ms;
	}
	return ms;
}

static void
write_head(struct page *p)
{
	const struct breach *b = p->b;

	html(p, "<h1>");
	say(p, T_TITLE);
	html(p, "</h1>\n<table class=f>");
	field(p, T_ACCOUNT);
	text(p, b->ask.user);
	if (b->ask.device.n + b->ask.address.n > 0) {
		html(p, " <span class=s>");
		text(p, b->ask.device);
		html(p, " ");
		text(p, b->ask.address);
		html(p, "</span>");
	}
	field_end(p);
	field(p, T_SERVER);
	text(p, server_get()->name);
	field_end(p);
	field(p, T_PERIOD);
	when(p, b->ask.from_ms > 0 ? b->ask.from_ms : first_ms(b));
	html(p, " – ");
	when(p, b->ask.to_ms > 0 ? b->ask.to_ms : b->made_ms);
	field_end(p);
	field(p, T_MADE);
	when(p, b->made_ms);
	field_end(p);
	if (b->ask.absent.n > 0) {
		field(p, T_ABSENT);
		text(p, b->ask.absent);
		html(p, " <b>");
		say(p, b->absent_read ? T_WAS_READ : T_NOT_READ);
		html(p, "</b>");
		field_end(p);
	}
	html(p, "</table>\n");
}

static void
write_measures(struct page *p)
{
	field(p, T_MEASURES);
	for (size_t i = 0; i < p->b->nmeasures; i++) {
		const struct contain_row *x = &p->b->measure[i];

		html(p, "<div>");
		when(p, x->at_ms);
		html(p, p->lang == 1 ? "&nbsp;: " : ": ");
		text(p, x->t.device);
		text(p, x->t.address);
		html(p, " ");
		say(p, T_CONTAINED);
		html(p, " ");
		text(p, x->actor);
		html(p, " (");
		text(p, x->reason);
		html(p, ")");
		if (x->released_ms > 0) {
			html(p, ", ");
			say(p, T_RELEASED);
			html(p, " ");
			when(p, x->released_ms);
		}
		html(p, "</div>");
	}
	if (p->b->nmeasures == 0)
		say(p, T_NO_MEASURES);
	field_end(p);
}

static void
write_sum(struct page *p, enum breach_text t, int64_t n)
{
	html(p, "<div>");
	say(p, t);
	html(p, p->lang == 1 ? "&nbsp;: <b>" : ": <b>");
	buf_i64(p->to, n);
	html(p, "</b></div>");
}

static void
write_notice(struct page *p)
{
	struct breach_sums s = breach_sums(p->b);

	heading(p, T_NOTICE);
	html(p, "<table class=f>");
	field(p, T_NATURE);
	say(p, T_NATURE_IS);
	field_end(p);
	field(p, T_PEOPLE_CAT);
	say(p, T_PEOPLE_CAT_IS);
	field_end(p);
	field(p, T_PEOPLE_N);
	buf_i64(p->to, s.people);
	field_end(p);
	field(p, T_RECORDS_N);
	write_sum(p, T_CLEAR, s.clear);
	write_sum(p, T_CIPHER, s.cipher);
	write_sum(p, T_STATE, s.state);
	write_sum(p, T_FILES, s.files);
	write_sum(p, T_PROFILES, s.profiles);
	write_sum(p, T_LISTED, s.listed);
	write_sum(p, T_DEVICES, s.devices);
	write_sum(p, T_KEYS, s.keys);
	field_end(p);
	field(p, T_CONSEQ);
	if (s.clear + s.files + s.people > 0)
		say(p, T_CONSEQ_CLEAR);
	html(p, " ");
	if (s.cipher > 0)
		say(p, T_CONSEQ_CIPHER);
	field_end(p);
	write_measures(p);
	field(p, T_CONTACT);
	html(p, "<br>");
	field_end(p);
	html(p, "</table>\n");
}

static void
write_sessions(struct page *p)
{
	static const int columns[] = { T_DEVICE, T_ADDRESS, T_AGENT, T_PERIOD,
	    -T_REPLIES };

	heading(p, T_SESSIONS);
	table(p, columns, LEN(columns));
	for (size_t i = 0; i < p->b->sessions.n; i++) {
		const struct breach_session *x = p->b->sessions.at[i];

		html(p, "<tr>");
		cell(p, x->device);
		cell(p, x->address);
		cell(p, x->agent);
		html(p, "<td>");
		when(p, x->first_ms);
		html(p, "<br>");
		when(p, x->last_ms);
		html(p, "</td>");
		number(p, x->records);
		html(p, "</tr>\n");
	}
	html(p, "</tbody></table>\n");
}

static void
write_rooms(struct page *p)
{
	static const int columns[] = { T_ROOM, -T_EVENTS, T_FROM_TO,
	    -T_AUTHORS, T_FIRST };

	heading(p, T_ROOMS);
	table(p, columns, LEN(columns));
	for (size_t i = 0; i < p->b->rooms.n; i++) {
		const struct breach_room *r = p->b->rooms.at[i];

		html(p, "<tr><td>");
		text(p, r->name);
		html(p, r->name.n > 0 ? "<br><code>" : "<code>");
		text(p, r->id);
		html(p, "</code><br><span class=s>");
		say(p, r->encryption.n > 0 ? T_ENCRYPTED : T_IN_CLEAR);
		html(p, "</span></td>");
		number(p, ranges_count(&r->seq));
		html(p, "<td>");
		when(p, r->earliest_ms);
		html(p, "<br>");
		when(p, r->latest_ms);
		html(p, "</td>");
		number(p, (int64_t)r->nauthors);
		time_cell(p, r->first_ms);
		html(p, "</tr>\n");
	}
	html(p, "</tbody></table>\n");
}

static void
write_files(struct page *p)
{
	static const int columns[] = { T_NAME, -T_SIZE, T_SENDER, T_FIRST };
	const struct breach_list *l = &p->b->things[SEEN_MEDIA];

	if (l->n == 0)
		return;
	heading(p, T_FILES);
	table(p, columns, LEN(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct breach_thing *t = l->at[i];

		html(p, "<tr><td>");
		text(p, t->file.name);
		html(p, "<br><code>mxc://");
		text(p, t->object);
		html(p, "<br>SHA-256 ");
		text(p, hex_encode(p->b->a, t->file.sha256));
		html(p, "</code></td>");
		number(p, t->file.bytes);
		cell(p, t->file.user);
		time_cell(p, t->first_ms);
		html(p, "</tr>\n");
	}
	html(p, "</tbody></table>\n");
}

static void
write_things(struct page *p, enum breach_text title, enum seen_kind kind)
{
	static const int columns[] = { T_WHAT, -T_TIMES, T_FIRST, T_LAST };
	const struct breach_list *l = &p->b->things[kind];

	if (l->n == 0)
		return;
	heading(p, title);
	table(p, columns, LEN(columns));
	for (size_t i = 0; i < l->n; i++) {
		const struct breach_thing *t = l->at[i];

		html(p, "<tr>");
		cell(p, t->object);
		number(p, t->times);
		time_cell(p, t->first_ms);
		time_cell(p, t->last_ms);
		html(p, "</tr>\n");
	}
	html(p, "</tbody></table>\n");
}

static void
write_tell(struct page *p)
{
	heading(p, T_TELL_OWNERS);
	html(p, "<table><tbody>");
	for (size_t i = 0; i < p->b->rooms.n; i++) {
		const struct breach_room *r = p->b->rooms.at[i];

		html(p, "<tr>");
		cell(p, r->name.n > 0 ? r->name : r->id);
		html(p, "<td>");
		for (size_t k = 0; k < r->nowners; k++) {
			html(p, k > 0 ? ", " : "");
			text(p, r->owner[k]);
		}
		html(p, "</td></tr>\n");
	}
	html(p, "</tbody></table>\n");
	heading(p, T_TELL);
	html(p, "<ul>");
	for (size_t i = 0; i < p->b->people.n; i++) {
		html(p, "<li>");
		text(p, *(struct str *)p->b->people.at[i]);
	}
	html(p, "</ul>\n");
}

/* "<" would end the element; in JSON it has another spelling. */
static void
embed(struct page *p, const struct json *v)
{
	struct str s = json_text(p->b->a, v);

	html(p, "<script type=\"application/json\" id=\"report\">");
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '<')
			html(p, "\\u003c");
		else
			buf_char(p->to, s.p[i]);
	}
	html(p, "</script>\n");
}

void
breach_html(const struct breach *b, struct str lang,
    const struct json *signed_json, struct buf *to)
{
	struct page p = { b, to, str_eq(lang, S("fr")) };

	html(&p, p.lang == 1 ? "<!DOCTYPE html>\n<html lang=fr>"
	    : "<!DOCTYPE html>\n<html lang=en>");
	html(&p, "<meta charset=utf-8><title>");
	say(&p, T_TITLE);
	html(&p, "</title><style>");
	html(&p, style);
	html(&p, "</style>\n");
	write_head(&p);
	write_notice(&p);
	write_sessions(&p);
	write_rooms(&p);
	write_files(&p);
	write_things(&p, T_PROFILES, SEEN_PROFILE);
	write_things(&p, T_SEARCHES, SEEN_USERS);
	write_things(&p, T_DIRECTORY, SEEN_DIRECTORY);
	write_things(&p, T_DEVICES, SEEN_DEVICES);
	write_tell(&p);
	heading(&p, T_PROOF);
	html(&p, "<p>");
	say(&p, T_PROOF_IS);
	html(&p, "</p><pre>");
	text(&p, b->checkpoint);
	html(&p, "</pre>\n");
	embed(&p, signed_json);
}
