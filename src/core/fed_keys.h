/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Keys of users of other servers: they are asked of their server each time.
 * spec: server-server, "End-to-End Encryption", "Device Management".
 */
#ifndef CORE_FED_KEYS_H
#define CORE_FED_KEYS_H

#include "core/ctx.h"

/*
 * Splits `wanted` (members by user id) by server and asks each but ours with
 * { member: part } at /user/keys/query or /user/keys/claim.
 * take    gets each answer; what it says of other servers' users is to be left out
 * failures  members by server, for those that did not answer
 */
typedef void fed_keys_take(void *arg, struct str server, const struct json *answer);
bool fed_keys_ask(struct ctx *c, const char *what, const char *member, const struct json *wanted,
    fed_keys_take *take, void *arg, struct json *failures) MUST_CHECK;

#endif
