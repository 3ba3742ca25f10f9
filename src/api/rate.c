/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Rates: a bucket for each caller (user, or address when nobody is signed in;
 * of IPv6 the /64) and class of endpoint. Integers: a thousandth of a token is
 * the unit. The table is of a fixed size, in sets of four; a newcomer to a set
 * that is full takes the place of the bucket that would soonest be full again,
 * so that only who has used least is forgotten. threads: all, under a lock.
 */
#include "api/rate.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/map.h"
#include "net/addr.h"

#include <pthread.h>

#define SETS 16384
#define WAYS 4

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
	[RATE_ACCOUNT] = { 200, 10 },
	[RATE_MEDIA] = { 10000, 100 },
	[RATE_KEYS] = { 20000, 100 },
	[RATE_FED] = { 100000, 1000 },
	[RATE_ADMIN] = { 50000, 200 },
};

struct bucket {
	uint64_t key;
	int64_t milli;			/* thousandths of a token left at at_us */
	int64_t at_us;
	int64_t full_us;		/* when it will be full again */
};

static struct {
	pthread_mutex_t lock;
	struct bucket bucket[SETS][WAYS];
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The caller's bucket, or the one that makes place for it. */
static struct bucket *
bucket_of(uint64_t key, const struct limit *l, int64_t now_us)
{
	struct bucket *set = table.bucket[key % SETS], *b = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (set[i].full_us < b->full_us)
			b = &set[i];
	}
	*b = (struct bucket){ .key = key, .milli = l->burst * 1000,
	    .at_us = now_us };
	return b;
}

/* What has flowed in since the last look. */
static void
refill(struct bucket *b, const struct limit *l, int64_t now_us)
{
	int64_t more;

	if (now_us >= b->full_us) {
		b->milli = l->burst * 1000;
		b->at_us = now_us;
		return;
	}
	more = (now_us - b->at_us) * l->per_second_milli / 1000000;
	b->milli += more;
	/* Only the time that gave something: else who asks often gets nothing. */
	b->at_us += more * 1000000 / l->per_second_milli;
}

int64_t
rate_wait_ms(enum route_rate class, struct str caller, int64_t now_us)
{
	const struct limit *l = &limits[class];
	uint64_t key = hash_bytes(caller.p, caller.n) + (uint64_t)class;
	int64_t wait_ms = 0;
	struct bucket *b;

	if (l->burst == 0)
		return 0;
	pthread_mutex_lock(&table.lock);
	b = bucket_of(key, l, now_us);
	refill(b, l, now_us);
	if (b->milli >= 1000)
		b->milli -= 1000;
	else
		wait_ms = (1000 - b->milli) * 1000 / l->per_second_milli + 1;
	b->full_us = now_us + (l->burst * 1000 - b->milli) * 1000000 /
	    l->per_second_milli;
	pthread_mutex_unlock(&table.lock);
	return wait_ms;
}

static bool
take(enum route_rate class, struct str caller, struct err *e)
{
	int64_t wait_ms;

	if (!conf_get()->limits_enabled)
		return true;
	wait_ms = rate_wait_ms(class, caller, clock_mono_us());
	if (wait_ms == 0)
		return true;
	fail(e, M_LIMIT_EXCEEDED, "Too many requests: try again in %lld ms",
	    (long long)wait_ms);
	e->retry_ms = wait_ms;
	return false;
}

/* An address as it is counted: who has a /64 has all of it. */
static struct str
network(struct str address, char *to)
{
	struct addr a;

	if (!addr_parse(address, &a))
		return address;
	a = addr_client(&a);
	return addr_text(&a, to);
}

bool
rate_take(enum route_rate class, const struct actor *who, struct err *e)
{
	char text[ADDR_TEXT_MAX];

	return take(class, who->user.n > 0 ? who->user
	    : network(who->address, text), e);
}

bool
rate_take_account(struct str user, struct err *e)
{
	return take(RATE_ACCOUNT, user, e);
}
