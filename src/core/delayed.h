/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Delayed events (MSC4140): scheduled now, sent when their time has come, unless
 * they are restarted or cancelled before. They are in the store, so a restart
 * of the server loses none; one job (jobs.h) sends those that are due.
 * Who knows a delay id may act on it: that is what it is for.
 */
#ifndef CORE_DELAYED_H
#define CORE_DELAYED_H

#include "core/send.h"
#include "store/q_delayed.h"

#define DELAYED_KEEP_MS (24 * 3600 * INT64_C(1000))	/* for telling what became of one */

/*
 * Schedules what send_event would send at once. The same transaction gives the
 * same delay id again.
 * errors  M_UNKNOWN 400 the delay is too long; M_LIMIT_EXCEEDED 429 too many wait;
 *         M_FORBIDDEN 403 delayed events are switched off, or the actor is not in the room
 */
bool delayed_schedule(struct ctx *c, struct room *r, const struct send *s, int64_t delay_ms, struct str *delay_id) MUST_CHECK;
/* What the actor has scheduled with this transaction; empty: nothing. */
bool delayed_again(struct ctx *c, const struct send *s, struct str *delay_id) MUST_CHECK;
/* The actor's that wait. */
bool delayed_list(struct ctx *c, struct delayed_row **out, size_t *n) MUST_CHECK;
/* errors M_NOT_FOUND 404; M_UNKNOWN 409 it was sent already, or failed or was cancelled */
enum delayed_action { DELAYED_DO_CANCEL, DELAYED_DO_RESTART, DELAYED_DO_SEND };
bool delayed_act(struct ctx *c, struct str delay_id, enum delayed_action what) MUST_CHECK;
/* The actor has set this state: what others had scheduled for the same place is cancelled. */
bool delayed_superseded(struct ctx *c, struct room *r, struct str type, struct str key) MUST_CHECK;

/* Begins to send what is due. After jobs_start. */
void delayed_start(void);

#endif
