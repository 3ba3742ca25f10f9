/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * User-interactive authentication: a session is bound to one operation, one
 * user and one body (without auth); it ends when it has been used or is old.
 * spec: client-server, "User-Interactive Authentication API".
 */
#include "api/uia.h"

#include "base/clock.h"
#include "api/oauth/page.h"
#include "base/conf.h"
#include "core/account.h"
#include "core/factor.h"
#include "core/oauth.h"
#include "crypto/digest.h"
#include "store/q_account.h"

/* What is asked for: the path's parameters, and the body apart from auth. */
static struct str
body_digest(struct req *rq)
{
	struct json bare = json_copy(rq->ctx.a, &rq->body);
	struct str text;

	json_del(&bare, S("auth"));
	text = json_text(rq->ctx.a, &bare);
	for (size_t i = 0; i < rq->npath; i++)
		text = str_fmt(rq->ctx.a, STR_FMT "/" STR_FMT, STR_ARG(text),
		    STR_ARG(rq->path_param[i]));
	return sha256_raw(rq->ctx.a, text);
}

/* The 401 that says what can be done; its members follow errcode and error. */
static bool
challenge(struct req *rq, const struct uia *u, struct str session,
    enum errcode code, const char *text)
{
	struct buf b;
	struct jsonw w;

	buf_init(&b, rq->ctx.a, 4096);
	jsonw_init(&w, &b);
	jsonw_obj(&w, NULL);
	jsonw_arr(&w, "flows");
	for (size_t i = 0; i < u->nflows; i++) {
		jsonw_obj(&w, NULL);
		jsonw_arr(&w, "stages");
		jsonw_str(&w, NULL, u->flow[i]);
		jsonw_arr_end(&w);
		jsonw_obj_end(&w);
	}
	jsonw_arr_end(&w);
	jsonw_obj(&w, "params");
	buf_str(&b, u->params);
	jsonw_obj_end(&w);
	jsonw_arr(&w, "completed");
	jsonw_arr_end(&w);
	jsonw_str(&w, "session", session);
	jsonw_obj_end(&w);
	fail(&rq->ctx.err, code, "%s", text);
	rq->ctx.err.status = 401;
	rq->ctx.err.extra = str_sub(buf_view(&b), 1, buf_view(&b).n - 2);
	return false;
}

static bool
insert_body(struct db *db, void *arg, struct err *e)
{
	return uia_insert(db, arg, e);
}

static bool
delete_body(struct db *db, void *arg, struct err *e)
{
	return uia_delete(db, *(struct str *)arg, e);
}

static bool
begin(struct req *rq, const struct uia *u)
{
	struct ctx *c = &rq->ctx;
	struct uia_row row = {
		.id = random_text(c->a, 24), .user_id = c->who.user,
		.operation = str_c(rq->route->name), .body = body_digest(rq),
		.done = S("[]"), .params = S("{}"), .created_ms = c->now_ms,
	};

	if (!db_transact(c->db, insert_body, &row, &c->err))
		return false;
	(void)!challenge(rq, u, row.id, M_UNAUTHORIZED,
	    "Show that it is you");
	c->err.bare = true;
	return false;
}

/* The session that the client names: ours, for this, and young? */
static bool
check_session(struct req *rq, const struct uia *u, struct str id,
    struct uia_row *row)
{
	struct ctx *c = &rq->ctx;
	bool found;

	if (!uia_find(c->db, c->a, id, row, &found, &c->err))
		return false;
	if (!found || c->now_ms - row->created_ms >
	    conf_get()->session_uia_lifetime)
		return begin(rq, u);
	if (!str_eq(row->user_id, c->who.user) ||
	    !str_eq_c(row->operation, rq->route->name))
		return fail(&c->err, M_FORBIDDEN,
		    "This session is for something else");
	/* Registration may choose its name with the last step (older clients). */
	if (!u->body_may_change && !str_eq(row->body, body_digest(rq)))
		return fail(&c->err, M_FORBIDDEN, "The request has changed "
		    "since this session began");
	return true;
}

static bool
has_flow(const struct uia *u, struct str type)
{
	for (size_t i = 0; i < u->nflows; i++)
		if (str_eq(u->flow[i], type))
			return true;
	return false;
}

static bool
check_password(struct req *rq, const struct uia *u, const struct json *auth)
{
	struct ctx *c = &rq->ctx;
	const struct json *who = json_get_obj(auth, S("identifier"));
	struct str name = json_str(who, S("user")), user, password;
	bool ok;

	if (name.n == 0)
		name = json_str(auth, S("user"));
	if (!json_get_str(auth, S("password"), &password))
		return fail(&c->err, M_MISSING_PARAM,
		    "auth needs a password");
	if (name.n > 0) {
		if (!account_id(c, name, &user))
			return false;
		if (!str_eq(user, c->who.user))
			return fail(&c->err, M_FORBIDDEN,
			    "That is another user's name");
	}
	if (!account_password_ok(c, c->who.user, secret_dup(c->a, password),
	    &ok))
		return false;
	return ok || challenge(rq, u, json_str(auth, S("session")),
	    M_FORBIDDEN, "The password is wrong");
}

static bool
check_stage(struct req *rq, const struct uia *u, const struct json *auth,
    struct str type)
{
	struct ctx *c = &rq->ctx;
	struct reg_token t;
	bool found;

	if (str_eq(type, S("m.login.dummy")))
		return true;
	if (str_eq(type, S("m.login.password")))
		return check_password(rq, u, auth);
	if (!str_eq(type, S("m.login.registration_token")))
		return fail(&c->err, M_UNRECOGNIZED,
		    "This stage is not known");
	if (!json_get_str(auth, S("token"), u->token))
		return fail(&c->err, M_MISSING_PARAM, "auth needs a token");
	if (!reg_token_find(c->db, c->a, *u->token, &t, &found, &c->err))
		return false;
	if (!found || (t.uses_allowed >= 0 && t.completed >= t.uses_allowed) ||
	    (t.expires_ms != 0 && t.expires_ms <= c->now_ms))
		return challenge(rq, u, json_str(auth, S("session")),
		    M_UNAUTHORIZED, "The registration token is not valid");
	return true;
}

/* The client says nothing but the session: a page was to do it. */
static bool
done_on_a_page(struct req *rq, const struct uia *u, const struct uia_row *row)
{
	struct str id = row->id;

	if (!has_flow(u, S("m.login.sso")) ||
	    !str_eq(row->done, S("[\"m.login.sso\"]")))
		return challenge(rq, u, row->id, M_UNAUTHORIZED,
		    "This was not allowed yet");
	return db_transact(rq->ctx.db, delete_body, &id, &rq->ctx.err);
}

bool
uia_ask(struct req *rq, const struct uia *u)
{
	struct ctx *c = &rq->ctx;
	const struct json *auth = json_get_obj(&rq->body, S("auth"));
	struct str type = json_str(auth, S("type"));
	struct str id = json_str(auth, S("session"));
	struct uia_row row;

	if (auth == NULL || (type.n == 0 && id.n == 0))
		return begin(rq, u);
	if (type.n == 0)
		return check_session(rq, u, id, &row) &&
		    done_on_a_page(rq, u, &row);
	if (!has_flow(u, type))
		return challenge(rq, u, id, M_UNRECOGNIZED,
		    "This stage is not offered");
	if (id.n > 0 && !check_session(rq, u, id, &row))
		return false;
	if (!check_stage(rq, u, auth, type))
		return false;
	return id.n == 0 || db_transact(c->db, delete_body, &id, &c->err);
}

/* Does a password open the account, with nothing beside it? */
static bool
password_alone(struct ctx *c, bool *alone)
{
	struct account account;
	bool owed;

	if (!account_get(c, c->who.user, &account) ||
	    !factor_owed(c, c->who.user, &owed))
		return false;
	*alone = !oauth_offered() || (account.password.n > 0 && !owed &&
	    conf_get()->password_enabled);
	return true;
}

bool
req_uia(struct req *rq)
{
	struct str flow = S("m.login.password");
	struct uia u = { .flow = &flow, .nflows = 1 };
	bool by_oauth, alone;

	/* Such clients never learn the password: the account page does it all. */
	if (!oauth_is_session(&rq->ctx, &by_oauth))
		return false;
	if (by_oauth)
		return fail(&rq->ctx.err, M_FORBIDDEN, "This is done on the "
		    "account page: " STR_FMT PAGE_ROOT,
		    STR_ARG(conf_get()->server_public_baseurl));
	if (!password_alone(&rq->ctx, &alone))
		return false;
	if (!alone)
		flow = S("m.login.sso");
	return uia_ask(rq, &u);
}

static struct str
reset_params(struct req *rq, const struct site *s)
{
	struct str url = site_url(rq, s, PAGE_ROOT
	    "?action=org.matrix.cross_signing_reset");
	struct json text = json_of_str(url);
	struct str quoted = json_text(rq->ctx.a, &text);

	return str_fmt(rq->ctx.a, "\"m.oauth\":{\"url\":" STR_FMT "},"
	    "\"org.matrix.cross_signing_reset\":{\"url\":" STR_FMT "}",
	    STR_ARG(quoted), STR_ARG(quoted));
}

bool
uia_ask_reset(struct req *rq)
{
	static const struct str flows[] = { S_INIT("m.oauth"),
	    S_INIT("org.matrix.cross_signing_reset") };
	struct uia u = { .flow = flows, .nflows = LEN(flows) };
	const struct json *auth = json_get_obj(&rq->body, S("auth"));
	struct str id = json_str(auth, S("session"));
	struct ctx *c = &rq->ctx;
	bool by_oauth, allowed;
	struct uia_row row;
	struct site site;

	if (!oauth_is_session(c, &by_oauth))
		return false;
	if (!by_oauth)
		return req_uia(rq);
	if (!site_open(rq, &site) || !approval_use(c, c->who.user,
	    S("cross_signing_reset"), &allowed))
		return false;
	if (allowed)
		return id.n == 0 || db_transact(c->db, delete_body, &id,
		    &c->err);
	u.params = reset_params(rq, &site);
	if (id.n == 0)
		return begin(rq, &u);
	return check_session(rq, &u, id, &row) && challenge(rq, &u, id,
	    M_UNAUTHORIZED, "This was not allowed on the account page yet");
}
