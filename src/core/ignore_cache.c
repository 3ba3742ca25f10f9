/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One entry a user: the ids they ignore, end to end, each ended by a NUL.
 * Bounded; when full it begins anew. See ignore_cache.h.
 * threads: all, under a lock.
 */
#include "core/ignore_cache.h"

#include "base/heap.h"
#include "base/map.h"
#include "room/ids.h"
#include "store/q_accdata.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 100000
#define BYTES_MAX ((size_t)32 << 20)

struct entry {
	struct str user;		/* the key */
	size_t n;			/* ids */
	size_t bytes;
	char text[];			/* user, then the ids */
};

static struct {
	pthread_mutex_t lock;
	struct map by_user;
	size_t bytes;
	uint64_t forgets;		/* calls of ignore_forget */
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
clear(void)
{
	struct map_iter it = map_iter(&cache.by_user);
	void *x;

	while ((x = map_next(&it)) != NULL)
		free(x);
	map_done(&cache.by_user);
	cache.by_user = (struct map){ 0 };
	cache.bytes = 0;
}

static void
give(struct arena *a, const struct entry *x, struct ignored *out)
{
	const char *at = x->text + x->user.n;
	struct str *user = arena_array(a, struct str, x->n);

	for (size_t i = 0; i < x->n; i++) {
		user[i] = str_dup(a, str_c(at));
		at += user[i].n + 1;
	}
	*out = (struct ignored){ user, x->n };
}

static bool
get(struct arena *a, struct str user, struct ignored *out, uint64_t *forgets)
{
	const struct entry *x;

	pthread_mutex_lock(&cache.lock);
	*forgets = cache.forgets;
	x = map_get(&cache.by_user, user);
	if (x != NULL)
		give(a, x, out);
	pthread_mutex_unlock(&cache.lock);
	return x != NULL;
}

static void
put(struct str user, const struct ignored *list, uint64_t forgets)
{
	struct entry *x, *old;
	size_t bytes = user.n;
	char *at;

	for (size_t i = 0; i < list->n; i++)
		bytes += list->user[i].n + 1;
	x = old = must(calloc(1, sizeof(*x) + bytes));
	memcpy(x->text, user.p, user.n);
	x->user = str_n(x->text, user.n);
	x->n = list->n;
	x->bytes = sizeof(*x) + bytes;
	at = x->text + user.n;
	for (size_t i = 0; i < list->n; i++) {
		memcpy(at, list->user[i].p, list->user[i].n);
		at += list->user[i].n + 1;
	}
	pthread_mutex_lock(&cache.lock);
	/* Not what was read before somebody changed it. */
	if (forgets == cache.forgets) {
		if (cache.by_user.n >= ENTRIES_MAX || cache.bytes >= BYTES_MAX)
			clear();
		cache.bytes += x->bytes;
		old = map_put(&cache.by_user, x->user, x);
		if (old != NULL)
			cache.bytes -= old->bytes;
	}
	pthread_mutex_unlock(&cache.lock);
	free(old);
}

static bool
load(struct ctx *c, struct str user, struct ignored *out)
{
	const struct json *list;
	struct str text, *at;
	struct json content;

	*out = (struct ignored){ NULL, 0 };
	if (!accdata_get(c->db, c->a, user, 0, S("m.ignored_user_list"),
	    &text, &c->err))
		return false;
	if (text.n == 0)
		return true;
	if (!json_parse(c->a, text, JSON_ANY, &content, &c->err))
		return false;
	list = json_get_obj(&content, S("ignored_users"));
	if (list == NULL)
		return true;
	at = arena_array(c->a, struct str, list->n);
	for (uint32_t i = 0; i < list->n && out->n < IGNORE_MAX; i++)
		if (id_user_ok(list->m[i].key))
			at[out->n++] = list->m[i].key;
	out->user = at;
	return true;
}

bool
ignore_list(struct ctx *c, struct str user, struct ignored *out)
{
	uint64_t forgets;

	if (get(c->a, user, out, &forgets))
		return true;
	if (!load(c, user, out))
		return false;
	put(user, out, forgets);
	return true;
}

bool
ignores(const struct ignored *x, struct str user)
{
	for (size_t i = 0; i < x->n; i++)
		if (str_eq(x->user[i], user))
			return true;
	return false;
}

void
ignore_forget(struct str user)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	cache.forgets++;
	x = map_del(&cache.by_user, user);
	if (x != NULL)
		cache.bytes -= x->bytes;
	pthread_mutex_unlock(&cache.lock);
	free(x);
}

void
ignore_cache_stop(void)
{
	pthread_mutex_lock(&cache.lock);
	clear();
	pthread_mutex_unlock(&cache.lock);
}
