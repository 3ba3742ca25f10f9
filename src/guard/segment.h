/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A segment: a file data/NNNNNN.seg of the ledger's folder with batches of
 * packed records, each batch with its length and a check, so that one that a
 * crash cut is known from one that was changed. Knows files, not threads.
 *
 *	head	magic, seed (32 bytes), number of the first leaf (8, little end first)
 *	batch	length and check (4 bytes each: the first of the SHA-256 of what follows),
 *		then varints: first leaf, time, count; then the records, each after its length
 *
 * The seed salts the commitments of the segment's records: who erases the
 * segment erases it too, and what stays in the tree then says nothing.
 */
#ifndef GUARD_SEGMENT_H
#define GUARD_SEGMENT_H

#include "crypto/digest.h"
#include "guard/record.h"

#define SEGMENT_SEED 32
#define SEGMENT_BATCH_MAX ((size_t)160 << 20)
#define RECORD_MAX ((size_t)16 << 20)

/* Numbers of the segments there are, ascending. */
bool segment_list(struct arena *a, struct str dir, int64_t **out, size_t *n, struct err *e) MUST_CHECK;
struct str segment_path(struct arena *a, struct str dir, int64_t number);

/* Writes the head, or a batch, into b. records: each packed, after its length as varint. */
void segment_put_head(struct buf *b, const uint8_t seed[SEGMENT_SEED], int64_t first_leaf);
void segment_put_batch(struct buf *b, int64_t first_leaf, int64_t base_ms, size_t n, struct str records);

/* Reading, from the head to the end: a batch at a time in memory. */
struct segment {
	struct arena *a;		/* the segment's own: dictionary */
	struct arena *batch_a;		/* of the batch at hand */
	int fd;
	uint8_t seed[SEGMENT_SEED];
	int64_t first_leaf;
	int64_t at;			/* bytes up to the end of the last good batch */
	struct dict dict;
	struct str rest;		/* of the batch at hand */
	int64_t leaf, base_ms;
	size_t left;			/* records of it */
	bool cut;			/* ended within a batch, or with one that doesn't fit its check */
	bool damaged;			/* a batch that fits its check but is none */
};

/* A segment's beginning alone: its first leaf, and the time of its first batch. False: no file, or none in it. */
bool segment_peek(struct str path, int64_t *first_leaf, int64_t *from_ms) MUST_CHECK;

/* False with M_NOT_FOUND or M_UNKNOWN: no file. A file without a whole head is `cut` at once. */
bool segment_open(struct segment *s, struct str path, struct err *e) MUST_CHECK;
/* The next record; false at the end: s->cut and s->damaged say which. It is good until the next call. */
bool segment_next(struct segment *s, struct record *out);
void segment_close(struct segment *s);

/* The salted commitment of part i of a leaf (0 but for RECORD_MORE) to its canonical form. */
void segment_commit(const uint8_t seed[SEGMENT_SEED], int64_t leaf, size_t part, struct str spelled, uint8_t out[SHA256_BYTES]);

#endif
