/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who has a pusher, in memory: an event in a room where nobody has one must
 * cost nothing. May name a user who has none any more. threads: all.
 */
#ifndef CORE_PUSHER_CACHE_H
#define CORE_PUSHER_CACHE_H

#include "base/str.h"

void pusher_cache_add(struct str user);
void pusher_cache_drop(struct str user);
bool pusher_cache_has(struct str user);
bool pusher_cache_any(void);
void pusher_cache_stop(void);

#endif
