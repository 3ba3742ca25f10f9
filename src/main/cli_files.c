/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What works on files: restoring a backup. */
#include "base/file.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "main/cli.h"
#include "store/q_restore.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

int
cli_failed(const struct err *e)
{
	fprintf(stderr, "beffroi: %s\n", e->text);
	return 1;
}

/* backup DIR: asks the daemon for a copy of one moment. */
int
cli_backup(struct cli *c)
{
	char here[4096];
	struct json body = json_new_obj(), out;
	struct str dir = c->nargs > 1 ? c->arg[1] : S("");
	struct err e;

	if (dir.n == 0) {
		fputs("beffroi: backup needs a folder\n", stderr);
		return 2;
	}
	if (dir.p[0] != '/' && getcwd(here, sizeof(here)) != NULL)
		dir = str_fmt(c->a, "%s/" STR_FMT, here, STR_ARG(dir));
	json_set(c->a, &body, S("path"), json_of_str(dir));
	if (!cli_call(c->a, c->data, "POST", S("/_beffroi/admin/v1/backup"),
	    &body, &out, &e))
		return cli_failed(&e);
	printf("The backup is in " STR_FMT ".\n", STR_ARG(dir));
	return 0;
}

static bool
is_used(const char *data)
{
	DIR *d = opendir(data);
	struct dirent *x;
	bool used = false;

	while (d != NULL && (x = readdir(d)) != NULL)
		used = used || x->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return used;
}

/*
 * restore DIR: lays a backup into an empty data folder. One-time keys that were
 * handed out after the backup must not be handed out again, and nobody can tell
 * which: all go, and clients upload new ones.
 */
int
cli_restore(struct cli *c)
{
	struct store *s;
	struct err e;
	bool ok;

	if (c->nargs < 2 || is_used(c->data)) {
		fprintf(stderr, "beffroi: restore needs the backup's folder, "
		    "and an empty --data folder\n");
		return 2;
	}
	crypto_start();
	log_setup(LOG_WARN, false);
	if (!file_copy(c->a, c->arg[1], str_c(c->data), FILE_COPY, &e) ||
	    !store_open("", c->data, true, 1, &s, &e))
		return cli_failed(&e);
	ok = restore_forget_keys(s, &e);
	store_close(s);
	if (!ok)
		return cli_failed(&e);
	printf("Restored into %s. One-time keys were dropped: clients upload "
	    "new ones.\n", c->data);
	return 0;
}
