/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The memory of session.c. session_forget_user is in session.h. */
#ifndef CORE_SESSION_CACHE_H
#define CORE_SESSION_CACHE_H

#include "core/session.h"

/* Not there: *forgets says how often something was forgotten so far; session_cache_put wants it back. */
bool session_cache_get(struct arena *a, struct str hash, struct session *out, uint64_t *forgets);
/*
 * Keeps what the store said after session_cache_get, unless something was
 * forgotten since: what was read may be from before, and a token that was ended
 * would live on here.
 */
void session_cache_put(struct str hash, const struct session *s, uint64_t forgets);
/* True at most once in every_ms for a device (now and then oftener: slots are shared). */
bool session_cache_seen_due(struct str user, struct str device, int64_t now_ms, int64_t every_ms);

#endif
