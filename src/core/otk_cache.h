/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* How many one-time keys each device has left, in memory: every sync tells it. */
#ifndef CORE_OTK_CACHE_H
#define CORE_OTK_CACHE_H

#include "core/e2ee.h"

/* After keys of the device were added, claimed or deleted, and that was committed. */
void otk_forget(struct ctx *c, struct str user, struct str device);
void otk_cache_stop(void);

#endif
