/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What calls need beside rooms: TURN credentials, where MatrixRTC media goes,
 * and OpenID tokens, by which other services learn who asks them.
 * spec: client-server, "Voice over IP", "OpenID"; server-server, "OpenID"; MSC4143.
 */
#include "api/res.h"
#include "core/account.h"
#include "core/browser.h"
#include "core/held.h"
#include "crypto/digest.h"
#include "store/q_browser.h"

#define OPENID_MS (3600 * INT64_C(1000))
#define PURPOSE "openid"

/*
 * GET /voip/turnServer: a name that says until when it holds, and the proof of
 * it that coturn's use-auth-secret checks.
 *
 * reply   200 { username, password, uris[], ttl }
 * errors  M_NOT_FOUND 404   there is no TURN server here
 */
bool
turn_server_get(struct req *rq)
{
	const struct conf *conf = conf_get();
	struct ctx *c = &rq->ctx;
	struct str name;
	struct jsonw *w;
	uint8_t mac[20];

	if (conf->voip_turn_uris.n == 0 || conf->voip_turn_secret.n == 0)
		return fail(&c->err, M_NOT_FOUND,
		    "There is no TURN server here");
	name = str_fmt(c->a, "%lld:" STR_FMT, (long long)((c->now_ms +
	    conf->voip_turn_lifetime) / 1000), STR_ARG(c->who.user));
	hmac_sha1(conf->voip_turn_secret, name, mac);
	w = res_open(rq, 200);
	jsonw_str(w, "username", name);
	/* With its padding: the TURN server compares texts. */
	jsonw_str(w, "password", str_cat(c->a, b64_encode(c->a, B64_STD,
	    str_n((char *)mac, sizeof(mac))), S("=")));
	jsonw_arr(w, "uris");
	for (size_t i = 0; i < conf->voip_turn_uris.n; i++)
		jsonw_str(w, NULL, conf->voip_turn_uris.at[i]);
	jsonw_arr_end(w);
	jsonw_int(w, "ttl", conf->voip_turn_lifetime / 1000);
	return res_close(rq);
}

/* GET /rtc/transports (MSC4143): the LiveKit service of the configuration, if there is one. */
bool
rtc_transports_get(struct req *rq)
{
	struct str url = conf_get()->voip_livekit_url;
	struct jsonw *w = res_open(rq, 200);

	jsonw_arr(w, "rtc_transports");
	if (url.n > 0) {
		jsonw_obj(w, NULL);
		jsonw_cstr(w, "type", "livekit");
		jsonw_str(w, "livekit_service_url", url);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

/* POST /user/{userId}/openid/request_token: a token that tells who the caller is, for an hour. */
bool
openid_request_token_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str user, token;
	struct jsonw *w;

	if (!req_path_user(rq, "userId", &user))
		return false;
	if (!str_eq(user, c->who.user))
		return fail(&c->err, M_FORBIDDEN,
		    "Tokens are given for one's own account only");
	if (!onetime_make(c, PURPOSE, user, OPENID_MS, &token))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "access_token", token);
	jsonw_cstr(w, "token_type", "Bearer");
	jsonw_str(w, "matrix_server_name", server_get()->name);
	jsonw_int(w, "expires_in", OPENID_MS / 1000);
	return res_close(rq);
}

/*
 * GET /_matrix/federation/v1/openid/userinfo?access_token=: whose token it is.
 * It may be asked for again while it lasts.
 *
 * errors  M_MISSING_TOKEN, M_UNKNOWN_TOKEN 401
 */
bool
openid_userinfo_get(struct req *rq)
{
	struct str token = req_query(rq, "access_token"), user;
	struct ctx *c = &rq->ctx;
	struct account account;
	bool found, known = false;

	if (token.n == 0)
		return fail(&c->err, M_MISSING_TOKEN,
		    "The query needs access_token");
	if (!onetime_get(c->db, c->a, sha256_raw(c->a, token), S(PURPOSE),
	    c->now_ms, &user, &found, &c->err))
		return false;
	if (found && !account_find(c->db, c->a, user, &account, &known,
	    &c->err))
		return false;
	if (!known || account.locked || account.deactivated ||
	    held_account(user))
		return fail(&c->err, M_UNKNOWN_TOKEN,
		    "The token is not known, or its time is over");
	jsonw_str(res_open(rq, 200), "sub", user);
	return res_close(rq);
}
