/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which events a reader is to be told of: the reader's push rules over events,
 * as unread counts fold them. For pushers and for GET /notifications.
 * spec: client-server, "Push Notifications"; docs/decisions/0003.
 */
#ifndef CORE_NOTICE_H
#define CORE_NOTICE_H

#include "core/ignore_cache.h"
#include "core/userdata.h"

struct reader {
	struct unread_ask ask;		/* user, rules, receipts */
	struct ignored ignored;
};
bool reader_load(struct ctx *c, struct str user, struct reader *out) MUST_CHECK;
/* By the receipts: an unthreaded one, or one of the event's own thread. */
bool reader_has_read(const struct reader *x, const struct sev *ev);

/* Marks what each of n events of one room does to the reader: nothing for their own and for those of people they ignore. */
bool notice_judge(struct ctx *c, const struct reader *x, struct room *r,
    const struct sev *const *ev, size_t n, struct push_result *out) MUST_CHECK;

struct notice {
	struct room *r;
	const struct sev *ev;
	struct push_result how;
	bool read;
};
/*
 * Notices before position `from` (INT64_MAX: the newest), newest first, in the
 * rooms that the actor is in; looks at most at NOTICE_LOOK events. *next: where
 * to go on; 0: there is nothing more.
 */
#define NOTICE_LOOK 2000
struct notice_ask {
	int64_t from;
	size_t limit;
	bool highlights;		/* these only */
};
bool notice_page(struct ctx *c, const struct notice_ask *ask, struct notice **out, size_t *n, int64_t *next) MUST_CHECK;

#endif
