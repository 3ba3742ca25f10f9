/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See memo.h. */
#include "base/memo.h"

#include "base/heap.h"

#include <string.h>

struct entry {
	size_t key_n, n;
	char bytes[];			/* key, value */
};

static size_t
weight(const struct entry *x)
{
	/* With the map's slot. */
	return sizeof(*x) + x->key_n + x->n + 48;
}

static void
clear(struct memo *m)
{
	map_clear(&m->by_key, free);
	m->bytes = 0;
}

bool
memo_get(struct memo *m, struct arena *a, struct str key, struct str *value,
    uint64_t *forgets)
{
	const struct entry *x;

	pthread_mutex_lock(&m->lock);
	*forgets = m->forgets;
	x = map_get(&m->by_key, key);
	if (x != NULL)
		*value = str_dup(a, str_n(x->bytes + x->key_n, x->n));
	pthread_mutex_unlock(&m->lock);
	return x != NULL;
}

void
memo_put(struct memo *m, struct str key, struct str value, uint64_t forgets)
{
	struct entry *x = must(malloc(sizeof(*x) + key.n + value.n)), *old = x;

	x->key_n = key.n;
	x->n = value.n;
	memcpy(x->bytes, key.p, key.n);
	if (value.n > 0)
		memcpy(x->bytes + key.n, value.p, value.n);
	pthread_mutex_lock(&m->lock);
	if (forgets == m->forgets && weight(x) <= m->bytes_max) {
		if (m->bytes + weight(x) > m->bytes_max)
			clear(m);
		m->bytes += weight(x);
		old = map_put(&m->by_key, str_n(x->bytes, key.n), x);
		if (old != NULL)
			m->bytes -= weight(old);
	}
	pthread_mutex_unlock(&m->lock);
	free(old);
}

void
memo_forget(struct memo *m, struct str key)
{
	struct entry *x;

	pthread_mutex_lock(&m->lock);
	m->forgets++;
	x = map_del(&m->by_key, key);
	if (x != NULL)
		m->bytes -= weight(x);
	pthread_mutex_unlock(&m->lock);
	free(x);
}

void
memo_clear(struct memo *m)
{
	pthread_mutex_lock(&m->lock);
	clear(m);
	pthread_mutex_unlock(&m->lock);
}
