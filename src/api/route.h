/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The table of all endpoints, and the steps that every request takes. A step
 * never asks which endpoint it serves: what it must know is a column.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "net/http.h"

struct req;

enum route_auth {		/* who may call */
	AUTH_NONE = 1,
	AUTH_MAYBE,		/* a token is read when there is one */
	AUTH_GUEST,		/* a user, guests included */
	AUTH_USER,		/* a user, not a guest */
	AUTH_ADMIN,		/* an administrator, or the operator's socket */
	AUTH_METRICS,		/* the metrics listener, or as AUTH_ADMIN */
	AUTH_SERVER		/* another server, by its signature on the request */
};

enum route_rate { RATE_FREE = 1, RATE_READ, RATE_PAGE, RATE_SEND, RATE_LOGIN, RATE_MEDIA, RATE_KEYS, RATE_FED, RATE_ADMIN,
	RATE_ACCOUNT,		/* not of a row: attempts to sign in to one account, from anywhere */
	RATE_NCLASSES };

/* What a 200 of this endpoint discloses; NONE must note nothing, every other class must note (an empty answer notes with count 0). */
enum route_access {
	ACCESS_NONE = 1,
	ACCESS_SELF,		/* only the caller's own things: notes nothing */
	ACCESS_WRITE,		/* takes in; answers with ids: notes nothing */
	ACCESS_PROFILE, ACCESS_DIRECTORY, ACCESS_USERS, ACCESS_MEMBERS, ACCESS_HISTORY,
	ACCESS_SYNC,		/* may be empty: then it notes nothing */
	ACCESS_MEDIA, ACCESS_KEYS, ACCESS_ADMIN
};

enum route_flags {
	F_PARK = 1,		/* may wait */
	F_BIG = 2,		/* JSON body up to 8 MB (keys, backups, to-device) instead of limits.body */
	F_UPLOAD = 4,		/* the body is spooled to a file, up to media.max_upload */
	F_LOCKED_OK = 8,	/* a locked account may call it (logout) */
	F_NO_SUSPENDED = 16,	/* a suspended account may not */
	F_NO_BODY = 32,		/* a body is not read as JSON even for POST and PUT (raw or none) */
	F_UIA = 64,		/* user-interactive authentication is asked for inside */
	F_FILE = 128,		/* replies with a file */
	F_PAGE = 256,		/* a page for browsers: refusals are pages too, and other origins may not read it */
	F_BODY_OPT = 512,	/* a PUT may come without a body: the handler looks at rq->has_body */
	F_SLOW = 1024		/* waits for another server: on the workers that sign-ins have */
};

struct route {
	enum http_method method;
	const char *pattern;	/* "/_matrix/client/v3/rooms/{roomId}/messages" */
	bool (*handle)(struct req *rq);
	const char *name;	/* the handler's: metrics label, ledger operation */
	enum route_auth auth;
	enum route_rate rate;
	enum route_access access;
	unsigned flags;
};

const struct route *routes_all(size_t *n);
/* Sorts the table for look-up; duplicate patterns are a bug (assert). */
void routes_start(void);
/*
 * Finds the row. *known: the path exists for another method (405), or, false
 * with a NULL result, not at all (404). params: the raw parts of the path that
 * stand for {names}, in order.
 */
const struct route *route_find(enum http_method m, struct str path, struct str *params, size_t *nparams, bool *known);

/* net/http.h's callbacks, and the workers behind them. */
bool api_start(struct err *e) MUST_CHECK;
void api_stop(void);			/* after http_stop */
struct http_app api_app(void);
/* The listener whose callers are administrators by the socket's own rights. */
#define LISTENER_ADMIN 0
#define LISTENER_CLIENTS 1	/* the first of those that clients use; metrics come last */

#endif
