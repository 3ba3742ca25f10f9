/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Files that users send. Contents lie under data.dir/media, named by their
 * SHA-256 and shared by equal ones; the table says whose is what.
 * spec: client-server, "Content repository".
 */
#ifndef CORE_MEDIA_H
#define CORE_MEDIA_H

#include "core/ctx.h"
#include "store/q_media.h"

bool media_start(struct err *e) MUST_CHECK;	/* makes the folders */

/*
 * Takes an unnamed file (O_TMPFILE in the same file system) as the content of
 * id, or of a new id when that is empty.
 * errors  M_FORBIDDEN 403 over the quota, or another's id; M_NOT_FOUND 404;
 *         M_CANNOT_OVERWRITE_MEDIA 409
 */
bool media_store(struct ctx *c, int fd, int64_t bytes, struct str type, struct str name, struct str id, struct media_row *out) MUST_CHECK;
/* An id for a content that comes later. */
bool media_create(struct ctx *c, struct media_row *out) MUST_CHECK;
/* The row of content that may be shown; *ready false: not uploaded yet. errors M_NOT_FOUND 404 */
bool media_get(struct ctx *c, struct str server, struct str id, struct media_row *out, bool *ready) MUST_CHECK;
/* An open file of the content. errors M_NOT_FOUND 404 */
bool media_open(struct ctx *c, const struct media_row *row, int *fd) MUST_CHECK;

/* An unnamed file beside the copies of other servers' files, or -1. */
int media_unnamed(struct ctx *c);
/* Makes fd's row->bytes the copy of another server's file: file and row. Of one at a time. */
bool media_keep_remote(struct ctx *c, int fd, struct media_row *row) MUST_CHECK;
void media_unlink_remote(struct ctx *c, const struct media_row *row);

/* Puts the signing key, media and record beside a copy of the database. */
bool backup_files(struct ctx *c, struct str dir) MUST_CHECK;

#endif
