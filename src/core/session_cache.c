/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Tokens in memory, by their hash: asking who calls costs no query. Bounded;
 * when full it begins anew. See session_cache.h. threads: all, under a lock.
 */
#include "core/session_cache.h"

#include "base/heap.h"
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 200000

struct entry {
	struct session s;
	int64_t seen_ms;		/* last written to the store */
	char hash[32];
	size_t user_n;
	char bytes[];			/* user, device */
};

static struct {
	pthread_mutex_t lock;
	struct map by_hash;
	uint64_t forgets;		/* calls of session_forget_user */
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool
session_cache_get(struct arena *a, struct str hash, struct session *out,
    uint64_t *forgets)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	*forgets = cache.forgets;
	x = map_get(&cache.by_hash, hash);
	if (x != NULL) {
		*out = x->s;
		out->user = str_dup(a, x->s.user);
		out->device = str_dup(a, x->s.device);
	}
	pthread_mutex_unlock(&cache.lock);
	return x != NULL;
}

void
session_cache_put(struct str hash, const struct session *s, uint64_t forgets)
{
	struct entry *x = must(calloc(1, sizeof(*x) + s->user.n + s->device.n));
	struct entry *old = x;

	memcpy(x->hash, hash.p, sizeof(x->hash));
	x->s = *s;
	memcpy(x->bytes, s->user.p, s->user.n);
	x->s.user = str_n(x->bytes, s->user.n);
	if (s->device.n > 0)
		memcpy(x->bytes + s->user.n, s->device.p, s->device.n);
	x->s.device = str_n(x->bytes + s->user.n, s->device.n);
	pthread_mutex_lock(&cache.lock);
	if (forgets == cache.forgets) {
		if (cache.by_hash.n >= ENTRIES_MAX)
			map_clear(&cache.by_hash, free);
		old = map_put(&cache.by_hash, str_n(x->hash, sizeof(x->hash)),
		    x);
	}
	pthread_mutex_unlock(&cache.lock);
	free(old);
}

void
session_forget_user(struct str user)
{
	struct entry *drop[64], *x;
	struct map_iter it;
	size_t n;

	pthread_mutex_lock(&cache.lock);
	cache.forgets++;
	do {
		n = 0;
		it = map_iter(&cache.by_hash);
		while (n < LEN(drop) && (x = map_next(&it)) != NULL)
			if (str_eq(x->s.user, user))
				drop[n++] = x;
		for (size_t i = 0; i < n; i++) {
			map_del(&cache.by_hash, str_n(drop[i]->hash,
			    sizeof(drop[i]->hash)));
			free(drop[i]);
		}
	} while (n == LEN(drop));
	pthread_mutex_unlock(&cache.lock);
}

bool
session_cache_seen_due(struct str user, struct str device, int64_t now_ms,
    int64_t every_ms)
{
	static struct {
		uint64_t key;
		int64_t at_ms;
	} last[4096];
	uint64_t key = hash_bytes(user.p, user.n) ^
	    (hash_bytes(device.p, device.n) << 1);
	size_t slot = (size_t)(key % LEN(last));
	bool due;

	pthread_mutex_lock(&cache.lock);
	due = last[slot].key != key || now_ms - last[slot].at_ms >= every_ms;
	if (due) {
		last[slot].key = key;
		last[slot].at_ms = now_ms;
	}
	pthread_mutex_unlock(&cache.lock);
	return due;
}

void
session_cache_stop(void)
{
	pthread_mutex_lock(&cache.lock);
	map_clear(&cache.by_hash, free);
	pthread_mutex_unlock(&cache.lock);
}
