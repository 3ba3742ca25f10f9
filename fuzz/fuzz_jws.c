/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Signed tokens and sets of keys: whatever comes, nothing is believed that the
 * key below did not sign. The first line is the token, the second a JWK set.
 */
#include "fuzz.h"

#include "core/oidc_token.h"
#include "crypto/jws.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str text = str_n((const char *)data, size), line, rest, s;
	struct str sub, sid, jti;
	struct oidc_expect x = { .issuer = S("i"), .client_id = S("c"),
	    .nonce = S("n"), .now_s = 1700000000 };
	struct err e = { .code = M_OK };
	struct json keys, claims;
	const char *why;

	str_cut(text, '\n', &line, &rest);
	if (json_parse(a, rest, JSON_ANY, &keys, &e)) {
		(void)!jws_check(a, line, &keys, &claims);
		(void)!oidc_id_token_ok(&keys, &x, &why);
		(void)!oidc_logout_token_ok(&keys, &x, &sub, &sid, &jti,
		    &why);
		(void)!oidc_template(a, line, &keys, &x.issuer, 1, &s);
	}
	(void)oidc_localpart(a, line);
	arena_free(a);
	return 0;
}
