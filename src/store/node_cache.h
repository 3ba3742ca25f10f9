/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The nodes of state trees that were used last, within a budget of bytes. A
 * node never changes, so nothing is ever out of date; but only nodes that are
 * committed may be in it, for a tree may name any of them.
 * threads: all; 16 parts with a lock each.
 */
#ifndef STORE_NODE_CACHE_H
#define STORE_NODE_CACHE_H

#include "store/db.h"

#define NODE_ID_BYTES 16
/* Two maps of bits, then at most 32 leaves of a hash and a number. */
#define NODE_BODY_MAX (8 + 32 * (16 + 10))

struct node_id {
	uint8_t b[NODE_ID_BYTES];
};

/* Empties the cache and gives it a budget. */
void node_cache_start(size_t bytes);
/* Copies the body; 0: not there. */
size_t node_cache_get(const struct node_id *id, uint8_t body[NODE_BODY_MAX]);
/* Puts a node that db reads or writes: now, or when db's transaction has committed. */
void node_cache_put(struct db *db, const struct node_id *id, struct str body);

#endif
