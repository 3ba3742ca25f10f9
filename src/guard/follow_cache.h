/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The intervals that are open now, by who asks, by what and in which room: what
 * a device's next sync shows of a room goes on where its last one ended, and
 * waits here until the next flush, for a second at most. Bounded: when it is
 * full, nothing new is opened, and replies are recorded one by one.
 *
 * threads: the caller locks (the ledger's lock).
 */
#ifndef GUARD_FOLLOW_CACHE_H
#define GUARD_FOLLOW_CACHE_H

#include "guard/leaf.h"

/* Adds an item to the interval of `who` (spelled) and operation in its room. False: there is none that it follows. */
bool follow_fold(struct str who, struct str operation, const struct seen_item *x, int64_t now_ms);
/* What an opening on disk says: from now on may be folded after x->last. */
void follow_open(struct str who, struct str operation, const struct seen_item *x, int64_t id, int64_t at_ms);
/* State of the room that is on record for the interval: shown again it needs no record. Few are kept. */
void follow_state(struct str who, struct str operation, const struct seen_item *x);
bool follow_knows(struct str who, struct str operation, const struct seen_item *x, int64_t now_ms);
bool follow_waits(void);			/* is anything folded and not written? */
/* Copies what waits, by ascending id. It stays until follow_written() or follow_clear(). */
void follow_take(struct arena *a, struct record_part **out, size_t *n);
/* What was taken last is on disk since at_ms. */
void follow_written(int64_t at_ms);
/* Forgets what stood still too long; cost: a walk. */
void follow_expire(int64_t now_ms);
/* Forgets all: the segment has ended. What waits is lost: take it first. */
void follow_clear(void);

#endif
