/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Passkeys: making and showing WebAuthn credentials. No attestation is asked
 * for, so none is checked: what counts is that the same key signs later, and
 * that the authenticator knew its person (user verification).
 * spec: Web Authentication Level 2, sections 7.1 and 7.2.
 */
#ifndef CORE_PASSKEY_H
#define CORE_PASSKEY_H

#include "core/ctx.h"

/* The site that keys are bound to: host and origin of the public address. */
struct passkey_site {
	struct str host, origin;
};
/* What a browser hands over, decoded. sig only when it signs in. */
struct passkey_answer {
	struct str id, client_data, auth_data, sig;
};

/* The bytes a browser must get signed; for one user (making) or one browser (signing in), five minutes, once. */
bool passkey_challenge(struct ctx *c, bool make, struct str whose, struct str *challenge) MUST_CHECK;
/* The opaque id of a person for authenticators. */
struct str passkey_user_handle(struct ctx *c, struct str user);
/* *ok false: not accepted. */
bool passkey_add(struct ctx *c, const struct passkey_site *s, struct str user, struct str name, const struct passkey_answer *x, bool *ok) MUST_CHECK;
/* Who shows the key. *ok false: nobody that is known. */
bool passkey_use(struct ctx *c, const struct passkey_site *s, struct str browser, const struct passkey_answer *x, struct str *user, bool *ok) MUST_CHECK;

#endif
