/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * beffroi report: what an account was shown, asked of the running daemon; and
 * the check of such a report.
 */
#include "base/enc.h"
#include "base/clock.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "guard/breach.h"
#include "main/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)128 << 20)

static bool
read_file(struct arena *a, struct str path, struct str *out, struct err *e)
{
	int fd = open(str_cz(a, path), O_RDONLY | O_CLOEXEC);
	char piece[65536];
	struct buf b;
	ssize_t n = 0;

	buf_init(&b, a, FILE_MAX_BYTES);
	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(&b, piece, (size_t)n);
	if (fd < 0 || n < 0)
		fail(e, M_NOT_FOUND, "Cannot read " STR_FMT ": %s",
		    STR_ARG(path), strerror(errno));
	else if (b.over)
		fail(e, M_TOO_LARGE, STR_FMT " is too large", STR_ARG(path));
	if (fd >= 0)
		close(fd);
	*out = buf_view(&b);
	return fd >= 0 && n == 0 && !b.over;
}

/* With the key of the server in --data: did it sign this, and was nothing changed since? */
static int
check(struct cli *c, struct str path)
{
	struct sign_key key;
	struct json v;
	struct str text;
	struct err e;
	bool good;

	crypto_start();
	if (!read_file(c->a, path, &text, &e))
		return cli_failed(&e);
	if (!breach_find_json(c->a, text, &v)) {
		(void)!fail(&e, M_NOT_JSON, STR_FMT " is no report, or "
		    "was damaged (the CSV form bears no signature)",
		    STR_ARG(path));
		return cli_failed(&e);
	}
	if (!sign_key_read(c->a, str_cz(c->a, str_fmt(c->a, "%s/signing.key",
	    c->data)), &key, &e))
		return cli_failed(&e);
	good = sign_json_ok(c->a, &v, json_str(&v, S("server")), key.id,
	    key.public_key);
	sign_key_wipe(&key);
	if (!good) {
		printf("The signature does not fit: the report was changed, "
		    "or is another server's.\n");
		return 1;
	}
	printf("The report is " STR_FMT "'s own, unchanged. It rests on this "
	    "checkpoint of the ledger:\n" STR_FMT,
	    STR_ARG(json_str(&v, S("server"))),
	    STR_ARG(json_str(&v, S("checkpoint"))));
	return 0;
}

struct options {
	struct str account, device, address, from, to, format, lang, out,
	    absent, check;
};

static bool
add_time(struct cli *c, struct buf *path, const char *name, struct str s,
    struct err *e)
{
	int64_t ms;

	if (s.n == 0)
		return true;
	if (!cli_time(s, &ms))
		return fail(e, M_INVALID_PARAM, "--%s takes a time like "
		    "2026-11-24 or 2026-11-24T08:30:00Z", name);
	buf_fmt(path, "&%s=%lld", name, (long long)ms);
	(void)c;
	return true;
}

static void
add(struct cli *c, struct buf *path, const char *name, struct str s)
{
	if (s.n == 0)
		return;
	buf_fmt(path, "&%s=", name);
	buf_str(path, pct_encode(c->a, s));
}

static bool
make(struct cli *c, const struct options *o, struct str *body, struct err *e)
{
	struct buf path;

	buf_init(&path, c->a, 16384);
	buf_c(&path, "/_beffroi/admin/v1/report?account=");
	buf_str(&path, pct_encode(c->a, o->account));
	add(c, &path, "device", o->device);
	add(c, &path, "address", o->address);
	add(c, &path, "format", o->format);
	add(c, &path, "lang", o->lang);
	add(c, &path, "absent", o->absent);
	return add_time(c, &path, "from", o->from, e) &&
	    add_time(c, &path, "to", o->to, e) &&
	    cli_fetch(c->a, c->data, "GET", buf_view(&path), NULL, body, e);
}

static bool
save(struct cli *c, struct str path, struct str body, struct err *e)
{
	int fd = open(str_cz(c->a, path), O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0600);
	bool ok = fd >= 0 && file_write_all(fd, body);

	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	return ok || fail(e, M_UNKNOWN, "Cannot write " STR_FMT ": %s",
	    STR_ARG(path), strerror(errno));
}

int
cli_report(struct cli *c)
{
	struct options o = { .account = { NULL, 0 } };
	const struct cli_option options[] = { { "--account", &o.account },
	    { "--device", &o.device }, { "--address", &o.address },
	    { "--from", &o.from }, { "--to", &o.to },
	    { "--format", &o.format }, { "--lang", &o.lang },
	    { "--out", &o.out }, { "--absent", &o.absent },
	    { "--check", &o.check } };
	struct str body;
	struct err e;

	if (!cli_options(c, 1, options, LEN(options), &e))
		return cli_failed(&e);
	if (o.check.n > 0)
		return check(c, o.check);
	if (o.account.n == 0) {
		(void)!fail(&e, M_MISSING_PARAM,
		    "Say whose reading: --account @user:server");
		return cli_failed(&e);
	}
	if (!make(c, &o, &body, &e) ||
	    (o.out.n > 0 && !save(c, o.out, body, &e)))
		return cli_failed(&e);
	if (o.out.n == 0)
		fwrite(body.p, 1, body.n, stdout);
	else
		printf("The report is in " STR_FMT ".\n", STR_ARG(o.out));
	return 0;
}
