/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* For the few that own heap memory (tools/doors.sh lists them): running out of it ends the process. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdlib.h>

/* p, the result of malloc, calloc or realloc. */
static inline void *
must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

#endif
