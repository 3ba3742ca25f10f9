/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The keys that other servers sign with. spec: server-server, "Retrieving server keys".
 * threads: all; may wait for another server.
 */
#ifndef CORE_SERVER_KEYS_H
#define CORE_SERVER_KEYS_H

#include "core/ctx.h"
#include "room/received.h"

/*
 * The key of that id, from memory, the store, or the server itself.
 * strict  it must have been valid at at_ms (room versions from 5 on); else any
 *         time will do
 * errors  M_UNAUTHORIZED 401 there is no such key, or it was not valid then
 */
bool server_key_get(struct ctx *c, struct str server, struct str key_id, int64_t at_ms, bool strict,
    uint8_t out[SIGN_PUBLIC_BYTES]) MUST_CHECK;

/*
 * What a server publishes of its keys now: nothing but keys, under its own
 * name, signed by each of its current ones. Nothing else may be signed again.
 * errors  M_UNAUTHORIZED 401 it is none of that; M_UNAVAILABLE 503
 */
bool server_keys_published(struct ctx *c, struct str server, const struct json **out) MUST_CHECK;

/* Has each server that must have signed the event, signed it? errors M_FORBIDDEN 403 */
bool server_signed(struct ctx *c, const struct room_version *v, const struct received *r) MUST_CHECK;

#endif
