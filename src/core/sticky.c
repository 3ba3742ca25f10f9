/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See sticky.h. threads: all. */
#include "core/sticky.h"

#include "core/evcache.h"
#include "core/ignore_cache.h"
#include "store/q_sticky.h"

/* Until when any event is sticky, so that nobody asks the store in vain. Atomic. */
static int64_t any_until;

void
sticky_noted(int64_t until_ms)
{
	int64_t was = __atomic_load_n(&any_until, __ATOMIC_RELAXED);

	while (until_ms > was && !__atomic_compare_exchange_n(&any_until, &was,
	    until_ms, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

bool
sticky_start(struct db *db, struct err *e)
{
	int64_t until_ms;

	if (!sticky_last(db, &until_ms, e))
		return false;
	sticky_noted(until_ms);
	return true;
}

int64_t
sticky_left(const struct sev *ev, int64_t now_ms)
{
	int64_t ms = event_sticky_ms(&ev->ev), left;

	if (ms == 0)
		return 0;
	/* A clock that is ahead makes nothing stay longer. */
	left = (ev->ev.ts < now_ms ? ev->ev.ts : now_ms) + ms - now_ms;
	return left > 0 ? left : 0;
}

static bool
is_shown(const struct sticky_ask *ask, const struct sev *ev)
{
	for (size_t i = 0; i < ask->nshown; i++)
		if (ask->shown[i]->nid == ev->nid)
			return true;
	return false;
}

bool
sticky_events(struct ctx *c, struct room *r, const struct sticky_ask *ask,
    const struct sev ***out, size_t *n)
{
	struct ignored ignored;
	const struct sev **ev;
	int64_t *nids;
	size_t got, kept = 0;

	*out = NULL;
	*n = 0;
	if (__atomic_load_n(&any_until, __ATOMIC_RELAXED) <= c->now_ms)
		return true;
	if (!sticky_list(c->db, c->a, room_nid(r), ask->since, ask->now,
	    c->now_ms, STICKY_MAX, &nids, &got, &c->err) ||
	    !events_by_nid(c, nids, got, &ev, &got) ||
	    !ignore_list(c, c->who.user, &ignored))
		return false;
	/* What was redacted has lost what made it sticky. */
	for (size_t i = 0; i < got; i++)
		if (!is_shown(ask, ev[i]) &&
		    !ignores(&ignored, ev[i]->ev.sender) &&
		    sticky_left(ev[i], c->now_ms) > 0 && (sev_flags(ev[i]) &
		    (EVENT_F_REJECTED | EVENT_F_SOFT_FAILED)) == 0)
			ev[kept++] = ev[i];
	*out = ev;
	*n = kept;
	return true;
}
