/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One record of the ledger and its two forms. The canonical form spells every
 * string and time out: it is what the Merkle tree commits to. The packed form
 * stands in a segment: strings are numbers of the segment's dictionary, which
 * they enter when they first occur, and times count from the batch's. A record
 * of one page of messages is about 16 bytes packed.
 *
 * Pure: no clock, file or lock. Reading accepts any bytes and says whether they
 * are a record. The form is set out in docs/decisions/0007-ledger.md.
 */
#ifndef GUARD_RECORD_H
#define GUARD_RECORD_H

#include "base/map.h"
#include "core/ctx.h"
#include "guard/seen.h"

enum record_type {
	RECORD_SHOWN = 1,	/* who was shown what */
	RECORD_MORE,		/* what open intervals were shown since */
	RECORD_END,		/* the segment ends here: nothing is open any more */
	RECORD_ERASED,		/* segment `first` with the leaves part->range[0] was erased by retention */
	RECORD_READ		/* somebody read the ledger: who, and operation with its object */
};

/* An open interval's new positions. */
struct record_part {
	int64_t id;			/* of the interval: the how many-th item of a following record */
	struct seen_range *range;
	size_t nrange;
};

struct record {
	enum record_type type;
	int64_t leaf;			/* its number in the tree, from 0; not in the bytes */
	int64_t at_ms;
	bool follows;			/* each of its SEEN_EVENTS items opens an interval */
	bool assumed;			/* after a crash: may have been shown, at most this */
	struct actor who;
	struct str operation;
	struct seen_item *item;
	size_t n;
	struct record_part *part;	/* RECORD_MORE; RECORD_ERASED: one */
	size_t nparts;
};

/* Strings of a segment by number. A writer looks up by text, a reader by number. */
struct dict {
	struct arena *a;
	struct map by_text;		/* of struct dict_entry; empty in readers */
	struct str *text;
	size_t n, cap, bytes;
};

void dict_init(struct dict *d, struct arena *a);
void dict_done(struct dict *d);
/* Forgets what was added since there were n: their batch was not written. */
void dict_cut(struct dict *d, size_t n);

/* Writes r packed, after base_ms. Its strings enter the dictionary. */
void record_pack(struct buf *b, struct dict *d, int64_t base_ms, const struct record *r);
/* Writes r's canonical form; not for RECORD_MORE, whose parts are committed to as records of their own. */
void record_spell(struct buf *b, const struct record *r);

/* Reads back the packed form; new strings enter the dictionary. Slices point into bytes and the dictionary. False: it is not one. */
bool record_unpack(struct arena *a, struct dict *d, int64_t base_ms, struct str bytes, struct record *out) MUST_CHECK;
/* The same for the canonical form. */
bool record_read(struct arena *a, struct str bytes, struct record *out) MUST_CHECK;

/* Who asks, as one string: of a dictionary, of a table of intervals. */
void record_spell_who(struct buf *b, const struct actor *who);

void varint_put(struct buf *b, uint64_t v);
/* Takes one from the head of *s. */
bool varint_take(struct str *s, uint64_t *v) MUST_CHECK;

#endif
