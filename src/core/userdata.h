/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a user keeps for themselves and what marks how far they have read:
 * account data, push rules, receipts, read markers, unread counts.
 */
#ifndef CORE_USERDATA_H
#define CORE_USERDATA_H

#include "core/room.h"
#include "room/pushrule.h"
#include "store/q_accdata.h"
#include "store/q_receipt.h"

/* room 0: global. content: JSON text. Wakes the user's devices. */
bool userdata_put(struct ctx *c, int64_t room, struct str type, struct str content) MUST_CHECK;
bool userdata_rules(struct ctx *c, struct str user, struct json *stored, bool *has, int64_t *pos) MUST_CHECK;
bool userdata_put_rules(struct ctx *c, const struct json *stored) MUST_CHECK;

/* A receipt of the actor at an event of the room; kind m.read or m.read.private. Older than the one there: nothing. */
bool receipt_set(struct ctx *c, struct room *r, struct str kind, struct str thread, const struct sev *ev) MUST_CHECK;

struct unread {
	int64_t notify, highlight;
};
/*
 * Events after the user's receipts that the rules make count; folded on from
 * where the last call stopped. At most UNREAD_MAX events are looked at.
 */
#define UNREAD_MAX 500
struct unread_ask {
	struct str user;
	const struct pushrules *rules;
	const struct json *stored;	/* the rules as they are stored, or NULL: the defaults */
	int64_t rules_pos;		/* tells one set of rules from the next */
	const struct receipt *receipts;	/* all of the user's */
	size_t nreceipts;
};
/* The actor's rules and receipts. */
bool unread_load(struct ctx *c, struct unread_ask *out) MUST_CHECK;
bool unread_count(struct ctx *c, struct room *r, const struct unread_ask *ask, struct unread *out) MUST_CHECK;
/* The same apart: of the main timeline, and of the threads that have any. */
struct unread_thread {
	struct str root;		/* event id */
	struct unread n;
};
bool unread_by_thread(struct ctx *c, struct room *r, const struct unread_ask *ask, struct unread *main,
    struct unread_thread **thread, size_t *n) MUST_CHECK;
void unread_stop(void);

#endif
