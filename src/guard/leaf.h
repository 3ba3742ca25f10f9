/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a record stands for: the intervals that are open in a segment, the
 * records that RECORD_MORE's parts are short for, and the entry of the tree
 * that commits to a record. The same for who writes and who reads. Pure.
 */
#ifndef GUARD_LEAF_H
#define GUARD_LEAF_H

#include "guard/segment.h"

/*
 * An interval says: this session was shown what is new in this room. It is on
 * disk before the first byte; what was shown since follows within a second.
 * Nothing is added to one that stood still for so long.
 */
#define INTERVAL_IDLE_MS (15 * 60 * 1000)

struct interval {
	struct actor who;
	struct str operation, room;	/* point where the record's do: into the dictionary */
	int64_t last;			/* greatest seq shown */
	int64_t at_ms;			/* of what was shown last */
};

struct intervals {
	struct arena *a;
	struct interval *at;
	size_t n, cap;
	int64_t last_ms;		/* of the last record */
	bool ended;			/* RECORD_END was the last */
};

void intervals_init(struct intervals *s, struct arena *a);
/* Takes note of a record. who, operation and rooms of a following one must live as long as s. */
void intervals_take(struct intervals *s, const struct record *r);
/* What part i of r stands for, as a record of its own; one item is given. False: no such interval. */
bool intervals_part(const struct intervals *s, const struct record *r, size_t i, struct seen_item *item, struct record *out) MUST_CHECK;
/* The entry for r, after the intervals it names were taken note of. False: it names one that isn't there. */
bool leaf_entry(const struct intervals *s, const uint8_t seed[SEGMENT_SEED], const struct record *r, struct buf *scratch, uint8_t out[SHA256_BYTES]) MUST_CHECK;

#endif
