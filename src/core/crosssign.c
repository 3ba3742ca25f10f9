/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Cross-signing: keys and the signatures on them, each of which is checked
 * before it is kept. See keys.h. spec: client-server, "Cross-signing".
 */
#include "core/keys.h"

#include "core/e2ee.h"
#include "core/keys_sign.h"
#include "store/q_keys.h"
#include "store/stream.h"

struct cross {
	struct str kind;
	const struct json *key;		/* NULL: not given */
	struct str public_key;
};

struct upload {
	struct ctx *c;
	struct cross x[3];		/* master, self_signing, user_signing */
	struct stream_tx tx;
};

/* The one ed25519 key in `keys`. */
static bool
read_key(struct ctx *c, struct cross *x)
{
	const struct json *keys = json_get_obj(x->key, S("keys"));
	const struct json *usage = json_get_arr(x->key, S("usage"));
	uint8_t raw[SIGN_PUBLIC_BYTES];

	if (x->key == NULL)
		return true;
	if (!str_eq(json_str(x->key, S("user_id")), c->who.user))
		return fail(&c->err, M_INVALID_PARAM,
		    "A cross-signing key is of another user");
	if (keys == NULL || keys->n != 1 || keys->m[0].val.type != JSON_STR ||
	    !str_starts(keys->m[0].key, S("ed25519:")) ||
	    !sign_read_public(keys->m[0].val.s, raw))
		return fail(&c->err, M_INVALID_PARAM,
		    "A cross-signing key has one ed25519 key");
	if (usage == NULL || usage->n != 1 ||
	    usage->at[0].type != JSON_STR ||
	    !str_eq(usage->at[0].s, x->kind))
		return fail(&c->err, M_INVALID_PARAM, "The usage of the key is "
		    "not " STR_FMT, STR_ARG(x->kind));
	x->public_key = keys->m[0].val.s;
	return true;
}

static bool
read_all(struct ctx *c, const struct json *master, const struct json *self,
    const struct json *user, struct upload *u)
{
	*u = (struct upload){ .c = c, .x = { { S("master"), master,
	    { NULL, 0 } }, { S("self_signing"), self, { NULL, 0 } },
	    { S("user_signing"), user, { NULL, 0 } } } };
	for (size_t i = 0; i < LEN(u->x); i++)
		if (!read_key(c, &u->x[i]))
			return false;
	return true;
}

static struct str
kept_key(const struct key_rows *rows, struct str kind)
{
	for (size_t i = 0; i < rows->n; i++)
		if (str_eq(rows->at[i].id, kind))
			return rows->at[i].key_id;
	return (struct str){ NULL, 0 };
}

bool
crosssign_is_harmless(struct ctx *c, const struct json *master,
    const struct json *self, const struct json *user, bool *harmless)
{
	struct key_rows rows;
	struct upload u;

	if (!read_all(c, master, self, user, &u) ||
	    !cross_keys_of(c->db, c->a, c->who.user, &rows, &c->err))
		return false;
	*harmless = true;
	if (kept_key(&rows, S("master")).n == 0)
		return true;
	for (size_t i = 0; i < LEN(u.x); i++)
		if (u.x[i].key != NULL && !str_eq(u.x[i].public_key,
		    kept_key(&rows, u.x[i].kind)))
			*harmless = false;
	return true;
}

/* Self- and user-signing keys are signed by the master key that holds. */
static bool
check_signed(struct ctx *c, const struct upload *u)
{
	struct str master = u->x[0].public_key;
	struct key_rows rows;

	if (u->x[0].key == NULL) {
		if (!cross_keys_of(c->db, c->a, c->who.user, &rows, &c->err))
			return false;
		master = kept_key(&rows, S("master"));
	}
	for (size_t i = 1; i < LEN(u->x); i++) {
		if (u->x[i].key == NULL)
			continue;
		if (master.n == 0)
			return fail(&c->err, M_MISSING_PARAM,
			    "A master key is needed first");
		if (!keys_signed_by(c->a, u->x[i].key, c->who.user,
		    str_cat(c->a, S("ed25519:"), master), master))
			return fail(&c->err, M_INVALID_SIGNATURE, "The master "
			    "key did not sign the " STR_FMT " key",
			    STR_ARG(u->x[i].kind));
	}
	return true;
}

static bool
upload_body(struct db *db, void *arg, struct err *e)
{
	struct upload *u = arg;
	struct ctx *c = u->c;

	for (size_t i = 0; i < LEN(u->x); i++)
		if (u->x[i].key != NULL && !cross_key_put(db, c->who.user,
		    u->x[i].kind, u->x[i].public_key, json_text(c->a,
		    u->x[i].key), e))
			return false;
	return devicelist_bump(db, &u->tx, c->who.user, e);
}

bool
crosssign_upload(struct ctx *c, const struct json *master,
    const struct json *self, const struct json *user)
{
	struct upload u;

	if (!read_all(c, master, self, user, &u) || !check_signed(c, &u) ||
	    !devicelist_begin(c, c->who.user))
		return false;
	if (!stream_transact(c->db, upload_body, &u, &u.tx, &c->err))
		return false;
	devicelist_end(&u.tx, c->who.user);
	return true;
}

/* Signatures that hold, gathered to be stored. */
struct batch {
	struct ctx *c;
	struct sig_row *sig;
	size_t n, cap;
	struct stream_tx tx;
	struct str *users;		/* whose keys were signed */
	size_t nusers;
};

/* The actor's key of that id: a device's, or a cross-signing key. */
static bool
own_key(struct ctx *c, struct str key_id, struct str *out)
{
	struct str name = str_from(key_id, S("ed25519:").n), body;
	struct key_rows rows;
	struct json device;

	*out = (struct str){ NULL, 0 };
	if (!str_starts(key_id, S("ed25519:")) ||
	    !cross_keys_of(c->db, c->a, c->who.user, &rows, &c->err))
		return c->err.code == M_OK;
	for (size_t i = 0; i < rows.n; i++)
		if (str_eq(rows.at[i].key_id, name))
			*out = name;
	if (out->n > 0)
		return true;
	if (!device_key_get(c->db, c->a, c->who.user, name, &body, &c->err))
		return false;
	if (body.n == 0)
		return true;
	if (!json_parse(c->a, body, JSON_ANY, &device, &c->err))
		return false;
	*out = keys_of_device(&device, name, c->a);
	return true;
}

/* The key as we keep it, that is said to be signed; body empty: none. */
static bool
kept_body(struct ctx *c, struct str user, struct str target, struct str *body)
{
	struct key_rows rows;

	if (!device_key_get(c->db, c->a, user, target, body, &c->err) ||
	    !cross_keys_of(c->db, c->a, user, &rows, &c->err))
		return false;
	for (size_t i = 0; i < rows.n; i++)
		if (str_eq(rows.at[i].key_id, target))
			*body = rows.at[i].body;
	return true;
}

static bool
same_key(struct ctx *c, const struct json *given, struct str body)
{
	struct json kept, x, y;
	struct err e;

	if (!json_parse(c->a, body, JSON_ANY, &kept, &e))
		return false;
	x = json_copy(c->a, given);
	y = json_copy(c->a, &kept);
	json_del(&x, S("signatures"));
	json_del(&x, S("unsigned"));
	json_del(&y, S("signatures"));
	json_del(&y, S("unsigned"));
	return json_equal(&x, &y);
}

static void
add_failure(struct ctx *c, struct json *failures, struct str user,
    struct str target, const char *code, const char *text)
{
	const struct json *old = json_get_obj(failures, user);
	struct json of = old != NULL ? json_copy(c->a, old) : json_new_obj();
	struct json why = json_new_obj();

	json_set(c->a, &why, S("errcode"), json_of_str(str_c(code)));
	json_set(c->a, &why, S("error"), json_of_str(str_c(text)));
	json_set(c->a, &of, target, why);
	json_set(c->a, failures, user, of);
}

static void
keep(struct batch *b, struct sig_row row)
{
	b->sig = arena_more(b->c->a, b->sig, b->n, &b->cap, sizeof(*b->sig));
	b->sig[b->n++] = row;
}

/* The actor's signatures on one key. */
static bool
check_one(struct batch *b, struct str user, struct str target,
    const struct json *given, struct json *failures)
{
	struct ctx *c = b->c;
	const struct json *mine = json_get_obj(json_get_obj(given,
	    S("signatures")), c->who.user);
	struct str body;

	if (!kept_body(c, user, target, &body))
		return false;
	if (body.n == 0 || !same_key(c, given, body)) {
		add_failure(c, failures, user, target, "M_NOT_FOUND",
		    "There is no such key, or it is another");
		return true;
	}
	for (uint32_t i = 0; mine != NULL && i < mine->n; i++) {
		struct str key;

		if (!own_key(c, mine->m[i].key, &key))
			return false;
		if (key.n == 0 || mine->m[i].val.type != JSON_STR ||
		    !keys_signed_by(c->a, given, c->who.user, mine->m[i].key,
		    key)) {
			add_failure(c, failures, user, target,
			    "M_INVALID_SIGNATURE",
			    "A signature does not fit");
			continue;
		}
		keep(b, (struct sig_row){ user, target, c->who.user,
		    mine->m[i].key, mine->m[i].val.s });
	}
	return true;
}

static bool
store_body(struct db *db, void *arg, struct err *e)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++)
		if (!signature_put(db, &b->sig[i], e))
			return false;
	/* Signatures on others' keys are for the signer's own devices alone. */
	for (size_t i = 0; i < b->nusers; i++)
		if (!devicelist_bump(db, &b->tx, b->users[i], e))
			return false;
	return true;
}

bool
signatures_upload(struct ctx *c, const struct json *given,
    struct json *failures)
{
	struct batch b = { .c = c };

	*failures = json_new_obj();
	b.users = arena_array(c->a, struct str, given->n + 1);
	for (uint32_t i = 0; i < given->n; i++) {
		const struct json *of = &given->m[i].val;
		size_t before = b.n;

		for (uint32_t k = 0; of->type == JSON_OBJ && k < of->n; k++)
			if (!check_one(&b, given->m[i].key, of->m[k].key,
			    &of->m[k].val, failures))
				return false;
		if (b.n > before)
			b.users[b.nusers++] = given->m[i].key;
	}
	if (b.n == 0)
		return true;
	if (!devicelist_begin(c, c->who.user))
		return false;
	if (!stream_transact(c->db, store_body, &b, &b.tx, &c->err))
		return false;
	devicelist_end(&b.tx, c->who.user);
	return true;
}
