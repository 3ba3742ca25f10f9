/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Versions, capabilities, well-known, health, metrics. */
#include "api/res.h"
#include "base/conf.h"
#include "base/metric.h"
#include "room/version.h"

/* GET /_matrix/client/versions. spec: client-server v1.19, "API Versions" */
bool
versions_get(struct req *rq)
{
	static const char *const versions[] = { "v1.1", "v1.2", "v1.3", "v1.4",
	    "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11",
	    "v1.12" };
	struct jsonw *w = res_open(rq, 200);

	jsonw_arr(w, "versions");
	for (size_t i = 0; i < LEN(versions); i++)
		jsonw_cstr(w, NULL, versions[i]);
	jsonw_arr_end(w);
	jsonw_obj(w, "unstable_features");
	jsonw_bool(w, "org.matrix.e2e_cross_signing", true);
	jsonw_bool(w, "org.matrix.msc4140",
	    conf_get()->delayed_max_delay > 0);
	jsonw_bool(w, "org.matrix.msc4155", true);
	jsonw_bool(w, "org.matrix.msc4354", true);
	jsonw_bool(w, "org.matrix.msc4380", true);
	jsonw_bool(w, "org.matrix.msc4380.stable", true);
	jsonw_bool(w, "org.matrix.simplified_msc3575", true);
	jsonw_bool(w, "uk.half-shot.msc2666.query_mutual_rooms", true);
	jsonw_bool(w, "uk.half-shot.msc2666.query_mutual_rooms.stable", true);
	jsonw_bool(w, "uk.tcpip.msc4133", true);
	jsonw_obj_end(w);
	return res_close(rq);
}

static bool
not_here(struct req *rq)
{
	return fail(&rq->ctx.err, M_NOT_FOUND, "Not configured here");
}

/* GET /.well-known/matrix/client. spec: "Server Discovery" */
bool
wellknown_client_get(struct req *rq)
{
	struct str url = conf_get()->server_public_baseurl;
	struct jsonw *w;

	if (url.n == 0)
		return not_here(rq);
	w = res_open(rq, 200);
	jsonw_obj(w, "m.homeserver");
	jsonw_str(w, "base_url", url);
	jsonw_obj_end(w);
	if (conf_get()->voip_livekit_url.n > 0) {
		jsonw_arr(w, "org.matrix.msc4143.rtc_foci");
		jsonw_obj(w, NULL);
		jsonw_cstr(w, "type", "livekit");
		jsonw_str(w, "livekit_service_url",
		    conf_get()->voip_livekit_url);
		jsonw_obj_end(w);
		jsonw_arr_end(w);
	}
	return res_close(rq);
}

/* GET /.well-known/matrix/server. spec: server-server, "Server discovery" */
bool
wellknown_server_get(struct req *rq)
{
	struct jsonw *w;

	if (conf_get()->server_well_known_server.n == 0)
		return not_here(rq);
	w = res_open(rq, 200);
	jsonw_str(w, "m.server", conf_get()->server_well_known_server);
	return res_close(rq);
}

/* GET /.well-known/matrix/support */
bool
wellknown_support_get(struct req *rq)
{
	struct jsonw *w;

	if (conf_get()->server_support_email.n == 0)
		return not_here(rq);
	w = res_open(rq, 200);
	jsonw_arr(w, "contacts");
	jsonw_obj(w, NULL);
	jsonw_str(w, "email_address", conf_get()->server_support_email);
	jsonw_cstr(w, "role", "m.role.admin");
	jsonw_obj_end(w);
	jsonw_arr_end(w);
	return res_close(rq);
}

static void
flag(struct jsonw *w, const char *name, bool enabled)
{
	jsonw_obj(w, name);
	jsonw_bool(w, "enabled", enabled);
	jsonw_obj_end(w);
}

/* GET /capabilities. spec: "Capabilities negotiation" */
bool
capabilities_get(struct req *rq)
{
	struct jsonw *w = res_open(rq, 200);
	const struct room_version *v;

	jsonw_obj(w, "capabilities");
	flag(w, "m.change_password", conf_get()->password_enabled);
	flag(w, "m.set_displayname", true);
	flag(w, "m.set_avatar_url", true);
	flag(w, "m.3pid_changes", false);
	flag(w, "m.get_login_token", true);
	flag(w, "m.profile_fields", true);
	flag(w, "m.forget_forced_upon_leave",
	    conf_get()->room_forget_on_leave);
	if (rq->ctx.who.admin) {
		jsonw_obj(w, "m.account_moderation");
		jsonw_bool(w, "suspend", true);
		jsonw_bool(w, "lock", true);
		jsonw_obj_end(w);
	}
	jsonw_obj(w, "org.matrix.msc4140.delayed_events");
	jsonw_int(w, "max_delay_ms", conf_get()->delayed_max_delay);
	jsonw_int(w, "max_scheduled", conf_get()->delayed_max_scheduled);
	jsonw_obj_end(w);
	jsonw_obj(w, "m.room_versions");
	jsonw_str(w, "default", conf_get()->room_default_version);
	jsonw_obj(w, "available");
	for (size_t i = 0; (v = room_version_at(i)) != NULL; i++) {
		jsonw_key(w, v->name);
		jsonw_cstr(w, NULL, "stable");
	}
	jsonw_obj_end(w);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
	return res_close(rq);
}

/* GET /health: 200 when a worker and the database answer. */
bool
health_get(struct req *rq)
{
	return res_empty(rq);
}

/* GET /metrics: Prometheus text. */
bool
metrics_get(struct req *rq)
{
	struct buf b;

	buf_init(&b, rq->ctx.a, 4 << 20);
	metrics_write(&b);
	if (!res_html(rq, 200, buf_view(&b)))
		return false;
	buf_reset(&rq->res.head);
	res_header(rq, "Content-Type",
	    S("text/plain; version=0.0.4; charset=utf-8"));
	return true;
}
