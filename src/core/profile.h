/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between account.c and profile.c. */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include "core/account.h"

/* What a user is found by: the localpart and the name, folded. */
struct str profile_folded(struct arena *a, struct str user, struct str name);
bool password_strong(struct ctx *c, struct secret password) MUST_CHECK;

#endif
