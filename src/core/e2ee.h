/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What /sync asks of end-to-end encryption: waiting to-device messages, whose
 * device lists changed, how many one-time keys are left.
 * The endpoints' own functions are in keys.h, crosssign.h, backup.h, todevice.h.
 */
#ifndef CORE_E2EE_H
#define CORE_E2EE_H

#include "core/ctx.h"

struct todevice_msg {
	int64_t pos;
	struct str sender, type, content;	/* content: JSON text */
};
/* Messages of a device with pos in (from, upto], oldest first, at most max; *more: some are left. */
bool todevice_list(struct ctx *c, struct str user, struct str device, int64_t from, int64_t upto, size_t max,
    struct todevice_msg **out, size_t *n, bool *more) MUST_CHECK;
/* The client has seen everything up to pos: deletes it. Cheap when there is nothing (memory knows). */
bool todevice_ack(struct ctx *c, struct str user, struct str device, int64_t upto) MUST_CHECK;

/*
 * Users whose devices or cross-signing keys changed with pos in (from, upto],
 * among those who share an encrypted or any room with `user` (himself
 * included), and users with whom no room is shared any more since `from`.
 */
bool devicelist_changes(struct ctx *c, struct str user, int64_t from, int64_t upto,
    struct str **changed, size_t *nchanged, struct str **left, size_t *nleft) MUST_CHECK;
/* The user's devices or keys changed: in a transaction's body. */
struct stream_tx;
bool devicelist_bump(struct db *db, struct stream_tx *tx, struct str user, struct err *e) MUST_CHECK;
/* Before the transaction: learns who shares rooms with the user, so that devicelist_end can tell them. */
bool devicelist_begin(struct ctx *c, struct str user) MUST_CHECK;
/* After the commit (tx zeroed: nothing happened): ends the positions and wakes the user and those who share rooms. */
void devicelist_end(struct stream_tx *tx, struct str user);
/* A device is gone: its keys and messages too. In a transaction's body. */
bool e2ee_device_removed(struct db *db, struct str user, struct str device, struct err *e) MUST_CHECK;

struct otk_count {
	struct str algorithm;
	int64_t n;
};
/* Unclaimed one-time keys by algorithm (signed_curve25519 is always listed), and algorithms whose fallback key is unused. From memory where possible. */
bool otk_counts(struct ctx *c, struct str user, struct str device, struct otk_count **out, size_t *n,
    struct str **unused_fallback, size_t *nfallback) MUST_CHECK;

#endif
