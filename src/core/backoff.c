/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See backoff.h. */
#include "core/backoff.h"

#include "base/clock.h"

int64_t
backoff_pause(const struct backoff_plan *plan, int64_t failures,
    uint64_t chance)
{
	int64_t pause = plan->first_ms, fifth;

	for (int64_t i = 1; i < failures && pause < plan->most_ms; i++)
		pause *= 2;
	if (pause > plan->most_ms)
		pause = plan->most_ms;
	fifth = pause / 5;
	return pause - fifth + (int64_t)(chance % (uint64_t)(2 * fifth + 1));
}

bool
backoff_get(struct ctx *c, const struct backoff_plan *plan, struct str name,
    struct destination *out)
{
	bool found;

	*out = (struct destination){ .kind = str_c(plan->kind), .name = name };
	return destination_get(c->db, c->a, out->kind, name, out, &found,
	    &c->err);
}

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	return destination_put(db, arg, e);
}

bool
backoff_failed(struct ctx *c, const struct backoff_plan *plan,
    struct str name, struct destination *out)
{
	int64_t now = clock_now_ms();

	if (!backoff_get(c, plan, name, out))
		return false;
	if (out->failures++ == 0)
		out->first_failed_ms = now;
	out->retry_ms = now + backoff_pause(plan, out->failures,
	    random_below(UINT32_MAX));
	return db_transact(c->db, put_body, out, &c->err);
}

static bool
delete_body(struct db *db, void *arg, struct err *e)
{
	const struct destination *x = arg;

	return destination_delete(db, x->kind, x->name, e);
}

bool
backoff_worked(struct ctx *c, const struct backoff_plan *plan,
    struct str name)
{
	struct destination x;

	return backoff_get(c, plan, name, &x) && (x.failures == 0 ||
	    db_transact(c->db, delete_body, &x, &c->err));
}
