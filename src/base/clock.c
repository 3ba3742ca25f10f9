/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Clocks and random bytes: nothing else in the project asks the machine for
 * either, so a test can say what time it is. Random bytes are libsodium's,
 * which takes them from the kernel.
 * threads: all; the offset is atomic.
 */
#include "base/clock.h"
#include "base/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Atomic int64_t offset_ms;

static struct timespec
clock_read(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		abort();	/* the three clocks read here always exist */
	return t;
}

static int64_t
us_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_now_ms(void)
{
	return us_of(clock_read(CLOCK_REALTIME)) / 1000 +
	    atomic_load_explicit(&offset_ms, memory_order_relaxed);
}

int64_t
clock_mono_us(void)
{
	return us_of(clock_read(CLOCK_MONOTONIC));
}

int64_t
clock_thread_cpu_us(void)
{
	return us_of(clock_read(CLOCK_THREAD_CPUTIME_ID));
}

void
clock_set_offset_ms(int64_t ms)
{
	atomic_store_explicit(&offset_ms, ms, memory_order_relaxed);
}

/*
 * Days since 1970 to a date of the Gregorian calendar. Years are counted from
 * 1 March 0000, so that the leap day ends a year; 146097 days are 400 years.
 */
static void
date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

struct str
clock_rfc3339_in(char *to, size_t n, int64_t ms)
{
	int64_t in_day, days, year, month, day;
	int len;

	assert(n >= CLOCK_TEXT);
	days = ms / 86400000;
	in_day = ms % 86400000;
	if (in_day < 0) {
		in_day += 86400000;
		days--;
	}
	date_of(days, &year, &month, &day);
	len = snprintf(to, n, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%03lldZ",
	    (long long)year, (long long)month, (long long)day,
	    (long long)(in_day / 3600000), (long long)(in_day / 60000 % 60),
	    (long long)(in_day / 1000 % 60), (long long)(in_day % 1000));
	return str_n(to, (size_t)len);
}

struct str
clock_rfc3339(struct arena *a, int64_t ms)
{
	return clock_rfc3339_in(arena_alloc(a, CLOCK_TEXT), CLOCK_TEXT, ms);
}

/* sodium_init may be called from many threads, and again: it returns 1. */
static void
random_ready(void)
{
	static atomic_bool ready;

	if (atomic_load_explicit(&ready, memory_order_acquire))
		return;
	if (sodium_init() < 0)
		abort();	/* no source of random bytes: nothing can go on */
	atomic_store_explicit(&ready, true, memory_order_release);
}

void
random_fill(void *p, size_t n)
{
	random_ready();
	if (n > 0)
		randombytes_buf(p, n);
}

uint64_t
random_below(uint64_t bound)
{
	uint64_t v, junk;

	assert(bound > 0);
	junk = (UINT64_MAX - bound + 1) % bound;	/* 2^64 mod bound */
	do {
		random_fill(&v, sizeof(v));
	} while (v < junk);	/* under one more turn on average */
	return v % bound;
}

struct str
random_text(struct arena *a, size_t n)
{
	static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789";
	char *out = arena_alloc(a, n + 1);
	unsigned char pick[64];
	size_t i = 0;

	/* 248 is 4 times 62: bytes over it would favour the first letters. */
	while (i < n) {
		random_fill(pick, sizeof(pick));
		for (size_t k = 0; k < sizeof(pick) && i < n; k++)
			if (pick[k] < 248)
				out[i++] = letter[pick[k] % 62];
	}
	secret_wipe(pick, sizeof(pick));
	return str_n(out, n);
}
