/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What works on files: restoring a backup, verifying the record. */
#include "base/log.h"
#include "crypto/digest.h"
#include "guard/ledger.h"
#include "main/cli.h"
#include "store/q_restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
cli_failed(const struct err *e)
{
	fprintf(stderr, "beffroi: %s\n", e->text);
	return 1;
}

/* ledger verify: walks every file of the record. */
int
cli_verify(struct cli *c)
{
	struct ledger_check check;
	struct err e;

	crypto_start();
	if (!ledger_verify(c->a, str_fmt(c->a, "%s/ledger", c->data), &check,
	    &e))
		return cli_failed(&e);
	if (check.bad_record != 0) {
		printf("The record is damaged: " STR_FMT ", record %lld: %s.\n",
		    STR_ARG(check.bad_file), (long long)check.bad_record,
		    check.why);
		return 1;
	}
	printf("The record is whole: %lld records; the last one's hash is "
	    STR_FMT ".\n", (long long)check.records,
	    STR_ARG(check.last_hash));
	return 0;
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
copy_file(struct arena *a, struct str from, struct str to, struct err *e)
{
	char *piece = arena_alloc_raw(a, 65536);
	int in = open(str_cz(a, from), O_RDONLY | O_CLOEXEC);
	int out = in < 0 ? -1 : open(str_cz(a, to), O_WRONLY | O_CREAT |
	    O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = -1;

	while (out >= 0 && (n = read(in, piece, 65536)) > 0)
		if (write(out, piece, (size_t)n) != n) {
			n = -1;
			break;
		}
	if (out >= 0 && (fsync(out) != 0 || close(out) != 0))
		n = -1;
	if (in >= 0)
		close(in);
	return n == 0 || fail(e, M_UNKNOWN, "Cannot copy " STR_FMT " to "
	    STR_FMT ": %s", STR_ARG(from), STR_ARG(to), strerror(errno));
}

static bool copy_dir(struct arena *a, struct str from, struct str to,
    struct err *e);

static bool
copy_entry(struct arena *a, struct str from, struct str to, struct err *e)
{
	struct stat st;

	if (lstat(str_cz(a, from), &st) != 0)
		return fail(e, M_UNKNOWN, "Cannot read " STR_FMT,
		    STR_ARG(from));
	if (S_ISDIR(st.st_mode))
		return copy_dir(a, from, to, e);
	return !S_ISREG(st.st_mode) || copy_file(a, from, to, e);
}

static bool
copy_dir(struct arena *a, struct str from, struct str to, struct err *e)
{
	DIR *d = opendir(str_cz(a, from));
	struct dirent *x;
	bool ok = true;

	if (d == NULL)
		return fail(e, M_NOT_FOUND, "Cannot read the folder " STR_FMT,
		    STR_ARG(from));
	mkdir(str_cz(a, to), 0700);
	while (ok && (x = readdir(d)) != NULL) {
		struct arena_mark m = arena_mark(a);

		if (strcmp(x->d_name, ".") != 0 &&
		    strcmp(x->d_name, "..") != 0)
			ok = copy_entry(a, str_fmt(a, STR_FMT "/%s",
			    STR_ARG(from), x->d_name), str_fmt(a, STR_FMT
			    "/%s", STR_ARG(to), x->d_name), e);
		arena_release(a, m);
	}
	closedir(d);
	return ok;
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
	if (!copy_dir(c->a, c->arg[1], str_c(c->data), &e) ||
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
