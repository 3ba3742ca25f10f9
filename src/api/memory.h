/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The process's memory against limits.memory. threads: all. */
#ifndef API_MEMORY_H
#define API_MEMORY_H

#include "base/err.h"

/* Bytes that are this process's own: resident, without what is shared with files. Asks the system each time. */
int64_t memory_used(void);
/*
 * Before work is taken on: is there room below the ceiling? Looks at most ten
 * times a second; over it, memory that was freed is first given back to the
 * system. errors M_UNAVAILABLE 503 with retry_ms
 */
bool memory_check(struct err *e) MUST_CHECK;

#endif
