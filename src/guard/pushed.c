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

static void
note_event(struct seen *seen, struct str room, const struct sev *ev)
{
	if (ev->seq != 0)
		seen_event(seen, room, ev->seq);
	else
		seen_state(seen, room, ev->nid);
}

/* Waits until it is on disk. */
static bool
commit(const struct actor *who, const char *operation, struct seen *seen)
{
	struct wait w = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.over = PTHREAD_COND_INITIALIZER };

	if (!ledger_commit(who, operation, clock_now_ms(), false, seen, done,
	    &w))
		return false;
	pthread_mutex_lock(&w.lock);
	while (!w.is_over)
		pthread_cond_wait(&w.over, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.over);
	pthread_mutex_destroy(&w.lock);
	return w.ok;
}

bool
pushed_note(struct ctx *c, struct str user, struct str device,
    const struct room *r, const struct sev *ev)
{
	struct actor who = { .kind = ACTOR_USER, .user = user,
	    .device = device };
	struct seen seen;

	seen_init(&seen, c->a);
	note_event(&seen, room_id(r), ev);
	return commit(&who, "push", &seen);
}

bool
pushed_to_server(struct ctx *c, struct str server, const struct sev *const *ev,
    size_t n)
{
	struct actor who = { .kind = ACTOR_SERVER, .user = server };
	struct seen seen;

	seen_init(&seen, c->a);
	for (size_t i = 0; i < n; i++)
		note_event(&seen, ev[i]->ev.room, ev[i]);
	return commit(&who, "federation_send", &seen);
}
