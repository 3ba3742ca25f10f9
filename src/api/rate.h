/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Token buckets by caller and class of endpoint. threads: all. */
#ifndef API_RATE_H
#define API_RATE_H

#include "api/route.h"
#include "core/ctx.h"

/* Takes one token of the caller's. errors M_LIMIT_EXCEEDED 429 with retry_ms */
bool rate_take(enum route_rate class, const struct actor *who, struct err *e) MUST_CHECK;
/* Before a password is tried on an account, wherever the attempt comes from. errors as above */
bool rate_take_account(struct str user, struct err *e) MUST_CHECK;
/* The table itself: 0 when a token was taken at that time, else ms until there is one. Whatever limits.enabled says. */
int64_t rate_wait_ms(enum route_rate class, struct str caller, int64_t now_us);

#endif
