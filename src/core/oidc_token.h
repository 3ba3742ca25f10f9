/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What OpenID Connect's tokens must say, and names made of claims. Pure: who
 * signed is jws.h's matter.
 * spec: OpenID Connect Core 1.0, section 3.1.3.7; Back-Channel Logout 1.0, section 2.6.
 */
#ifndef CORE_OIDC_TOKEN_H
#define CORE_OIDC_TOKEN_H

#include "base/arena.h"
#include "base/json.h"

#define OIDC_TEXT_MAX 255	/* bytes of subject, sid, jti */

struct oidc_expect {
	struct str issuer, client_id, nonce;	/* nonce: of an ID token alone */
	int64_t now_s;
};

/* False: *why says what is wrong, for the log. */
bool oidc_id_token_ok(const struct json *claims, const struct oidc_expect *x, const char **why) MUST_CHECK;
/* Did the person show there who they are within five minutes (auth_time)? */
bool oidc_fresh(const struct json *claims, int64_t now_s);
/* sub and sid: one of them at least is not empty. */
bool oidc_logout_token_ok(const struct json *claims, const struct oidc_expect *x, struct str *sub, struct str *sid, struct str *jti, const char **why) MUST_CHECK;

/*
 * Fills a template such as "{preferred_username}" or "u-{employee_id}" with
 * claims. {email} is what stands before the @ of an address that the provider
 * has verified and whose domain is one of those given; {sub} the subject.
 * False: a claim is not there, or is no text.
 */
bool oidc_template(struct arena *a, struct str text, const struct json *claims, const struct str *domain, size_t ndomains, struct str *out) MUST_CHECK;
/* A name as a localpart: lower case, other bytes as =xx. spec: appendices, "Mapping from other character sets" */
struct str oidc_localpart(struct arena *a, struct str name);

#endif
