/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one stream of positions: everything that a sync can bring (events,
 * receipts, account data, to-device messages, device lists, typing) gets its
 * place in it, and a sync token is one position.
 *
 * A position is "in flight" from stream_next until stream_end; stream_now is
 * the greatest position below which nothing is in flight, so that a reader who
 * takes it as its token has missed nothing. What must wake readers is given to
 * stream_end and runs when stream_now reaches it, in order.
 *
 * threads: all. After a restart positions go on above all that was ever given out.
 */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "store/db.h"

/* Positions of one writer; zeroed at first, kept by the caller until stream_end. */
struct stream_tx {
	int64_t first, last;
	struct stream_flight *flight;	/* stream.c's */
};

/* Reads the reserve; once, after store_open. */
bool stream_start(struct db *db, struct err *e) MUST_CHECK;
/* In a transaction's body: the next position (> 0). May write the reserve. If the body runs again, the earlier positions are simply unused. */
bool stream_next(struct db *db, struct stream_tx *tx, int64_t *pos, struct err *e) MUST_CHECK;
/* Outside transactions, for what only memory keeps (typing, presence). */
bool stream_next_memory(struct db *db, struct stream_tx *tx, int64_t *pos, struct err *e) MUST_CHECK;
/*
 * After the commit and after all caches show it (or after failure, told NULL):
 * the positions are no more in flight. told(arg) runs once stream_now covers
 * tx->last, on this thread or on that of an earlier writer; it must be quick
 * and must not call stream_end. Does nothing for a zeroed tx but calls told.
 */
void stream_end(struct stream_tx *tx, void (*told)(void *arg), void *arg);
/* db_transact of a body that takes positions; when it fails they are ended here, else by the caller. */
bool stream_transact(struct db *db, bool (*body)(struct db *, void *, struct err *), void *arg, struct stream_tx *tx,
    struct err *e) MUST_CHECK;
int64_t stream_now(void);

#endif
