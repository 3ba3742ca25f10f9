/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The only door to clocks and random bytes. Tests can set the wall clock. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/arena.h"
#include "base/str.h"

int64_t clock_now_ms(void);		/* wall clock, ms since 1970 */
int64_t clock_mono_us(void);		/* never goes back; for durations */
int64_t clock_thread_cpu_us(void);
void clock_set_offset_ms(int64_t offset_ms);	/* tests: added to the wall clock */
struct str clock_rfc3339(struct arena *a, int64_t ms);	/* 2026-11-23T21:00:00.123Z */
/* The same in the caller's memory, for where there is no arena; n >= CLOCK_TEXT. */
#define CLOCK_TEXT 40
struct str clock_rfc3339_in(char *to, size_t n, int64_t ms);

void random_fill(void *p, size_t n);
uint64_t random_below(uint64_t bound);	/* 0 .. bound-1, unbiased */
/* n letters of [A-Za-z0-9]. */
struct str random_text(struct arena *a, size_t n);

#endif
