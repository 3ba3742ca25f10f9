/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OAuth 2.0 clients: what their metadata must be, and where they may be sent
 * back to. oauth_metadata_read and oauth_redirect_ok are pure.
 * spec: client-server v1.19, "Client registration"; RFC 7591.
 */
#ifndef CORE_OAUTH_CLIENT_H
#define CORE_OAUTH_CLIENT_H

#include "core/ctx.h"

struct oauth_client {
	struct str id;
	struct json metadata;		/* as registered */
};

/* Why something of OAuth is refused: an error code of RFC 6749 and its kin, and a sentence. Sets the body of the reply. False, always. */
bool oauth_fail(struct ctx *c, const char *error, const char *text);

/* Keeps of the metadata given what is known here, with every default. False: *error and *why say what is wrong. */
bool oauth_metadata_read(struct arena *a, const struct json *given, struct json *out, const char **error, const char **why) MUST_CHECK;
/* Is the URI one of those registered? Of loopback addresses any port. */
bool oauth_redirect_ok(const struct json *metadata, struct str uri);
bool oauth_client_may(const struct json *metadata, struct str grant_type);
/* The text of a localised member in that language ("fr"), or in none. */
struct str oauth_client_text(const struct json *metadata, struct str key, struct str language);

/* The same metadata give the same client. errors as oauth_fail: invalid_redirect_uri, invalid_client_metadata 400 */
bool oauth_client_register(struct ctx *c, const struct json *given, struct oauth_client *out) MUST_CHECK;
bool oauth_client_find(struct ctx *c, struct str id, struct oauth_client *out, bool *found) MUST_CHECK;
/* It is being used: it is not swept for a while. */
bool oauth_client_touch(struct ctx *c, struct str id) MUST_CHECK;

#endif
