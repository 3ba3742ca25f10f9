/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the ways of signing in to the pages have in common. */
#ifndef API_OAUTH_SIGN_IN_H
#define API_OAUTH_SIGN_IN_H

#include "api/oauth/page.h"
#include "base/clock.h"
#include "base/enc.h"

/* The person has shown who they are; need_second: by a password alone. Goes on to next, or to the second factor. */
bool sign_in_done(struct req *rq, struct visitor *v, struct str user, bool need_second, struct str next) MUST_CHECK;

/* Below the form for a password: the other ways there are. */
void sign_in_ways(struct page *p, struct str next);
/* A factor was added: shows recovery codes if there are none, else the factors. */
bool factors_added(struct req *rq, const struct visitor *v) MUST_CHECK;

#endif
