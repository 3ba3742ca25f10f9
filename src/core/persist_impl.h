/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the writers of events share: persist.c (our own) and persist_placed.c (the graph's). */
#ifndef CORE_PERSIST_IMPL_H
#define CORE_PERSIST_IMPL_H

#include "core/persist.h"

/* In the transaction; p->row is filled. */
bool persist_relation(struct db *db, struct pending *p, struct err *e) MUST_CHECK;
bool persist_redaction(struct db *db, const struct pending *p, int64_t now_ms, struct err *e) MUST_CHECK;
bool persist_sticky(struct db *db, const struct pending *p, int64_t now_ms, struct err *e) MUST_CHECK;
/* When it ceases to be sticky; 0: it is not. */
int64_t persist_sticky_until(const struct pending *p, int64_t now_ms);
/* Before it: the redacted form of what p redacts. */
void persist_prune(struct ctx *c, struct pending *p);
/* After it: the cached forms of what was stored; the old form of what was redacted goes. Fills p->stored. */
bool persist_cache(struct ctx *c, struct pending *p) MUST_CHECK;

/* What is told once the stream has come to the events: give both to stream_end. */
struct tell;
struct tell *persist_tell_new(int64_t room, int64_t pos, size_t max_members);
void persist_tell_member(struct tell *t, struct str user, enum membership m);
void persist_tell(void *tell);

#endif
