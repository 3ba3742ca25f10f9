/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whom a user lets invite them, by their account data: everybody, nobody, or
 * (MSC4155) by lists of users and servers. spec: client-server, "Invite
 * permission".
 */
#ifndef CORE_INVITE_FILTER_H
#define CORE_INVITE_FILTER_H

#include "core/ctx.h"

enum invite_verdict { INVITE_ALLOW, INVITE_IGNORE, INVITE_BLOCK };

struct invite_filter {
	bool block_all;
	const struct json *lists;	/* of MSC4155, or NULL */
};

/* What the user has set; they need not be of this server. */
bool invite_filter_load(struct ctx *c, struct str user, struct invite_filter *out) MUST_CHECK;
enum invite_verdict invite_filter_ask(const struct invite_filter *f, struct str inviter);

#endif
