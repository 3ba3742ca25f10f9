/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is easy to get wrong with files: whole writes, names that survive a
 * crash, copies of trees. Errors are in errno. threads: all.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/arena.h"
#include "base/err.h"

/* All of s, or false. */
bool file_write_all(int fd, struct str s);
/* A name made in a folder (or renamed there) is there after a crash only then. */
bool file_sync_folder(const char *path);
bool file_sync_parent(struct str path);		/* the folder that the file is in */

enum file_copy_how {
	FILE_COPY,			/* new files, on disk when it returns */
	FILE_LINK,			/* links where the file system can, else copies: for files that never change */
};
/*
 * A file, or a folder with all that is in it. `to` must not be there (a folder
 * may). Neither follows symbolic links nor copies what is no file.
 * errors  M_NOT_FOUND 404 `from` is not there; M_UNKNOWN 500 names the file
 */
bool file_copy(struct arena *a, struct str from, struct str to, enum file_copy_how how, struct err *e) MUST_CHECK;

#endif
