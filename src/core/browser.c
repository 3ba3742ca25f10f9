/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See browser.h. */
#include "core/browser.h"

#include "base/clock.h"
#include "core/held.h"
#include "crypto/digest.h"
#include "store/q_browser.h"

#define PARTIAL_MS (10 * 60 * INT64_C(1000))
#define APPROVAL_MS (10 * 60 * INT64_C(1000))

bool
browser_find(struct ctx *c, struct str cookie, struct browser *out,
    bool *found)
{
	struct str none = { NULL, 0 };
	struct browser_row row;
	struct err why;
	int64_t life = conf_get()->oauth_browser_lifetime;

	*found = false;
	if (cookie.n != COOKIE_LETTERS)
		return true;
	if (!browser_get(c->db, c->a, sha256_raw(c->a, cookie), &row, found,
	    &c->err))
		return false;
	if (!*found)
		return true;
	if (row.partial && PARTIAL_MS < life)
		life = PARTIAL_MS;
	*found = c->now_ms - row.created_ms < life && !row.locked &&
	    !row.deactivated && held_check(row.user_id, none, c->who.address,
	    &why);
	*out = (struct browser){ row.user_id, row.partial, row.auth_ms };
	return true;
}

struct change {
	struct browser_row row;
	struct str before, user;
};

static bool
begin_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	return (x->before.n == 0 || browser_delete(db, x->before, e)) &&
	    browser_insert(db, &x->row, e);
}

bool
browser_begin(struct ctx *c, struct str user, bool partial, struct str before,
    struct str *cookie)
{
	struct str made = random_text(c->a, COOKIE_LETTERS);
	struct change x = { .row = { .hash = sha256_raw(c->a, made),
	    .user_id = user, .partial = partial, .created_ms = c->now_ms,
	    .auth_ms = c->now_ms } };

	if (before.n > 0)
		x.before = sha256_raw(c->a, before);
	if (!db_transact(c->db, begin_body, &x, &c->err))
		return false;
	*cookie = made;
	return true;
}

static bool
end_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	if (x->user.n > 0)
		return browser_delete_user(db, x->user, x->before, e);
	return browser_delete(db, x->before, e);
}

bool
browser_end(struct ctx *c, struct str cookie)
{
	struct change x = { .before = sha256_raw(c->a, cookie) };

	return db_transact(c->db, end_body, &x, &c->err);
}

bool
browser_end_others(struct ctx *c, struct str user, struct str keep)
{
	struct change x = { .before = sha256_raw(c->a, keep), .user = user };

	return db_transact(c->db, end_body, &x, &c->err);
}

struct approval {
	struct str user, operation;
	int64_t ms;
	bool was;
};

static bool
give_body(struct db *db, void *arg, struct err *e)
{
	struct approval *x = arg;

	return approval_put(db, x->user, x->operation, x->ms, e);
}

bool
approval_give(struct ctx *c, struct str user, struct str operation)
{
	struct approval x = { user, operation, c->now_ms + APPROVAL_MS,
	    false };

	return db_transact(c->db, give_body, &x, &c->err);
}

static bool
use_body(struct db *db, void *arg, struct err *e)
{
	struct approval *x = arg;

	return approval_take(db, x->user, x->operation, x->ms, &x->was, e);
}

bool
approval_use(struct ctx *c, struct str user, struct str operation, bool *was)
{
	struct approval x = { user, operation, c->now_ms, false };

	if (!db_transact(c->db, use_body, &x, &c->err))
		return false;
	*was = x.was;
	return true;
}

struct once {
	struct str hash, purpose, data;
	int64_t ms;
	bool first;
};

static bool
make_body(struct db *db, void *arg, struct err *e)
{
	struct once *x = arg;

	return onetime_insert(db, x->hash, x->purpose, x->data, x->ms, e);
}

bool
onetime_make(struct ctx *c, const char *purpose, struct str data,
    int64_t life_ms, struct str *token)
{
	struct str made = random_text(c->a, COOKIE_LETTERS);
	struct once x = { sha256_raw(c->a, made), str_c(purpose), data,
	    c->now_ms + life_ms, false };

	if (!db_transact(c->db, make_body, &x, &c->err))
		return false;
	*token = made;
	return true;
}

static bool
spend_body(struct db *db, void *arg, struct err *e)
{
	struct once *x = arg;

	return onetime_delete(db, x->hash, &x->first, e);
}

bool
onetime_use(struct ctx *c, const char *purpose, struct str token,
    struct str *data, bool *found)
{
	struct once x = { .hash = sha256_raw(c->a, token) };

	*found = false;
	if (token.n != COOKIE_LETTERS)
		return true;
	if (!onetime_get(c->db, c->a, x.hash, str_c(purpose), c->now_ms, data,
	    found, &c->err))
		return false;
	if (!*found)
		return true;
	if (!db_transact(c->db, spend_body, &x, &c->err))
		return false;
	*found = x.first;
	return true;
}
