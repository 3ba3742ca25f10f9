/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Pushers, and the list of what one was notified of. Push rules are in data.c.
 * spec: client-server, "Push Notifications".
 */
#include "api/res.h"
#include "core/history.h"
#include "core/notice.h"
#include "core/push.h"
#include "net/client.h"

#define APP_ID_MAX 64
#define PUSHKEY_MAX 512
#define NAME_MAX_BYTES 256
#define DATA_MAX 4096

/* GET /pushers */
bool
pushers_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct pusher *p;
	struct jsonw *w;
	size_t n;

	if (!pushers_of_user(c->db, c->a, c->who.user, &p, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "pushers");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "app_id", p[i].app_id);
		jsonw_str(w, "pushkey", p[i].pushkey);
		jsonw_str(w, "kind", p[i].kind);
		jsonw_str(w, "app_display_name", p[i].app_name);
		jsonw_str(w, "device_display_name", p[i].device_name);
		if (p[i].profile_tag.n > 0)
			jsonw_str(w, "profile_tag", p[i].profile_tag);
		jsonw_str(w, "lang", p[i].lang);
		jsonw_raw(w, "data", p[i].data);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

/* The gateway that data.url names. */
static bool
check_gateway(struct req *rq, const struct json *data)
{
	struct ctx *c = &rq->ctx;
	struct client_url u;
	struct str url;

	if (!json_get_str(data, S("url"), &url))
		return fail(&c->err, M_MISSING_PARAM, "data needs a url");
	if (!client_url_parse(c->a, url, &u) || u.has_user || u.has_fragment ||
	    !str_eq(u.path, S("/_matrix/push/v1/notify")))
		return fail(&c->err, M_INVALID_PARAM, "data.url must be "
		    "https://.../_matrix/push/v1/notify");
	if (!str_eq(u.scheme, S("https")) && !conf_get()->push_allow_http)
		return fail(&c->err, M_INVALID_PARAM,
		    "data.url must begin with https");
	return true;
}

static bool
read_pusher(struct req *rq, struct pusher *p)
{
	struct ctx *c = &rq->ctx;
	const struct json *data;
	struct str format;

	if (!str_eq(p->kind, S("http")))
		return fail(&c->err, M_INVALID_PARAM,
		    "kind must be http, or null to remove a pusher");
	if (!body_str(rq, "app_display_name", NAME_MAX_BYTES, &p->app_name) ||
	    !body_str(rq, "device_display_name", NAME_MAX_BYTES,
	    &p->device_name) || !body_str(rq, "lang", 64, &p->lang) ||
	    !body_opt_str(rq, "profile_tag", 64, &p->profile_tag) ||
	    !body_obj(rq, "data", &data) || !check_gateway(rq, data))
		return false;
	if (json_get(data, S("format")) != NULL && (!json_get_str(data,
	    S("format"), &format) || !str_eq(format, S("event_id_only"))))
		return fail(&c->err, M_INVALID_PARAM,
		    "data.format must be event_id_only if it is there");
	p->data = json_text(c->a, data);
	return p->data.n <= DATA_MAX || fail(&c->err, M_INVALID_PARAM,
	    "data is longer than %d bytes", DATA_MAX);
}

/*
 * POST /pushers/set: makes, changes or (kind null) removes a pusher.
 *
 * body    kind, app_id, pushkey; app_display_name, device_display_name, lang,
 *         data { url, format }, profile_tag, append
 * errors  M_MISSING_PARAM, M_INVALID_PARAM 400; M_LIMIT_EXCEEDED 429
 */
bool
pushers_set_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	const struct json *kind = json_get(&rq->body, S("kind"));
	struct pusher p = { .user = c->who.user };
	bool append = false;

	if (kind == NULL)
		return fail(&c->err, M_MISSING_PARAM, "The body needs kind");
	if (!body_str(rq, "app_id", APP_ID_MAX, &p.app_id) ||
	    !body_str(rq, "pushkey", PUSHKEY_MAX, &p.pushkey) ||
	    !body_opt_bool(rq, "append", &append))
		return false;
	if (kind->type == JSON_NULL)
		return pusher_remove(c, p.app_id, p.pushkey) && res_empty(rq);
	return body_str(rq, "kind", 64, &p.kind) && read_pusher(rq, &p) &&
	    pusher_set(c, &p, append) && res_empty(rq);
}

static void
write_actions(struct jsonw *w, const struct push_result *how)
{
	jsonw_arr(w, "actions");
	jsonw_cstr(w, NULL, "notify");
	if (how->sound.n > 0) {
		jsonw_obj(w, NULL);
		jsonw_cstr(w, "set_tweak", "sound");
		jsonw_str(w, "value", how->sound);
		jsonw_obj_end(w);
	}
	if (how->highlight) {
		jsonw_obj(w, NULL);
		jsonw_cstr(w, "set_tweak", "highlight");
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

static bool
write_notice(struct req *rq, const struct notice *x)
{
	struct res_event_opt opt = { .room_id = true };
	struct jsonw *w = &rq->w;

	if (!history_bundle(&rq->ctx, x->r, x->ev, &opt.bundle))
		return false;
	jsonw_obj(w, NULL);
	jsonw_str(w, "room_id", room_id(x->r));
	jsonw_bool(w, "read", x->read);
	jsonw_int(w, "ts", x->ev->ev.ts);
	write_actions(w, &x->how);
	res_event(rq, "event", x->r, x->ev, &opt);
	jsonw_obj_end(w);
	return true;
}

/*
 * GET /notifications: what the rules notified the caller of, newest first.
 *
 * query   from, limit 1 to 100 (default 20), only=highlight
 * reply   200 { notifications[], next_token when there may be more }
 */
bool
notifications_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str from = req_query(rq, "from"), only = req_query(rq, "only");
	struct notice_ask ask = { .from = INT64_MAX,
	    .highlights = str_eq(only, S("highlight")) };
	int64_t limit = 20, next;
	struct notice *x;
	size_t n;

	if (!req_int(rq, "limit", 1, 100, &limit))
		return false;
	if (from.n > 0 && (!str_i64(from, &ask.from) || ask.from < 1))
		return fail(&c->err, M_INVALID_PARAM,
		    "from is no token of this list");
	ask.limit = (size_t)limit;
	if (!notice_page(c, &ask, &x, &n, &next))
		return false;
	res_open(rq, 200);
	jsonw_arr(&rq->w, "notifications");
	for (size_t i = 0; i < n; i++)
		if (!write_notice(rq, &x[i]))
			return false;
	jsonw_arr_end(&rq->w);
	if (next > 0)
		jsonw_str(&rq->w, "next_token", str_fmt(c->a, "%lld",
		    (long long)next));
	if (n == 0)
		seen_add(&rq->seen, SEEN_EVENTS, S("notifications"), 0, 0, 0,
		    0);
	return res_close(rq);
}
