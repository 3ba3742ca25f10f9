/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Server ACLs: which servers may take part in a room. Pure.
 * spec: client-server, "Server Access Control Lists (ACLs) for rooms".
 */
#ifndef ROOM_ACL_H
#define ROOM_ACL_H

#include "base/json.h"

/*
 * May that server take part, by the content of m.room.server_acl (NULL: the
 * room has none, and all may)? Case and port do not count.
 * cost    O(bytes of the content), whatever its patterns are: no list can be
 *         made slow (CVE-2023-45129)
 */
bool server_acl_allows(const struct json *content, struct str server_name);

#endif
