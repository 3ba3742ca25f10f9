/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the pages that ask for consent have in common. */
#ifndef API_OAUTH_CONSENT_H
#define API_OAUTH_CONSENT_H

#include "api/oauth/page.h"
#include "core/oauth_client.h"
#include "core/oauth_scope.h"

void consent_client(struct page *p, const struct oauth_client *client);
void consent_scope(struct page *p, const struct oauth_scope *scope);
void consent_links(struct page *p, const struct oauth_client *client);
/* Who is signed in here. */
void consent_who(struct page *p);

#endif
