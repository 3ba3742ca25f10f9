/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The record of what was disclosed: an append-only file of lines, each bound to
 * the one before it by its hash, written by one thread and on disk before the
 * reply leaves. Replies that come while the disk works share its next write.
 *
 * threads: ledger_commit from all; `done` runs on the ledger's thread.
 */
#ifndef GUARD_LEDGER_H
#define GUARD_LEDGER_H

#include "core/ctx.h"
#include "guard/seen.h"

struct ledger_conf {
	struct str dir;			/* data.dir/ledger */
	bool sync;
};

/*
 * Checks the last file's chain. A last line that a crash cut, which nobody was
 * shown, is set aside in NNNNNN.cut; other damage raises an alarm in the log,
 * is left as it is, and a new file carries on from its last line.
 */
bool ledger_start(const struct ledger_conf *conf, struct err *e) MUST_CHECK;
void ledger_stop(void);			/* writes what is queued */
/*
 * Records what `who` is about to be shown by `operation` (the handler's name)
 * and then calls done(arg, true); done(arg, false) when it can't be written:
 * then nothing may be sent. Everything is copied before it returns.
 * False: the queue is full, or the record longer than 16 MiB; done is not called.
 */
bool ledger_commit(const struct actor *who, const char *operation, int64_t now_ms,
    const struct seen *seen, void (*done)(void *arg, bool ok), void *arg) MUST_CHECK;

struct ledger_check {
	int64_t records;
	struct str last_hash;		/* hex */
	int64_t bad_record;		/* the first that does not fit, in bad_file, from 1; 0: none */
	struct str bad_file;
	const char *why;
};
/* Walks every file of the folder to its end; true also when a bad record was found (out says so). */
bool ledger_verify(struct arena *a, struct str dir, struct ledger_check *out, struct err *e) MUST_CHECK;
int64_t ledger_written(void);		/* records since start */

#endif
