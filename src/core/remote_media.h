/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files of other servers: asked for once, kept within media.remote_cache. spec: server-server, "Content Repository". */
#ifndef CORE_REMOTE_MEDIA_H
#define CORE_REMOTE_MEDIA_H

#include "core/media.h"

/*
 * The row of a file of another server. *ready false: it is being fetched, ask
 * again soon.
 * fetch   false: only what is here already counts
 * errors  M_NOT_FOUND 404; M_FORBIDDEN 403 no federation with that server;
 *         M_TOO_LARGE 413; M_NOT_YET_UPLOADED 504; M_UNAVAILABLE 503
 */
bool remote_media_get(struct ctx *c, struct str server, struct str id, bool fetch, struct media_row *out, bool *ready) MUST_CHECK;

#endif
