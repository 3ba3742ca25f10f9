/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Positions. The counter runs in memory; ahead of it lies a reserve that is
 * written to the store, and only positions within the committed reserve are
 * given out: after a crash the counter goes on above it, so that none is given
 * twice, not even those that no row has kept. The reserve is raised long before
 * it is used up.
 * threads: all, under one lock; told() runs outside it, one thread at a time.
 */
#include "store/stream.h"

#include "base/metric.h"
#include "store/db_driver.h"

#include <assert.h>
#include <pthread.h>

#define RESERVE INT64_C(100000)
#define ARENA_CAP ((size_t)64 << 20)

static const struct query reserve_get = {
	.name = "stream.reserve_get",
	.sql = "SELECT val FROM meta WHERE key = 'stream_reserved'",
};

static const struct query reserve_set = {
	.name = "stream.reserve_set",
	.sql = "INSERT INTO meta (key, val) VALUES ('stream_reserved', $1)"
	    " ON CONFLICT (key) DO UPDATE SET val = excluded.val",
};

QUERIES(stream, &reserve_get, &reserve_set)

/* A writer whose positions, from first on, have not ended. */
struct stream_flight {
	struct stream_flight *prev, *next;
	int64_t first;
};

/* What must run once `now` has reached pos. */
struct told {
	struct told *prev, *next;
	int64_t pos;
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	pthread_mutex_t lock;
	struct arena *a;		/* of what the lists hold */
	int64_t given;			/* the greatest position given out */
	int64_t reserved;		/* committed to the store */
	int64_t now;			/* written under lock, read by all */
	/* Both by position, ascending. */
	struct stream_flight *first, *last, *free;
	struct told *told, *told_last, *told_free;
	bool telling;			/* a thread runs told() */
} st = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The reserve */

static bool
reserve_write(struct db *db, int64_t upto, struct err *e)
{
	char text[24];
	struct buf b = { .p = text, .cap = sizeof(text), .max = sizeof(text) };

	buf_i64(&b, upto);
	return db_exec(db, &reserve_set, V(v_str(buf_view(&b))), e);
}

/* Believes a reserve once it is committed. arg is the number itself. */
static void
reserve_ended(void *arg, bool committed)
{
	int64_t upto = (int64_t)(intptr_t)arg;

	pthread_mutex_lock(&st.lock);
	if (committed && st.reserved < upto)
		st.reserved = upto;
	pthread_mutex_unlock(&st.lock);
}

static bool
reserve_raise(struct db *db, int64_t upto, struct err *e)
{
	if (!reserve_write(db, upto, e))
		return false;
	db_at_end(db, reserve_ended, (void *)(intptr_t)upto);
	return true;
}

static bool
reserve_body(struct db *db, void *arg, struct err *e)
{
	return reserve_raise(db, *(int64_t *)arg, e);
}

static void
take_number(struct rows *r, void *arg)
{
	if (!str_i64(db_peek(r, 0), arg))
		*(int64_t *)arg = -1;
}

static int64_t
in_flight(void *arg)
{
	int64_t n;

	(void)arg;
	pthread_mutex_lock(&st.lock);
	n = st.given - st.now;
	pthread_mutex_unlock(&st.lock);
	return n;
}

bool
stream_start(struct db *db, struct err *e)
{
	int64_t reserved = 0, upto;
	bool found;

	if (!db_one(db, &reserve_get, V0, take_number, &reserved, &found, e))
		return false;
	if (reserved < 0)
		return fail(e, M_UNKNOWN,
		    "The store's stream_reserved is no number");
	pthread_mutex_lock(&st.lock);
	arena_free(st.a);
	st.a = arena_new(ARENA_CAP);
	st.first = st.last = st.free = NULL;
	st.told = st.told_last = st.told_free = NULL;
	st.given = st.reserved = reserved;
	__atomic_store_n(&st.now, reserved, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&st.lock);
	metric_gauge_fn("beffroi_stream_lag", "Positions given out that "
	    "readers don't see yet", NULL, in_flight, NULL);
	upto = reserved + RESERVE;
	return db_transact(db, reserve_body, &upto, e);
}

int64_t
stream_now(void)
{
	return __atomic_load_n(&st.now, __ATOMIC_ACQUIRE);
}

/* Giving */

static struct stream_flight *
flight_new(int64_t first)
{
	struct stream_flight *f = st.free;

	if (f != NULL)
		st.free = f->next;
	else
		f = arena_make(st.a, struct stream_flight);
	*f = (struct stream_flight){ .prev = st.last, .first = first };
	*(st.last != NULL ? &st.last->next : &st.first) = f;
	st.last = f;
	return f;
}

static void
flight_end(struct stream_flight *f)
{
	*(f->prev != NULL ? &f->prev->next : &st.first) = f->next;
	*(f->next != NULL ? &f->next->prev : &st.last) = f->prev;
	f->next = st.free;
	st.free = f;
}

/*
 * Gives a position within the reserve; 0: it is used up. *raise is the reserve
 * to write, or 0 when there is enough.
 */
static int64_t
give(struct stream_tx *tx, int64_t *raise)
{
	int64_t pos = 0;

	pthread_mutex_lock(&st.lock);
	*raise = st.given + RESERVE / 2 >= st.reserved ?
	    st.given + RESERVE : 0;
	if (st.given < st.reserved) {
		pos = ++st.given;
		if (tx->first == 0) {
			tx->first = pos;
			tx->flight = flight_new(pos);
		}
		tx->last = pos;
	}
	pthread_mutex_unlock(&st.lock);
	return pos;
}

static bool
used_up(struct err *e)
{
	fail(e, M_UNAVAILABLE, "The server is busy; try again");
	return err_cause(e, "the reserve of stream positions is used up");
}

bool
stream_next(struct db *db, struct stream_tx *tx, int64_t *pos, struct err *e)
{
	int64_t raise, got = give(tx, &raise);

	if (raise != 0 && !reserve_raise(db, raise, e))
		return false;
	if (got == 0)
		return used_up(e);
	*pos = got;
	return true;
}

bool
stream_next_memory(struct db *db, struct stream_tx *tx, int64_t *pos,
    struct err *e)
{
	int64_t raise, got = give(tx, &raise);

	if (raise != 0 && !db_transact(db, reserve_body, &raise, e))
		return false;
	if (got == 0)
		got = give(tx, &raise);
	if (got == 0)
		return used_up(e);
	*pos = got;
	return true;
}

/* Ending */

static void
told_add(int64_t pos, void (*fn)(void *), void *arg)
{
	struct told *t = st.told_free, *after = st.told_last;

	if (t != NULL)
		st.told_free = t->next;
	else
		t = arena_make(st.a, struct told);
	while (after != NULL && after->pos > pos)
		after = after->prev;
	*t = (struct told){ .prev = after, .pos = pos, .fn = fn, .arg = arg };
	t->next = after != NULL ? after->next : st.told;
	*(after != NULL ? &after->next : &st.told) = t;
	*(t->next != NULL ? &t->next->prev : &st.told_last) = t;
}

static struct told
told_take(void)
{
	struct told *t = st.told, copy = *t;

	st.told = t->next;
	*(st.told != NULL ? &st.told->prev : &st.told_last) = NULL;
	t->next = st.told_free;
	st.told_free = t;
	return copy;
}

static void
advance(void)
{
	int64_t now = st.first != NULL ? st.first->first - 1 : st.given;

	assert(now >= st.now);
	__atomic_store_n(&st.now, now, __ATOMIC_RELEASE);
}

/* Runs what is due, in order: one thread does, the others leave it theirs. */
static void
tell(void)
{
	if (st.telling)
		return;
	st.telling = true;
	while (st.told != NULL && st.told->pos <= st.now) {
		struct told t = told_take();

		pthread_mutex_unlock(&st.lock);
		t.fn(t.arg);
		pthread_mutex_lock(&st.lock);
	}
	st.telling = false;
}

void
stream_end(struct stream_tx *tx, void (*told)(void *arg), void *arg)
{
	pthread_mutex_lock(&st.lock);
	if (tx->flight != NULL)
		flight_end(tx->flight);
	if (told != NULL)
		told_add(tx->last, told, arg);
	advance();
	tell();
	pthread_mutex_unlock(&st.lock);
	*tx = (struct stream_tx){ 0 };
}

bool
stream_transact(struct db *db, bool (*body)(struct db *, void *, struct err *),
    void *arg, struct stream_tx *tx, struct err *e)
{
	if (db_transact(db, body, arg, e))
		return true;
	stream_end(tx, NULL, NULL);
	return false;
}
