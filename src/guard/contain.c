/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See contain.h. The order is what makes it tight: the transaction ends tokens
 * and forbids new ones; then memory knows it, so that nothing new passes; then
 * what sleeps is woken to be refused, and what is being sent is cut. Only
 * then invitations are withdrawn, which may take a while.
 */
#include "guard/contain.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/account.h"
#include "core/member.h"
#include "core/notify.h"
#include "core/session.h"
#include "net/addr.h"
#include "room/ids.h"
#include "store/stream.h"

#include <pthread.h>

#define INVITATIONS_MAX 20000
#define V4_BITS_MIN 8			/* of a network; wider is a slip of the pen */
#define V6_BITS_MIN 16

static struct {
	pthread_mutex_t lock;
	struct http_server *http;
} cut = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
contain_start(struct http_server *s)
{
	pthread_mutex_lock(&cut.lock);
	cut.http = s;
	pthread_mutex_unlock(&cut.lock);
}

void
contain_stop(void)
{
	contain_start(NULL);
}

/* Under the lock, so that the server is there until it is done. */
static void
cut_replies(void)
{
	pthread_mutex_lock(&cut.lock);
	if (cut.http != NULL)
		http_recheck(cut.http);
	pthread_mutex_unlock(&cut.lock);
}

static bool
check_address(struct str s, struct err *e)
{
	bool v4 = str_find(s, ':') < 0;
	struct addr_net net;

	if (str_eq(s, S("unix")) || !addr_net_parse(s, &net))
		return fail(e, M_INVALID_PARAM, "The address must be one like "
		    "203.0.113.7 or a network like 203.0.113.0/24");
	return (v4 ? net.bits - 96 >= V4_BITS_MIN : net.bits >= V6_BITS_MIN) ||
	    fail(e, M_INVALID_PARAM, "The network is too wide: at least /%d",
	    v4 ? V4_BITS_MIN : V6_BITS_MIN);
}

static bool
check_server(const struct contain_target *t, struct err *e)
{
	if (t->user.n + t->device.n + t->address.n > 0)
		return fail(e, M_INVALID_PARAM,
		    "A server is contained alone, without user or address");
	return (id_server_name_ok(t->server) &&
	    !str_eq(t->server, server_get()->name)) ||
	    fail(e, M_INVALID_PARAM, "The server must be the name of another");
}

static bool
check_user(struct ctx *c, const struct contain_target *t, bool *locked)
{
	struct account x;
	struct device d;
	bool found;

	if (!id_user_ok(t->user) || !server_is_local(t->user))
		return fail(&c->err, M_INVALID_PARAM,
		    "The user is not one of this server");
	if (!account_get(c, t->user, &x))
		return false;
	*locked = x.locked;
	if (t->device.n == 0)
		return true;
	if (t->address.n > 0)
		return fail(&c->err, M_INVALID_PARAM,
		    "A device or an address, not both");
	return device_find(c->db, c->a, t->user, t->device, &d, &found,
	    &c->err) && (found || fail(&c->err, M_NOT_FOUND,
	    "The user has no such device"));
}

static bool
check_target(struct ctx *c, const struct contain_target *t, bool *locked)
{
	*locked = false;
	if (t->user.n + t->device.n + t->address.n + t->server.n == 0)
		return fail(&c->err, M_MISSING_PARAM,
		    "Say who: a user, an address or a server");
	if (t->device.n > 0 && t->user.n == 0)
		return fail(&c->err, M_MISSING_PARAM,
		    "A device needs its user");
	if (t->server.n > 0)
		return check_server(t, &c->err);
	return (t->address.n == 0 || check_address(t->address, &c->err)) &&
	    (t->user.n == 0 || check_user(c, t, locked));
}

static bool
check_reason(struct str reason, struct err *e)
{
	if (str_trim(reason).n == 0)
		return fail(e, M_MISSING_PARAM,
		    "Say why: the reason is kept with the act");
	return (reason.n <= CONTAIN_REASON_MAX && str_utf8_ok(reason)) ||
	    fail(e, M_INVALID_PARAM, "The reason takes at most %d bytes",
	    CONTAIN_REASON_MAX);
}

static bool
is_whole(const struct contain_target *t)
{
	return t->user.n > 0 && t->device.n == 0 && t->address.n == 0;
}

struct act {
	struct ctx *c;
	struct contain_row row;
	struct contain_done *done;
	struct stream_tx tx;
	bool release;
};

/* "@user:server device X from Y", as people read it. */
static struct str
target_text(struct arena *a, const struct contain_target *t)
{
	return str_fmt(a, STR_FMT "%s" STR_FMT "%s" STR_FMT "%s" STR_FMT,
	    STR_ARG(t->user), t->device.n > 0 ? " device " : "",
	    STR_ARG(t->device), t->address.n > 0 ? " from " : "",
	    STR_ARG(t->address), t->server.n > 0 ? "server " : "",
	    STR_ARG(t->server));
}

/* On record, and for the other servers to be told. */
static bool
note(struct db *db, struct act *x, struct str reason, struct err *e)
{
	struct ctx *c = x->c;
	struct audit_row a = { .at_ms = c->now_ms, .actor = c->who.user,
	    .address = c->who.address, .reason = reason,
	    .action = x->release ? S("release") : S("contain"),
	    .target = target_text(c->a, &x->row.t) };

	return stream_next(db, &x->tx, &a.id, e) && audit_insert(db, &a, e) &&
	    outbox_insert(db, a.id, x->row.id, x->release, c->now_ms, e);
}

static bool
set_lock(struct db *db, struct str user, bool on, struct err *e)
{
	struct account_flags f = ACCOUNT_FLAGS_KEEP;

	f.locked = on;
	return account_set_flags(db, user, &f, e);
}

/* A new one; the account's lock of before is in the row. */
static bool
begin(struct db *db, struct act *x, struct err *e)
{
	struct contain_row *r = &x->row;
	int64_t n = 0;

	if (!contain_count(db, &n, e))
		return false;
	if (n >= HELD_MAX)
		return fail(e, M_LIMIT_EXCEEDED, "At most %d containments are "
		    "in force at once", HELD_MAX);
	if (!stream_next(db, &x->tx, &r->id, e) || !contain_insert(db, r, e))
		return false;
	if (r->t.user.n > 0 && !hold_insert(db, r->t.user, r->id, r->at_ms,
	    e))
		return false;
	return !is_whole(&r->t) || set_lock(db, r->t.user, true, e);
}

static bool
contain_body(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;
	struct contain_row was;
	struct str reason = x->row.reason;

	if (!contain_find(db, x->c->a, &x->row.t, &was, &x->done->already, e))
		return false;
	if (x->done->already)
		x->row.id = was.id;
	else if (!begin(db, x, e))
		return false;
	if (x->row.t.user.n > 0 && x->row.t.address.n == 0 &&
	    !revoke_sessions(db, x->row.t.user, x->row.t.device, x->row.at_ms,
	    &x->done->tokens, &x->done->delayed, e))
		return false;
	return note(db, x, reason, e);
}

/* Memory follows the store; who sleeps runs again, and is refused. */
static bool
enforce(struct ctx *c, const struct contain_target *t)
{
	if (!held_load(c))
		return false;
	if (t->user.n > 0) {
		session_forget_user(t->user);
		notify_kick(t->user, t->device);
	}
	cut_replies();
	return true;
}

/* By the account itself where it has the power; else the invited person's refusal. */
static bool
withdraw(struct ctx *c, struct str sender, const struct invitation *x,
    bool *done)
{
	struct str why = S("The invitation was withdrawn");
	struct room *r;

	*done = false;
	c->who = (struct actor){ .kind = ACTOR_JOB, .user = sender };
	if (!room_open_nid(c, x->room, &r))
		return false;
	*done = member_kick(c, r, x->user, why);
	if (!*done && c->err.code == M_FORBIDDEN && server_is_local(x->user)) {
		err_clear(&c->err);
		c->who.user = x->user;
		*done = member_leave(c, r, why);
	}
	if (!*done && c->err.code != M_FORBIDDEN)
		return false;
	err_clear(&c->err);
	return true;
}

static bool
withdraw_all(struct ctx *c, struct str sender, struct contain_done *out)
{
	struct actor who = c->who;
	struct invitation *x;
	size_t n;
	bool ok, done;

	ok = invitations_by(c->db, c->a, sender, INVITATIONS_MAX, &x, &n,
	    &c->err);
	for (size_t i = 0; ok && i < n; i++) {
		struct arena_mark m = arena_mark(c->a);

		ok = withdraw(c, sender, &x[i], &done);
		out->withdrawn += ok && done;
		out->kept += ok && !done;
		arena_release(c->a, m);
	}
	c->who = who;
	return ok;
}

bool
contain(struct ctx *c, const struct contain_target *t, struct str reason,
    struct contain_done *out)
{
	int64_t began_us = clock_mono_us();
	struct act x = { .c = c, .done = out, .row = { .t = *t,
	    .actor = c->who.user, .reason = reason, .at_ms = c->now_ms } };

	*out = (struct contain_done){ .id = 0 };
	if (!check_reason(reason, &c->err) ||
	    !check_target(c, t, &x.row.was_locked) ||
	    !stream_transact(c->db, contain_body, &x, &x.tx, &c->err))
		return false;
	stream_end(&x.tx, NULL, NULL);
	out->id = x.row.id;
	if (!enforce(c, t))
		return false;
	out->shut_us = clock_mono_us() - began_us;
	log_warn("contain", "contained", LS("target", target_text(c->a, t)),
	    LS("by", c->who.user), LS("reason", reason),
	    LI("tokens", out->tokens), LI("shut_us", out->shut_us));
	return !is_whole(t) || withdraw_all(c, t->user, out);
}

static bool
release_body(struct db *db, void *arg, struct err *e)
{
	struct act *x = arg;
	struct contain_row now = x->row;
	bool found;

	if (!contain_find(db, x->c->a, &now.t, &x->row, &found, e))
		return false;
	if (!found) {
		x->row = now;
		return fail(e, M_NOT_FOUND, "Nothing of that kind is "
		    "contained: see the list of containments");
	}
	x->row.released_ms = now.released_ms;
	x->row.released_by = now.released_by;
	x->row.released_reason = now.released_reason;
	if (!contain_end(db, &x->row, e) || !hold_delete(db, x->row.id, e))
		return false;
	if (is_whole(&x->row.t) && !x->row.was_locked &&
	    !set_lock(db, x->row.t.user, false, e))
		return false;
	return note(db, x, x->row.released_reason, e);
}

bool
contain_release(struct ctx *c, const struct contain_target *t,
    struct str reason, int64_t *id)
{
	struct act x = { .c = c, .release = true, .row = { .t = *t,
	    .released_ms = c->now_ms, .released_by = c->who.user,
	    .released_reason = reason } };

	if (!check_reason(reason, &c->err) ||
	    !stream_transact(c->db, release_body, &x, &x.tx, &c->err))
		return false;
	stream_end(&x.tx, NULL, NULL);
	*id = x.row.id;
	if (!held_load(c))
		return false;
	if (t->user.n > 0)
		session_forget_user(t->user);
	log_warn("contain", "released", LS("target", target_text(c->a, t)),
	    LS("by", c->who.user), LS("reason", reason));
	return true;
}
