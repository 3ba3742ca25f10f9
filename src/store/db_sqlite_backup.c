/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Copies of a running store. The copy is read by a connection of its own, in
 * one step and so from one snapshot: writers go on meanwhile, only the log
 * grows. It gets its name when it is whole.
 */
#include "store/db_sqlite.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
file_fail(const char *path, struct err *e)
{
	int why = errno;

	if (why == EEXIST)
		return fail(e, M_INVALID_PARAM, "%s exists already", path);
	fail(e, M_UNAVAILABLE, "The copy can't be written to %s: %s", path,
	    strerror(why));
	return err_cause(e, "%s: %s", path, strerror(why));
}

static bool
copy(const struct sq_store *sq, const char *path, struct err *e)
{
	sqlite3 *from = sq_connect(sq, false, e), *to = NULL;
	sqlite3_backup *b = NULL;
	int rc;
	bool ok;

	if (from == NULL)
		return false;
	rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		b = sqlite3_backup_init(to, "main", from, "main");
	if (b != NULL) {
		sqlite3_backup_step(b, -1);
		rc = sqlite3_backup_finish(b);
	} else if (rc == SQLITE_OK) {
		rc = sqlite3_errcode(to);
	}
	ok = rc == SQLITE_OK || sq_fail(to, rc, "backup", e);
	sqlite3_close(to);
	sqlite3_close(from);
	return ok;
}

/* Makes the file, for this user only; the copy fills it. */
static bool
make_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return file_fail(path, e);
	close(fd);
	return true;
}

bool
sq_backup(struct store *s, const char *path, struct err *e)
{
	struct buf part;
	bool ok;

	if (access(path, F_OK) == 0) {
		errno = EEXIST;
		return file_fail(path, e);
	}
	buf_init(&part, NULL, strlen(path) + 8);
	buf_c(&part, path);
	buf_c(&part, ".part");
	buf_char(&part, '\0');
	unlink(part.p);		/* of a copy that was cut off */
	ok = make_file(part.p, e);
	if (ok) {
		ok = copy(s->impl, part.p, e) && (rename(part.p, path) == 0 ||
		    file_fail(path, e)) && (file_sync_parent(str_c(path)) || file_fail(path, e));
		if (!ok)
			unlink(part.p);
	}
	buf_free(&part);
	return ok;
}
