/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Metrics. A family is what shares a name (and HELP and TYPE lines); each of
 * its metrics has labels of its own. Both lists only grow, so they are walked
 * without the lock; only registering takes it. Counters and histograms are
 * split in shards, one a thread as far as they reach, so that adding never
 * fights for a cache line; reading sums them up.
 * threads: all; registering under lock, the rest atomic.
 */
#include "base/metric.h"

#include "base/heap.h"
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NSHARDS 8
#define NBUCKETS 22		/* 50 us << 0 .. 50 us << 20, and +Inf */
#define FIRST_BUCKET_US 50
#define CACHE_LINE 64

enum kind { COUNTER = 1, GAUGE, HISTOGRAM, GAUGE_FN };

/* bucket[] and sum_us are there for histograms alone. */
struct shard {
	_Alignas(CACHE_LINE) _Atomic int64_t n;
	_Atomic int64_t sum_us;
	_Atomic int64_t bucket[NBUCKETS];
};

/* One gauge is one cell: setting must win over all shards. */
struct cell {
	_Alignas(CACHE_LINE) _Atomic int64_t n;
};

struct metric {
	enum kind kind;
	char *key;			/* "name{labels}" */
	const char *labels;		/* inside key; "" for none */
	struct cell *cell;		/* counter: one a shard; gauge: one */
	struct shard *shard;		/* histogram */
	int64_t (*fn)(void *arg);	/* gauge read when asked for */
	void *arg;
	_Atomic(struct metric *) next;
};

struct family {
	char *name, *help;
	enum kind kind;
	_Atomic(struct metric *) first;
	struct metric *last;		/* under lock */
	_Atomic(struct family *) next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map families, metrics;	/* under lock */
static _Atomic(struct family *) first_family;
static struct family *last_family;	/* under lock */

/* Threads take shards in turn; past NSHARDS threads some share one. */
static size_t
my_shard(void)
{
	static atomic_uint threads;
	static _Thread_local unsigned mine;

	if (mine == 0)
		mine = atomic_fetch_add(&threads, 1) % NSHARDS + 1;
	return mine - 1;
}

static void *
zeroed(size_t n, size_t size)
{
	void *p = must(aligned_alloc(CACHE_LINE,
	    (n * size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE));

	memset(p, 0, n * size);
	return p;
}

static char *
text_dup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(zeroed(n, 1), s, n);
}

/* Names are ours, never a peer's: anything else is a mistake of the caller. */
static bool
is_name(const char *s)
{
	return *s != '\0' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* Puts a metric where the walkers will find it, once it is whole. */
static void
metric_link(struct family *f, struct metric *m)
{
	if (f->last == NULL)
		atomic_store_explicit(&f->first, m, memory_order_release);
	else
		atomic_store_explicit(&f->last->next, m, memory_order_release);
	f->last = m;
}

static struct family *
family_of(const char *name, const char *help, enum kind kind)
{
	struct family *f = map_get(&families, str_c(name));

	if (f != NULL) {
		assert(f->kind == kind);
		return f;
	}
	assert(is_name(name) && strpbrk(help, "\\\n") == NULL);
	f = zeroed(1, sizeof(*f));
	f->name = text_dup(name);
	f->help = text_dup(help);
	f->kind = kind;
	map_put(&families, str_c(f->name), f);
	if (last_family == NULL)
		atomic_store_explicit(&first_family, f, memory_order_release);
	else
		atomic_store_explicit(&last_family->next, f,
		    memory_order_release);
	last_family = f;
	return f;
}

static struct metric *
metric_new(const char *name, const char *labels, enum kind kind)
{
	size_t nname = strlen(name), n = nname + strlen(labels) + 3;
	struct metric *m = zeroed(1, sizeof(*m));

	m->kind = kind;
	m->key = zeroed(n, 1);
	snprintf(m->key, n, "%s{%s", name, labels);
	m->labels = m->key + nname + 1;
	if (kind == COUNTER)
		m->cell = zeroed(NSHARDS, sizeof(*m->cell));
	else if (kind == GAUGE)
		m->cell = zeroed(1, sizeof(*m->cell));
	else if (kind == HISTOGRAM)
		m->shard = zeroed(NSHARDS, sizeof(*m->shard));
	return m;
}

static struct metric *
metric_get(const char *name, const char *help, const char *labels,
    enum kind kind, int64_t (*fn)(void *arg), void *arg)
{
	struct metric *m = metric_new(name, labels == NULL ? "" : labels, kind);
	struct metric *old;
	struct family *f;

	m->fn = fn;
	m->arg = arg;
	pthread_mutex_lock(&lock);
	f = family_of(name, help, kind);
	old = map_get(&metrics, str_c(m->key));
	if (old == NULL) {
		map_put(&metrics, str_c(m->key), m);
		metric_link(f, m);
	}
	pthread_mutex_unlock(&lock);
	if (old == NULL)
		return m;
	free(m->shard);
	free(m->cell);
	free(m->key);
	free(m);
	return old;
}

struct metric *
metric_counter(const char *name, const char *help, const char *labels)
{
	return metric_get(name, help, labels, COUNTER, NULL, NULL);
}

struct metric *
metric_gauge(const char *name, const char *help, const char *labels)
{
	return metric_get(name, help, labels, GAUGE, NULL, NULL);
}

struct metric *
metric_histogram(const char *name, const char *help, const char *labels)
{
	return metric_get(name, help, labels, HISTOGRAM, NULL, NULL);
}

void
metric_gauge_fn(const char *name, const char *help, const char *labels,
    int64_t (*fn)(void *arg), void *arg)
{
	struct metric *m = metric_get(name, help, labels, GAUGE_FN, fn, arg);

	assert(m->fn == fn && m->arg == arg);
}

static void
bump(_Atomic int64_t *cell, int64_t n)
{
	atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

static int64_t
value_of(const _Atomic int64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

void
metric_add(struct metric *m, int64_t n)
{
	assert(m->kind == GAUGE || (m->kind == COUNTER && n >= 0));
	bump(&m->cell[m->kind == COUNTER ? my_shard() : 0].n, n);
}

void
metric_set(struct metric *m, int64_t v)
{
	assert(m->kind == GAUGE);
	atomic_store_explicit(&m->cell[0].n, v, memory_order_relaxed);
}

/* A bucket holds what is at most its bound. */
static size_t
bucket_of(int64_t us)
{
	size_t i = 0;

	while (i < NBUCKETS - 1 && us > (int64_t)FIRST_BUCKET_US << i)
		i++;
	return i;
}

void
metric_observe_us(struct metric *m, int64_t us)
{
	struct shard *s;

	assert(m->kind == HISTOGRAM && us >= 0);
	s = &m->shard[my_shard()];
	bump(&s->bucket[bucket_of(us)], 1);
	bump(&s->sum_us, us);
	bump(&s->n, 1);
}

int64_t
metric_value(const struct metric *m)
{
	int64_t sum = 0;

	if (m->kind == GAUGE_FN)
		return m->fn(m->arg);
	if (m->kind == GAUGE)
		return value_of(&m->cell[0].n);
	for (size_t i = 0; i < NSHARDS; i++)
		sum += value_of(m->kind == COUNTER ? &m->cell[i].n :
		    &m->shard[i].n);
	return sum;
}

static void
write_seconds(struct buf *b, int64_t us)
{
	buf_fmt(b, "%lld.%06lld", (long long)(us / 1000000),
	    (long long)(us % 1000000));
}

/* name + suffix + {labels}, and the space before the value. */
static void
write_series(struct buf *b, const struct family *f, const char *suffix,
    const struct metric *m)
{
	buf_c(b, f->name);
	buf_c(b, suffix);
	if (*m->labels != '\0')
		buf_fmt(b, "{%s}", m->labels);
	buf_char(b, ' ');
}

static void
write_bucket(struct buf *b, const struct family *f, const struct metric *m,
    size_t i, int64_t n)
{
	buf_fmt(b, "%s_bucket{%s%sle=\"", f->name, m->labels,
	    *m->labels == '\0' ? "" : ",");
	if (i == NBUCKETS - 1)
		buf_c(b, "+Inf");
	else
		write_seconds(b, (int64_t)FIRST_BUCKET_US << i);
	buf_c(b, "\"} ");
	buf_i64(b, n);
	buf_char(b, '\n');
}

/* The count is that of the buckets, so the three always agree. */
static void
write_histogram(struct buf *b, const struct family *f, const struct metric *m)
{
	int64_t n = 0, sum_us = 0;

	for (size_t i = 0; i < NBUCKETS; i++) {
		for (size_t k = 0; k < NSHARDS; k++)
			n += value_of(&m->shard[k].bucket[i]);
		write_bucket(b, f, m, i, n);
	}
	for (size_t k = 0; k < NSHARDS; k++)
		sum_us += value_of(&m->shard[k].sum_us);
	write_series(b, f, "_sum", m);
	write_seconds(b, sum_us);
	buf_char(b, '\n');
	write_series(b, f, "_count", m);
	buf_i64(b, n);
	buf_char(b, '\n');
}

static const char *
kind_name(enum kind kind)
{
	switch (kind) {
	case COUNTER:
		return "counter";
	case HISTOGRAM:
		return "histogram";
	case GAUGE:
	case GAUGE_FN:
		break;
	}
	return "gauge";
}

static void
write_family(struct buf *b, struct family *f)
{
	struct metric *m;

	buf_fmt(b, "# HELP %s %s\n", f->name, f->help);
	buf_fmt(b, "# TYPE %s %s\n", f->name, kind_name(f->kind));
	m = atomic_load_explicit(&f->first, memory_order_acquire);
	for (; m != NULL;
	    m = atomic_load_explicit(&m->next, memory_order_acquire)) {
		if (f->kind == HISTOGRAM) {
			write_histogram(b, f, m);
			continue;
		}
		write_series(b, f, "", m);
		buf_i64(b, metric_value(m));
		buf_char(b, '\n');
	}
}

void
metrics_write(struct buf *b)
{
	struct family *f;

	f = atomic_load_explicit(&first_family, memory_order_acquire);
	for (; f != NULL;
	    f = atomic_load_explicit(&f->next, memory_order_acquire))
		write_family(b, f);
}
