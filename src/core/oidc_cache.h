/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What is known of the provider: its metadata and its keys, fetched when they
 * are first needed and again after an hour. Keys that do not have the one a
 * token names are fetched anew, at most once a minute. threads: all, under a lock.
 */
#ifndef CORE_OIDC_CACHE_H
#define CORE_OIDC_CACHE_H

#include "core/ctx.h"

struct oidc_provider {
	struct str issuer, authorization, token, userinfo, jwks;
	bool secret_by_post;		/* it takes no Basic authentication */
	bool sends_iss;			/* RFC 9207 */
};

/* errors M_UNAVAILABLE 503 the provider does not answer, or not as it must */
bool oidc_provider_get(struct ctx *c, struct oidc_provider *out) MUST_CHECK;
/* renew: a key was missing. */
bool oidc_keys_get(struct ctx *c, const struct oidc_provider *p, bool renew, struct json *out) MUST_CHECK;
void oidc_cache_stop(void);

/* Reads metadata; false: they are not of this issuer, or lack what is needed. Pure. */
bool oidc_provider_read(const struct json *v, struct str issuer, struct oidc_provider *out) MUST_CHECK;

/* One request to the provider, whose answer is JSON or a token. */
struct oidc_call {
	struct str url, form;		/* form empty: a GET */
	struct str authorization;	/* header, or empty */
};
bool oidc_call(struct ctx *c, const struct oidc_call *x, int *status, struct str *body) MUST_CHECK;

#endif
