/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Files: upload and download. Every file that leaves has a reader on record; the
 * paths of old, without a reader, are closed unless the operator opens them.
 * spec: client-server, "Content repository".
 */
#include "api/disposition.h"
#include "api/res.h"
#include "base/conf.h"
#include "core/remote_media.h"
#include "core/thumb.h"

#include <unistd.h>

#define NAME_BYTES_MAX 255
#define TYPE_BYTES_MAX 127
#define POLL_MS 500
#define FETCH_POLL_MS 50		/* a file of another server mostly comes soon */
#define TIMEOUT_MS 20000

/* A type that can stand in a header. */
static struct str
upload_type(struct req *rq)
{
	struct str s = str_trim(http_header_get(rq->v, "Content-Type"));

	if (s.n == 0 || s.n > TYPE_BYTES_MAX || !str_utf8_ok(s))
		return S("application/octet-stream");
	return s;
}

static bool
upload(struct req *rq, struct str id)
{
	struct str name = req_query(rq, "filename");
	struct media_row row;
	int fd = rq->v->body_fd;
	int64_t bytes = rq->v->body_bytes;

	if (name.n > NAME_BYTES_MAX)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "filename takes at most 255 bytes");
	if (!media_store(&rq->ctx, fd, bytes, upload_type(rq), name, id,
	    &row))
		return false;
	if (id.n > 0)
		return res_empty(rq);
	jsonw_str(res_open(rq, 200), "content_uri", str_fmt(rq->ctx.a,
	    "mxc://" STR_FMT "/" STR_FMT, STR_ARG(row.server),
	    STR_ARG(row.id)));
	return res_close(rq);
}

/* POST /_matrix/media/v3/upload?filename= */
bool
upload_post(struct req *rq)
{
	return upload(rq, (struct str){ NULL, 0 });
}

/* PUT /_matrix/media/v3/upload/{serverName}/{mediaId} */
bool
upload_put(struct req *rq)
{
	if (!str_eq(req_path(rq, "serverName"), server_get()->name))
		return fail(&rq->ctx.err, M_NOT_FOUND,
		    "That media id is another server's");
	return upload(rq, req_path(rq, "mediaId"));
}

/* POST /_matrix/media/v1/create */
bool
media_create_post(struct req *rq)
{
	struct media_row row;
	struct jsonw *w;

	if (!media_create(&rq->ctx, &row))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "content_uri", str_fmt(rq->ctx.a, "mxc://" STR_FMT "/"
	    STR_FMT, STR_ARG(row.server), STR_ARG(row.id)));
	jsonw_int(w, "unused_expires_at", row.expires_ms);
	return res_close(rq);
}

/* GET /_matrix/client/v1/media/config */
bool
media_config_get(struct req *rq)
{
	jsonw_int(res_open(rq, 200), "m.upload.size",
	    conf_get()->media_max_upload);
	return res_close(rq);
}

static void
file_headers(struct req *rq, const struct media_row *row, struct str name)
{
	res_header(rq, "Content-Disposition", disposition(rq->ctx.a, row->type,
	    name.n > 0 ? name : row->name));
	res_header(rq, "Content-Security-Policy", S("sandbox; default-src "
	    "'none'; script-src 'none'; plugin-types application/pdf; "
	    "style-src 'unsafe-inline'; media-src 'self'; object-src 'self';"));
	res_header(rq, "Cross-Origin-Resource-Policy", S("cross-origin"));
	res_header(rq, "X-Content-Type-Options", S("nosniff"));
	res_header(rq, "Cache-Control",
	    S("private, max-age=31536000, immutable"));
}

/*
 * The file that the path names, ours or another server's. *found false: the
 * request was parked until it is there.
 */
static bool
find_file(struct req *rq, struct media_row *row, bool *found)
{
	struct str server = req_path(rq, "serverName");
	struct str id = req_path(rq, "mediaId");
	bool ours = str_eq(server, server_get()->name);
	int64_t timeout = TIMEOUT_MS, left, poll;

	if (!req_int(rq, "timeout_ms", 0, 120000, &timeout))
		return false;
	/* Servers give files for readers who are known, and so do we theirs. */
	if (!ours && rq->ctx.who.user.n == 0)
		return fail(&rq->ctx.err, M_NOT_FOUND, "Files of other "
		    "servers are given to signed-in users only");
	if (ours ? !media_get(&rq->ctx, server, id, row, found)
	    : !remote_media_get(&rq->ctx, server, id, !str_eq(req_query(rq,
	    "allow_remote"), S("false")), row, found))
		return false;
	if (*found)
		return true;
	left = req_time_left(rq, timeout);
	poll = ours ? POLL_MS : FETCH_POLL_MS;
	if (left > 0)
		return req_park(rq, left < poll ? left : poll);
	return fail(&rq->ctx.err, M_NOT_YET_UPLOADED,
	    "The file is not there yet");
}

static bool
download(struct req *rq, struct str name)
{
	struct media_row row;
	bool found;
	int fd;

	if (!find_file(rq, &row, &found))
		return false;
	if (!found)
		return true;
	if (!media_open(&rq->ctx, &row, &fd) || !res_file(rq, str_fmt(
	    rq->ctx.a, STR_FMT "/" STR_FMT, STR_ARG(row.server),
	    STR_ARG(row.id)), fd, row.bytes, row.type))
		return false;
	file_headers(rq, &row, name);
	return true;
}

/* GET /_matrix/client/v1/media/download/{serverName}/{mediaId} */
bool
download_get(struct req *rq)
{
	return download(rq, (struct str){ NULL, 0 });
}

/* GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName} */
bool
download_name_get(struct req *rq)
{
	return download(rq, str_utf8_clip(req_path(rq, "fileName"),
	    NAME_BYTES_MAX));
}

/* GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}: width, height, method */
bool
thumbnail_get(struct req *rq)
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
	    !find_file(rq, &row, &found))
		return false;
	if (!found)
		return true;
	if (!thumb_get(&rq->ctx, &row, width, height, str_eq(req_query(rq,
	    "method"), S("crop")), &t) || !res_file(rq, str_fmt(rq->ctx.a,
	    STR_FMT "/" STR_FMT, STR_ARG(row.server), STR_ARG(row.id)), t.fd,
	    t.bytes, t.type))
		return false;
	row.type = t.type;
	file_headers(rq, &row, S("thumbnail"));
	return true;
}

static bool
old_paths_open(struct req *rq)
{
	return conf_get()->media_unauthenticated || fail(&rq->ctx.err,
	    M_NOT_FOUND, "Files are given to signed-in users only: ask "
	    "/_matrix/client/v1/media");
}

/* GET /_matrix/media/v3/download/{serverName}/{mediaId}; deprecated */
bool
old_download_get(struct req *rq)
{
	return old_paths_open(rq) && download_get(rq);
}

/* GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}; deprecated */
bool
old_download_name_get(struct req *rq)
{
	return old_paths_open(rq) && download_name_get(rq);
}

/* GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}; deprecated */
bool
old_thumbnail_get(struct req *rq)
{
	return old_paths_open(rq) && thumbnail_get(rq);
}
