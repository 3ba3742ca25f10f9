/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Token buckets by caller and class of endpoint. threads: all. */
#ifndef API_RATE_H
#define API_RATE_H

#include "api/route.h"
#include "core/ctx.h"

/* Takes one token. errors M_LIMIT_EXCEEDED 429 with retry_ms */
bool rate_take(enum route_rate class, const struct actor *who, struct err *e) MUST_CHECK;

#endif
