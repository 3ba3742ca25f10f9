/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Signing in by another service that speaks OpenID Connect (ProConnect,
 * Keycloak and others): authorization code with PKCE, state and nonce, one
 * provider. Which account a person gets is said by the options [oidc].
 * The network is waited for: only where one may.
 * spec: OpenID Connect Core 1.0, Discovery 1.0, Back-Channel Logout 1.0; RFC 9207.
 */
#ifndef CORE_OIDC_H
#define CORE_OIDC_H

#include "core/ctx.h"

bool oidc_offered(void);
struct str oidc_name(void);	/* for people: oidc.name, or the issuer's host */

/* Where the browser goes; next is given back by oidc_finish. anew: the person must show there who they are. */
struct oidc_begin {
	struct str callback, browser, next;
	bool anew;
};
bool oidc_begin(struct ctx *c, const struct oidc_begin *x, struct str *url) MUST_CHECK;

/* What came back in the address. */
struct oidc_back {
	struct str callback, browser, code, state, iss;
};
enum oidc_end {
	OIDC_OK = 1,
	OIDC_FAILED,		/* the sign-in there is not to be believed, or did not happen */
	OIDC_NO_ACCOUNT		/* it is, but nobody here is that person */
};
/* user: with OIDC_OK; made if the options say so. next: empty unless the state was ours. Errors are of the network and the store. */
bool oidc_finish(struct ctx *c, const struct oidc_back *x, struct str *user, struct str *next, enum oidc_end *end) MUST_CHECK;

/* A logout token. *ok false: not one to be believed. */
bool oidc_logout(struct ctx *c, struct str token, bool *ok) MUST_CHECK;

#endif
