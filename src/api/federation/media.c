/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Our files, for other servers. The protocol ties no file to a room: whoever
 * federates with us may ask for one by its id, and is on record for it. A file
 * of a third server is never given on.
 * spec: server-server, "Content Repository".
 */
#include "api/disposition.h"
#include "api/res.h"
#include "core/thumb.h"

#define POLL_MS 500
#define TIMEOUT_MS 20000
#define TIMEOUT_MAX_MS 120000

/* Our file of that id. *found false: the request was parked until it is there. */
static bool
own_file(struct req *rq, struct media_row *row, bool *found)
{
	int64_t timeout = TIMEOUT_MS, left;

	if (!req_int(rq, "timeout_ms", 0, TIMEOUT_MAX_MS, &timeout) ||
	    !media_get(&rq->ctx, server_get()->name, req_path(rq, "mediaId"),
	    row, found))
		return false;
	if (*found)
		return true;
	left = req_time_left(rq, timeout);
	if (left > 0)
		return req_park(rq, left < POLL_MS ? left : POLL_MS);
	return fail(&rq->ctx.err, M_NOT_YET_UPLOADED,
	    "The file is not there yet");
}

static bool
give(struct req *rq, const struct media_row *row, int fd, int64_t bytes,
    struct str type, struct str name)
{
	struct arena *a = rq->ctx.a;

	return res_file_parts(rq, str_fmt(a, STR_FMT "/" STR_FMT,
	    STR_ARG(row->server), STR_ARG(row->id)), fd, bytes, type,
	    disposition(a, type, name));
}

/* GET /media/download/{mediaId}?timeout_ms= */
bool
fed_download_get(struct req *rq)
{
	struct media_row row;
	bool found;
	int fd;

	if (!own_file(rq, &row, &found))
		return false;
	return !found || (media_open(&rq->ctx, &row, &fd) &&
	    give(rq, &row, fd, row.bytes, row.type, row.name));
}

/* GET /media/thumbnail/{mediaId}?width=&height=&method=&timeout_ms= */
bool
fed_thumbnail_get(struct req *rq)
{
	int64_t width = 0, height = 0;
	struct media_row row;
	struct thumb t;
	bool found;

	if (!req_has(rq, "width") || !req_has(rq, "height"))
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The query needs width and height");
	if (!req_int(rq, "width", 1, 4096, &width) ||
	    !req_int(rq, "height", 1, 4096, &height) ||
	    !own_file(rq, &row, &found))
		return false;
	return !found || (thumb_get(&rq->ctx, &row, width, height,
	    str_eq(req_query(rq, "method"), S("crop")), &t) &&
	    give(rq, &row, t.fd, t.bytes, t.type, S("thumbnail")));
}
