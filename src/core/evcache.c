/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See evcache.h. One lock over the table; building happens outside it. */
#include "core/evcache.h"

#include "base/map.h"
#include "base/metric.h"

#include <pthread.h>
#include <string.h>

struct cached {
	struct sev s;			/* first */
	struct arena *a;
	struct cached *older, *newer;
	int refs;			/* atomic */
	bool listed;
	size_t bytes;
};

static struct {
	pthread_mutex_t lock;
	struct map by_nid;
	struct cached *oldest, *newest;
	size_t bytes, bytes_max;
	uint64_t epoch;
	struct metric *hits, *misses;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER, .bytes_max = 64 << 20 };

void
evcache_start(size_t bytes_max)
{
	cache.bytes_max = bytes_max;
	cache.hits = metric_counter("beffroi_event_cache_hits_total",
	    "Events found in memory", NULL);
	cache.misses = metric_counter("beffroi_event_cache_misses_total",
	    "Events read from the store", NULL);
}

static void
unlist(struct cached *x)
{
	if (x->older != NULL)
		x->older->newer = x->newer;
	else
		cache.oldest = x->newer;
	if (x->newer != NULL)
		x->newer->older = x->older;
	else
		cache.newest = x->older;
	x->older = x->newer = NULL;
	x->listed = false;
	cache.bytes -= x->bytes;
}

static void
list_newest(struct cached *x)
{
	x->older = cache.newest;
	x->newer = NULL;
	if (cache.newest != NULL)
		cache.newest->newer = x;
	else
		cache.oldest = x;
	cache.newest = x;
	x->listed = true;
	cache.bytes += x->bytes;
}

static struct cached *
of(const struct sev *s)
{
	return (struct cached *)(uintptr_t)s;
}

const struct sev *
sev_get(const struct sev *s)
{
	__atomic_add_fetch(&of(s)->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void
sev_put(const struct sev *s)
{
	if (s != NULL &&
	    __atomic_sub_fetch(&of(s)->refs, 1, __ATOMIC_ACQ_REL) == 0)
		arena_free(of(s)->a);
}

static void
put_held(void *p)
{
	sev_put(p);
}

const struct sev *
sev_hold(struct ctx *c, const struct sev *s)
{
	if (s != NULL)
		arena_at_end(c->a, put_held, of(s));
	return s;
}

unsigned
sev_flags(const struct sev *s)
{
	return __atomic_load_n(&s->flags, __ATOMIC_RELAXED);
}

/* Takes an entry out of the table; gives the table's reference back later. */
static void
evict(struct cached *x, struct cached **dead)
{
	map_del_i(&cache.by_nid, x->s.nid);
	unlist(x);
	x->older = *dead;
	*dead = x;
}

static void
bury(struct cached *dead)
{
	while (dead != NULL) {
		struct cached *next = dead->older;

		sev_put(&dead->s);
		dead = next;
	}
}

const struct sev *
evcache_get(int64_t nid)
{
	struct cached *x;

	pthread_mutex_lock(&cache.lock);
	x = map_get_i(&cache.by_nid, nid);
	if (x != NULL) {
		sev_get(&x->s);
		if (x != cache.newest) {
			unlist(x);
			list_newest(x);
		}
	}
	pthread_mutex_unlock(&cache.lock);
	if (cache.hits != NULL)
		metric_add(x != NULL ? cache.hits : cache.misses, 1);
	return x != NULL ? &x->s : NULL;
}

/* A new entry with one reference, in an arena of its own. */
static struct cached *
build(const struct room_version *v, const struct event_row *row,
    const struct evcache_extra *extra, struct err *e)
{
	size_t guess = row->json.n * 6 + 1024;
	struct arena *a = arena_new_sized(16 << 20, guess);
	struct cached *x = arena_make(a, struct cached);
	struct buf client;

	x->a = a;
	x->refs = 1;
	x->s = (struct sev){
		.nid = row->nid, .room = row->room, .seq = row->seq,
		.pos = row->pos, .flags = row->flags, .state = row->state,
		.shown = row->shown,
		.text = str_dup(a, row->json),
		.redacted_by = str_dup(a, row->redacted_by),
		.prev_content = str_dup(a, extra->prev_content),
		.replaces = str_dup(a, extra->replaces),
		.txn_device = str_dup(a, extra->txn_device),
		.txn_id = str_dup(a, extra->txn_id),
	};
	if (!event_load(a, v, str_dup(a, row->event_id), x->s.text, &x->s.ev,
	    e)) {
		arena_free(a);
		return NULL;
	}
	buf_init(&client, a, 4 * EVENT_BYTES_MAX);
	event_write_client(&client, &x->s.ev);
	x->s.client = buf_view(&client);
	x->bytes = arena_used(a);
	return x;
}

/* With the lock: enters x in the place of old, and makes room for it. */
static void
enter(struct cached *x, struct cached *old, struct cached **dead)
{
	if (old != NULL)
		evict(old, dead);
	map_put_i(&cache.by_nid, x->s.nid, x);
	list_newest(x);
	sev_get(&x->s);
	while (cache.bytes > cache.bytes_max && cache.oldest != x)
		evict(cache.oldest, dead);
}

uint64_t
evcache_epoch(void)
{
	uint64_t epoch;

	pthread_mutex_lock(&cache.lock);
	epoch = cache.epoch;
	pthread_mutex_unlock(&cache.lock);
	return epoch;
}

const struct sev *
evcache_add(const struct room_version *v, const struct event_row *row,
    const struct evcache_extra *extra, uint64_t epoch, struct err *e)
{
	struct cached *x = build(v, row, extra, e), *old, *dead = NULL;

	if (x == NULL)
		return NULL;
	pthread_mutex_lock(&cache.lock);
	old = map_get_i(&cache.by_nid, row->nid);
	if (old != NULL)
		sev_get(&old->s);	/* another thread was quicker */
	else if (cache.epoch == epoch)
		enter(x, NULL, &dead);
	pthread_mutex_unlock(&cache.lock);
	bury(dead);
	if (old == NULL)
		return &x->s;
	sev_put(&x->s);
	return &old->s;
}

const struct sev *
evcache_put(const struct room_version *v, const struct event_row *row,
    const struct evcache_extra *extra, struct err *e)
{
	struct cached *x = build(v, row, extra, e), *old, *dead = NULL;

	if (x == NULL)
		return NULL;
	pthread_mutex_lock(&cache.lock);
	old = map_get_i(&cache.by_nid, row->nid);
	if ((row->flags & EVENT_F_REDACTED) != 0)
		cache.epoch++;
	enter(x, old, &dead);
	pthread_mutex_unlock(&cache.lock);
	bury(dead);
	return &x->s;
}

void
evcache_flag(int64_t nid, unsigned flag)
{
	struct cached *x;

	pthread_mutex_lock(&cache.lock);
	x = map_get_i(&cache.by_nid, nid);
	if (x == NULL)
		cache.epoch++;
	else
		__atomic_or_fetch(&x->s.flags, flag, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&cache.lock);
}

void
evcache_stop(void)
{
	struct cached *dead = NULL;

	pthread_mutex_lock(&cache.lock);
	while (cache.oldest != NULL)
		evict(cache.oldest, &dead);
	map_done(&cache.by_nid);
	pthread_mutex_unlock(&cache.lock);
	bury(dead);
}
