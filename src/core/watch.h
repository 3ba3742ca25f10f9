/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What sync asks of the notifier: has anything changed for this user, or in
 * this room, since a position? Answers from memory alone, for users who sync.
 * Implemented by notify.c. threads: all.
 */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include "core/notify.h"

/*
 * Makes the user watched and gives the greatest position of anything that
 * concerns them; INT64_MAX: not known yet, look for yourself. When
 * changed_pos <= since there is nothing new, and `since` itself is the right
 * next token: positions between it and stream_now() may not have been told yet.
 */
bool watch_user(struct ctx *c, struct str user, int64_t *changed_pos) MUST_CHECK;
void notify_start(void);
void notify_stop(void);		/* no waiter may be left */

#endif
