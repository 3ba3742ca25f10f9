/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the pages that ask for consent have in common. */
#ifndef API_OAUTH_CONSENT_H
#define API_OAUTH_CONSENT_H

#include "api/oauth/page.h"
#include "core/oauth_client.h"
#include "core/oauth_scope.h"
#include "core/uri.h"

void consent_client(struct page *p, const struct oauth_client *client);
/* What it will be able to do; says so if it takes the place of a session that is there. */
bool consent_scope(struct page *p, const struct oauth_scope *scope) MUST_CHECK;
void consent_links(struct page *p, const struct oauth_client *client);
/* What CSP must let a form lead to: browsers hold it against redirects too. */
struct str consent_form_target(struct arena *a, const struct uri *u);
/* Who is signed in here. */
void consent_who(struct page *p);

#endif
