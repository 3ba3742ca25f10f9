/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See pushed.h. threads: the jobs'. */
#include "guard/pushed.h"

#include "base/clock.h"
#include "guard/ledger.h"

#include <pthread.h>

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool is_over, ok;
};

static void
done(void *arg, bool ok)
{
	struct wait *w = arg;

	pthread_mutex_lock(&w->lock);
	w->ok = ok;
	w->is_over = true;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

bool
pushed_note(struct ctx *c, struct str user, struct str device,
    const struct room *r, const struct sev *ev)
{
	struct wait w = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.over = PTHREAD_COND_INITIALIZER };
	struct actor who = { .kind = ACTOR_USER, .user = user,
	    .device = device };
	struct seen seen;

	seen_init(&seen, c->a);
	if (ev->seq != 0)
		seen_event(&seen, room_id(r), ev->seq);
	else
		seen_state(&seen, room_id(r), ev->nid);
	if (!ledger_commit(&who, "push", clock_now_ms(), false, &seen,
	    done, &w))
		return false;
	pthread_mutex_lock(&w.lock);
	while (!w.is_over)
		pthread_cond_wait(&w.over, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.over);
	pthread_mutex_destroy(&w.lock);
	return w.ok;
}
