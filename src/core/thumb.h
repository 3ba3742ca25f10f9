/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Thumbnails: made by the sandboxed decoder, kept under data.dir/media/thumbs. */
#ifndef CORE_THUMB_H
#define CORE_THUMB_H

#include "core/media.h"

struct thumb {
	int fd;				/* the caller's to close */
	int64_t bytes;
	struct str type;		/* image/jpeg or image/png */
};

/*
 * A thumbnail of at least about that size, from a small set of sizes.
 * errors  M_UNKNOWN 400 no picture that can be read; M_TOO_LARGE 413
 */
bool thumb_get(struct ctx *c, const struct media_row *row, int64_t width, int64_t height, bool crop, struct thumb *out) MUST_CHECK;
/* Removes what was made of a file that goes; of one with the same content they are made again. */
void thumb_forget(struct ctx *c, const struct media_row *row);

#endif
