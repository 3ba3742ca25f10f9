/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Waiters and watched users. A user who syncs is "watched": the table knows the
 * rooms they are in, so that an event reaches them by one walk of the room's
 * watchers. Users who have not synced for a while are forgotten; their next
 * sync asks the store.
 *
 * What a change does to a watched user is one number, changed_pos: nothing
 * that concerns the user has a greater position.
 *
 * threads: all, under one lock held for short walks; wake() is called outside it.
 */
#include "core/notify.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/metric.h"
#include "core/watch.h"
#include "store/q_member.h"
#include "store/stream.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MS (30 * 60 * INT64_C(1000))
#define SWEEP_EVERY 1024
#define WAKE_BATCH 64

struct waiter {
	struct waiter *next, *prev;
	struct watched *user;
	void (*wake)(void *arg);
	void *arg;
	bool woken;			/* taken off its list; wake was or is being called */
	size_t device_n;
	char device[];
};

/* A user who syncs. Lives while it has waiters, or was used lately. */
struct watched {
	int64_t changed_pos;
	int64_t used_ms;
	struct waiter *waiters;
	int64_t *rooms;			/* nids, unordered */
	size_t nrooms, cap;
	bool ready;			/* rooms are loaded */
	int loading;
	int64_t *left;			/* while loading: not to be brought back by it */
	size_t nleft, left_cap;
	struct str id;
	char id_bytes[];
};

/* Who watches a room. */
struct watched_room {
	int64_t nid;
	struct watched **user;
	size_t n, cap;
};

static struct {
	pthread_mutex_t lock;
	struct map users;		/* id -> watched */
	struct map rooms;		/* nid -> watched_room */
	uint64_t turns;
	struct metric *wakes;
	int64_t waiting;		/* waiters there are */
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct watched_room *
room_get(int64_t nid)
{
	struct watched_room *r = map_get_i(&table.rooms, nid);

	if (r == NULL) {
		r = must(calloc(1, sizeof(*r)));
		r->nid = nid;
		map_put_i(&table.rooms, nid, r);
	}
	return r;
}

static void
room_add_user(int64_t nid, struct watched *u)
{
	struct watched_room *r = room_get(nid);

	for (size_t i = 0; i < u->nrooms; i++)
		if (u->rooms[i] == nid)
			return;
	u->rooms = heap_more(u->rooms, u->nrooms, &u->cap, sizeof(*u->rooms));
	u->rooms[u->nrooms++] = nid;
	r->user = heap_more(r->user, r->n, &r->cap, sizeof(struct watched *));
	r->user[r->n++] = u;
}

static void
room_drop_user(int64_t nid, struct watched *u)
{
	struct watched_room *r = map_get_i(&table.rooms, nid);

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		if (r->user[i] == u) {
			r->user[i] = r->user[--r->n];
			break;
		}
	}
	if (r->n == 0) {
		map_del_i(&table.rooms, nid);
		free(r->user);
		free(r);
	}
}

static void
user_drop_room(struct watched *u, int64_t nid)
{
	for (size_t i = 0; i < u->nrooms; i++) {
		if (u->rooms[i] == nid) {
			u->rooms[i] = u->rooms[--u->nrooms];
			room_drop_user(nid, u);
			return;
		}
	}
}

static void
user_free(struct watched *u)
{
	assert(u->waiters == NULL && u->loading == 0);
	map_del(&table.users, u->id);
	while (u->nrooms > 0)
		user_drop_room(u, u->rooms[u->nrooms - 1]);
	free(u->rooms);
	free(u->left);
	free(u);
}

/* Forgets users nobody has asked for lately; now and then, not at each call. */
static void
sweep(int64_t now_ms)
{
	struct watched *old[32], *u;
	size_t n = 0;
	struct map_iter it;

	if (++table.turns % SWEEP_EVERY != 0)
		return;
	it = map_iter(&table.users);
	while (n < LEN(old) && (u = map_next(&it)) != NULL)
		if (u->waiters == NULL && u->loading == 0 &&
		    now_ms - u->used_ms > IDLE_MS)
			old[n++] = u;
	while (n > 0)
		user_free(old[--n]);
}

/* The user's entry, made if it was not there; not loaded yet then. */
static struct watched *
user_entry(struct str id, int64_t now_ms)
{
	struct watched *u = map_get(&table.users, id);

	if (u == NULL) {
		sweep(now_ms);
		u = must(calloc(1, sizeof(*u) + id.n));
		memcpy(u->id_bytes, id.p, id.n);
		u->id = str_n(u->id_bytes, id.n);
		u->changed_pos = INT64_MAX;
		map_put(&table.users, u->id, u);
	}
	u->used_ms = now_ms;
	return u;
}

static bool
was_left(const struct watched *u, int64_t nid)
{
	for (size_t i = 0; i < u->nleft; i++)
		if (u->left[i] == nid)
			return true;
	return false;
}

static void
note_left(struct watched *u, int64_t nid)
{
	u->left = heap_more(u->left, u->nleft, &u->left_cap, sizeof(*u->left));
	u->left[u->nleft++] = nid;
}

/*
 * Loads the rooms of a new entry. Memberships that change meanwhile reach
 * notify_membership, which applies them at once; the load then only adds rooms
 * that are in the store and were not left since, and those were committed before.
 */
static bool
user_load(struct ctx *c, struct str id)
{
	struct user_membership *m;
	struct watched *u;
	size_t n;
	int64_t pos = stream_now();
	bool ok;

	ok = memberships_of_user(c->db, c->a, id,
	    1U << MEMBER_JOIN | 1U << MEMBER_INVITE | 1U << MEMBER_KNOCK, &m, &n,
	    &c->err);
	pthread_mutex_lock(&table.lock);
	u = map_get(&table.users, id);
	u->loading--;
	if (ok && !u->ready) {
		for (size_t i = 0; i < n; i++)
			if (!was_left(u, m[i].room))
				room_add_user(m[i].room, u);
		u->ready = true;
		/* What happened while loading may have been missed: at most now. */
		u->changed_pos = stream_now() > pos ? stream_now() : pos;
	}
	pthread_mutex_unlock(&table.lock);
	return ok;
}

bool
watch_user(struct ctx *c, struct str id, int64_t *changed_pos)
{
	struct watched *u;
	bool ready;

	pthread_mutex_lock(&table.lock);
	u = user_entry(id, c->now_ms);
	ready = u->ready;
	if (!ready)
		u->loading++;
	*changed_pos = u->changed_pos;
	pthread_mutex_unlock(&table.lock);
	if (ready)
		return true;
	*changed_pos = INT64_MAX;
	return user_load(c, id);
}

/* What to call once the lock is released. */
struct batch {
	void (*wake[WAKE_BATCH])(void *arg);
	void *arg[WAKE_BATCH];
	size_t n;
};

static void
unlink_waiter(struct waiter *w)
{
	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		w->user->waiters = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
}

/* Calls what was gathered, without the lock; then takes it again. */
static void
batch_flush(struct batch *b)
{
	pthread_mutex_unlock(&table.lock);
	for (size_t i = 0; i < b->n; i++)
		b->wake[i](b->arg[i]);
	metric_add(table.wakes, (int64_t)b->n);
	b->n = 0;
	pthread_mutex_lock(&table.lock);
}

/*
 * Takes a user's waiters (of one device, if given) off into b as far as it has
 * room; true: some were left.
 */
static bool
user_take(struct watched *u, struct str device, struct batch *b)
{
	struct waiter *next;

	for (struct waiter *w = u->waiters; w != NULL; w = next) {
		next = w->next;
		if (device.n > 0 &&
		    !str_eq(device, str_n(w->device, w->device_n)))
			continue;
		if (b->n == WAKE_BATCH)
			return true;
		unlink_waiter(w);
		w->woken = true;
		b->wake[b->n] = w->wake;
		b->arg[b->n++] = w->arg;
	}
	return false;
}

static void
user_changed(struct watched *u, int64_t pos)
{
	if (u->ready && u->changed_pos < pos)
		u->changed_pos = pos;
}

/* The lock is held, and given up in between: users are looked up anew. */
static void
user_wake(struct str id, struct str device)
{
	struct batch b = { .n = 0 };
	struct watched *u;

	while ((u = map_get(&table.users, id)) != NULL &&
	    user_take(u, device, &b))
		batch_flush(&b);
	if (b.n > 0)
		batch_flush(&b);
}

void
notify_device(struct str user, struct str device, int64_t pos)
{
	struct watched *u;

	pthread_mutex_lock(&table.lock);
	u = map_get(&table.users, user);
	if (u != NULL) {
		user_changed(u, pos);
		user_wake(user, device);
	}
	pthread_mutex_unlock(&table.lock);
}

void
notify_user(struct str user, int64_t pos)
{
	notify_device(user, (struct str){ NULL, 0 }, pos);
}

void
notify_kick(struct str user, struct str device)
{
	notify_device(user, device, 0);
}

/* One round over a room's watchers; true: the batch is full, go on after it. */
static bool
room_take(int64_t nid, struct batch *b)
{
	struct watched_room *r = map_get_i(&table.rooms, nid);

	for (size_t i = 0; r != NULL && i < r->n; i++)
		if (r->user[i]->waiters != NULL &&
		    user_take(r->user[i], (struct str){ NULL, 0 }, b))
			return true;
	return false;
}

void
notify_room(int64_t nid, int64_t pos)
{
	struct batch b = { .n = 0 };
	struct watched_room *r;

	pthread_mutex_lock(&table.lock);
	r = map_get_i(&table.rooms, nid);
	if (r != NULL) {
		for (size_t i = 0; i < r->n; i++)
			user_changed(r->user[i], pos);
		while (room_take(nid, &b))
			batch_flush(&b);
		if (b.n > 0)
			batch_flush(&b);
	}
	pthread_mutex_unlock(&table.lock);
}

void
notify_sharers(struct str user, int64_t pos)
{
	struct watched *u;
	int64_t *rooms = NULL;
	size_t n = 0;

	notify_user(user, pos);
	pthread_mutex_lock(&table.lock);
	u = map_get(&table.users, user);
	if (u != NULL && u->nrooms > 0) {
		n = u->nrooms;
		rooms = must(malloc(n * sizeof(*rooms)));
		memcpy(rooms, u->rooms, n * sizeof(*rooms));
	}
	pthread_mutex_unlock(&table.lock);
	for (size_t i = 0; i < n; i++)
		notify_room(rooms[i], pos);
	free(rooms);
}

void
notify_membership(int64_t nid, struct str user, bool in_room)
{
	struct watched *u;

	pthread_mutex_lock(&table.lock);
	u = map_get(&table.users, user);
	if (u != NULL && in_room) {
		room_add_user(nid, u);
	} else if (u != NULL) {
		user_drop_room(u, nid);
		if (!u->ready)
			note_left(u, nid);
	}
	pthread_mutex_unlock(&table.lock);
}

struct waiter *
wait_begin(struct ctx *c, struct str user, struct str device,
    void (*wake)(void *arg), void *arg)
{
	struct waiter *w = must(calloc(1, sizeof(*w) + device.n));
	struct watched *u;

	w->wake = wake;
	w->arg = arg;
	w->device_n = device.n;
	if (device.n > 0)
		memcpy(w->device, device.p, device.n);
	pthread_mutex_lock(&table.lock);
	u = user_entry(user, c->now_ms);
	w->user = u;
	w->next = u->waiters;
	if (w->next != NULL)
		w->next->prev = w;
	u->waiters = w;
	table.waiting++;
	pthread_mutex_unlock(&table.lock);
	return w;
}

bool
wait_end(struct waiter *w)
{
	bool woken;

	if (w == NULL)
		return false;
	pthread_mutex_lock(&table.lock);
	woken = w->woken;
	if (!woken)
		unlink_waiter(w);
	table.waiting--;
	pthread_mutex_unlock(&table.lock);
	free(w);
	return !woken;
}

static int64_t
count_waiting(void *arg)
{
	int64_t n;

	(void)arg;
	pthread_mutex_lock(&table.lock);
	n = table.waiting;
	pthread_mutex_unlock(&table.lock);
	return n;
}

void
notify_start(void)
{
	table.wakes = metric_counter("beffroi_sync_wakes_total",
	    "Sleeping requests that were woken", NULL);
	metric_gauge_fn("beffroi_sync_waiting",
	    "Requests that wait for news now", NULL, count_waiting, NULL);
}

void
notify_stop(void)
{
	struct map_iter it;
	struct watched *u;

	pthread_mutex_lock(&table.lock);
	for (;;) {
		it = map_iter(&table.users);
		u = map_next(&it);
		if (u == NULL)
			break;
		user_free(u);
	}
	map_done(&table.users);
	map_done(&table.rooms);
	pthread_mutex_unlock(&table.lock);
}
