/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A file as servers give it to each other: multipart/mixed of metadata and file. spec: server-server, "Content Repository". */
#ifndef CORE_FILE_PARTS_H
#define CORE_FILE_PARTS_H

#include "base/arena.h"
#include "base/str.h"

#define FILE_PARTS_HEAD 16384		/* bytes at the start that are looked at */
#define FILE_PARTS_END 256		/* and at the end */

struct file_parts {
	struct str type, name;		/* safe to keep and to say; empty: none was said, or none that is */
	struct str location;		/* not empty: the file is at that URL */
	int64_t from, n;		/* the file's bytes */
};

/*
 * Finds the file in an answer of total bytes, of which head is the start and
 * end the end, by the Content-Type of the answer. Pure. False: it is no such
 * answer. The strings point into head, or are a's.
 */
bool file_parts_read(struct arena *a, struct str content_type, struct str head, struct str end, int64_t total, struct file_parts *out);
/* A type that can stand in a header, else the empty slice. */
struct str file_type_ok(struct str type);

#endif
