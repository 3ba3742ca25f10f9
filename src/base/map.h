/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A hash map from byte strings or 64-bit numbers to pointers: open addressing,
 * SipHash with a key of the process's start. Lives on the heap. The map does
 * not copy keys: they must live as long as their entry (usually inside the value).
 * threads: the owner locks.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot;
struct map {
	struct map_slot *slot;
	size_t n, cap, used;		/* used counts graves too */
};

struct map_iter {
	const struct map *m;
	size_t at;
};

/* A zeroed struct map is an empty map. */
void map_done(struct map *m);
/* Gives each value to drop and empties the map. */
void map_clear(struct map *m, void (*drop)(void *val));
void *map_get(const struct map *m, struct str key);
void *map_put(struct map *m, struct str key, void *val);	/* val not NULL; the value replaced, or NULL */
void *map_del(struct map *m, struct str key);		/* the value removed, or NULL */
void *map_get_i(const struct map *m, int64_t key);
void *map_put_i(struct map *m, int64_t key, void *val);
void *map_del_i(struct map *m, int64_t key);
/* Walks all values in no order; the map must not change meanwhile. */
struct map_iter map_iter(const struct map *m);
void *map_next(struct map_iter *it);			/* NULL at the end */

uint64_t hash_bytes(const void *p, size_t n);		/* SipHash, process key: not for storage */

#endif
