/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The breach report for spreadsheets: one line a thing that was shown, all of
 * the same columns. It bears no signature: the JSON form does.
 */
#include "guard/breach.h"

#include "base/clock.h"
#include "base/enc.h"

/* Quoted; what a spreadsheet would take for a formula gets an apostrophe before it. */
static void
cell(struct buf *to, struct str s)
{
	buf_char(to, '"');
	if (s.n > 0 && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '-' ||
	    s.p[0] == '@' || s.p[0] == '\t' || s.p[0] == '\r'))
		buf_char(to, '\'');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_char(to, '"');
		buf_char(to, s.p[i]);
	}
	buf_c(to, "\",");
}

static void
times(struct buf *to, int64_t first_ms, int64_t last_ms, int64_t times_n,
    int64_t count)
{
	char at[CLOCK_TEXT];

	buf_str(to, clock_rfc3339_in(at, sizeof(at), first_ms));
	buf_char(to, ',');
	buf_str(to, clock_rfc3339_in(at, sizeof(at), last_ms));
	buf_fmt(to, ",%lld,%lld\r\n", (long long)times_n, (long long)count);
}

void
breach_csv(const struct breach *b, struct buf *to)
{
	buf_c(to, "kind,object,name,detail,sender,first,last,times,count\r\n");
	for (size_t i = 0; i < b->rooms.n; i++) {
		const struct breach_room *r = b->rooms.at[i];

		buf_c(to, "room,");
		cell(to, r->id);
		cell(to, r->name);
		cell(to, r->encryption.n > 0 ? S("encrypted") : S("clear"));
		buf_char(to, ',');
		times(to, r->first_ms, r->last_ms, r->times,
		    ranges_count(&r->seq));
	}
	for (size_t k = 0; k < SEEN_NKINDS; k++) {
		for (size_t i = 0; i < b->things[k].n; i++) {
			const struct breach_thing *t = b->things[k].at[i];

			buf_str(to, seen_kind_name((enum seen_kind)k));
			buf_char(to, ',');
			cell(to, t->object);
			cell(to, t->file.name);
			cell(to, hex_encode(b->a, t->file.sha256));
			cell(to, t->file.user);
			times(to, t->first_ms, t->last_ms, t->times,
			    t->count);
		}
	}
}
