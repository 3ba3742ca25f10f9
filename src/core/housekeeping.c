/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See housekeeping.h. */
#include "core/housekeeping.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "core/delayed.h"
#include "core/search.h"
#include "core/typing.h"
#include "store/q_browser.h"
#include "store/q_sliding.h"
#include "store/q_sticky.h"
#include "store/q_sweep.h"
#include "store/q_upstream.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS 500
#define INDEX_EVERY_MS 2000
#define INDEX_BATCHES 5			/* each time */
#define SWEEP_EVERY_MS (60 * 1000)
#define SLOW_SWEEP_EVERY_MS (3600 * INT64_C(1000))
#define TXN_KEEP_MS (24 * 3600 * INT64_C(1000))
#define SLIDING_KEEP_MS (30 * 24 * 3600 * INT64_C(1000))
#define UPSTREAM_KEEP_MS (30 * 24 * 3600 * INT64_C(1000))
#define UIA_KEEP_MS (3600 * INT64_C(1000))

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
} hk = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER };

static bool
sweep_body(struct db *db, void *arg, struct err *e)
{
	int64_t now = *(int64_t *)arg;

	return sweep_txns(db, now - TXN_KEEP_MS, e) &&
	    sliding_sweep(db, now - SLIDING_KEEP_MS, e) &&
	    sweep_uia(db, now - UIA_KEEP_MS, e) && sweep_tokens(db, now, e) &&
	    delayed_sweep(db, now - DELAYED_KEEP_MS, e) &&
	    sticky_sweep(db, now, e);
}

/* What may take longer to find, and does not hurry. */
static bool
slow_sweep_body(struct db *db, void *arg, struct err *e)
{
	int64_t now = *(int64_t *)arg;

	return sweep_refreshes(db, now, e) &&
	    sweep_oauth(db, now, conf_get()->oauth_browser_lifetime, e) &&
	    sweep_upstream(db, now - UPSTREAM_KEEP_MS, e);
}

static void
sweep(struct ctx *c, bool (*body)(struct db *db, void *arg, struct err *e))
{
	if (!db_transact(c->db, body, &c->now_ms, &c->err))
		log_err(LOG_WARN, "housekeeping", "old rows were not swept",
		    &c->err);
	err_clear(&c->err);
}

static void
index_new(struct ctx *c)
{
	if (!conf_get()->search_enabled || search_catch_up(c, INDEX_BATCHES))
		return;
	log_err(LOG_WARN, "housekeeping", "new events were not indexed",
	    &c->err);
	err_clear(&c->err);
}

static bool
pause_ms(int64_t ms)
{
	int64_t at = clock_now_ms() + ms;
	struct timespec until = { .tv_sec = (time_t)(at / 1000),
	    .tv_nsec = (long)(at % 1000) * 1000000 };
	bool stop;

	pthread_mutex_lock(&hk.lock);
	if (!hk.stop)
		pthread_cond_timedwait(&hk.wake, &hk.lock, &until);
	stop = hk.stop;
	pthread_mutex_unlock(&hk.lock);
	return !stop;
}

static void *
run(void *arg)
{
	struct ctx c = { .a = arena_new((size_t)64 << 20) };
	int64_t swept = 0, swept_slowly = 0, indexed = 0;

	(void)arg;
	c.who.kind = ACTOR_JOB;
	c.db = db_attach(server_get()->store, &c.err);
	if (c.db == NULL)
		abort();
	do {
		c.now_ms = clock_now_ms();
		(void)typing_expire(&c);
		if (c.now_ms - indexed > INDEX_EVERY_MS) {
			indexed = c.now_ms;
			index_new(&c);
		}
		if (c.now_ms - swept > SWEEP_EVERY_MS) {
			swept = c.now_ms;
			sweep(&c, sweep_body);
		}
		if (c.now_ms - swept_slowly > SLOW_SWEEP_EVERY_MS) {
			swept_slowly = c.now_ms;
			sweep(&c, slow_sweep_body);
		}
		arena_reset(c.a);
	} while (pause_ms(TICK_MS));
	db_detach(c.db);
	arena_free(c.a);
	return NULL;
}

void
housekeeping_start(void)
{
	hk.stop = false;
	if (pthread_create(&hk.thread, NULL, run, NULL) != 0)
		abort();
}

void
housekeeping_stop(void)
{
	pthread_mutex_lock(&hk.lock);
	hk.stop = true;
	pthread_cond_signal(&hk.wake);
	pthread_mutex_unlock(&hk.lock);
	pthread_join(hk.thread, NULL);
}
