/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Room state as a persistent tree: nodes of up to 32 slots, keyed by a 128-bit
 * keyed hash of (type, state_key), stored by content and shared between
 * states. A change adds the few nodes of its path. Values are event nids.
 * The hash's key is the store's own secret, so nobody can aim at collisions.
 *
 * threads: all; a cache of nodes with a byte budget, under a lock.
 */
#ifndef STORE_STATETREE_H
#define STORE_STATETREE_H

#include "store/db.h"

/* A state: the name of its root node. All zero: the empty state. */
struct state_root {
	uint8_t id[16];
};

struct state_slot {
	struct str type, key;
	int64_t event;			/* its nid; 0 removes the place */
};

bool statetree_start(struct db *db, size_t cache_bytes, struct err *e) MUST_CHECK;
static inline bool
state_root_eq(const struct state_root *x, const struct state_root *y)
{
	return __builtin_memcmp(x->id, y->id, sizeof x->id) == 0;
}
struct str state_root_bytes(const struct state_root *r);	/* for a BYTES column */
bool state_root_read(struct str bytes, struct state_root *out);	/* empty: the empty state */

/* The event at a place; *event = 0: none. */
bool state_get(struct db *db, const struct state_root *root, struct str type, struct str key, int64_t *event, struct err *e) MUST_CHECK;
/* In a transaction's body: the state with these places set. */
bool state_set(struct db *db, const struct state_root *root, const struct state_slot *slots, size_t n, struct state_root *out, struct err *e) MUST_CHECK;
/* All events of a state, in no order. */
bool state_all(struct db *db, const struct state_root *root, struct arena *a, int64_t **events, size_t *n, struct err *e) MUST_CHECK;
/* Events that are in y and not in x (added), and in x and not in y (gone), walking only where they differ. */
bool state_diff(struct db *db, const struct state_root *x, const struct state_root *y, struct arena *a,
    int64_t **added, size_t *nadded, int64_t **gone, size_t *ngone, struct err *e) MUST_CHECK;

#endif
