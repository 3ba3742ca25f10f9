/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who another server is, by its signature on the request. spec: server-server, "Request Authentication". */
#ifndef API_FEDERATION_AUTH_H
#define API_FEDERATION_AUTH_H

#include "api/req.h"

/* The parts of an X-Matrix header. */
struct x_matrix {
	struct str origin, destination, key, sig;
};

/* Reads "X-Matrix origin=...,key=\"...\",..."; quoted or not, in any order, unknown parts passed over, none of ours twice. Pure. */
bool x_matrix_read(struct arena *a, struct str header, struct x_matrix *out);

/* Fills the actor with the server. errors M_UNAUTHORIZED 401, M_FORBIDDEN 403 */
bool server_auth(struct req *rq) MUST_CHECK;

#endif
