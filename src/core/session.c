/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See session.h. The memory of tokens is session_cache.c. */
#include "core/session.h"

#include "base/clock.h"
#include "core/e2ee.h"
#include "core/held.h"
#include "core/notify.h"
#include "core/otk_cache.h"
#include "core/session_cache.h"
#include "crypto/digest.h"
#include "store/q_sliding.h"
#include "store/q_oauth.h"
#include "store/stream.h"

#define TOKEN_LETTERS 43		/* 256 bits of [A-Za-z0-9] */
#define SEEN_EVERY_MS 60000

static bool
unknown(struct ctx *c, bool soft)
{
	fail(&c->err, M_UNKNOWN_TOKEN, soft ? "The access token has expired"
	    : "The access token is not known");
	c->err.soft_logout = soft;
	return false;
}

bool
session_find(struct ctx *c, struct str token, struct session *out)
{
	struct str hash = sha256_raw(c->a, token);
	struct access_found row;
	uint64_t forgets;
	bool found;

	if (!session_cache_get(c->a, hash, out, &forgets)) {
		if (!access_find(c->db, c->a, hash, &row, &found, &c->err))
			return false;
		if (!found)
			return unknown(c, false);
		*out = (struct session){
			.user = row.t.user_id, .device = row.t.device_id,
			.family = row.t.family, .expires_ms = row.t.expires_ms,
			.admin = row.account.admin,
			.locked = row.account.locked,
			.suspended = row.account.suspended,
			.deactivated = row.account.deactivated,
			.guest = str_eq(row.account.kind, S("guest")),
		};
		session_cache_put(hash, out, forgets);
	}
	if (out->deactivated)
		return unknown(c, false);
	/* Before the token's end: what a containment ended says so as long as it lasts. */
	if (!held_check(out->user, out->device, c->who.address, &c->err))
		return false;
	if (out->expires_ms != 0 && out->expires_ms <= c->now_ms)
		return unknown(c, true);
	return true;
}

/* A new pair of tokens for a sign-in. */
struct issue {
	struct ctx *c;
	const struct login *l;
	struct tokens *out;
	int64_t family;
	bool fresh_device;
	struct stream_tx tx;
	struct str used;		/* hash of the refresh token; empty at sign-in */
	bool stolen;
};

static bool
issue_tokens(struct db *db, struct issue *i, struct err *e)
{
	struct ctx *c = i->c;
	struct access acc = {
		.hash = sha256_raw(c->a, i->out->access),
		.user_id = i->l->user, .device_id = i->out->device,
		.family = i->family, .created_ms = c->now_ms,
		.expires_ms = i->out->expires_in_ms > 0
		    ? c->now_ms + i->out->expires_in_ms : 0,
	};
	struct refresh ref = {
		.user_id = i->l->user, .device_id = i->out->device,
		.family = i->family, .created_ms = c->now_ms,
	};

	if (!access_insert(db, &acc, e))
		return false;
	if (i->out->refresh.n == 0)
		return true;
	ref.hash = sha256_raw(c->a, i->out->refresh);
	return refresh_insert(db, &ref, e);
}

static bool
note_client(struct db *db, const struct issue *i, struct err *e)
{
	struct oauth_session x = { .family = i->family,
	    .client_id = i->l->client, .user_id = i->l->user,
	    .device_id = i->out->device, .scope = i->l->scope };

	return x.client_id.n == 0 || oauth_session_insert(db, &x, e);
}

static bool
login_body(struct db *db, void *arg, struct err *e)
{
	struct issue *i = arg;
	struct ctx *c = i->c;
	struct device dev = {
		.user_id = i->l->user, .device_id = i->out->device,
		.name = i->l->device_name, .created_ms = c->now_ms,
	};
	int64_t pos;
	bool held;

	/* In the transaction: a sign-in that overtakes a containment ends with it. */
	if (!contain_device(db, dev.user_id, dev.device_id, &held, e))
		return false;
	if (held) {
		fail(e, M_USER_LOCKED, "This account is locked");
		e->soft_logout = true;
		return false;
	}
	if (!stream_next(db, &i->tx, &pos, e))
		return false;
	i->family = pos;
	/* The same device signs in again: its earlier tokens end, its keys stay. */
	if (!i->fresh_device && !device_delete(db, dev.user_id, dev.device_id,
	    e))
		return false;
	return device_put(db, &dev, e) && issue_tokens(db, i, e) &&
	    note_client(db, i, e);
}

static void
draw_tokens(struct ctx *c, bool refresh, bool always, struct tokens *out)
{
	out->access = str_cat(c->a, S("bat_"), random_text(c->a,
	    TOKEN_LETTERS));
	if (!refresh || !(always || conf_get()->session_refreshable))
		return;
	out->refresh = str_cat(c->a, S("brt_"), random_text(c->a,
	    TOKEN_LETTERS));
	out->expires_in_ms = conf_get()->session_access_lifetime;
}

static const char device_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static struct str
new_device_id(struct ctx *c)
{
	char *id = arena_alloc(c->a, 10);

	for (size_t i = 0; i < 10; i++)
		id[i] = device_letters[random_below(26)];
	return str_n(id, 10);
}

bool
session_login(struct ctx *c, const struct login *l, struct tokens *out)
{
	struct issue i = { .c = c, .l = l, .out = out,
	    .fresh_device = l->device.n == 0 };

	*out = (struct tokens){ .device = l->device.n > 0 ? l->device
	    : new_device_id(c) };
	draw_tokens(c, l->refresh, l->client.n > 0, out);
	if (!held_check(l->user, out->device, c->who.address, &c->err) ||
	    !stream_transact(c->db, login_body, &i, &i.tx, &c->err))
		return false;
	stream_end(&i.tx, NULL, NULL);
	if (!i.fresh_device) {
		session_forget_user(l->user);
		notify_kick(l->user, l->device);
	}
	return true;
}

static bool
refresh_body(struct db *db, void *arg, struct err *e)
{
	struct issue *i = arg;
	struct refresh row;
	bool found, first, used;

	i->stolen = false;
	if (!refresh_find(db, i->c->a, i->used, &row, &found, e))
		return false;
	if (!found) {
		fail(e, M_UNKNOWN_TOKEN, "The refresh token is not known");
		return false;
	}
	if (!refresh_use(db, i->used, i->c->now_ms, &first, e))
		return false;
	if (!first) {
		/*
		 * Used before. If what it gave was used in turn, two hold the
		 * chain: it ends here. Else the first answer was lost on its
		 * way, and the client may ask again; what that answer gave
		 * counts as used, so that of two holders the second to come
		 * is found out.
		 */
		if (!refresh_successor_used(db, &row, &used, e))
			return false;
		i->stolen = used;
		if (used)
			return tokens_delete_family(db, row.family, e);
		if (!refresh_replace(db, row.family, i->c->now_ms, e))
			return false;
	}
	i->family = row.family;
	i->out->device = row.device_id;
	return issue_tokens(db, i, e);
}

static bool
refresh_by(struct ctx *c, struct str token, bool oauth, struct tokens *out)
{
	struct login l = { .refresh = true };
	struct issue i = { .c = c, .l = &l, .out = out,
	    .used = sha256_raw(c->a, token) };
	struct oauth_session s;
	struct refresh row;
	bool found, by_oauth = false;

	*out = (struct tokens){ .expires_in_ms = 0 };
	draw_tokens(c, true, oauth, out);
	if (!refresh_find(c->db, c->a, i.used, &row, &found, &c->err))
		return false;
	if (found && !oauth_session_find(c->db, c->a, row.family, &s,
	    &by_oauth, &c->err))
		return false;
	if (!found || by_oauth != oauth || c->now_ms - row.created_ms >
	    conf_get()->session_refresh_lifetime)
		return fail(&c->err, M_UNKNOWN_TOKEN,
		    "The refresh token is not known");
	l.user = row.user_id;
	if (!held_check(row.user_id, row.device_id, c->who.address, &c->err))
		return false;
	if (!db_transact(c->db, refresh_body, &i, &c->err))
		return false;
	if (!i.stolen)
		return true;
	session_forget_user(row.user_id);
	notify_kick(row.user_id, row.device_id);
	return fail(&c->err, M_UNKNOWN_TOKEN, "The refresh token was used "
	    "twice: this session has ended, sign in again");
}

bool
session_refresh(struct ctx *c, struct str token, struct tokens *out)
{
	return refresh_by(c, token, false, out);
}

bool
session_refresh_oauth(struct ctx *c, struct str token, struct tokens *out)
{
	return refresh_by(c, token, true, out);
}

struct ending {
	struct str user;
	int64_t now_ms;
	const struct str *device;
	size_t n;
	struct stream_tx tx;
};

static bool
end_body(struct db *db, void *arg, struct err *e)
{
	struct ending *x = arg;
	int64_t n;
	bool held;

	if (!hold_user(db, x->user, &held, e))
		return false;
	/* Devices under legal hold stay, with their keys: only their sessions end. */
	for (size_t i = 0; held && i < x->n; i++)
		if (!revoke_sessions(db, x->user, x->device[i], x->now_ms, &n,
		    &n, e))
			return false;
	for (size_t i = 0; !held && i < x->n; i++)
		if (!device_delete(db, x->user, x->device[i], e) ||
		    !e2ee_device_removed(db, x->user, x->device[i], e) ||
		    !sliding_delete_device(db, x->user, x->device[i], e))
			return false;
	return x->n == 0 || devicelist_bump(db, &x->tx, x->user, e);
}

bool
session_end_devices(struct ctx *c, struct str user, const struct str *device,
    size_t n)
{
	struct ending x = { .user = user, .now_ms = c->now_ms,
	    .device = device, .n = n };

	if (!devicelist_begin(c, user) ||
	    !stream_transact(c->db, end_body, &x, &x.tx, &c->err))
		return false;
	session_forget_user(user);
	devicelist_end(&x.tx, user);
	for (size_t i = 0; i < n; i++) {
		otk_forget(c, user, device[i]);
		notify_kick(user, device[i]);
	}
	return true;
}

bool
session_logout(struct ctx *c)
{
	return session_end_devices(c, c->who.user, &c->who.device, 1);
}

bool
session_end_all(struct ctx *c, struct str user, struct str keep)
{
	struct device *dev;
	struct str *ids;
	size_t n, count = 0;

	if (!device_list(c->db, c->a, user, &dev, &n, &c->err))
		return false;
	ids = arena_array(c->a, struct str, n);
	for (size_t i = 0; i < n; i++)
		if (!str_eq(dev[i].device_id, keep))
			ids[count++] = dev[i].device_id;
	return session_end_devices(c, user, ids, count);
}

static bool
seen_body(struct db *db, void *arg, struct err *e)
{
	return device_seen(db, arg, e);
}

void
session_seen(struct ctx *c)
{
	struct device x = {
		.user_id = c->who.user, .device_id = c->who.device,
		.seen_ms = c->now_ms, .seen_address = c->who.address,
		.seen_agent = c->who.agent,
	};
	struct err e = { .code = M_OK };

	if (c->who.device.n == 0 || !session_cache_seen_due(c->who.user,
	    c->who.device, c->now_ms, SEEN_EVERY_MS))
		return;
	/* A note that is lost costs nothing: the next one comes in a minute. */
	(void)!db_transact(c->db, seen_body, &x, &e);
}
