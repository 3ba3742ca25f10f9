/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See account.h. Profiles and the search for people are profile.c. */
#include "core/account.h"

#include "core/member.h"
#include "core/notify.h"
#include "core/profile.h"
#include "core/session.h"
#include "crypto/digest.h"
#include "room/ids.h"
#include "store/q_browser.h"
#include "store/q_contain.h"
#include "store/q_factor.h"
#include "store/q_profile.h"
#include "store/q_pusher.h"
#include "store/q_upstream.h"

#include <pthread.h>

/* Hashing takes 19 MiB and a core: few at a time, so that logins starve nobody. */
#define HASHES_AT_ONCE 2

static struct {
	pthread_mutex_t lock;
	pthread_cond_t free;
	int busy;
} hashing = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.free = PTHREAD_COND_INITIALIZER };

static void
hash_begin(void)
{
	pthread_mutex_lock(&hashing.lock);
	while (hashing.busy >= HASHES_AT_ONCE)
		pthread_cond_wait(&hashing.free, &hashing.lock);
	hashing.busy++;
	pthread_mutex_unlock(&hashing.lock);
}

static void
hash_end(void)
{
	pthread_mutex_lock(&hashing.lock);
	hashing.busy--;
	pthread_cond_signal(&hashing.free);
	pthread_mutex_unlock(&hashing.lock);
}

static bool
hash_password(struct ctx *c, struct secret password, struct str *out)
{
	bool ok;

	hash_begin();
	ok = password_hash(c->a, password, out, &c->err);
	hash_end();
	return ok;
}

bool
account_id(struct ctx *c, struct str name, struct str *user)
{
	struct str local = name;

	if (str_starts(name, S("@"))) {
		if (!id_user_ok(name) || !server_is_local(name))
			return fail(&c->err, M_INVALID_USERNAME,
			    "The user id is not one of this server");
		local = id_localpart(name);
	}
	if (!id_localpart_ok(local))
		return fail(&c->err, M_INVALID_USERNAME, "A user name is made "
		    "of a-z, 0-9 and . _ = - / +");
	*user = str_fmt(c->a, "@" STR_FMT ":" STR_FMT, STR_ARG(local),
	    STR_ARG(server_get()->name));
	return user->n <= ID_MAX || fail(&c->err, M_INVALID_USERNAME,
	    "The user name is too long");
}

bool
account_available(struct ctx *c, struct str user)
{
	struct account x;
	bool found;

	if (!account_find(c->db, c->a, user, &x, &found, &c->err))
		return false;
	return !found || fail(&c->err, M_USER_IN_USE,
	    "The user name is taken");
}

enum account_policy
account_registration(void)
{
	const struct conf *conf = conf_get();

	/* What is made so has a password. */
	if (!conf->password_enabled)
		return REGISTRATION_CLOSED;
	if (conf->registration_open)
		return REGISTRATION_OPEN;
	return conf->registration_tokens ? REGISTRATION_BY_TOKEN
	    : REGISTRATION_CLOSED;
}

struct making {
	struct account row;
	const struct account_new *n;
	struct str display_json, folded;
	int64_t now_ms;
};

static bool
create_body(struct db *db, void *arg, struct err *e)
{
	struct making *m = arg;
	bool fresh, used;

	if (m->n->reg_token.n > 0) {
		if (!reg_token_use(db, m->n->reg_token, m->now_ms, &used, e))
			return false;
		if (!used)
			return fail(e, M_FORBIDDEN, "The registration token "
			    "cannot be used any more");
	}
	if (!account_insert(db, &m->row, &fresh, e))
		return false;
	if (!fresh)
		return fail(e, M_USER_IN_USE, "The user name is taken");
	return profile_set(db, m->row.user_id, S("displayname"),
	    m->display_json, e) &&
	    directory_put(db, m->row.user_id, m->folded, e);
}

bool
account_create(struct ctx *c, const struct account_new *n)
{
	struct making m = { .n = n, .now_ms = c->now_ms, .row = {
	    .user_id = n->user, .kind = n->kind, .admin = n->admin,
	    .created_ms = c->now_ms } };
	struct str name = n->display_name.n > 0 ? n->display_name
	    : id_localpart(n->user);
	struct json text = json_of_str(name);

	if (n->password.hidden.n > 0 && (!password_strong(c,
	    n->password) || !hash_password(c, n->password,
	    &m.row.password)))
		return false;
	m.display_json = json_text(c->a, &text);
	m.folded = profile_folded(c->a, n->user, name);
	return db_transact(c->db, create_body, &m, &c->err);
}

bool
password_strong(struct ctx *c, struct secret password)
{
	int64_t min = conf_get()->password_min_length;

	if (password.hidden.n > 512)
		return fail(&c->err, M_INVALID_PARAM,
		    "A password takes at most 512 bytes");
	return (int64_t)str_utf8_len(password.hidden) >= min ||
	    fail(&c->err, M_WEAK_PASSWORD, "A password needs at least %lld "
	    "characters", (long long)min);
}

/* A hash of nothing, to take as long for names that do not exist. */
static struct str
dummy_hash(struct ctx *c)
{
	static char kept[160];
	static size_t n;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct str made;
	struct err e;

	pthread_mutex_lock(&lock);
	if (n == 0 && password_hash(c->a, secret_dup(c->a,
	    S("no such account")), &made, &e) && made.n <= sizeof(kept)) {
		for (size_t i = 0; i < made.n; i++)
			kept[i] = made.p[i];
		n = made.n;
	}
	pthread_mutex_unlock(&lock);
	return str_n(kept, n);
}

static bool
set_password_body(struct db *db, void *arg, struct err *e)
{
	const struct account *x = arg;

	return account_set_password(db, x->user_id, x->password, e);
}

/* With the password, every browser that is signed in by the old one ends. */
struct changing {
	struct account account;
	struct str device;		/* the one that asked: its pushers stay */
};

static bool
change_password_body(struct db *db, void *arg, struct err *e)
{
	struct changing *x = arg;

	return set_password_body(db, &x->account, e) &&
	    browser_delete_user(db, x->account.user_id, S(""), e) &&
	    pusher_delete_others(db, x->account.user_id, x->device, e);
}

/* An imported hash is replaced by one of ours at the first sign-in. */
static bool
rehash(struct ctx *c, struct str user, struct secret password)
{
	struct account x = { .user_id = user };

	return hash_password(c, password, &x.password) &&
	    db_transact(c->db, set_password_body, &x, &c->err);
}

bool
account_password_ok(struct ctx *c, struct str user, struct secret password,
    bool *ok)
{
	struct account x;
	bool found, again;

	if (!account_find(c->db, c->a, user, &x, &found, &c->err))
		return false;
	if (!found || x.password.n == 0)
		x.password = dummy_hash(c);
	hash_begin();
	*ok = password_ok(password, x.password, &again) && found;
	hash_end();
	return !*ok || !again || rehash(c, user, password);
}

bool
account_login(struct ctx *c, struct str user, struct secret password,
    struct account *out)
{
	bool ok, found;

	if (!account_password_ok(c, user, password, &ok))
		return false;
	if (!account_find(c->db, c->a, user, out, &found, &c->err))
		return false;
	if (!ok || !found)
		return fail(&c->err, M_FORBIDDEN,
		    "The user name or the password is wrong");
	if (out->deactivated)
		return fail(&c->err, M_USER_DEACTIVATED,
		    "This account has ended");
	if (out->locked) {
		fail(&c->err, M_USER_LOCKED, "This account is locked");
		c->err.soft_logout = true;
		return false;
	}
	return true;
}

bool
account_change_password(struct ctx *c, struct str user,
    struct secret password)
{
	struct changing x = { .account = { .user_id = user } };

	if (str_eq(c->who.user, user))
		x.device = c->who.device;
	return password_strong(c, password) &&
	    hash_password(c, password, &x.account.password) &&
	    db_transact(c->db, change_password_body, &x, &c->err);
}

bool
account_get(struct ctx *c, struct str user, struct account *out)
{
	bool found;

	if (!account_find(c->db, c->a, user, out, &found, &c->err))
		return false;
	return found || fail(&c->err, M_NOT_FOUND, "There is no such user");
}

struct flagging {
	struct str user;
	const struct account_flags *f;
};

static bool
set_body(struct db *db, void *arg, struct err *e)
{
	struct flagging *x = arg;
	bool contained = false;

	if (x->f->locked >= 0 && !contain_whole(db, x->user, &contained, e))
		return false;
	if (contained)
		return fail(e, M_FORBIDDEN, "The account is contained: "
		    "release it to unlock it");
	return account_set_flags(db, x->user, x->f, e);
}

bool
account_set(struct ctx *c, struct str user, const struct account_flags *f)
{
	struct flagging x = { user, f };

	if (!db_transact(c->db, set_body, &x, &c->err))
		return false;
	session_forget_user(user);
	notify_kick(user, (struct str){ NULL, 0 });
	return true;
}

static bool
end_body(struct db *db, void *arg, struct err *e)
{
	struct flagging *x = arg;
	struct str none = { NULL, 0 };
	bool held;

	if (!hold_user(db, x->user, &held, e))
		return false;
	if (held)
		return fail(e, M_FORBIDDEN, "The account is under legal hold: "
		    "release its containment first");
	return account_set_flags(db, x->user, x->f, e) &&
	    account_set_password(db, x->user, none, e) &&
	    browser_delete_user(db, x->user, none, e) &&
	    upstream_link_delete_user(db, x->user, e) &&
	    totp_delete(db, x->user, e) &&
	    passkey_delete(db, x->user, none, e) &&
	    recovery_delete_all(db, x->user, e) &&
	    pusher_delete_others(db, x->user, none, e) &&
	    directory_put(db, x->user, none, e) &&
	    profile_delete_all(db, x->user, e);
}

/* Leaves every room in the user's own name. */
static bool
leave_all(struct ctx *c, struct str user)
{
	struct actor who = c->who;
	struct user_membership *m;
	size_t n;
	bool ok = true;

	if (!memberships_of_user(c->db, c->a, user, 1U << MEMBER_JOIN |
	    1U << MEMBER_INVITE | 1U << MEMBER_KNOCK, &m, &n, &c->err))
		return false;
	c->who.user = user;
	for (size_t i = 0; i < n && ok; i++) {
		struct room *r;

		ok = room_open_nid(c, m[i].room, &r);
		if (ok && !member_leave(c, r, (struct str){ NULL, 0 })) {
			ok = c->err.code == M_FORBIDDEN;
			if (ok)
				err_clear(&c->err);
		}
	}
	c->who = who;
	return ok;
}

bool
account_deactivate(struct ctx *c, struct str user, bool erase)
{
	struct account_flags f = ACCOUNT_FLAGS_KEEP;
	struct flagging x = { user, &f };
	struct account known;

	if (!account_get(c, user, &known))
		return false;
	f.deactivated = 1;
	f.erased = erase ? 1 : -1;
	return db_transact(c->db, end_body, &x, &c->err) &&
	    session_end_all(c, user, (struct str){ NULL, 0 }) &&
	    leave_all(c, user);
}
