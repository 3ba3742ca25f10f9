/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See wheel.h. A slot holds the timers of every tick that falls on it; those
 * of a later round are put back when their slot is gone through.
 */
#include "net/wheel.h"

#include <assert.h>
#include <string.h>

#define LOOK_AHEAD (1000 / WHEEL_TICK_MS)

static void
link_in(struct timer **list, struct timer *t)
{
	t->next = *list;
	if (t->next != NULL)
		t->next->prev = &t->next;
	t->prev = list;
	*list = t;
}

static void
unlink_from(struct timer *t)
{
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->prev = NULL;
}

/* The slot of the first tick at or after its time, and not gone through yet. */
static struct timer **
slot_of(struct wheel *w, int64_t at_ms)
{
	int64_t tick = (at_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

	if (tick <= w->tick)
		tick = w->tick + 1;
	return &w->slot[(size_t)tick % WHEEL_SLOTS];
}

void
wheel_init(struct wheel *w, int64_t now_ms)
{
	memset(w, 0, sizeof(*w));
	w->tick = now_ms / WHEEL_TICK_MS;
}

void
wheel_set(struct wheel *w, struct timer *t, int64_t at_ms)
{
	assert(at_ms >= 0);
	wheel_clear(w, t);
	t->at_ms = at_ms;
	link_in(slot_of(w, at_ms), t);
	w->n++;
}

void
wheel_clear(struct wheel *w, struct timer *t)
{
	if (t->prev == NULL)
		return;
	unlink_from(t);
	w->n--;
}

/* Takes the next slot into w->due. */
static void
turn(struct wheel *w)
{
	struct timer **slot;

	w->tick++;
	slot = &w->slot[(size_t)w->tick % WHEEL_SLOTS];
	w->due = *slot;
	if (w->due != NULL)
		w->due->prev = &w->due;
	*slot = NULL;
}

struct timer *
wheel_due(struct wheel *w, int64_t now_ms)
{
	int64_t tick = now_ms / WHEEL_TICK_MS;
	struct timer *t;

	/* After a long sleep one whole turn meets every timer. */
	if (w->due == NULL && tick - w->tick > WHEEL_SLOTS)
		w->tick = tick - WHEEL_SLOTS;
	for (;;) {
		while ((t = w->due) != NULL) {
			unlink_from(t);
			if (t->at_ms <= now_ms) {
				w->n--;
				return t;
			}
			link_in(slot_of(w, t->at_ms), t);
		}
		if (w->tick >= tick)
			return NULL;
		turn(w);
	}
}

int
wheel_wait_ms(const struct wheel *w, int64_t now_ms)
{
	int64_t tick = w->tick + 1;

	if (w->n == 0)
		return -1;
	while (tick < w->tick + LOOK_AHEAD &&
	    w->slot[(size_t)tick % WHEEL_SLOTS] == NULL)
		tick++;
	return tick * WHEEL_TICK_MS > now_ms
	    ? (int)(tick * WHEEL_TICK_MS - now_ms) : 0;
}
