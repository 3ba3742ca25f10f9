/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * OAuth 2.0: from a person's consent to tokens. Codes hold once and for a
 * minute; one that is shown twice ends what it gave. Tokens are sessions
 * (session.h) with a client and a scope. Errors are as of oauth_fail().
 * spec: client-server v1.19, "OAuth 2.0 API"; RFC 6749, 7009, 7636, 8628, 9700.
 */
#ifndef CORE_OAUTH_H
#define CORE_OAUTH_H

#include "core/oauth_client.h"
#include "core/session.h"

/* The API is on, and the server knows the address that clients use. */
bool oauth_offered(void);

/* Device grant: seconds. */
#define OAUTH_DEVICE_S 900
#define OAUTH_POLL_S 5
/* Letters of a user code; shown as XXXX-XXXX. */
#define OAUTH_USER_CODE 8

struct oauth_grant {
	struct str user, client_id, redirect_uri, scope, challenge;
};
struct oauth_tokens {
	struct tokens t;
	struct str scope;
};

/* base64url of a SHA-256, as code_challenge must be with S256. */
bool oauth_challenge_ok(struct str s);
/* RFC 7636: 43 to 128 unreserved characters. */
bool oauth_verifier_ok(struct str s);

bool oauth_code_make(struct ctx *c, const struct oauth_grant *g, struct str *code) MUST_CHECK;
bool oauth_code_use(struct ctx *c, struct str code, struct str client_id, struct str redirect_uri, struct str verifier, struct oauth_tokens *out) MUST_CHECK;
bool oauth_refresh(struct ctx *c, struct str client_id, struct str token, struct oauth_tokens *out) MUST_CHECK;
/* Ends the sign-in that an access or refresh token is of; one that is not known is no error. */
bool oauth_revoke(struct ctx *c, struct str token) MUST_CHECK;
/* Was the actor's token given to a client by OAuth 2.0? */
bool oauth_is_session(struct ctx *c, bool *is) MUST_CHECK;

struct oauth_device_begun {
	struct str device_code, user_code;	/* user_code with its hyphen */
};
bool oauth_device_begin(struct ctx *c, const struct oauth_client *client, struct str scope, struct oauth_device_begun *out) MUST_CHECK;
/* What a person who typed a user code is asked; *found false: no such code waits. */
struct oauth_device_ask {
	struct str hash, client_id, scope;
};
bool oauth_device_ask(struct ctx *c, struct str user_code, struct oauth_device_ask *out, bool *found) MUST_CHECK;
/* *done false: it no longer waited. */
bool oauth_device_decide(struct ctx *c, const struct oauth_device_ask *x, struct str user, bool allow, bool *done) MUST_CHECK;
bool oauth_device_poll(struct ctx *c, struct str client_id, struct str device_code, struct oauth_tokens *out) MUST_CHECK;

#endif
