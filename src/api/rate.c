/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Rates: a bucket for each caller (user, or address when nobody is signed in)
 * and class. Integers: a thousandth of a token is the unit. The table is of a
 * fixed size; two callers who fall into one slot share it only while both are
 * active, and the one who comes later finds it full.
 */
#include "api/rate.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/map.h"

#include <pthread.h>

#define SLOTS 65536

struct limit {
	int64_t per_second_milli;	/* thousandths of a token a second */
	int64_t burst;
};

static const struct limit limits[RATE_NCLASSES] = {
	[RATE_FREE] = { 0, 0 },
	[RATE_READ] = { 50000, 200 },
	[RATE_PAGE] = { 20000, 100 },
	[RATE_SEND] = { 10000, 50 },
	[RATE_LOGIN] = { 200, 10 },
	[RATE_MEDIA] = { 10000, 100 },
	[RATE_KEYS] = { 20000, 100 },
	[RATE_FED] = { 100000, 1000 },
	[RATE_ADMIN] = { 50000, 200 },
};

struct bucket {
	uint64_t key;
	int64_t milli;			/* thousandths of a token left */
	int64_t at_us;
};

static struct {
	pthread_mutex_t lock;
	struct bucket bucket[SLOTS];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

bool
rate_take(enum route_rate class, const struct actor *who, struct err *e)
{
	const struct limit *l = &limits[class];
	struct str id = who->user.n > 0 ? who->user : who->address;
	uint64_t key = hash_bytes(id.p, id.n) + (uint64_t)class;
	struct bucket *b = &table.bucket[key % SLOTS];
	int64_t now = clock_mono_us(), wait = 0;

	if (l->burst == 0 || !conf_get()->limits_enabled)
		return true;
	pthread_mutex_lock(&table.lock);
	if (b->key != key) {
		*b = (struct bucket){ key, l->burst * 1000, now };
	} else {
		b->milli += (now - b->at_us) * l->per_second_milli / 1000000;
		if (b->milli > l->burst * 1000)
			b->milli = l->burst * 1000;
		b->at_us = now;
	}
	if (b->milli >= 1000)
		b->milli -= 1000;
	else
		wait = (1000 - b->milli) * 1000 / l->per_second_milli + 1;
	pthread_mutex_unlock(&table.lock);
	if (wait == 0)
		return true;
	fail(e, M_LIMIT_EXCEEDED, "Too many requests: try again in %lld ms",
	    (long long)wait);
	e->retry_ms = wait;
	return false;
}
