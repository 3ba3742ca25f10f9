/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Metrics: values, the same one found again, threads, and the text. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/metric.h"

#define NTHREADS 16
#define NADDS 5000

/* All metrics as text, NUL at the end; valid until the next call. */
static const char *
written(void)
{
	static char text[1 << 20];
	struct buf b;

	buf_init(&b, NULL, sizeof(text) - 1);
	metrics_write(&b);
	assert_false(b.over);
	memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	buf_free(&b);
	return text;
}

static void
test_a_counter_counts(void **state)
{
	struct metric *m = metric_counter("t_count_total", "Things", NULL);

	(void)state;
	assert_int_equal(metric_value(m), 0);
	metric_add(m, 1);
	metric_add(m, 41);
	assert_int_equal(metric_value(m), 42);
	assert_non_null(strstr(written(), "# HELP t_count_total Things\n"
	    "# TYPE t_count_total counter\nt_count_total 42\n"));
}

static void
test_a_gauge_goes_both_ways(void **state)
{
	struct metric *m = metric_gauge("t_open", "Open", "kind=\"a\"");

	(void)state;
	metric_set(m, 5);
	metric_add(m, -7);
	assert_int_equal(metric_value(m), -2);
	assert_non_null(strstr(written(), "# TYPE t_open gauge\n"
	    "t_open{kind=\"a\"} -2\n"));
}

static void
test_same_name_and_labels_give_the_same_metric(void **state)
{
	char labels[32];
	struct metric *x, *y, *z;

	(void)state;
	snprintf(labels, sizeof(labels), "route=\"%s\"", "sync");
	x = metric_counter("t_same_total", "Same", labels);
	memset(labels, 'x', sizeof(labels));	/* the caller's text may go */
	y = metric_counter("t_same_total", "Same", "route=\"sync\"");
	z = metric_counter("t_same_total", "Same", "route=\"send\"");
	assert_ptr_equal(x, y);
	assert_ptr_not_equal(x, z);
	metric_add(x, 1);
	metric_add(z, 2);
	assert_non_null(strstr(written(), "# TYPE t_same_total counter\n"
	    "t_same_total{route=\"sync\"} 1\n"
	    "t_same_total{route=\"send\"} 2\n"));
}

static void
test_a_histogram(void **state)
{
	struct metric *m = metric_histogram("t_wait_seconds", "Wait", NULL);
	struct metric *l = metric_histogram("t_wait_seconds", "Wait", "a=\"b\"");
	const char *s;

	(void)state;
	metric_observe_us(m, 0);
	metric_observe_us(m, 50);	/* a bound belongs to its bucket */
	metric_observe_us(m, 51);
	metric_observe_us(m, 52428800);
	metric_observe_us(m, 52428801);
	metric_observe_us(l, 99);
	assert_int_equal(metric_value(m), 5);
	s = written();
	assert_non_null(strstr(s, "# TYPE t_wait_seconds histogram\n"
	    "t_wait_seconds_bucket{le=\"0.000050\"} 2\n"
	    "t_wait_seconds_bucket{le=\"0.000100\"} 3\n"));
	assert_non_null(strstr(s,
	    "t_wait_seconds_bucket{le=\"26.214400\"} 3\n"
	    "t_wait_seconds_bucket{le=\"52.428800\"} 4\n"
	    "t_wait_seconds_bucket{le=\"+Inf\"} 5\n"
	    "t_wait_seconds_sum 104.857702\n"
	    "t_wait_seconds_count 5\n"));
	assert_non_null(strstr(s,
	    "t_wait_seconds_bucket{a=\"b\",le=\"0.000100\"} 1\n"));
	assert_non_null(strstr(s, "t_wait_seconds_sum{a=\"b\"} 0.000099\n"));
}

static int64_t
read_it(void *arg)
{
	return *(int64_t *)arg;
}

static void
test_a_gauge_read_when_asked(void **state)
{
	static int64_t v = 3;

	(void)state;
	metric_gauge_fn("t_live", "Live", NULL, read_it, &v);
	assert_non_null(strstr(written(), "\nt_live 3\n"));
	v = 9;
	assert_non_null(strstr(written(), "\nt_live 9\n"));
}

static void *
add_many(void *arg)
{
	struct metric *c = metric_counter("t_race_total", "Race", "a=\"1\"");
	struct metric *h = metric_histogram("t_race_seconds", "Race", NULL);

	(void)arg;
	for (int i = 0; i < NADDS; i++) {
		metric_add(c, 1);
		metric_observe_us(h, i);
	}
	return NULL;
}

/* Registering races too: each thread asks for the metrics by name. */
static void
test_threads_lose_nothing(void **state)
{
	pthread_t t[NTHREADS];

	(void)state;
	for (size_t i = 0; i < NTHREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, add_many, NULL), 0);
	for (int i = 0; i < 20; i++)
		written();
	for (size_t i = 0; i < NTHREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(metric_value(metric_counter("t_race_total", "Race",
	    "a=\"1\"")), NTHREADS * NADDS);
	assert_int_equal(metric_value(metric_histogram("t_race_seconds", "Race",
	    NULL)), NTHREADS * NADDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_counter_counts),
		cmocka_unit_test(test_a_gauge_goes_both_ways),
		cmocka_unit_test(test_same_name_and_labels_give_the_same_metric),
		cmocka_unit_test(test_a_histogram),
		cmocka_unit_test(test_a_gauge_read_when_asked),
		cmocka_unit_test(test_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
