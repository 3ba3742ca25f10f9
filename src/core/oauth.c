/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See oauth.h. The device grant is oauth_device.c. */
#include "core/oauth.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/account.h"
#include "core/oauth_scope.h"
#include "core/oauth_issue.h"
#include "crypto/digest.h"
#include "store/q_oauth.h"

#define CODE_MS 60000

bool
oauth_offered(void)
{
	const struct conf *conf = conf_get();

	return conf->oauth_enabled &&
	    (str_starts(conf->server_public_baseurl, S("https://")) ||
	    str_starts(conf->server_public_baseurl, S("http://")));
}

static bool
unreserved(struct str s, bool tilde_and_dot)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    !(tilde_and_dot && (c == '.' || c == '~')))
			return false;
	}
	return true;
}

bool
oauth_challenge_ok(struct str s)
{
	return s.n == 43 && unreserved(s, false);
}

bool
oauth_verifier_ok(struct str s)
{
	return s.n >= 43 && s.n <= 128 && unreserved(s, true);
}

static bool
make_body(struct db *db, void *arg, struct err *e)
{
	return oauth_code_insert(db, arg, e);
}

bool
oauth_code_make(struct ctx *c, const struct oauth_grant *g, struct str *code)
{
	struct str made = random_text(c->a, 43);
	struct oauth_code x = { .hash = sha256_raw(c->a, made),
	    .client_id = g->client_id, .user_id = g->user,
	    .redirect_uri = g->redirect_uri, .scope = g->scope,
	    .challenge = g->challenge, .created_ms = c->now_ms };

	if (!db_transact(c->db, make_body, &x, &c->err))
		return false;
	*code = made;
	return true;
}

bool
oauth_issue(struct ctx *c, struct str user, struct str client_id,
    struct str scope, struct oauth_tokens *out)
{
	struct oauth_client client;
	struct oauth_scope s;
	struct account account;
	struct login l = { .user = user, .client = client_id, .scope = scope,
	    .refresh = true };
	bool found;

	if (!oauth_scope_read(c->a, scope, &s))
		return oauth_fail(c, "invalid_scope",
		    "The scope cannot be granted");
	if (!oauth_client_find(c, client_id, &client, &found) ||
	    !account_get(c, user, &account))
		return false;
	if (!found || account.deactivated || account.locked)
		return oauth_fail(c, "invalid_grant",
		    "The account cannot be signed in to");
	l.device = s.device;
	l.device_name = oauth_client_text(&client.metadata, S("client_name"),
	    S(""));
	out->scope = scope;
	return session_login(c, &l, &out->t);
}

struct taking {
	struct str hash, device;
	bool yes;
};

static bool
take_body(struct db *db, void *arg, struct err *e)
{
	struct taking *x = arg;

	return oauth_code_take(db, x->hash, &x->yes, e);
}

static bool
gave_body(struct db *db, void *arg, struct err *e)
{
	struct taking *x = arg;

	return oauth_code_gave(db, x->hash, x->device, &x->yes, e);
}

static bool
bad_code(struct ctx *c)
{
	return oauth_fail(c, "invalid_grant", "The code is not known, was "
	    "used before, is too old, or is not for this request");
}

/* Is the code for this request? All is looked at, whatever is wrong first. */
static bool
code_fits(struct ctx *c, const struct oauth_code *row, struct str client_id,
    struct str redirect_uri, struct str verifier)
{
	bool ok = str_eq(row->client_id, client_id);

	ok = str_eq(row->redirect_uri, redirect_uri) && ok;
	ok = c->now_ms - row->created_ms < CODE_MS && ok;
	ok = oauth_verifier_ok(verifier) && str_eq_secret(row->challenge,
	    b64_encode(c->a, B64_URL, sha256_raw(c->a, verifier))) && ok;
	return ok;
}

bool
oauth_code_use(struct ctx *c, struct str code, struct str client_id,
    struct str redirect_uri, struct str verifier, struct oauth_tokens *out)
{
	struct taking x = { .hash = sha256_raw(c->a, code) };
	struct oauth_code row;
	bool found;

	if (!oauth_code_find(c->db, c->a, x.hash, &row, &found, &c->err))
		return false;
	if (!found)
		return bad_code(c);
	/* Whatever comes of it, it was shown: a code is tried once. */
	if (!db_transact(c->db, take_body, &x, &c->err))
		return false;
	if (!x.yes) {
		if (row.device_id.n > 0 && !session_end_devices(c, row.user_id,
		    &row.device_id, 1))
			return false;
		return bad_code(c);
	}
	if (!code_fits(c, &row, client_id, redirect_uri, verifier))
		return bad_code(c);
	if (!oauth_issue(c, row.user_id, client_id, row.scope, out))
		return false;
	x.device = out->t.device;
	if (!db_transact(c->db, gave_body, &x, &c->err))
		return false;
	if (!x.yes)
		return true;
	/* Somebody else showed it while these tokens were made. */
	return session_end_devices(c, row.user_id, &x.device, 1) &&
	    bad_code(c);
}

bool
oauth_refresh(struct ctx *c, struct str client_id, struct str token,
    struct oauth_tokens *out)
{
	struct oauth_session s;
	struct refresh row;
	bool found;

	if (!refresh_find(c->db, c->a, sha256_raw(c->a, token), &row, &found,
	    &c->err))
		return false;
	if (found && !oauth_session_find(c->db, c->a, row.family, &s, &found,
	    &c->err))
		return false;
	if (!found || !str_eq(s.client_id, client_id))
		return oauth_fail(c, "invalid_grant",
		    "The refresh token is not known, or is another client's");
	out->scope = s.scope;
	if (session_refresh_oauth(c, token, &out->t))
		return true;
	return c->err.code == M_UNKNOWN_TOKEN && oauth_fail(c,
	    "invalid_grant", "The refresh token was used before");
}

bool
oauth_revoke(struct ctx *c, struct str token)
{
	struct str hash = sha256_raw(c->a, token);
	struct access_found acc;
	struct refresh ref;
	bool found;

	if (!access_find(c->db, c->a, hash, &acc, &found, &c->err))
		return false;
	if (found)
		return session_end_devices(c, acc.t.user_id, &acc.t.device_id,
		    1);
	if (!refresh_find(c->db, c->a, hash, &ref, &found, &c->err))
		return false;
	return !found || session_end_devices(c, ref.user_id, &ref.device_id,
	    1);
}

bool
oauth_is_session(struct ctx *c, bool *is)
{
	struct oauth_session s;

	return oauth_session_find(c->db, c->a, c->who.session, &s, is,
	    &c->err);
}
