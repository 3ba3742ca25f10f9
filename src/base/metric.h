/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Counters, gauges and histograms, written as Prometheus text. Registered once
 * at start or first use, never removed. Adding is an atomic operation on the
 * thread's own shard. threads: all.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/str.h"

struct metric;

/* name like "beffroi_http_requests_total"; labels like "route=\"sync_get\"" or NULL. The same name and labels give the same metric. */
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/* Durations: give microseconds, shown in seconds; buckets double from 50 us to 52 s. */
struct metric *metric_histogram(const char *name, const char *help, const char *labels);
/* A gauge read when asked for. */
void metric_gauge_fn(const char *name, const char *help, const char *labels,
    int64_t (*fn)(void *arg), void *arg);

void metric_add(struct metric *m, int64_t n);
void metric_set(struct metric *m, int64_t v);
void metric_observe_us(struct metric *m, int64_t us);
int64_t metric_value(const struct metric *m);	/* counter or gauge; histogram: count */

void metrics_write(struct buf *b);

#endif
