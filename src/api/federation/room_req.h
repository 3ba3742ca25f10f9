/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rooms as other servers name them. */
#ifndef API_FEDERATION_ROOM_REQ_H
#define API_FEDERATION_ROOM_REQ_H

#include "api/res.h"

/* {roomId} of the path, when the asking server is in it and the room's ACL allows it. errors M_FORBIDDEN 403, the same for all */
bool req_fed_room(struct req *rq, struct room **out) MUST_CHECK;

#endif
