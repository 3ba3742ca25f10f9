/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bytes that must not be printed, and are wiped when their arena ends. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/arena.h"
#include "base/str.h"

struct secret {
	struct str hidden;	/* read only by those who must: grep for it */
};

/* Copies into the arena and wipes the copy at its end. */
struct secret secret_dup(struct arena *a, struct str s);
bool secret_eq(struct secret x, struct secret y);	/* constant time */
void secret_wipe(void *p, size_t n);

#endif
