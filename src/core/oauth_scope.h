/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Scopes of the OAuth 2.0 API. Pure.
 * spec: client-server v1.19, "Scope".
 */
#ifndef CORE_OAUTH_SCOPE_H
#define CORE_OAUTH_SCOPE_H

#include "base/arena.h"
#include "base/str.h"

#define SCOPE_MAX 1024

struct oauth_scope {
	struct str device;		/* the device id it allocates */
	struct str granted;		/* the tokens that are granted, as they were asked for */
};

/*
 * Reads a scope: full access to the client-server API and exactly one device,
 * in the stable or the unstable form, or both alike. Other tokens are not
 * granted. False: it does not ask for what can be given.
 */
bool oauth_scope_read(struct arena *a, struct str text, struct oauth_scope *out) MUST_CHECK;

#endif
