/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Identifiers: grammar of user, room, event, alias and server names. Pure.
 * spec: appendices, "Identifier Grammar".
 */
#ifndef ROOM_IDS_H
#define ROOM_IDS_H

#include "base/arena.h"
#include "base/json.h"
#include "base/str.h"

#define ID_MAX 255		/* bytes of any identifier, sigil and server included */

/* At most 255 bytes; that it should be at most 230 is for who chooses one. */
bool id_server_name_ok(struct str s);
/* As accepted from others: any localpart without NUL, colon-separated, a valid server name, <= 255 bytes. */
bool id_user_ok(struct str s);
/* As new local accounts must be: a-z 0-9 . _ = - / +, not empty. */
bool id_localpart_ok(struct str localpart);
bool id_room_ok(struct str s);		/* "!opaque:server" or, from version 12, "!" + 43 url-safe base64 letters */
bool id_event_ok(struct str s);		/* "$..." of any version, <= 255 bytes */
bool id_alias_ok(struct str s);		/* "#local:server", valid UTF-8, no NUL */
bool id_device_ok(struct str s);	/* 1 to 255 bytes, printable */
bool id_mxc_ok(struct str s, struct str *server, struct str *media);	/* "mxc://server/media" */
bool id_opaque_ok(struct str s);	/* A-Z a-z 0-9 . _ ~ = - , 1 to 255: session and media ids */

/* What stands after the first colon; empty without one (room ids of version 12). */
struct str id_server(struct str id);
/* What stands between the sigil and the first colon. */
struct str id_localpart(struct str id);
/* The host of a server name without its port. */
struct str id_host(struct str server_name);

#endif
