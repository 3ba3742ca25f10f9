/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Reading requests: parameters with uniform errors. See req.h. */
#include "api/req.h"

#include "base/clock.h"
#include "core/notify.h"
#include "room/ids.h"

#include <assert.h>
#include <string.h>

struct str
req_path(struct req *rq, const char *name)
{
	struct str pattern = str_c(rq->route->pattern), part, want;
	size_t at = 0;
	bool more;

	want = str_fmt(rq->ctx.a, "{%s}", name);
	pattern = str_from(pattern, 1);
	do {
		more = str_cut(pattern, '/', &part, &pattern);
		if (str_eq(part, want))
			return rq->path_param[at];
		at += str_starts(part, S("{"));
	} while (more);
	assert(false && "a path parameter that the row does not have");
	return (struct str){ NULL, 0 };
}

static bool
path_id(struct req *rq, const char *name, bool (*ok)(struct str),
    struct str *out)
{
	struct str s = req_path(rq, name);

	if (!ok(s))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "%s in the path is malformed", name);
	*out = s;
	return true;
}

bool
req_path_user(struct req *rq, const char *name, struct str *out)
{
	return path_id(rq, name, id_user_ok, out);
}

bool
req_path_room(struct req *rq, const char *name, struct str *out)
{
	return path_id(rq, name, id_room_ok, out);
}

bool
req_path_event(struct req *rq, const char *name, struct str *out)
{
	return path_id(rq, name, id_event_ok, out);
}

bool
req_path_alias(struct req *rq, const char *name, struct str *out)
{
	return path_id(rq, name, id_alias_ok, out);
}

bool
req_has(struct req *rq, const char *name)
{
	for (size_t i = 0; i < rq->nquery; i++)
		if (str_eq_c(rq->query[i].key, name))
			return true;
	return false;
}

struct str
req_query(struct req *rq, const char *name)
{
	for (size_t i = 0; i < rq->nquery; i++)
		if (str_eq_c(rq->query[i].key, name))
			return rq->query[i].val;
	return (struct str){ NULL, 0 };
}

bool
req_need(struct req *rq, const char *name, struct str *out)
{
	if (!req_has(rq, name))
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The query needs %s", name);
	*out = req_query(rq, name);
	return true;
}

bool
req_int(struct req *rq, const char *name, int64_t min, int64_t max,
    int64_t *out)
{
	int64_t v;

	if (!req_has(rq, name))
		return true;
	if (!str_i64(req_query(rq, name), &v) || v < min)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "%s must be a number from %lld on", name, (long long)min);
	*out = v > max ? max : v;
	return true;
}

bool
req_bool(struct req *rq, const char *name, bool *out)
{
	struct str s = req_query(rq, name);

	if (!req_has(rq, name))
		return true;
	if (!str_eq(s, S("true")) && !str_eq(s, S("false")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "%s must be true or false", name);
	*out = str_eq(s, S("true"));
	return true;
}

bool
req_filter(struct req *rq, const char *name, struct event_filter *out)
{
	struct json j;

	filter_init_event(out);
	if (!req_has(rq, name))
		return true;
	return json_parse(rq->ctx.a, req_query(rq, name), JSON_ANY, &j,
	    &rq->ctx.err) && filter_read_event(rq->ctx.a, &j, out,
	    &rq->ctx.err);
}

static bool
wrong(struct req *rq, const char *key, const char *what)
{
	return fail(&rq->ctx.err, M_BAD_JSON, "%s must be %s", key, what);
}

bool
body_opt_str(struct req *rq, const char *key, size_t max, struct str *out)
{
	const struct json *v = json_get(&rq->body, str_c(key));

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_STR)
		return wrong(rq, key, "a string");
	if (v->s.n > max)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "%s takes at most %zu bytes", key, max);
	*out = v->s;
	return true;
}

bool
body_str(struct req *rq, const char *key, size_t max, struct str *out)
{
	if (json_get(&rq->body, str_c(key)) == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs %s", key);
	*out = (struct str){ NULL, 0 };
	if (!body_opt_str(rq, key, max, out))
		return false;
	return out->p != NULL || wrong(rq, key, "a string");
}

bool
body_opt_int(struct req *rq, const char *key, int64_t min, int64_t max,
    int64_t *out)
{
	const struct json *v = json_get(&rq->body, str_c(key));

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_INT)
		return wrong(rq, key, "an integer");
	if (v->i < min || v->i > max)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "%s must be from %lld to %lld", key, (long long)min,
		    (long long)max);
	*out = v->i;
	return true;
}

bool
body_opt_bool(struct req *rq, const char *key, bool *out)
{
	const struct json *v = json_get(&rq->body, str_c(key));

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_BOOL)
		return wrong(rq, key, "true or false");
	*out = v->b;
	return true;
}

bool
body_opt_obj(struct req *rq, const char *key, const struct json **out)
{
	const struct json *v = json_get(&rq->body, str_c(key));

	*out = NULL;
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_OBJ)
		return wrong(rq, key, "an object");
	*out = v;
	return true;
}

bool
body_obj(struct req *rq, const char *key, const struct json **out)
{
	if (json_get(&rq->body, str_c(key)) == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs %s", key);
	return body_opt_obj(rq, key, out) &&
	    (*out != NULL || wrong(rq, key, "an object"));
}

bool
body_opt_arr(struct req *rq, const char *key, size_t max,
    const struct json **out)
{
	const struct json *v = json_get(&rq->body, str_c(key));

	*out = NULL;
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_ARR)
		return wrong(rq, key, "an array");
	if (v->n > max)
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "%s takes at most %zu entries", key, max);
	*out = v;
	return true;
}

static void
wake(void *arg)
{
	http_wake(arg);
	http_req_put(arg);
}

/*
 * The waiter is kept with the HTTP request, over the parks; each run ends the
 * one of the run before (req_wait_end).
 */
bool
req_wait(struct req *rq)
{
	assert(http_data(rq->http) == NULL);
	http_req_get(rq->http);
	http_set_data(rq->http, wait_begin(&rq->ctx, rq->ctx.who.user,
	    rq->ctx.who.device, wake, rq->http));
	return true;
}

void
req_wait_end(struct http_req *http)
{
	struct waiter *w = http_data(http);

	if (w == NULL)
		return;
	http_set_data(http, NULL);
	if (wait_end(w))
		http_req_put(http);	/* wake never will */
}

bool
req_park(struct req *rq, int64_t ms)
{
	assert((rq->route->flags & F_PARK) != 0);
	rq->parked = true;
	rq->park_ms = ms;
	return true;
}

bool
req_stopping(struct req *rq)
{
	return http_req_stopping(rq->http);
}

int64_t
req_time_left(struct req *rq, int64_t timeout_ms)
{
	int64_t gone = (clock_mono_us() - rq->v->began_us) / 1000;

	if (req_stopping(rq) || gone >= timeout_ms)
		return 0;
	return timeout_ms - gone;
}
