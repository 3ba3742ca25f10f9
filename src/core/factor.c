/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See factor.h. Passkeys are checked by passkey.c. */
#include "core/factor.h"

#include "base/clock.h"
#include "base/enc.h"
#include "core/browser.h"
#include "core/totp.h"
#include "crypto/digest.h"

#define RECOVERY_LETTERS 16
#define PENDING_MS (10 * 60 * INT64_C(1000))

bool
factor_list(struct ctx *c, struct str user, struct factors *out)
{
	struct totp_row row;

	*out = (struct factors){ .totp = false };
	return totp_find(c->db, c->a, user, &row, &out->totp, &c->err) &&
	    passkey_list(c->db, c->a, user, &out->passkey, &out->npasskeys,
	    &c->err) && recovery_count(c->db, user, &out->recovery, &c->err);
}

bool
factor_owed(struct ctx *c, struct str user, bool *owed)
{
	struct factors f;

	if (!factor_list(c, user, &f))
		return false;
	*owed = f.totp || f.npasskeys > 0;
	return true;
}

bool
factor_totp_keep(struct ctx *c, struct str user, struct str secret,
    struct str *token)
{
	struct str data = str_fmt(c->a, STR_FMT " " STR_FMT,
	    STR_ARG(hex_encode(c->a, secret)), STR_ARG(user));

	return onetime_make(c, "totp", data, PENDING_MS, token);
}

bool
factor_totp_begin(struct ctx *c, struct str user, struct str *secret,
    struct str *token)
{
	char *p = arena_alloc(c->a, TOTP_SECRET_BYTES);

	random_fill(p, TOTP_SECRET_BYTES);
	*secret = str_n(p, TOTP_SECRET_BYTES);
	return factor_totp_keep(c, user, *secret, token);
}

bool
factor_totp_pending(struct ctx *c, struct str user, struct str token,
    struct str *secret, bool *found)
{
	struct str data, hex, whose;

	if (!onetime_use(c, "totp", token, &data, found))
		return false;
	if (!*found)
		return true;
	*found = str_cut(data, ' ', &hex, &whose) && str_eq(whose, user) &&
	    hex_decode(c->a, hex, secret);
	return true;
}

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	return totp_put(db, arg, e);
}

bool
factor_totp_set(struct ctx *c, struct str user, struct str secret,
    struct str code, bool *ok)
{
	struct totp_row row = { .user_id = user, .secret = secret };

	*ok = totp_check(secret, str_trim(code), c->now_ms / 1000,
	    &row.last_step);
	return !*ok || db_transact(c->db, put_body, &row, &c->err);
}

/* One change of a person's factors. */
struct change {
	struct str user, passkey, hash[RECOVERY_CODES];
	struct arena *a;
	int64_t step;
	bool all, ok;
};

/* Recovery codes stand in for another factor: without one they mean nothing. */
static bool
tidy(struct db *db, struct change *x, struct err *e)
{
	struct passkey_row *keys;
	struct totp_row row;
	bool found;
	size_t n;

	if (!totp_find(db, x->a, x->user, &row, &found, e) ||
	    !passkey_list(db, x->a, x->user, &keys, &n, e))
		return false;
	return found || n > 0 || recovery_delete_all(db, x->user, e);
}

static bool
totp_remove_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	return totp_delete(db, x->user, e) && tidy(db, x, e);
}

bool
factor_totp_remove(struct ctx *c, struct str user)
{
	struct change x = { .user = user, .a = c->a };

	return db_transact(c->db, totp_remove_body, &x, &c->err);
}

static bool
remove_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	return (x->passkey.n > 0 || totp_delete(db, x->user, e)) &&
	    passkey_delete(db, x->user, x->passkey, e) && tidy(db, x, e);
}

bool
factor_remove(struct ctx *c, struct str user, struct str passkey)
{
	struct change x = { .user = user, .passkey = passkey, .a = c->a };

	return db_transact(c->db, remove_body, &x, &c->err);
}

static bool
use_totp_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	return totp_use(db, x->user, x->step, &x->ok, e);
}

static bool
use_recovery_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	return recovery_use(db, x->user, x->hash[0], &x->ok, e);
}

/* A recovery code as it was drawn: hyphens, spaces and case do not count. */
static struct str
plain(struct arena *a, struct str text)
{
	struct buf b;

	buf_init(&b, a, 64);
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '-' && text.p[i] != ' ')
			buf_char(&b, text.p[i]);
	return str_lower(a, buf_view(&b));
}

bool
factor_code_use(struct ctx *c, struct str user, struct str text, bool *ok)
{
	struct change x = { .user = user };
	struct totp_row row;
	bool found;

	*ok = false;
	text = plain(c->a, str_trim(text));
	if (text.n == RECOVERY_LETTERS) {
		x.hash[0] = sha256_raw(c->a, text);
		if (!db_transact(c->db, use_recovery_body, &x, &c->err))
			return false;
	} else {
		if (!totp_find(c->db, c->a, user, &row, &found, &c->err))
			return false;
		if (!found || !totp_check(row.secret, text, c->now_ms / 1000,
		    &x.step))
			return true;
		if (!db_transact(c->db, use_totp_body, &x, &c->err))
			return false;
	}
	*ok = x.ok;
	return true;
}

static bool
recovery_body(struct db *db, void *arg, struct err *e)
{
	struct change *x = arg;

	if (!recovery_delete_all(db, x->user, e))
		return false;
	for (size_t i = 0; i < RECOVERY_CODES; i++)
		if (!recovery_insert(db, x->user, x->hash[i], e))
			return false;
	return true;
}

bool
factor_recovery_new(struct ctx *c, struct str user,
    struct str code[RECOVERY_CODES])
{
	static const char letters[] = "bcdfghjkmnpqrstvwxyz23456789";
	struct change x = { .user = user };

	for (size_t i = 0; i < RECOVERY_CODES; i++) {
		char *p = arena_alloc(c->a, RECOVERY_LETTERS);

		for (size_t k = 0; k < RECOVERY_LETTERS; k++)
			p[k] = letters[random_below(sizeof(letters) - 1)];
		x.hash[i] = sha256_raw(c->a, str_n(p, RECOVERY_LETTERS));
		code[i] = str_fmt(c->a, "%.4s-%.4s-%.4s-%.4s", p, p + 4,
		    p + 8, p + 12);
	}
	return db_transact(c->db, recovery_body, &x, &c->err);
}
