/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The files of a backup: the signing key is copied; media and finished records
 * are linked, since they never change, and copied where the backup lies on
 * another file system.
 */
#define _GNU_SOURCE
#include "core/media.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
failed(struct ctx *c, struct str path)
{
	return fail(&c->err, M_UNKNOWN, "Cannot back up " STR_FMT ": %s",
	    STR_ARG(path), strerror(errno));
}

static bool
copy(struct ctx *c, struct str from, struct str to)
{
	int in = open(str_cz(c->a, from), O_RDONLY | O_CLOEXEC);
	int out = in < 0 ? -1 : open(str_cz(c->a, to), O_WRONLY | O_CREAT |
	    O_EXCL | O_CLOEXEC, 0600);
	ssize_t n = -1;

	while (out >= 0 && (n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	if (out >= 0 && fsync(out) != 0)
		n = -1;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return n == 0 || failed(c, from);
}

static bool
take(struct ctx *c, struct str from, struct str to, bool may_link)
{
	DIR *d = opendir(str_cz(c->a, from));
	struct dirent *x;
	bool ok = true;

	if (d == NULL)
		return errno == ENOENT || failed(c, from);
	if (mkdir(str_cz(c->a, to), 0700) != 0)
		ok = failed(c, to);
	while (ok && (x = readdir(d)) != NULL) {
		struct arena_mark m = arena_mark(c->a);
		struct str f = str_fmt(c->a, STR_FMT "/%s", STR_ARG(from),
		    x->d_name);
		struct str t = str_fmt(c->a, STR_FMT "/%s", STR_ARG(to),
		    x->d_name);

		if (x->d_name[0] == '.')
			ok = true;
		else if (x->d_type == DT_DIR)
			ok = take(c, f, t, may_link);
		else if (x->d_type == DT_REG)
			ok = (may_link && link(str_cz(c->a, f),
			    str_cz(c->a, t)) == 0) || copy(c, f, t);
		arena_release(c->a, m);
	}
	closedir(d);
	return ok;
}

bool
backup_files(struct ctx *c, struct str dir)
{
	struct str data = server_get()->data_dir;

	return copy(c, str_cat(c->a, data, S("/signing.key")),
	    str_cat(c->a, dir, S("/signing.key"))) &&
	    take(c, str_cat(c->a, data, S("/media")),
	    str_cat(c->a, dir, S("/media")), true) &&
	    take(c, str_cat(c->a, data, S("/ledger")),
	    str_cat(c->a, dir, S("/ledger")), false);
}
