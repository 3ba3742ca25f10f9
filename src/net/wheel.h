/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A timer wheel: setting and clearing cost a few pointers, whatever the number
 * of timers. They are due up to WHEEL_TICK_MS late, never early.
 * threads: one at a time.
 */
#ifndef NET_WHEEL_H
#define NET_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#define WHEEL_SLOTS 1024
#define WHEEL_TICK_MS 32

/* Lies inside what it is about. Zeroed: not set. */
struct timer {
	struct timer *next, **prev;	/* prev NULL: not set */
	int64_t at_ms;
};

struct wheel {
	struct timer *slot[WHEEL_SLOTS];
	struct timer *due;		/* the slot being gone through */
	int64_t tick;			/* the last one gone through */
	size_t n;			/* timers set */
};

void wheel_init(struct wheel *w, int64_t now_ms);
/* Sets the timer, or sets it to another time. */
void wheel_set(struct wheel *w, struct timer *t, int64_t at_ms);
void wheel_clear(struct wheel *w, struct timer *t);
/* Clears and gives a timer whose time has come; NULL: no more of them. */
struct timer *wheel_due(struct wheel *w, int64_t now_ms);
/* For how long nothing can be due, at most a second; -1: no timer is set. */
int wheel_wait_ms(const struct wheel *w, int64_t now_ms);

#endif
