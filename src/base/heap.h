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

/* An array with room for one more than n: p, or it with its capacity doubled. */
static inline void *
heap_more(void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	*cap = *cap > 0 ? *cap * 2 : 4;
	return must(realloc(p, *cap * size));
}

#endif
