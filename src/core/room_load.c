/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Rooms in memory: made from the store, kept in a cache by bytes, let go by
 * the longest unused. See room_impl.h.
 */
#include "core/room_impl.h"

#include "base/heap.h"
#include "base/metric.h"
#include "store/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PER_MEMBER 120			/* bytes, about: entry and slot of the map */
#define PER_PLACE 160

static struct {
	pthread_mutex_t lock;
	struct map by_id, by_nid;
	struct room *oldest, *newest;
	size_t bytes, bytes_max;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER, .bytes_max = 192 << 20 };

struct room *
room_alloc(int64_t nid, struct str id, const struct room_version *v)
{
	struct room *r = must(calloc(1, sizeof(*r)));

	r->nid = nid;
	r->id_bytes = must(malloc(id.n + 1));
	if (id.n > 0)
		memcpy(r->id_bytes, id.p, id.n);
	r->id = str_n(r->id_bytes, id.n);
	r->v = v;
	r->refs = 1;
	r->first_seq = 1;
	r->bytes = sizeof(*r);
	pthread_mutex_init(&r->write, NULL);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
room_unref(struct room *r)
{
	if (r == NULL || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	map_clear(&r->places, free);
	map_clear(&r->members, free);
	sev_put(r->create);
	pthread_mutex_destroy(&r->write);
	pthread_mutex_destroy(&r->lock);
	free(r->id_bytes);
	free(r);
}

/* The cache asks for it at its next occasion, under another lock. */
static void
grow(struct room *r, size_t bytes)
{
	__atomic_add_fetch(&r->bytes, bytes, __ATOMIC_RELAXED);
}

/* "type NUL key" in a buffer of the caller's. */
static struct str
place_key(char *to, struct str type, struct str key)
{
	if (type.n > 0)
		memcpy(to, type.p, type.n);
	to[type.n] = '\0';
	if (key.n > 0)
		memcpy(to + type.n + 1, key.p, key.n);
	return str_n(to, type.n + 1 + key.n);
}

struct place *
room_place(struct room *r, struct str type, struct str key)
{
	char few[520];

	if (type.n > 255 || key.n > 255)
		return NULL;
	return map_get(&r->places, place_key(few, type, key));
}

void
room_set_place(struct room *r, struct str type, struct str key, int64_t event)
{
	struct place *p = room_place(r, type, key);

	assert(type.n <= 255 && key.n <= 255);
	if (p == NULL) {
		p = must(calloc(1, sizeof(*p) + type.n + key.n + 1));
		p->type_n = (uint32_t)type.n;
		p->key_n = (uint32_t)key.n;
		map_put(&r->places, place_key(p->bytes, type, key), p);
		grow(r, PER_PLACE + type.n + key.n);
	}
	p->event = event;
}

struct room_member *
room_find_member(struct room *r, struct str user)
{
	return map_get(&r->members, user);
}

static void
count(struct room *r, enum membership m, int64_t by)
{
	if (m == MEMBER_JOIN)
		r->joined += by;
	else if (m == MEMBER_INVITE)
		r->invited += by;
}

void
room_set_member(struct room *r, const struct member_row *m)
{
	struct room_member *x = room_find_member(r, m->user);

	if (x == NULL) {
		x = must(calloc(1, sizeof(*x) + m->user.n));
		x->user_n = (uint32_t)m->user.n;
		memcpy(x->user, m->user.p, m->user.n);
		map_put(&r->members, str_n(x->user, x->user_n), x);
		grow(r, PER_MEMBER + m->user.n);
	} else {
		count(r, x->membership, -1);
	}
	x->membership = m->membership;
	x->event = m->event;
	x->seq = m->seq;
	x->pos = m->pos;
	count(r, x->membership, 1);
}

static bool
load_state(struct ctx *c, struct room *r)
{
	struct state_row *state;
	struct member_row *member;
	size_t n;

	if (!room_state_list(c->db, c->a, r->nid, &state, &n, &c->err))
		return false;
	for (size_t i = 0; i < n; i++)
		room_set_place(r, state[i].type, state[i].key, state[i].event);
	if (!members_of_room(c->db, c->a, r->nid, &member, &n, &c->err))
		return false;
	for (size_t i = 0; i < n; i++)
		room_set_member(r, &member[i]);
	return true;
}

/* "12,15": the nids of the forward extremities. */
static bool
load_ends(struct ctx *c, struct room *r, struct str list)
{
	struct str one, rest = list;
	const struct sev *ev;
	bool more = list.n > 0;

	while (more && r->nends < ENDS_MAX) {
		struct end *end = &r->end[r->nends];

		more = str_cut(rest, ',', &one, &rest);
		if (!str_i64(one, &end->nid) ||
		    !event_by_nid(c, end->nid, &ev))
			return fail(&c->err, M_UNKNOWN, "A room is damaged");
		if (ev == NULL || ev->ev.id.n > sizeof(end->id))
			return fail(&c->err, M_UNKNOWN, "A room is damaged");
		end->n = ev->ev.id.n;
		memcpy(end->id, ev->ev.id.p, end->n);
		r->nends++;
	}
	return true;
}

static void
ring_put(void *arg, const struct event_place *p)
{
	struct room *r = arg;

	r->ring[(size_t)p->seq % RING] = *p;
}

/*
 * Nobody can write while it runs: who writes holds the room, so it would be
 * cached, and nobody else loads it meanwhile. So all reads are of one moment.
 */
bool
room_load(struct ctx *c, struct room *r, const struct room_row *row)
{
	struct place *create;
	const struct sev *ev;

	r->head.state = row->state;
	/* What it missed while it was not in memory counts as new. */
	r->touched = stream_now();
	if (!load_state(c, r) || !event_last_seq(c->db, r->nid,
	    &r->head.last_seq, &r->head.last_pos, &r->head.depth, &c->err) ||
	    !event_first_seq(c->db, r->nid, &r->first_seq, &c->err))
		return false;
	if (r->touched < r->head.last_pos)
		r->touched = r->head.last_pos;
	create = room_place(r, S("m.room.create"), S(""));
	if (create == NULL)
		return true;	/* known by an invitation, or by outliers */
	if (!event_by_nid(c, create->event, &ev))
		return false;
	if (ev == NULL)
		return fail(&c->err, M_UNKNOWN, "A room is damaged");
	r->create = sev_get(ev);
	return load_ends(c, r, row->ends) && event_places_after(c->db, r->nid,
	    r->head.last_seq - RING, ring_put, r, &c->err);
}

static void
unlist(struct room *r)
{
	if (r->older != NULL)
		r->older->newer = r->newer;
	else
		cache.oldest = r->newer;
	if (r->newer != NULL)
		r->newer->older = r->older;
	else
		cache.newest = r->older;
}

static void
list_newest(struct room *r)
{
	r->older = cache.newest;
	r->newer = NULL;
	if (cache.newest != NULL)
		cache.newest->newer = r;
	else
		cache.oldest = r;
	cache.newest = r;
}

void
room_first(struct room *r, int64_t seq)
{
	pthread_mutex_lock(&r->lock);
	if (r->first_seq > seq)
		r->first_seq = seq;
	pthread_mutex_unlock(&r->lock);
}

/* With the cache's lock: counts what the room has grown by. */
static void
recount(struct room *r)
{
	size_t bytes = __atomic_load_n(&r->bytes, __ATOMIC_RELAXED);

	cache.bytes += bytes - r->counted;	/* rooms only grow */
	r->counted = bytes;
}

/*
 * Lets go of the longest unused rooms that nobody holds. One that is held may
 * be in the middle of a write: it must stay the only one of its id.
 */
static struct room *
shrink(void)
{
	struct room *r = cache.oldest, *next, *dead = NULL;

	while (r != NULL && cache.bytes > cache.bytes_max) {
		next = r->newer;
		if (__atomic_load_n(&r->refs, __ATOMIC_ACQUIRE) == 1) {
			unlist(r);
			map_del(&cache.by_id, r->id);
			map_del_i(&cache.by_nid, r->nid);
			cache.bytes -= r->counted;
			r->older = dead;
			dead = r;
		}
		r = next;
	}
	return dead;
}

static void
bury(struct room *dead)
{
	while (dead != NULL) {
		struct room *next = dead->older;

		room_unref(dead);
		dead = next;
	}
}

/* With the cache's lock: enters r, or finds the one that was entered first. */
static struct room *
enter(struct room *r)
{
	struct room *old = map_get_i(&cache.by_nid, r->nid);

	if (old != NULL)
		return old;
	map_put(&cache.by_id, r->id, r);
	map_put_i(&cache.by_nid, r->nid, r);
	list_newest(r);
	recount(r);
	return r;
}

void
room_cache_add(struct room *r)
{
	struct room *dead;

	pthread_mutex_lock(&cache.lock);
	/* Whoever heard of it between commit and here may have loaded it. */
	if (enter(r) == r)
		__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	dead = shrink();
	pthread_mutex_unlock(&cache.lock);
	bury(dead);
}

const struct room_version *
room_cached_version(int64_t nid)
{
	const struct room_version *v;
	struct room *r;

	pthread_mutex_lock(&cache.lock);
	r = map_get_i(&cache.by_nid, nid);
	v = r != NULL ? r->v : NULL;
	pthread_mutex_unlock(&cache.lock);
	return v;
}

static void
put_held(void *p)
{
	room_unref(p);
}

static struct room *
hold(struct ctx *c, struct room *r)
{
	arena_at_end(c->a, put_held, r);
	return r;
}

static struct room *
cached(struct ctx *c, struct str id, int64_t nid)
{
	struct room *r;

	pthread_mutex_lock(&cache.lock);
	r = id.n > 0 ? map_get(&cache.by_id, id)
	    : map_get_i(&cache.by_nid, nid);
	if (r != NULL) {
		__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
		recount(r);
		if (r != cache.newest) {
			unlist(r);
			list_newest(r);
		}
	}
	pthread_mutex_unlock(&cache.lock);
	return r != NULL ? hold(c, r) : NULL;
}

/*
 * Loads under a lock shared by few rooms, so that two threads do not make two
 * of one room: who comes second finds it cached.
 */
static pthread_mutex_t load_locks[16] = {
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
};

static bool
not_known(struct ctx *c)
{
	return fail(&c->err, M_NOT_FOUND, "The room is not known here");
}

/* With the room's load lock, and the room not cached. One reference is given. */
static bool
load_new(struct ctx *c, int64_t nid, struct room **out)
{
	const struct room_version *v;
	struct room_row row;
	bool found;

	if (!room_row_find_nid(c->db, c->a, nid, &row, &found, &c->err))
		return false;
	if (!found)
		return not_known(c);
	v = room_version(row.version);
	if (v == NULL)
		return fail(&c->err, M_UNSUPPORTED_ROOM_VERSION,
		    "The room's version is not known here");
	*out = room_alloc(nid, row.room_id, v);
	if (room_load(c, *out, &row))
		return true;
	room_unref(*out);
	return false;
}

static bool
load_nid(struct ctx *c, int64_t nid, struct room **out)
{
	pthread_mutex_t *lock = &load_locks[(size_t)nid % LEN(load_locks)];
	struct room *r, *first, *dead;

	pthread_mutex_lock(lock);
	*out = cached(c, (struct str){ NULL, 0 }, nid);
	if (*out != NULL || !load_new(c, nid, &r)) {
		pthread_mutex_unlock(lock);
		return *out != NULL;
	}
	pthread_mutex_lock(&cache.lock);
	first = enter(r);
	__atomic_add_fetch(&first->refs, 1, __ATOMIC_RELAXED);
	dead = shrink();
	pthread_mutex_unlock(&cache.lock);
	pthread_mutex_unlock(lock);
	if (first != r)
		room_unref(r);
	bury(dead);
	*out = hold(c, first);
	return true;
}

struct room *
room_new_held(struct ctx *c, struct str id, const struct room_version *v)
{
	return hold(c, room_alloc(0, id, v));
}

bool
room_open(struct ctx *c, struct str id, struct room **out)
{
	return room_open_any(c, id, out) &&
	    ((*out)->create != NULL || not_known(c));
}

bool
room_open_any(struct ctx *c, struct str id, struct room **out)
{
	struct room_row row;
	bool found;

	*out = cached(c, id, 0);
	if (*out != NULL)
		return true;
	if (!room_row_find(c->db, c->a, id, &row, &found, &c->err))
		return false;
	return found ? load_nid(c, row.nid, out) : not_known(c);
}

bool
room_open_nid(struct ctx *c, int64_t nid, struct room **out)
{
	*out = cached(c, (struct str){ NULL, 0 }, nid);
	return *out != NULL || load_nid(c, nid, out);
}

size_t
room_cache_bytes(void)
{
	size_t bytes;

	pthread_mutex_lock(&cache.lock);
	bytes = cache.bytes;
	pthread_mutex_unlock(&cache.lock);
	return bytes;
}

static int64_t
bytes_gauge(void *arg)
{
	(void)arg;
	return (int64_t)room_cache_bytes();
}

void
room_cache_start(size_t bytes_max)
{
	cache.bytes_max = bytes_max;
	metric_gauge_fn("beffroi_room_cache_bytes",
	    "What the rooms in memory take", NULL, bytes_gauge, NULL);
}

void
room_cache_stop(void)
{
	struct room *r;

	while ((r = cache.oldest) != NULL) {
		unlist(r);
		room_unref(r);
	}
	map_done(&cache.by_id);
	map_done(&cache.by_nid);
	cache.bytes = 0;
}
