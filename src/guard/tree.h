/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The Merkle tree over the ledger's records, as files that public tools read:
 * tile/<level>/<index>, tile/entries/<index>, the last of each partial (.p/<n>).
 * An entry is 32 bytes, the record's commitment. In memory is only the right
 * edge. Files are not synced: what is lost is made again from the segments.
 * One thread. spec: C2SP tlog-tiles; RFC 6962 section 2.1
 */
#ifndef GUARD_TREE_H
#define GUARD_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "crypto/digest.h"

#define TILE_WIDTH 256
#define TREE_LEVELS 7		/* 2^56 records */

struct tree {
	struct str dir;				/* the ledger's; "tile" is made in it */
	int64_t size;				/* leaves */
	int64_t flushed;			/* of them in files */
	int64_t before;				/* in files at the flush before: its partial tiles stay until the next */
	bool failed;				/* a full tile could not be written */
	uint8_t edge[TREE_LEVELS][TILE_WIDTH][SHA256_BYTES];
	uint8_t entry[TILE_WIDTH][SHA256_BYTES];
};

/* Takes up a tree of `size` leaves from its files. False: a file is missing or has another size. */
bool tree_open(struct tree *t, struct arena *a, struct str dir, int64_t size) MUST_CHECK;
void tree_empty(struct tree *t, struct str dir);
/* One leaf more. Full tiles are written at once. */
void tree_add(struct tree *t, struct arena *a, const uint8_t entry[SHA256_BYTES]);
/* The same in memory alone, for who checks: no file is written. */
void tree_hash_only(struct tree *t, const uint8_t entry[SHA256_BYTES]);
/* Writes the partial tiles of the present size. */
bool tree_flush(struct tree *t, struct arena *a) MUST_CHECK;
/* The root of all leaves; of none: the SHA-256 of nothing. */
void tree_root(const struct tree *t, uint8_t out[SHA256_BYTES]);

void tree_leaf_hash(const uint8_t entry[SHA256_BYTES], uint8_t out[SHA256_BYTES]);
/* The file of a tile: level -1 is the entries'; width 256 is a full one. */
struct str tree_path(struct arena *a, struct str dir, int level, int64_t index, int width);
/* Reads the entries (level -1) or hashes of tile `index` of a tree of `size` leaves; *w: how many. False: not there. */
bool tree_read(struct arena *a, struct str dir, int level, int64_t index, int64_t size, uint8_t (*row)[SHA256_BYTES], size_t *w) MUST_CHECK;

#endif
