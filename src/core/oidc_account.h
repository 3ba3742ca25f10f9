/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Between core/oidc*.c: the account of a person that the provider vouches for. */
#ifndef CORE_OIDC_ACCOUNT_H
#define CORE_OIDC_ACCOUNT_H

#include "core/ctx.h"

/* By what was linked before; else by the options. *found false: nobody, with the reason in the log. */
bool oidc_account(struct ctx *c, struct str issuer, const struct json *claims, struct str *user, bool *found) MUST_CHECK;

#endif
