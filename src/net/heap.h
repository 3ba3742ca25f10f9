/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Connections and requests have no arena: they live on the heap, and running out of it ends the process. */
#ifndef NET_HEAP_H
#define NET_HEAP_H

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
