/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A request as handlers see it: typed parameters with uniform errors.
 * Every req_* that fails has set rq->ctx.err, naming the parameter.
 */
#ifndef API_REQ_H
#define API_REQ_H

#include "api/route.h"
#include "base/enc.h"
#include "base/jsonw.h"
#include "core/ctx.h"
#include "guard/seen.h"
#include "room/filter.h"

#define REQ_PARAMS_MAX 8

struct req {
	struct ctx ctx;
	struct http_req *http;
	const struct http_view *v;
	const struct route *route;
	struct str path_param[REQ_PARAMS_MAX];	/* decoded, in the pattern's order */
	size_t npath;
	struct param *query;
	size_t nquery;
	struct json body;		/* an object, unless F_NO_BODY / F_UPLOAD */
	bool has_body;
	struct http_res res;		/* the reply while it is being made */
	struct jsonw w;
	struct seen seen;
	bool replied;			/* the handler closed its reply */
	bool parked;			/* the handler asked to wait: see req_park */
	int64_t park_ms;
	int64_t began_us;
};

/* Path parameters: always there; of the wrong grammar: M_INVALID_PARAM 400. */
struct str req_path(struct req *rq, const char *name);
bool req_path_user(struct req *rq, const char *name, struct str *out) MUST_CHECK;
bool req_path_room(struct req *rq, const char *name, struct str *out) MUST_CHECK;
bool req_path_event(struct req *rq, const char *name, struct str *out) MUST_CHECK;
bool req_path_alias(struct req *rq, const char *name, struct str *out) MUST_CHECK;

/* Query parameters. Not given: *out is left as it was, true. Malformed: M_INVALID_PARAM 400. */
struct str req_query(struct req *rq, const char *name);		/* empty if not given */
bool req_has(struct req *rq, const char *name);
bool req_int(struct req *rq, const char *name, int64_t min, int64_t max, int64_t *out) MUST_CHECK;	/* clipped to max; below min is an error */
bool req_bool(struct req *rq, const char *name, bool *out) MUST_CHECK;
bool req_need(struct req *rq, const char *name, struct str *out) MUST_CHECK;	/* M_MISSING_PARAM */
bool req_filter(struct req *rq, const char *name, struct event_filter *out) MUST_CHECK;	/* JSON of a RoomEventFilter */

/* Members of the body. Wrong type: M_BAD_JSON 400; over max bytes: M_INVALID_PARAM 400... */
bool body_str(struct req *rq, const char *key, size_t max, struct str *out) MUST_CHECK;	/* required: M_MISSING_PARAM */
bool body_opt_str(struct req *rq, const char *key, size_t max, struct str *out) MUST_CHECK;
bool body_opt_int(struct req *rq, const char *key, int64_t min, int64_t max, int64_t *out) MUST_CHECK;
bool body_opt_bool(struct req *rq, const char *key, bool *out) MUST_CHECK;
bool body_obj(struct req *rq, const char *key, const struct json **out) MUST_CHECK;	/* required */
bool body_opt_obj(struct req *rq, const char *key, const struct json **out) MUST_CHECK;	/* NULL if not given */
bool body_opt_arr(struct req *rq, const char *key, size_t max, const struct json **out) MUST_CHECK;

/* Asks a signed-in user for the password again (user-interactive authentication). False: the 401 or error is set. */
bool req_uia(struct req *rq) MUST_CHECK;

/*
 * Asks to wait: the handler then returns true without a reply, and is run
 * again from the first step when woken by wait_begin's wake, after ms, or on
 * stop. Use: rq->waiter = wait_begin(...); look for news; none: return req_park(rq, ms).
 */
bool req_wait(struct req *rq);			/* registers the waiter for the actor, before the look */
/* Ends what req_wait began; by the frame. */
void req_wait_end(struct http_req *http);
bool req_park(struct req *rq, int64_t ms);
/* The server is stopping: long polls answer at once. */
bool req_stopping(struct req *rq);
/* Milliseconds of `timeout` that are left, counted from the first run; 0 when over or stopping. */
int64_t req_time_left(struct req *rq, int64_t timeout_ms);

#endif
