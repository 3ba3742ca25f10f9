/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See pusher_cache.h. threads: all, under a lock. */
#include "core/pusher_cache.h"

#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	size_t n;
	char user[];
};

static struct {
	pthread_mutex_t lock;
	struct map users;
	atomic_size_t n;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
pusher_cache_add(struct str user)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	if (map_get(&cache.users, user) == NULL) {
		x = malloc(sizeof(*x) + user.n);
		if (x == NULL)
			abort();
		x->n = user.n;
		memcpy(x->user, user.p, user.n);
		map_put(&cache.users, str_n(x->user, x->n), x);
		atomic_store(&cache.n, cache.users.n);
	}
	pthread_mutex_unlock(&cache.lock);
}

void
pusher_cache_drop(struct str user)
{
	pthread_mutex_lock(&cache.lock);
	free(map_del(&cache.users, user));
	atomic_store(&cache.n, cache.users.n);
	pthread_mutex_unlock(&cache.lock);
}

bool
pusher_cache_has(struct str user)
{
	bool has;

	pthread_mutex_lock(&cache.lock);
	has = map_get(&cache.users, user) != NULL;
	pthread_mutex_unlock(&cache.lock);
	return has;
}

bool
pusher_cache_any(void)
{
	return atomic_load(&cache.n) > 0;
}

void
pusher_cache_stop(void)
{
	struct map_iter it = map_iter(&cache.users);
	void *x;

	while ((x = map_next(&it)) != NULL)
		free(x);
	map_done(&cache.users);
	cache.users = (struct map){ 0 };
	atomic_store(&cache.n, 0);
}
