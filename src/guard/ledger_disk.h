/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger's files as one thing: the segment being written, the tree, the
 * checkpoint. Taking them up after a stop or a crash. One thread.
 */
#ifndef GUARD_LEDGER_DISK_H
#define GUARD_LEDGER_DISK_H

#include "crypto/sign.h"
#include "guard/leaf.h"
#include "guard/ledger.h"
#include "guard/tree.h"

struct disk {
	struct arena *a;		/* process */
	struct arena *work;		/* of one batch */
	struct ledger_conf conf;
	struct sign_key key;
	struct tree tree;

	/* the segment */
	struct arena *seg_a;		/* its dictionary and intervals */
	struct dict dict;
	struct intervals intervals;
	uint8_t seed[SEGMENT_SEED];
	int fd;				/* -1: none could be opened */
	int64_t number, bytes, began_ms;
	int64_t leaf, first_leaf;	/* the next record's number, the segment's first */

	/* the batch being made */
	struct buf records, batch, scratch;
	uint8_t (*entry)[SHA256_BYTES];
	size_t n, cap_entry, was_dict, was_intervals;
	int64_t base_ms;
};

/* Records that must come first: what intervals may have shown that a crash left open. */
struct disk_left {
	struct record *rec;
	size_t n;
};

bool disk_open(struct disk *d, const struct ledger_conf *conf, struct disk_left *left, struct err *e) MUST_CHECK;
void disk_close(struct disk *d);
/* A batch: begin, add each, write. False: nothing of it is there, and the same may be tried again. */
void disk_begin(struct disk *d, int64_t now_ms);
void disk_add(struct disk *d, struct record *r);	/* gives r its leaf */
bool disk_write(struct disk *d) MUST_CHECK;
/* The segment is long enough, or of another day than now: so that retention is exact to the day. */
bool disk_is_full(const struct disk *d, int64_t now_ms);
/*
 * Erases the segments whose records are all from before that time. That it does
 * is on record first; the tree keeps their commitments. False: the disk refuses.
 */
bool disk_erase(struct disk *d, int64_t before_ms, int64_t now_ms) MUST_CHECK;
/* A new segment. False: the old one stays. */
bool disk_rotate(struct disk *d) MUST_CHECK;
/* Writes the tree's edge and a checkpoint, if there is anything new. */
bool disk_sign(struct disk *d) MUST_CHECK;

#endif
