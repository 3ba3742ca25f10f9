/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See passkey.h. Signatures and authenticator data are libfido2's to check. */
#include "core/passkey.h"

#include "base/enc.h"
#include "core/browser.h"
#include "crypto/digest.h"
#include "store/q_factor.h"

#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>

#define CHALLENGE_MS (5 * 60 * INT64_C(1000))
#define ID_BYTES_MAX 1023
#define NAME_BYTES_MAX 100

static const char *
purpose(bool make)
{
	return make ? "passkey-make" : "passkey-use";
}

/* Beside a challenge stands whose it is, not in clear. */
static struct str
mark(struct ctx *c, struct str whose)
{
	return hex_encode(c->a, sha256_raw(c->a, whose));
}

bool
passkey_challenge(struct ctx *c, bool make, struct str whose,
    struct str *challenge)
{
	return onetime_make(c, purpose(make), mark(c, whose), CHALLENGE_MS,
	    challenge);
}

struct str
passkey_user_handle(struct ctx *c, struct str user)
{
	return sha256_raw(c->a, str_cat(c->a, S("passkey "), user));
}

/* What the browser itself says: that it was asked here, for this, just now. */
static bool
client_data_ok(struct ctx *c, const struct passkey_site *s, bool make,
    struct str whose, struct str text, bool *ok)
{
	struct str challenge, owner;
	struct json v;
	struct err e = { .code = M_OK };
	bool cross = false;

	*ok = false;
	if (!json_parse(c->a, text, JSON_ANY, &v, &e) ||
	    !str_eq(json_str(&v, S("type")), make ? S("webauthn.create")
	    : S("webauthn.get")) ||
	    !str_eq(json_str(&v, S("origin")), s->origin) ||
	    (json_get_bool(&v, S("crossOrigin"), &cross) && cross) ||
	    !b64_decode(c->a, B64_URL, json_str(&v, S("challenge")),
	    &challenge))
		return true;
	if (!onetime_use(c, purpose(make), challenge, &owner, ok))
		return false;
	*ok = *ok && str_eq_secret(owner, mark(c, whose));
	return true;
}

/* Authenticator data begin with the hash of the host they were made for. */
static bool
host_ok(struct ctx *c, struct str host, const unsigned char *data, size_t n)
{
	return n >= SHA256_BYTES && str_eq(str_n((const char *)data,
	    SHA256_BYTES), sha256_raw(c->a, host));
}

/* Which kind of key it is must be said beforehand: all that are taken are tried. */
static fido_cred_t *
read_credential(struct str auth_data)
{
	static const int types[] = { COSE_ES256, COSE_EDDSA, COSE_RS256 };
	const unsigned char *p = (const unsigned char *)auth_data.p;

	for (size_t i = 0; i < LEN(types); i++) {
		fido_cred_t *cred = fido_cred_new();

		if (cred == NULL)
			return NULL;
		if (fido_cred_set_type(cred, types[i]) == FIDO_OK &&
		    fido_cred_set_authdata_raw(cred, p, auth_data.n) ==
		    FIDO_OK)
			return cred;
		fido_cred_free(&cred);
	}
	return NULL;
}

static struct str
bytes(struct arena *a, const unsigned char *p, size_t n)
{
	return str_dup(a, str_n((const char *)p, n));
}

/* Bits of authenticator data: a person was there, and was known. */
#define PRESENT 0x01
#define VERIFIED 0x04

/* What a new credential is; false: not one that is accepted. */
static bool
take_credential(struct ctx *c, const struct passkey_site *s,
    struct str auth_data, struct passkey_row *row)
{
	fido_cred_t *cred = read_credential(auth_data);
	unsigned flags;
	bool ok;

	if (cred == NULL)
		return false;
	flags = fido_cred_flags(cred);
	ok = host_ok(c, s->host, (const unsigned char *)auth_data.p,
	    auth_data.n) && (flags & PRESENT) != 0 &&
	    (flags & VERIFIED) != 0 && fido_cred_id_len(cred) > 0 &&
	    fido_cred_id_len(cred) <= ID_BYTES_MAX &&
	    fido_cred_pubkey_len(cred) > 0;
	if (ok) {
		row->id = bytes(c->a, fido_cred_id_ptr(cred),
		    fido_cred_id_len(cred));
		row->public_key = bytes(c->a, fido_cred_pubkey_ptr(cred),
		    fido_cred_pubkey_len(cred));
		row->alg = fido_cred_type(cred);
		row->counter = fido_cred_sigcount(cred);
	}
	fido_cred_free(&cred);
	return ok;
}

struct storing {
	struct passkey_row row;
	struct arena *a;
	bool ok;
};

static bool
add_body(struct db *db, void *arg, struct err *e)
{
	struct storing *x = arg;
	struct passkey_row *all;
	size_t n;

	x->ok = false;
	if (!passkey_list(db, x->a, x->row.user_id, &all, &n, e))
		return false;
	return n >= PASSKEYS_MAX || passkey_insert(db, &x->row, &x->ok, e);
}

bool
passkey_add(struct ctx *c, const struct passkey_site *s, struct str user,
    struct str name, const struct passkey_answer *x, bool *ok)
{
	struct storing st = { .a = c->a, .row = { .user_id = user,
	    .name = str_utf8_clip(str_trim(name), NAME_BYTES_MAX),
	    .created_ms = c->now_ms } };

	if (!client_data_ok(c, s, true, user, x->client_data, ok))
		return false;
	*ok = *ok && take_credential(c, s, x->auth_data, &st.row);
	if (!*ok)
		return true;
	if (!db_transact(c->db, add_body, &st, &c->err))
		return false;
	*ok = st.ok;
	return true;
}

/* Checks a signature by a key as it was kept. */
static bool
verify_by(const fido_assert_t *as, const struct passkey_row *row)
{
	const void *p = row->public_key.p;
	size_t n = row->public_key.n;
	bool ok = false;

	if (row->alg == COSE_ES256) {
		es256_pk_t *pk = es256_pk_new();

		ok = pk != NULL && es256_pk_from_ptr(pk, p, n) == FIDO_OK &&
		    fido_assert_verify(as, 0, COSE_ES256, pk) == FIDO_OK;
		es256_pk_free(&pk);
	} else if (row->alg == COSE_EDDSA) {
		eddsa_pk_t *pk = eddsa_pk_new();

		ok = pk != NULL && eddsa_pk_from_ptr(pk, p, n) == FIDO_OK &&
		    fido_assert_verify(as, 0, COSE_EDDSA, pk) == FIDO_OK;
		eddsa_pk_free(&pk);
	} else if (row->alg == COSE_RS256) {
		rs256_pk_t *pk = rs256_pk_new();

		ok = pk != NULL && rs256_pk_from_ptr(pk, p, n) == FIDO_OK &&
		    fido_assert_verify(as, 0, COSE_RS256, pk) == FIDO_OK;
		rs256_pk_free(&pk);
	}
	return ok;
}

static const unsigned char *
u8(struct str s)
{
	return (const unsigned char *)s.p;
}

static bool
signature_ok(struct ctx *c, const struct passkey_site *s,
    const struct passkey_answer *x, const struct passkey_row *row,
    int64_t *counter)
{
	fido_assert_t *as = fido_assert_new();
	bool ok;

	if (as == NULL)
		return false;
	ok = fido_assert_set_count(as, 1) == FIDO_OK &&
	    fido_assert_set_clientdata(as, u8(x->client_data),
	    x->client_data.n) == FIDO_OK &&
	    fido_assert_set_rp(as, str_cz(c->a, s->host)) == FIDO_OK &&
	    fido_assert_set_authdata_raw(as, 0, u8(x->auth_data),
	    x->auth_data.n) == FIDO_OK &&
	    fido_assert_set_sig(as, 0, u8(x->sig), x->sig.n) == FIDO_OK &&
	    fido_assert_set_up(as, FIDO_OPT_TRUE) == FIDO_OK &&
	    fido_assert_set_uv(as, FIDO_OPT_TRUE) == FIDO_OK &&
	    verify_by(as, row);
	if (ok)
		*counter = fido_assert_sigcount(as, 0);
	fido_assert_free(&as);
	return ok;
}

static bool
used_body(struct db *db, void *arg, struct err *e)
{
	struct storing *x = arg;

	return passkey_used(db, x->row.id, x->row.counter, x->row.used_ms,
	    &x->ok, e);
}

bool
passkey_use(struct ctx *c, const struct passkey_site *s, struct str browser,
    const struct passkey_answer *x, struct str *user, bool *ok)
{
	struct storing st = { .a = c->a };
	bool found;

	if (!client_data_ok(c, s, false, browser, x->client_data, ok))
		return false;
	if (!*ok || x->id.n == 0 || x->auth_data.n == 0 || x->sig.n == 0) {
		*ok = false;
		return true;
	}
	if (!passkey_find(c->db, c->a, x->id, &st.row, &found, &c->err))
		return false;
	*ok = found && signature_ok(c, s, x, &st.row, &st.row.counter);
	if (!*ok)
		return true;
	/* A counter that has not grown says that the key was copied. */
	st.row.used_ms = c->now_ms;
	if (!db_transact(c->db, used_body, &st, &c->err))
		return false;
	*ok = st.ok;
	*user = st.row.user_id;
	return true;
}
