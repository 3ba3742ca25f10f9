/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The device authorisation grant: a client without a browser waits while a
 * person types its code elsewhere. Both codes are kept hashed; the short one
 * is of 20 letters that can't be taken for others and make no words.
 * spec: RFC 8628; client-server v1.19, "Device authorisation flow".
 */
#include "core/oauth.h"

#include "base/clock.h"
#include "core/oauth_issue.h"
#include "crypto/digest.h"
#include "store/q_oauth.h"

#define WAITING_MAX 10000

static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ";

static bool
begin_body(struct db *db, void *arg, struct err *e)
{
	int64_t n = 0;

	if (!oauth_device_count(db, &n, e))
		return false;
	return n < WAITING_MAX ? oauth_device_insert(db, arg, e)
	    : fail(e, M_RESOURCE_LIMIT_EXCEEDED,
	    "Too many devices wait already: try again later");
}

bool
oauth_device_begin(struct ctx *c, const struct oauth_client *client,
    struct str scope, struct oauth_device_begun *out)
{
	char *code = arena_alloc(c->a, OAUTH_USER_CODE);
	struct oauth_device_code x = { .client_id = client->id,
	    .scope = scope, .expires_ms = c->now_ms + OAUTH_DEVICE_S * 1000 };

	for (size_t i = 0; i < OAUTH_USER_CODE; i++)
		code[i] = letters[random_below(sizeof(letters) - 1)];
	out->device_code = random_text(c->a, 43);
	out->user_code = str_fmt(c->a, "%.4s-%.4s", code, code + 4);
	x.hash = sha256_raw(c->a, out->device_code);
	x.user_code = sha256_raw(c->a, str_n(code, OAUTH_USER_CODE));
	return db_transact(c->db, begin_body, &x, &c->err);
}

/* As people type: case, hyphens and spaces do not count. False: not a code. */
static bool
user_code_read(struct str text, char code[OAUTH_USER_CODE])
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char l = text.p[i];

		if (l == '-' || l == ' ')
			continue;
		if (l >= 'a' && l <= 'z')
			l = (char)(l - 'a' + 'A');
		if (n == OAUTH_USER_CODE || str_find(str_c(letters), l) < 0)
			return false;
		code[n++] = l;
	}
	return n == OAUTH_USER_CODE;
}

bool
oauth_device_ask(struct ctx *c, struct str user_code,
    struct oauth_device_ask *out, bool *found)
{
	struct oauth_device_code row;
	char code[OAUTH_USER_CODE];

	*found = false;
	if (!user_code_read(user_code, code))
		return true;
	if (!oauth_device_by_user_code(c->db, c->a, sha256_raw(c->a,
	    str_n(code, sizeof(code))), &row, found, &c->err))
		return false;
	*found = *found && row.state == OAUTH_WAITS &&
	    row.expires_ms > c->now_ms;
	*out = (struct oauth_device_ask){ row.hash, row.client_id,
	    row.scope };
	return true;
}

struct moving {
	struct str hash, user;
	enum oauth_device_state from, to;
	bool done;
	int64_t now_ms;
};

static bool
move_body(struct db *db, void *arg, struct err *e)
{
	struct moving *x = arg;

	return oauth_device_move(db, x->hash, x->from, x->to, x->user,
	    &x->done, e);
}

bool
oauth_device_decide(struct ctx *c, const struct oauth_device_ask *ask,
    struct str user, bool allow, bool *done)
{
	struct moving x = { .hash = ask->hash, .user = user,
	    .from = OAUTH_WAITS, .to = allow ? OAUTH_ALLOWED
	    : OAUTH_REFUSED };

	if (!db_transact(c->db, move_body, &x, &c->err))
		return false;
	*done = x.done;
	return true;
}

static bool
polled_body(struct db *db, void *arg, struct err *e)
{
	struct moving *x = arg;

	return oauth_device_polled(db, x->hash, x->now_ms, e);
}

static bool
still_waits(struct ctx *c, const struct oauth_device_code *row)
{
	struct moving x = { .hash = row->hash, .now_ms = c->now_ms };
	bool soon = c->now_ms - row->polled_ms < OAUTH_POLL_S * 1000 - 500;

	if (!db_transact(c->db, polled_body, &x, &c->err))
		return false;
	return soon ? oauth_fail(c, "slow_down", "Ask less often")
	    : oauth_fail(c, "authorization_pending",
	    "The person has not decided yet");
}

bool
oauth_device_poll(struct ctx *c, struct str client_id,
    struct str device_code, struct oauth_tokens *out)
{
	struct oauth_device_code row;
	struct moving x = { .from = OAUTH_ALLOWED, .to = OAUTH_USED };
	bool found;

	if (!oauth_device_by_code(c->db, c->a, sha256_raw(c->a, device_code),
	    &row, &found, &c->err))
		return false;
	if (!found || !str_eq(row.client_id, client_id) ||
	    row.state == OAUTH_USED)
		return oauth_fail(c, "invalid_grant",
		    "The device code is not known");
	if (row.expires_ms <= c->now_ms)
		return oauth_fail(c, "expired_token",
		    "The device code is too old");
	if (row.state == OAUTH_REFUSED)
		return oauth_fail(c, "access_denied",
		    "The person refused");
	if (row.state == OAUTH_WAITS)
		return still_waits(c, &row);
	x.hash = row.hash;
	if (!db_transact(c->db, move_body, &x, &c->err))
		return false;
	if (!x.done)
		return oauth_fail(c, "invalid_grant",
		    "The device code is not known");
	return oauth_issue(c, row.user_id, client_id, row.scope, out);
}
