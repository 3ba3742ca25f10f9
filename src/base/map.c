/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Hash maps: linear probing, at most three quarters full, graves counted.
 * The hash is keyed at random by process, so a peer can't choose keys that
 * collide.
 * threads: the key is made once, under pthread_once; a map is its owner's.
 */
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_FIRST 16

struct map_slot {
	uint64_t hash;
	struct str key;			/* of a number: p is number_key */
	int64_t i;
	void *val;			/* NULL: never used; &grave: deleted */
};

static const char number_key;
static char grave;

static unsigned char hash_key[crypto_shorthash_KEYBYTES];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void
hash_start(void)
{
	if (sodium_init() < 0) {
		fputs("beffroi: libsodium does not start\n", stderr);
		abort();
	}
	crypto_shorthash_keygen(hash_key);
}

uint64_t
hash_bytes(const void *p, size_t n)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t hash;

	pthread_once(&hash_once, hash_start);
	crypto_shorthash(out, n == 0 ? (const void *)"" : p, n, hash_key);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

/* A key of either kind, with its hash, looked for or to be put. */
static struct map_slot
ask_str(struct str key)
{
	return (struct map_slot){
		.hash = hash_bytes(key.p, key.n), .key = key,
	};
}

static struct map_slot
ask_i(int64_t key)
{
	return (struct map_slot){
		.hash = hash_bytes(&key, sizeof(key)),
		.key = { &number_key, 0 }, .i = key,
	};
}

static bool
same_key(const struct map_slot *x, const struct map_slot *y)
{
	bool number = x->key.p == &number_key;

	if (x->hash != y->hash || number != (y->key.p == &number_key))
		return false;
	return number ? x->i == y->i : str_eq(x->key, y->key);
}

static bool
is_live(const struct map_slot *s)
{
	return s->val != NULL && s->val != &grave;
}

static struct map_slot *
find(const struct map *m, const struct map_slot *ask)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = ask->hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slot[i];

		if (s->val == NULL)
			return NULL;
		if (s->val != &grave && same_key(s, ask))
			return s;
	}
}

/* Puts a key known to be absent into a map known to have room. */
static void
add(struct map *m, const struct map_slot *new)
{
	size_t i = new->hash & (m->cap - 1);

	while (m->slot[i].val != NULL)
		i = (i + 1) & (m->cap - 1);
	m->slot[i] = *new;
	m->n++;
	m->used++;
}

/* Moves to a table at most half full; this is where graves go. */
static void
rehash(struct map *m)
{
	struct map next = { .cap = MAP_FIRST };

	while (next.cap < (m->n + 1) * 2)
		next.cap *= 2;
	next.slot = calloc(next.cap, sizeof(*next.slot));
	if (next.slot == NULL) {
		fputs("beffroi: out of memory\n", stderr);
		abort();
	}
	for (size_t i = 0; i < m->cap; i++)
		if (is_live(&m->slot[i]))
			add(&next, &m->slot[i]);
	free(m->slot);
	*m = next;
}

static void *
put(struct map *m, struct map_slot ask, void *val)
{
	struct map_slot *s = find(m, &ask);
	void *old;

	assert(val != NULL);
	ask.val = val;
	if (s != NULL) {	/* the old key may go with its value */
		old = s->val;
		*s = ask;
		return old;
	}
	if ((m->used + 1) * 4 > m->cap * 3)
		rehash(m);
	add(m, &ask);
	return NULL;
}

static void *
del(struct map *m, struct map_slot ask)
{
	struct map_slot *s = find(m, &ask);
	void *old;

	if (s == NULL)
		return NULL;
	old = s->val;
	*s = (struct map_slot){ .val = &grave };
	m->n--;
	return old;
}

void
map_done(struct map *m)
{
	free(m->slot);
	*m = (struct map){ 0 };
}

void
map_clear(struct map *m, void (*drop)(void *val))
{
	struct map_iter it = map_iter(m);
	void *val;

	while ((val = map_next(&it)) != NULL)
		drop(val);
	map_done(m);
}

void *
map_get(const struct map *m, struct str key)
{
	struct map_slot ask = ask_str(key), *s = find(m, &ask);

	return s == NULL ? NULL : s->val;
}

void *
map_put(struct map *m, struct str key, void *val)
{
	return put(m, ask_str(key), val);
}

void *
map_del(struct map *m, struct str key)
{
	return del(m, ask_str(key));
}

void *
map_get_i(const struct map *m, int64_t key)
{
	struct map_slot ask = ask_i(key), *s = find(m, &ask);

	return s == NULL ? NULL : s->val;
}

void *
map_put_i(struct map *m, int64_t key, void *val)
{
	return put(m, ask_i(key), val);
}

void *
map_del_i(struct map *m, int64_t key)
{
	return del(m, ask_i(key));
}

struct map_iter
map_iter(const struct map *m)
{
	return (struct map_iter){ .m = m };
}

void *
map_next(struct map_iter *it)
{
	while (it->at < it->m->cap) {
		const struct map_slot *s = &it->m->slot[it->at++];

		if (is_live(s))
			return s->val;
	}
	return NULL;
}
