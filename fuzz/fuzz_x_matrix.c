/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The X-Matrix header: what is taken has its parts, and they fit into what was given. */
#include "fuzz.h"

#include <stdlib.h>

#include "api/federation/auth.h"

#define MUST(x) ((x) ? (void)0 : abort())

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(1 << 20);
	struct x_matrix x;

	if (x_matrix_read(a, str_n((const char *)data, size), &x)) {
		MUST(x.origin.n > 0 && x.key.n > 0 && x.sig.n > 0);
		MUST(x.origin.n + x.key.n + x.sig.n + x.destination.n < size);
	}
	arena_free(a);
	return 0;
}
