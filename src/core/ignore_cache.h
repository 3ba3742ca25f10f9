/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whom a user ignores (account data m.ignored_user_list), in memory: what is
 * asked for every event that a user is shown must cost no query.
 * spec: client-server, "Ignoring Users".
 */
#ifndef CORE_IGNORE_CACHE_H
#define CORE_IGNORE_CACHE_H

#include "core/ctx.h"

#define IGNORE_MAX 1000			/* of one user; what comes after is not looked at */

struct ignored {
	const struct str *user;		/* in the arena */
	size_t n;
};

bool ignore_list(struct ctx *c, struct str user, struct ignored *out) MUST_CHECK;
bool ignores(const struct ignored *x, struct str user);
/* After the list was changed and committed. */
void ignore_forget(struct str user);
void ignore_cache_stop(void);

#endif
