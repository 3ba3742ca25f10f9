/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Checking JSON Web Signatures (compact form) against a set of public keys:
 * RS256 and ES256, nothing else. The kind of key says the algorithm, never the
 * token alone. Pure. spec: RFC 7515, 7517, 7518.
 */
#ifndef CRYPTO_JWS_H
#define CRYPTO_JWS_H

#include "base/arena.h"
#include "base/json.h"

#define JWS_MAX 65536

enum jws_result {
	JWS_OK = 1,
	JWS_MALFORMED,		/* not a token that is read here: form, algorithm, critical headers */
	JWS_NO_KEY,		/* by a key that is not in the set: it may have changed */
	JWS_FORGED		/* the signature is wrong */
};

/* keys    a JWK set { keys: [...] }. claims: the payload, an object, filled with JWS_OK only */
enum jws_result jws_check(struct arena *a, struct str token, const struct json *keys, struct json *claims) MUST_CHECK;

#endif
