/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The record of what was disclosed: binary segments written by one thread, on
 * disk before the reply leaves, and a Merkle tree over the records. Replies that
 * come while the disk works share its next write. What a device's following
 * syncs show of a room's new events goes into the interval that its first one
 * opened, and is written within half a second. See docs/decisions/0007-ledger.md.
 *
 * threads: ledger_commit from all; `done` runs on the ledger's thread, or on the
 * caller's when all was folded.
 */
#ifndef GUARD_LEDGER_H
#define GUARD_LEDGER_H

#include "core/ctx.h"
#include "guard/seen.h"

struct ledger_conf {
	struct str dir;			/* data.dir/ledger */
	struct str origin;		/* of the checkpoints: the server's name and "/ledger" */
	bool sync;
	bool unsafe_off;		/* measuring only: nothing is recorded */
	int64_t retention_ms;		/* 0: for ever */
	/* The greatest seq of a room, for intervals that a crash left open. NULL: they are closed where they are known to be. */
	bool (*room_last)(void *arg, struct str room_id, int64_t *seq);
	/* Is the account under legal hold? Retention leaves the segments that have a record of it. NULL: none is. */
	bool (*is_held)(void *arg, struct str user);
	void *arg;
};

/*
 * Takes up the ledger: what a crash cut is set aside in NNNNNN.cut, the tree is
 * brought up to the segments, intervals left open are closed at their room's
 * last event (marked as assumed), and a new segment begins. Damage raises an
 * alarm in the log, and is left as it is.
 */
bool ledger_start(const struct ledger_conf *conf, struct err *e) MUST_CHECK;
void ledger_stop(void);			/* writes what is queued */
/*
 * Records what `who` is about to be shown by `operation` (the handler's name)
 * and then calls done(arg, true); done(arg, false) when it can't be written:
 * then nothing may be sent. Everything is copied before it returns.
 *
 * follows   a reply of sync: new events of its rooms may be folded
 * false     the queue is full, or the record longer than 16 MiB; done is not called
 */
bool ledger_commit(const struct actor *who, const char *operation, int64_t now_ms,
    bool follows, struct seen *seen, void (*done)(void *arg, bool ok), void *arg) MUST_CHECK;

struct ledger_check {
	int64_t records;		/* that are there and fit */
	int64_t signed_records;		/* of them covered by the checkpoint */
	struct str root;		/* base64 */
	int64_t bad_record;		/* the first that was changed, removed or moved: its number from 1; 0: none */
	struct str bad_file;
	const char *why;
};
/* Checks every record against the tree, and the tree against its checkpoint; true also when a bad record was found (out says so). */
bool ledger_verify(struct arena *a, struct str dir, struct ledger_check *out, struct err *e) MUST_CHECK;
int64_t ledger_written(void);		/* records since start */

#endif
