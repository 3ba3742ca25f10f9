/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between the files of core/oauth*.c: tokens for a consent that was given. */
#ifndef CORE_OAUTH_ISSUE_H
#define CORE_OAUTH_ISSUE_H

#include "core/oauth.h"

/* Signs the client in as the person, by a scope that was granted. errors invalid_grant, invalid_scope as oauth_fail */
bool oauth_issue(struct ctx *c, struct str user, struct str client_id, struct str scope, struct oauth_tokens *out) MUST_CHECK;

#endif
