/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Shared by the command line's files. */
#ifndef MAIN_CLI_H
#define MAIN_CLI_H

#include "base/json.h"

/* One request on the daemon's socket in `data`; false: it said no, and e holds its words. */
bool cli_call(struct arena *a, const char *data, const char *method, struct str path, const struct json *body, struct json *out, struct err *e) MUST_CHECK;

struct cli {
	struct arena *a;
	const char *data;		/* --data, default ./data */
	struct str arg[24];
	size_t nargs;
	bool admin;
};

/* "--reason" and where its value goes. */
struct cli_option {
	const char *name;
	struct str *to;
};
/* Reads the words from `from` on, in pairs; what is no option of these is refused. */
bool cli_options(struct cli *c, size_t from, const struct cli_option *at, size_t n, struct err *e) MUST_CHECK;

/* The same, with the answer as it came. */
bool cli_fetch(struct arena *a, const char *data, const char *method, struct str path, const struct json *body, struct str *out, struct err *e) MUST_CHECK;
/* "2026-11-24" or "2026-11-24T08:30:00Z", or milliseconds since 1970. */
bool cli_time(struct str s, int64_t *out) MUST_CHECK;

int cli_report(struct cli *c);
/* beffroi contain, release, containments */
int cli_contain(struct cli *c);
int cli_release(struct cli *c);
int cli_containments(struct cli *c);
int cli_backup(struct cli *c);
int cli_restore(struct cli *c);
int cli_ledger(struct cli *c);
int cli_failed(const struct err *e);

#endif
