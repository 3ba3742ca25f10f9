/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Moderation of accounts as the specification has it: locking, suspending, and
 * who an account is. Administrators do not act on each other nor on themselves
 * here; the operator's socket may. spec: client-server v1.19, "Server
 * Administration".
 */
#include "api/res.h"
#include "core/account.h"
#include "core/session.h"
#include "room/ids.h"

/* A user of ours who is there. errors M_INVALID_PARAM 400, M_NOT_FOUND 404 */
static bool
target(struct req *rq, struct account *x)
{
	struct str user;

	if (!req_path_user(rq, "userId", &user))
		return false;
	if (!server_is_local(user))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The user is not one of this server");
	if (!account_get(&rq->ctx, user, x))
		return false;
	return !x->deactivated || fail(&rq->ctx.err, M_NOT_FOUND,
	    "There is no such user");
}

static bool
may_moderate(struct req *rq, const struct account *x)
{
	return !x->admin || rq->ctx.who.kind == ACTOR_JOB ||
	    fail(&rq->ctx.err, M_FORBIDDEN,
	    "Administrators do not act on administrators");
}

static bool
body_bool(struct req *rq, const char *key, bool *out)
{
	const struct json *v = json_get(&rq->body, str_c(key));

	if (v == NULL)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs %s", key);
	if (v->type != JSON_BOOL)
		return fail(&rq->ctx.err, M_BAD_JSON,
		    "%s must be true or false", key);
	*out = v->b;
	return true;
}

static bool
show(struct req *rq, const char *key, bool on)
{
	jsonw_bool(res_open(rq, 200), key, on);
	return res_close(rq);
}

/* GET /admin/lock/{userId} */
bool
spec_lock_get(struct req *rq)
{
	struct account x;

	if (!target(rq, &x) || !may_moderate(rq, &x))
		return false;
	res_note(rq, SEEN_ACCOUNT, x.user_id, 1);
	return show(rq, "locked", x.locked);
}

/* PUT /admin/lock/{userId}: locked. Its long polls end at once. */
bool
spec_lock_put(struct req *rq)
{
	struct account_flags f = ACCOUNT_FLAGS_KEEP;
	struct account x;
	bool on;

	if (!body_bool(rq, "locked", &on) || !target(rq, &x) ||
	    !may_moderate(rq, &x))
		return false;
	f.locked = on;
	return account_set(&rq->ctx, x.user_id, &f) &&
	    show(rq, "locked", on);
}

/* GET /admin/suspend/{userId} */
bool
spec_suspend_get(struct req *rq)
{
	struct account x;

	if (!target(rq, &x) || !may_moderate(rq, &x))
		return false;
	res_note(rq, SEEN_ACCOUNT, x.user_id, 1);
	return show(rq, "suspended", x.suspended);
}

/* PUT /admin/suspend/{userId}: suspended */
bool
spec_suspend_put(struct req *rq)
{
	struct account_flags f = ACCOUNT_FLAGS_KEEP;
	struct account x;
	bool on;

	if (!body_bool(rq, "suspended", &on) || !target(rq, &x) ||
	    !may_moderate(rq, &x))
		return false;
	f.suspended = on;
	return account_set(&rq->ctx, x.user_id, &f) &&
	    show(rq, "suspended", on);
}

static void
write_session(struct jsonw *w, const struct device *d)
{
	jsonw_key(w, d->device_id);
	jsonw_obj(w, NULL);
	jsonw_arr(w, "sessions");
	jsonw_obj(w, NULL);
	jsonw_arr(w, "connections");
	if (d->seen_ms > 0) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "ip", d->seen_address);
		jsonw_int(w, "last_seen", d->seen_ms);
		jsonw_str(w, "user_agent", d->seen_agent);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_obj_end(w);
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

/* GET /admin/whois/{userId}: devices, and where each was last seen. */
bool
whois_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct device *d;
	struct account x;
	struct jsonw *w;
	size_t n;

	if (!target(rq, &x) || !device_list(c->db, c->a, x.user_id, &d, &n,
	    &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "user_id", x.user_id);
	jsonw_obj(w, "devices");
	for (size_t i = 0; i < n; i++)
		write_session(w, &d[i]);
	jsonw_obj_end(w);
	res_note(rq, SEEN_ACCOUNT, x.user_id, (int64_t)n);
	return res_close(rq);
}
