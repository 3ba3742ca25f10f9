/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Positions: in flight, told in order, never twice, not even after a crash. */
#include "fixture.h"

#include <assert.h>
#include <pthread.h>

#include "store/stream.h"

/* Takes n positions in a body, which then does as it is told. */
struct take {
	struct stream_tx tx;
	int n;
	int64_t pos;
	bool refuse;
};

static bool
take_body(struct db *db, void *arg, struct err *e)
{
	struct take *t = arg;

	for (int i = 0; i < t->n; i++)
		if (!stream_next(db, &t->tx, &t->pos, e))
			return false;
	return !t->refuse || fail(e, M_FORBIDDEN, "No");
}

static struct take
take(struct fix *f, int n)
{
	struct take t = { .n = n };

	OK(f, db_transact(f->db, take_body, &t, &f->e));
	return t;
}

/* What was told, in order. */
static struct {
	pthread_mutex_t lock;
	int64_t pos[100000];
	size_t n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct news {
	int64_t pos;
};

static void
hear(void *arg)
{
	struct news *news = arg;

	pthread_mutex_lock(&heard.lock);
	assert(heard.n < LEN(heard.pos));
	assert(stream_now() >= news->pos);
	heard.pos[heard.n++] = news->pos;
	pthread_mutex_unlock(&heard.lock);
}

static void
open_stream(struct fix *f)
{
	fix_open(f);
	OK(f, stream_start(f->db, &f->e));
	heard.n = 0;
}

static void
positions_begin_at_one(void **state)
{
	struct fix f;
	struct take t;

	(void)state;
	open_stream(&f);
	assert_true(stream_now() == 0);
	t = take(&f, 1);
	assert_true(t.pos == 1 && t.tx.first == 1 && t.tx.last == 1);
	assert_true(stream_now() == 0);
	stream_end(&t.tx, NULL, NULL);
	assert_true(stream_now() == 1);
	assert_true(t.tx.first == 0);
	fix_close(&f);
}

static void
nothing_is_seen_past_what_is_in_flight(void **state)
{
	struct fix f;
	struct take x, y, z;
	struct news ny, nz, nx;

	(void)state;
	open_stream(&f);
	x = take(&f, 1);
	y = take(&f, 2);
	z = take(&f, 1);
	nx.pos = x.tx.last;
	ny.pos = y.tx.last;
	nz.pos = z.tx.last;
	stream_end(&z.tx, hear, &nz);
	assert_true(stream_now() == 0 && heard.n == 0);
	stream_end(&y.tx, hear, &ny);
	assert_true(stream_now() == 0 && heard.n == 0);
	stream_end(&x.tx, hear, &nx);
	assert_true(stream_now() == 4 && heard.n == 3);
	assert_true(heard.pos[0] == 1 && heard.pos[1] == 3 &&
	    heard.pos[2] == 4);
	fix_close(&f);
}

static void
interleaved_positions_wait_for_the_first(void **state)
{
	struct fix f;
	struct stream_tx x = { 0 }, y = { 0 };
	struct news nx, ny;
	int64_t pos;

	(void)state;
	open_stream(&f);
	OK(&f, stream_next_memory(f.db, &x, &pos, &f.e));
	OK(&f, stream_next_memory(f.db, &y, &pos, &f.e));
	OK(&f, stream_next_memory(f.db, &x, &pos, &f.e));
	assert_true(x.first == 1 && x.last == 3 && y.first == 2);
	nx.pos = 3;
	ny.pos = 2;
	stream_end(&x, hear, &nx);
	assert_true(stream_now() == 1 && heard.n == 0);
	stream_end(&y, hear, &ny);
	assert_true(stream_now() == 3 && heard.n == 2 && heard.pos[0] == 2);
	fix_close(&f);
}

static void
a_failed_transaction_holds_nobody_back(void **state)
{
	struct fix f;
	struct take x = { .n = 3, .refuse = true }, y;
	struct news ny;

	(void)state;
	open_stream(&f);
	assert_false(db_transact(f.db, take_body, &x, &f.e));
	y = take(&f, 1);
	ny.pos = y.pos;
	stream_end(&y.tx, hear, &ny);
	assert_true(heard.n == 0);
	stream_end(&x.tx, NULL, NULL);
	assert_true(heard.n == 1 && stream_now() == y.pos);
	fix_close(&f);
}

static void
without_positions_telling_is_all(void **state)
{
	struct fix f;
	struct stream_tx tx = { 0 };
	struct news n = { 0 };

	(void)state;
	open_stream(&f);
	stream_end(&tx, hear, &n);
	assert_true(heard.n == 1 && stream_now() == 0);
	stream_end(&tx, NULL, NULL);
	fix_close(&f);
}

static void
a_restart_gives_no_position_twice(void **state)
{
	struct fix f;
	struct take t;
	struct stream_tx tx = { 0 };
	int64_t last, pos;

	(void)state;
	open_stream(&f);
	for (int i = 0; i < 4; i++) {
		t = take(&f, 5);
		last = t.pos;
		stream_end(&t.tx, NULL, NULL);
		OK(&f, stream_next_memory(f.db, &tx, &pos, &f.e));
		assert_true(pos > last);
		last = pos;
		stream_end(&tx, NULL, NULL);
		fix_again(&f);
		OK(&f, stream_start(f.db, &f.e));
		assert_true(stream_now() >= last);
		t = take(&f, 1);
		assert_true(t.pos > last);
		stream_end(&t.tx, NULL, NULL);
	}
	fix_close(&f);
}

/*
 * More positions than the reserve holds, some of them in bodies that are
 * rolled back or whose commit fails: a raise that was lost must not count.
 */
static void
the_reserve_is_raised_in_time(void **state)
{
	struct fix f;
	struct stream_tx tx = { 0 };
	int64_t last = 0, pos;

	(void)state;
	open_stream(&f);
	for (int i = 0; i < 60; i++) {
		struct take t = { .n = 5000, .refuse = i % 3 == 0 };

		if (i % 3 == 1)
			store_fault_after(f.s, 2);
		if (db_transact(f.db, take_body, &t, &f.e))
			assert_true(t.pos > last);
		else
			assert_true(i % 3 != 2);
		store_fault_after(f.s, 0);
		last = t.tx.last > last ? t.tx.last : last;
		stream_end(&t.tx, NULL, NULL);
	}
	assert_true(last > 200000);
	for (int i = 0; i < 200000; i++) {
		OK(&f, stream_next_memory(f.db, &tx, &pos, &f.e));
		stream_end(&tx, NULL, NULL);
	}
	fix_again(&f);
	OK(&f, stream_start(f.db, &f.e));
	assert_true(stream_now() >= pos);
	fix_close(&f);
}

static void
a_raise_that_was_rolled_back_does_not_count(void **state)
{
	struct take t = { .n = 60000, .refuse = true };	/* over half of it */
	struct stream_tx tx = { 0 };
	struct fix f;
	int64_t pos = 0;

	(void)state;
	open_stream(&f);
	assert_false(db_transact(f.db, take_body, &t, &f.e));
	stream_end(&t.tx, NULL, NULL);
	while (pos < 105000) {		/* past what was reserved at first */
		OK(&f, stream_next_memory(f.db, &tx, &pos, &f.e));
		stream_end(&tx, NULL, NULL);
	}
	fix_again(&f);
	OK(&f, stream_start(f.db, &f.e));
	assert_true(stream_now() >= pos);
	fix_close(&f);
}

/* Threads */

#define NTHREADS 6
#define NROUNDS 150

struct worker {
	struct fix *f;
	struct news news[NROUNDS];
	int wrong;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct err e;
	struct db *db = db_attach(w->f->s, &e);

	for (int i = 0; i < NROUNDS; i++) {
		struct take t = { .n = 1 + i % 3, .refuse = i % 7 == 6 };
		bool ok, memory = i % 4 == 0;
		int64_t seen = stream_now();

		if (memory)
			ok = stream_next_memory(db, &t.tx, &t.pos, &e);
		else
			ok = db_transact(db, take_body, &t, &e);
		if (ok) {
			w->news[i].pos = t.pos;
			w->wrong += t.tx.first <= seen;
			w->wrong += stream_now() >= t.tx.first;
			stream_end(&t.tx, hear, &w->news[i]);
		} else {
			w->wrong += !t.refuse;
			stream_end(&t.tx, NULL, NULL);
		}
		w->wrong += stream_now() < seen;
	}
	db_detach(db);
	return NULL;
}

static void
threads_hear_all_news_in_order(void **state)
{
	static struct worker w[NTHREADS];
	pthread_t t[NTHREADS];
	struct fix f;
	size_t told = 0;

	(void)state;
	open_stream(&f);
	for (int i = 0; i < NTHREADS; i++) {
		w[i] = (struct worker){ .f = &f };
		assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < NTHREADS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(w[i].wrong, 0);
		for (int k = 0; k < NROUNDS; k++)
			told += w[i].news[k].pos != 0;
	}
	assert_true(told > NTHREADS * NROUNDS / 2);
	assert_true(heard.n == told);
	for (size_t i = 1; i < heard.n; i++)
		assert_true(heard.pos[i] > heard.pos[i - 1]);
	assert_true(stream_now() >= heard.pos[heard.n - 1]);
	fix_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_begin_at_one),
		cmocka_unit_test(nothing_is_seen_past_what_is_in_flight),
		cmocka_unit_test(interleaved_positions_wait_for_the_first),
		cmocka_unit_test(a_failed_transaction_holds_nobody_back),
		cmocka_unit_test(without_positions_telling_is_all),
		cmocka_unit_test(a_restart_gives_no_position_twice),
		cmocka_unit_test(the_reserve_is_raised_in_time),
		cmocka_unit_test(a_raise_that_was_rolled_back_does_not_count),
		cmocka_unit_test(threads_hear_all_news_in_order),
	};

	return run_on_both(tests);
}
