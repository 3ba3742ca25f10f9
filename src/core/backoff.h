/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * When to try again whoever did not answer: each failure doubles the pause, up
 * to a bound, give or take a fifth, so that many do not come back at once. Kept
 * in the store, so a restart does not storm those who are down. Shared by all
 * who send: federation, application services, push, webhooks.
 */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include "core/ctx.h"
#include "store/q_destination.h"

struct backoff_plan {
	const char *kind;		/* the table's: "push" */
	int64_t first_ms, most_ms;	/* the pause after the first failure; the longest */
};

/* The pause after that many failures; chance: any number. Pure. */
int64_t backoff_pause(const struct backoff_plan *plan, int64_t failures, uint64_t chance);
/* failures 0 and retry_ms 0 if it works, as far as we know. */
bool backoff_get(struct ctx *c, const struct backoff_plan *plan, struct str name, struct destination *out) MUST_CHECK;
/* It failed now; out->retry_ms is when it may be tried again. */
bool backoff_failed(struct ctx *c, const struct backoff_plan *plan, struct str name, struct destination *out) MUST_CHECK;
/* It answered: what was noted of it is forgotten. Writes only if there was something. */
bool backoff_worked(struct ctx *c, const struct backoff_plan *plan, struct str name) MUST_CHECK;

#endif
