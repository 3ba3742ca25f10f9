/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What several handlers about rooms read and write alike. */
#ifndef API_CLIENT_ROOM_REQ_H
#define API_CLIENT_ROOM_REQ_H

#include "api/req.h"
#include "core/room.h"

#define PAGE_MAX 1000

/* The room of {roomId}; one that is not known looks like one that is closed: M_FORBIDDEN 403. */
bool req_room(struct req *rq, struct room **r) MUST_CHECK;
/* The same, if the caller may read it. */
bool req_readable_room(struct req *rq, struct room **r) MUST_CHECK;
/* dir: "b" or "f"; not given: *back is left. */
bool req_dir(struct req *rq, bool *back) MUST_CHECK;
/* Events with their aggregations, under one key. */
bool res_bundled(struct req *rq, const char *key, struct room *r, const struct sev *const *ev, size_t n) MUST_CHECK;

#endif
