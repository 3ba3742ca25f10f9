/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ledger verify, ledger show: the record of what was read, from its files. */
#include "base/clock.h"
#include "base/jsonw.h"
#include "crypto/digest.h"
#include "guard/ledger.h"
#include "guard/ledger_read.h"
#include "main/cli.h"

#include <stdio.h>

/* Walks every file of the record. */
static int
verify(struct cli *c, struct str dir)
{
	struct ledger_check check;
	struct err e;

	if (!ledger_verify(c->a, dir, &check, &e))
		return cli_failed(&e);
	if (check.bad_record != 0) {
		printf("The record is damaged: " STR_FMT ", record %lld: %s.\n",
		    STR_ARG(check.bad_file), (long long)check.bad_record,
		    check.why);
		return 1;
	}
	printf("The record is whole: %lld records, %lld of them under the "
	    "signed root " STR_FMT ".\n", (long long)check.records,
	    (long long)check.signed_records, STR_ARG(check.root));
	return 0;
}

/* Two digits, or so many, at the head of *s. */
static bool
take_number(struct str *s, size_t n, char after, int64_t *out)
{
	if (s->n < n || !str_i64(str_sub(*s, 0, n), out) || *out < 0)
		return false;
	*s = str_from(*s, n);
	if (after == '\0' || s->n == 0)
		return true;
	if (s->p[0] != after)
		return false;
	*s = str_from(*s, 1);
	return true;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t
days(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	return 365 * y + y / 4 - y / 100 + y / 400 +
	    (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1 - 719468;
}

bool
cli_time(struct str s, int64_t *out)
{
	int64_t y, mon, d, h = 0, min = 0, sec = 0;

	if (str_i64(s, out))
		return *out >= 0;
	if (!take_number(&s, 4, '-', &y) || !take_number(&s, 2, '-', &mon) ||
	    !take_number(&s, 2, 'T', &d) || mon < 1 || mon > 12 || d < 1 ||
	    d > 31)
		return false;
	if (s.n > 0 && (!take_number(&s, 2, ':', &h) ||
	    !take_number(&s, 2, ':', &min) ||
	    !take_number(&s, 2, 'Z', &sec) || s.n > 0 || h > 23 || min > 59 ||
	    sec > 60))
		return false;
	*out = ((days(y, mon, d) * 24 + h) * 60 + min) * 60000 + sec * 1000;
	return true;
}

/* --account ID, --device ID, --address A, --room ID, --from T, --to T. */
static bool
read_filter(struct cli *c, struct ledger_filter *f)
{
	*f = (struct ledger_filter){ .from_ms = 0 };
	for (size_t i = 2; i < c->nargs; i += 2) {
		struct str name = c->arg[i], val = c->arg[i + 1];

		if (i + 1 >= c->nargs)
			return false;
		if (str_eq(name, S("--account")))
			f->user = val;
		else if (str_eq(name, S("--device")))
			f->device = val;
		else if (str_eq(name, S("--address")))
			f->address = val;
		else if (str_eq(name, S("--room")))
			f->room = val;
		else if (!(str_eq(name, S("--from")) && cli_time(val,
		    &f->from_ms)) && !(str_eq(name, S("--to")) &&
		    cli_time(val, &f->to_ms)))
			return false;
	}
	return true;
}

/* Each record as a line of JSON. */
static int
show(struct cli *c, struct str dir)
{
	const struct record *rec;
	struct ledger_reader *r;
	struct ledger_filter f;
	struct err e;
	struct buf b;
	bool ok;

	if (!read_filter(c, &f)) {
		fputs("beffroi: ledger show takes --account, --device, "
		    "--address, --room, and --from and --to as "
		    "2026-11-24 or 2026-11-24T08:30:00Z\n", stderr);
		return 2;
	}
	if (!ledger_read_open(c->a, dir, &f, &r, &e))
		return cli_failed(&e);
	buf_init(&b, NULL, (size_t)256 << 20);
	while ((ok = ledger_read_next(r, &rec, &e)) && rec != NULL) {
		struct jsonw w;

		buf_reset(&b);
		jsonw_init(&w, &b);
		ledger_write_json(&w, NULL, rec);
		buf_char(&b, '\n');
		fwrite(b.p, 1, b.n, stdout);
	}
	buf_free(&b);
	ledger_read_close(r);
	return ok ? 0 : cli_failed(&e);
}

int
cli_ledger(struct cli *c)
{
	struct str dir = str_fmt(c->a, "%s/ledger", c->data);

	crypto_start();
	if (str_eq(c->arg[1], S("verify")))
		return verify(c, dir);
	if (str_eq(c->arg[1], S("show")))
		return show(c, dir);
	fputs("beffroi: ledger verify, or ledger show\n", stderr);
	return 2;
}
