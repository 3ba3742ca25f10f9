/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Positions. The counter runs in memory, ahead of it lies a reserve that is
 * written to the store: after a crash the counter goes on above the reserve,
 * so that no position is given twice, not even those that no row has kept.
 * threads: all, under one lock; told() runs outside it, one thread at a time.
 */
#include "store/stream.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define RESERVE INT64_C(100000)

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

/* Positions that were given to one writer and not ended. */
struct flight {
	int64_t first, last;
};

/* What must run once `now` has reached pos. */
struct told {
	int64_t pos;
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	pthread_mutex_t lock;
	int64_t last;			/* given out */
	int64_t reserved;		/* written to the store */
	int64_t now;			/* atomic for readers */
	struct flight *flight;		/* by first, ascending */
	size_t nflight, cap_flight;
	struct told *told;		/* by pos, ascending */
	size_t ntold, cap_told;
	bool telling;			/* a thread runs told() */
} st = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool
reserve_write(struct db *db, int64_t upto, struct err *e)
{
	char text[24];
	struct buf b = { text, 0, sizeof(text), sizeof(text), NULL, false };

	buf_i64(&b, upto);
	return db_exec(db, &reserve_set, V(v_str(buf_view(&b))), e);
}

static bool
reserve_body(struct db *db, void *arg, struct err *e)
{
	return reserve_write(db, *(int64_t *)arg, e);
}

static void
take_number(struct rows *r, void *arg)
{
	if (!str_i64(db_peek(r, 0), arg))
		*(int64_t *)arg = 0;
}

bool
stream_start(struct db *db, struct err *e)
{
	int64_t reserved = 0, upto;
	bool found;

	if (!db_one(db, &reserve_get, V0, take_number, &reserved, &found, e))
		return false;
	upto = reserved + RESERVE;
	if (!db_transact(db, reserve_body, &upto, e))
		return false;
	pthread_mutex_lock(&st.lock);
	st.last = reserved;
	st.reserved = upto;
	st.nflight = st.ntold = 0;
	__atomic_store_n(&st.now, reserved, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&st.lock);
	return true;
}

int64_t
stream_now(void)
{
	return __atomic_load_n(&st.now, __ATOMIC_ACQUIRE);
}

static void
flight_add(struct stream_tx *tx)
{
	if (st.nflight == st.cap_flight) {
		st.cap_flight = st.cap_flight ? st.cap_flight * 2 : 64;
		st.flight = realloc(st.flight,
		    st.cap_flight * sizeof(*st.flight));
		if (st.flight == NULL)
			abort();
	}
	st.flight[st.nflight++] = (struct flight){ st.last, st.last };
	tx->first = st.last;
}

/*
 * Gives a position within the reserve; 0: it is used up. *raise is the reserve
 * to be written soon, or 0.
 */
static int64_t
give(struct stream_tx *tx, int64_t *raise)
{
	int64_t pos = 0;

	pthread_mutex_lock(&st.lock);
	*raise = st.last + RESERVE / 2 > st.reserved ? st.last + RESERVE : 0;
	if (st.last < st.reserved) {
		pos = ++st.last;
		if (tx->first == 0)
			flight_add(tx);
		for (size_t i = st.nflight; i > 0; i--)
			if (st.flight[i - 1].first == tx->first)
				st.flight[i - 1].last = pos;
		tx->last = pos;
	}
	pthread_mutex_unlock(&st.lock);
	return pos;
}

static void
believe(int64_t reserved)
{
	if (st.reserved < reserved)
		st.reserved = reserved;
}

static bool
used_up(struct err *e)
{
	fail(e, M_UNAVAILABLE, "The server is busy; try again");
	return err_cause(e, "the reserve of stream positions is used up");
}

/*
 * The reserve is raised long before it is used up, by a row of the caller's own
 * transaction, and believed once that has committed (stream_end).
 */
bool
stream_next(struct db *db, struct stream_tx *tx, int64_t *pos, struct err *e)
{
	int64_t raise, got = give(tx, &raise);

	if (got == 0 && raise == 0)
		return used_up(e);
	if (raise != 0) {
		if (!reserve_write(db, raise, e))
			return false;
		tx->raised = raise;
	}
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

	if (raise != 0) {
		if (!db_transact(db, reserve_body, &raise, e))
			return false;
		pthread_mutex_lock(&st.lock);
		believe(raise);
		pthread_mutex_unlock(&st.lock);
		if (got == 0)
			got = give(tx, &raise);
	}
	if (got == 0)
		return used_up(e);
	*pos = got;
	return true;
}

static void
told_add(int64_t pos, void (*fn)(void *), void *arg)
{
	size_t i;

	if (st.ntold == st.cap_told) {
		st.cap_told = st.cap_told ? st.cap_told * 2 : 64;
		st.told = realloc(st.told, st.cap_told * sizeof(*st.told));
		if (st.told == NULL)
			abort();
	}
	for (i = st.ntold++; i > 0 && st.told[i - 1].pos > pos; i--)
		st.told[i] = st.told[i - 1];
	st.told[i] = (struct told){ pos, fn, arg };
}

static void
flight_drop(const struct stream_tx *tx)
{
	for (size_t i = 0; i < st.nflight; i++) {
		if (st.flight[i].first != tx->first)
			continue;
		for (; i + 1 < st.nflight; i++)
			st.flight[i] = st.flight[i + 1];
		st.nflight--;
		return;
	}
	assert(!"a position that was not in flight");
}

static void
advance(void)
{
	int64_t now = st.nflight > 0 ? st.flight[0].first - 1 : st.last;

	if (now > st.now)
		__atomic_store_n(&st.now, now, __ATOMIC_RELEASE);
}

/* Runs what is due, in order; only one thread does so at a time. */
static void
tell(void)
{
	if (st.telling)
		return;
	st.telling = true;
	while (st.ntold > 0 && st.told[0].pos <= st.now) {
		struct told t = st.told[0];

		st.ntold--;
		for (size_t i = 0; i < st.ntold; i++)
			st.told[i] = st.told[i + 1];
		pthread_mutex_unlock(&st.lock);
		t.fn(t.arg);
		pthread_mutex_lock(&st.lock);
	}
	st.telling = false;
}

void
stream_end(struct stream_tx *tx, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&st.lock);
	if (tx->first != 0)
		flight_drop(tx);
	if (fn != NULL) {
		believe(tx->raised);
		told_add(tx->last, fn, arg);
	}
	advance();
	tell();
	pthread_mutex_unlock(&st.lock);
	*tx = (struct stream_tx){ 0 };
}
