/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Secrets: copied into an arena that wipes the copy when it ends, compared
 * without telling by time where they differ. The log has no field type that
 * takes one.
 */
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

/* What to wipe: it lives in the same arena, just before the bytes. */
struct hidden {
	size_t n;
	char p[];
};

static void
hidden_wipe(void *p)
{
	struct hidden *h = p;

	sodium_memzero(h->p, h->n);
}

struct secret
secret_dup(struct arena *a, struct str s)
{
	struct hidden *h = arena_alloc(a, sizeof(*h) + s.n + 1);

	h->n = s.n;
	if (s.n > 0)
		memcpy(h->p, s.p, s.n);
	arena_at_end(a, hidden_wipe, h);
	return (struct secret){ str_n(h->p, s.n) };
}

bool
secret_eq(struct secret x, struct secret y)
{
	return str_eq_secret(x.hidden, y.hidden);
}

void
secret_wipe(void *p, size_t n)
{
	if (n > 0)
		sodium_memzero(p, n);
}
