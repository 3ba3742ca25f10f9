/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The cache of stored events: each is parsed once and its client form written
 * once, whoever reads it. Events are shared, immutable and counted.
 * threads: all.
 */
#ifndef CORE_EVCACHE_H
#define CORE_EVCACHE_H

#include "core/room.h"
#include "store/q_event.h"

void evcache_start(size_t bytes_max);
void evcache_stop(void);

/* One more reference to the cached event, or NULL. */
const struct sev *evcache_get(int64_t nid);
struct evcache_extra {
	struct str prev_content, replaces;	/* state events: what they replaced */
	struct str txn_device, txn_id;
};

/* Counts the changes of events that are stored already: redactions, flags. */
uint64_t evcache_epoch(void);
/*
 * Makes the event of a row that was read from the store, and caches it, unless
 * one is cached already, or events changed since `epoch`, which was asked for
 * before the row was read: what a row said before a redaction must not stay.
 * One reference is the caller's. NULL: the stored text is damaged.
 */
const struct sev *evcache_add(const struct room_version *v, const struct event_row *row,
    const struct evcache_extra *extra, uint64_t epoch, struct err *e);
/* The same for what this thread has written: it takes the place of what is cached. */
const struct sev *evcache_put(const struct room_version *v, const struct event_row *row,
    const struct evcache_extra *extra, struct err *e);
/* Sets a flag on the event; after the commit that set it in the store. */
void evcache_flag(int64_t nid, unsigned flag);
const struct sev *sev_get(const struct sev *s);	/* one more reference */
void sev_put(const struct sev *s);		/* NULL is fine */
/* Gives a reference away to the ctx's arena: put at its end. */
const struct sev *sev_hold(struct ctx *c, const struct sev *s);
unsigned sev_flags(const struct sev *s);

#endif
