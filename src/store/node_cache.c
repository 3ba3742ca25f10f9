/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See node_cache.h. Each part keeps its nodes in order of use. */
#include "store/node_cache.h"

#include "base/heap.h"
#include "base/map.h"
#include "base/metric.h"
#include "store/db_driver.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NPARTS 16
#define OVERHEAD 64			/* of malloc and the map, by estimate */

struct cached {
	struct cached *older, *newer;
	struct node_id id;
	size_t n;
	uint8_t body[];
};

static struct part {
	pthread_mutex_t lock;
	struct map nodes;		/* id -> cached */
	struct cached *oldest, *newest;
	size_t bytes, bytes_max;
} part[NPARTS];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct metric *hits, *misses;

static int64_t
bytes_used(void *arg)
{
	size_t n = 0;

	(void)arg;
	for (size_t i = 0; i < NPARTS; i++) {
		pthread_mutex_lock(&part[i].lock);
		n += part[i].bytes;
		pthread_mutex_unlock(&part[i].lock);
	}
	return (int64_t)n;
}

static void
set_up(void)
{
	const char *help = "Look-ups of state tree nodes in memory";

	for (size_t i = 0; i < NPARTS; i++)
		pthread_mutex_init(&part[i].lock, NULL);
	hits = metric_counter("beffroi_node_cache_total", help,
	    "found=\"yes\"");
	misses = metric_counter("beffroi_node_cache_total", help,
	    "found=\"no\"");
	metric_gauge_fn("beffroi_node_cache_bytes",
	    "Memory of state tree nodes", NULL, bytes_used, NULL);
}

static struct str
key_of(const struct node_id *id)
{
	return str_n((const char *)id->b, sizeof(id->b));
}

static size_t
cost(const struct cached *x)
{
	return sizeof(*x) + x->n + OVERHEAD;
}

static struct part *
part_of(const struct node_id *id)
{
	return &part[id->b[0] % NPARTS];
}

static void
unlink_node(struct part *p, struct cached *x)
{
	*(x->older != NULL ? &x->older->newer : &p->oldest) = x->newer;
	*(x->newer != NULL ? &x->newer->older : &p->newest) = x->older;
}

static void
link_newest(struct part *p, struct cached *x)
{
	x->newer = NULL;
	x->older = p->newest;
	*(p->newest != NULL ? &p->newest->newer : &p->oldest) = x;
	p->newest = x;
}

static void
drop_oldest(struct part *p)
{
	struct cached *x = p->oldest;

	unlink_node(p, x);
	map_del(&p->nodes, key_of(&x->id));
	p->bytes -= cost(x);
	free(x);
}

void
node_cache_start(size_t bytes)
{
	pthread_once(&once, set_up);
	for (size_t i = 0; i < NPARTS; i++) {
		struct part *p = &part[i];

		pthread_mutex_lock(&p->lock);
		while (p->oldest != NULL)
			drop_oldest(p);
		p->bytes_max = bytes / NPARTS;
		pthread_mutex_unlock(&p->lock);
	}
}

size_t
node_cache_get(const struct node_id *id, uint8_t body[NODE_BODY_MAX])
{
	struct part *p = part_of(id);
	struct cached *x;
	size_t n = 0;

	pthread_mutex_lock(&p->lock);
	x = map_get(&p->nodes, key_of(id));
	if (x != NULL) {
		n = x->n;
		memcpy(body, x->body, n);
		if (x != p->newest) {
			unlink_node(p, x);
			link_newest(p, x);
		}
	}
	pthread_mutex_unlock(&p->lock);
	metric_add(x != NULL ? hits : misses, 1);
	return n;
}

/* Takes x over. */
static void
put(struct cached *x)
{
	struct part *p = part_of(&x->id);

	pthread_mutex_lock(&p->lock);
	if (map_get(&p->nodes, key_of(&x->id)) != NULL ||
	    cost(x) > p->bytes_max) {
		free(x);
	} else {
		map_put(&p->nodes, key_of(&x->id), x);
		link_newest(p, x);
		p->bytes += cost(x);
	}
	while (p->bytes > p->bytes_max)
		drop_oldest(p);
	pthread_mutex_unlock(&p->lock);
}

static void
put_at_end(void *arg, bool committed)
{
	if (committed)
		put(arg);
	else
		free(arg);
}

void
node_cache_put(struct db *db, const struct node_id *id, struct str body)
{
	struct cached *x = must(malloc(sizeof(*x) + body.n));

	assert(body.n > 0 && body.n <= NODE_BODY_MAX);
	x->id = *id;
	x->n = body.n;
	memcpy(x->body, body.p, body.n);
	if (db_in_body(db))
		db_at_end(db, put_at_end, x);
	else
		put(x);
}
