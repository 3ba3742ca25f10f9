/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Device keys and one-time keys. Cross-signing is crosssign.c. See keys.h. */
#include "core/keys.h"

#include "core/e2ee.h"
#include "core/edu.h"
#include "core/outbound.h"
#include "core/keys_sign.h"
#include "core/notify.h"
#include "core/otk_cache.h"
#include "room/ids.h"
#include "store/q_account.h"
#include "store/q_event.h"
#include "store/q_keys.h"
#include "store/q_outbound.h"
#include "store/stream.h"

struct upload {
	struct ctx *c;
	const struct json *device, *one_time, *fallback;
	struct str device_text;
	bool device_changed, identity_changed;
	struct stream_tx tx;
};

static bool
bad(struct ctx *c, const char *what)
{
	return fail(&c->err, M_BAD_JSON, "%s", what);
}

bool
keys_signed_by(struct arena *a, const struct json *obj, struct str user,
    struct str key_id, struct str public_b64)
{
	uint8_t key[SIGN_PUBLIC_BYTES];

	return sign_read_public(public_b64, key) &&
	    sign_json_ok(a, obj, user, key_id, key);
}

/* The device's own ed25519 key, in device_keys. */
struct str
keys_of_device(const struct json *device, struct str device_id,
    struct arena *a)
{
	return json_str(json_get_obj(device, S("keys")),
	    str_cat(a, S("ed25519:"), device_id));
}

/*
 * The device's signature of itself is for whoever encrypts to it, and they
 * check it: a server could have changed the keys after it had looked.
 */
static bool
check_device(struct ctx *c, const struct json *d)
{
	struct str key = keys_of_device(d, c->who.device, c->a);

	if (!str_eq(json_str(d, S("user_id")), c->who.user) ||
	    !str_eq(json_str(d, S("device_id")), c->who.device))
		return bad(c, "device_keys are of another user or device");
	if (json_get_arr(d, S("algorithms")) == NULL || key.n == 0)
		return bad(c, "device_keys need algorithms and an ed25519 "
		    "key of the device");
	return true;
}

/* An algorithm is a word: it is kept in lines, and shown as a member's name. */
static bool
is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0;
}

/* "algorithm:id" of a one-time or fallback key. */
static bool
check_keys(struct ctx *c, const struct json *keys, struct str device_key)
{
	struct str key_id = str_cat(c->a, S("ed25519:"), c->who.device);

	if (keys == NULL)
		return true;
	if (keys->n > KEYS_UPLOAD_MAX)
		return bad(c, "At most 200 keys at once");
	for (uint32_t i = 0; i < keys->n; i++) {
		const struct json *v = &keys->m[i].val;
		struct str algorithm, id;

		if (!str_cut(keys->m[i].key, ':', &algorithm, &id) ||
		    !is_word(algorithm) || id.n == 0 ||
		    keys->m[i].key.n > 255)
			return bad(c, "A key's name is algorithm:id");
		if (v->type != JSON_STR && v->type != JSON_OBJ)
			return bad(c, "A key is a string or an object");
		if (!str_eq(algorithm, S("signed_curve25519")))
			continue;
		if (v->type != JSON_OBJ || json_str(v, S("key")).n == 0)
			return bad(c, "A signed key is an object with a key");
		if (device_key.n > 0 && !keys_signed_by(c->a, v, c->who.user,
		    key_id, device_key))
			return fail(&c->err, M_INVALID_SIGNATURE,
			    "The signature of a one-time key does not fit");
	}
	return true;
}

static bool
put_one_time(struct db *db, struct upload *u, struct err *e)
{
	struct ctx *c = u->c;
	int64_t pos;

	for (uint32_t i = 0; u->one_time != NULL && i < u->one_time->n; i++) {
		struct str algorithm, id, old, text;

		(void)str_cut(u->one_time->m[i].key, ':', &algorithm, &id);
		text = json_text(c->a, &u->one_time->m[i].val);
		if (!otk_get(db, c->a, c->who.user, c->who.device, algorithm,
		    id, &old, e))
			return false;
		if (old.n > 0 && !str_eq(old, text))
			return fail(e, M_INVALID_PARAM, "There is another key "
			    "of the name " STR_FMT " already",
			    STR_ARG(u->one_time->m[i].key));
		if (old.n > 0)
			continue;
		if (!stream_next(db, &u->tx, &pos, e) || !otk_put(db,
		    c->who.user, c->who.device, algorithm, id, text, pos, e))
			return false;
	}
	return true;
}

static bool
put_fallback(struct db *db, struct upload *u, struct err *e)
{
	struct ctx *c = u->c;

	for (uint32_t i = 0; u->fallback != NULL && i < u->fallback->n; i++) {
		struct str algorithm, id;

		(void)str_cut(u->fallback->m[i].key, ':', &algorithm, &id);
		if (!fallback_put(db, c->who.user, c->who.device, algorithm,
		    id, json_text(c->a, &u->fallback->m[i].val), e))
			return false;
	}
	return true;
}

static bool
upload_body(struct db *db, void *arg, struct err *e)
{
	struct upload *u = arg;
	struct ctx *c = u->c;

	if (u->identity_changed && !device_identity_drop(db, c->who.user,
	    c->who.device, e))
		return false;
	if (u->device_changed && (!device_key_put(db, c->who.user,
	    c->who.device, u->device_text, e) || !devicelist_bump(db, &u->tx,
	    c->who.user, e)))
		return false;
	return put_one_time(db, u, e) && put_fallback(db, u, e);
}

/* A client that lost its keys and kept its token makes new ones. */
static bool
same_identity(const struct json *old, const struct json *new)
{
	return json_equal(json_get_obj(old, S("keys")),
	    json_get_obj(new, S("keys")));
}

bool
keys_upload(struct ctx *c, const struct json *device,
    const struct json *one_time, const struct json *fallback)
{
	struct upload u = { .c = c, .device = device, .one_time = one_time,
	    .fallback = fallback };
	struct str kept, key = { NULL, 0 };
	struct json old;

	if (c->who.device.n == 0)
		return bad(c, "This session has no device");
	if (!devicelist_begin(c, c->who.user) ||
	    !device_key_get(c->db, c->a, c->who.user, c->who.device, &kept,
	    &c->err) || (kept.n > 0 && !json_parse(c->a, kept, JSON_ANY, &old,
	    &c->err)))
		return false;
	if (device != NULL) {
		if (!check_device(c, device))
			return false;
		u.identity_changed = kept.n > 0 &&
		    !same_identity(&old, device);
		u.device_text = json_text(c->a, device);
		u.device_changed = !str_eq(kept, u.device_text);
		key = keys_of_device(device, c->who.device, c->a);
	} else if (kept.n > 0) {
		key = keys_of_device(&old, c->who.device, c->a);
	}
	if (!check_keys(c, one_time, key) || !check_keys(c, fallback, key))
		return false;
	if (!stream_transact(c->db, upload_body, &u, &u.tx, &c->err))
		return false;
	otk_forget(c, c->who.user, c->who.device);
	if (u.device_changed)
		devicelist_end(&u.tx, c->who.user);
	else
		stream_end(&u.tx, NULL, NULL);
	return true;
}

/* Adds stored signatures to a key's `signatures`. */
static void
merge_signatures(struct arena *a, struct json *key, struct str target,
    const struct sig_row *sig, size_t n)
{
	const struct json *old = json_get_obj(key, S("signatures"));
	struct json all = old != NULL ? json_copy(a, old) : json_new_obj();

	for (size_t i = 0; i < n; i++) {
		const struct json *of;
		struct json by;

		if (!str_eq(sig[i].target, target))
			continue;
		of = json_get_obj(&all, sig[i].signer);
		by = of != NULL ? json_copy(a, of) : json_new_obj();
		json_set(a, &by, sig[i].signer_key,
		    json_of_str(sig[i].signature));
		json_set(a, &all, sig[i].signer, by);
	}
	json_set(a, key, S("signatures"), all);
}

static bool
wanted(const struct json *devices, struct str id)
{
	if (devices == NULL || devices->n == 0)
		return true;
	for (uint32_t i = 0; i < devices->n; i++)
		if (devices->at[i].type == JSON_STR &&
		    str_eq(devices->at[i].s, id))
			return true;
	return false;
}

static bool
add_devices(struct ctx *c, struct str user, const struct json *devices,
    const struct sig_row *sig, size_t nsig, struct user_keys *out)
{
	struct key_rows rows;

	if (!device_keys_of(c->db, c->a, user, &rows, &c->err))
		return false;
	out->devices = json_new_obj();
	for (size_t i = 0; i < rows.n; i++) {
		struct json parsed, key, extra = json_new_obj();

		if (!wanted(devices, rows.at[i].id))
			continue;
		if (!json_parse(c->a, rows.at[i].body, JSON_ANY, &parsed,
		    &c->err))
			return false;
		key = json_copy(c->a, &parsed);
		merge_signatures(c->a, &key, rows.at[i].id, sig, nsig);
		if (rows.at[i].key_id.n > 0)
			json_set(c->a, &extra, S("device_display_name"),
			    json_of_str(rows.at[i].key_id));
		json_set(c->a, &key, S("unsigned"), extra);
		json_set(c->a, &out->devices, rows.at[i].id, key);
	}
	return true;
}

static bool
add_cross(struct ctx *c, struct str user, const struct sig_row *sig,
    size_t nsig, struct user_keys *out)
{
	struct key_rows rows;

	if (!cross_keys_of(c->db, c->a, user, &rows, &c->err))
		return false;
	for (size_t i = 0; i < rows.n; i++) {
		struct json parsed, key;

		if (!json_parse(c->a, rows.at[i].body, JSON_ANY, &parsed,
		    &c->err))
			return false;
		key = json_copy(c->a, &parsed);
		merge_signatures(c->a, &key, rows.at[i].key_id, sig, nsig);
		if (str_eq(rows.at[i].id, S("master"))) {
			out->master = key;
			out->has_master = true;
		} else if (str_eq(rows.at[i].id, S("self_signing"))) {
			out->self_signing = key;
			out->has_self_signing = true;
		} else if (str_eq(user, c->who.user)) {
			out->user_signing = key;
			out->has_user_signing = true;
		}
	}
	return true;
}

bool
keys_query(struct ctx *c, struct str user, const struct json *devices,
    struct user_keys *out)
{
	struct sig_row *sig;
	size_t n;

	*out = (struct user_keys){ .has_master = false };
	return signatures_of(c->db, c->a, user, c->who.user, &sig, &n,
	    &c->err) && add_devices(c, user, devices, sig, n, out) &&
	    add_cross(c, user, sig, n, out);
}

struct claim {
	struct ctx *c;
	struct claimed_key *key;
	size_t n, cap;
};

static void
claim_add(struct claim *x, struct str user, const struct json *devices)
{
	for (uint32_t i = 0; devices->type == JSON_OBJ && i < devices->n; i++) {
		if (devices->m[i].val.type != JSON_STR)
			continue;
		x->key = arena_more(x->c->a, x->key, x->n, &x->cap,
		    sizeof(*x->key));
		x->key[x->n++] = (struct claimed_key){ .user = user,
		    .device = devices->m[i].key,
		    .algorithm = devices->m[i].val.s };
	}
}

/* All in one transaction: no key is given twice, or lost. */
static bool
claim_body(struct db *db, void *arg, struct err *e)
{
	struct claim *x = arg;

	for (size_t i = 0; i < x->n; i++)
		x->key[i].key_id = (struct str){ NULL, 0 };
	return keys_take(db, x->c->a, x->key, x->n, e);
}

/* { "algorithm:id": key } */
static bool
claim_write(struct ctx *c, const struct claimed_key *x, struct json *out)
{
	struct json v;

	*out = json_new_obj();
	if (!json_parse(c->a, x->body, JSON_ANY, &v, &c->err))
		return false;
	json_set(c->a, out, str_fmt(c->a, STR_FMT ":" STR_FMT,
	    STR_ARG(x->algorithm), STR_ARG(x->key_id)), v);
	return true;
}

/* Those of a user stand together. */
static bool
claim_write_all(const struct claim *x, struct json *out)
{
	struct ctx *c = x->c;

	*out = json_new_obj();
	for (size_t i = 0; i < x->n;) {
		struct str user = x->key[i].user;
		struct json mine = json_new_obj(), key;

		for (; i < x->n && str_eq(x->key[i].user, user); i++) {
			if (x->key[i].key_id.n == 0)
				continue;
			if (!claim_write(c, &x->key[i], &key))
				return false;
			json_set(c->a, &mine, x->key[i].device, key);
		}
		if (mine.n > 0)
			json_set(c->a, out, user, mine);
	}
	return true;
}

bool
keys_claim(struct ctx *c, const struct json *keys, struct json *out)
{
	struct claim x = { .c = c };

	for (uint32_t i = 0; i < keys->n; i++)
		claim_add(&x, keys->m[i].key, &keys->m[i].val);
	if (!db_transact(c->db, claim_body, &x, &c->err))
		return false;
	for (size_t i = 0; i < x.n; i++)
		if (x.key[i].key_id.n > 0)
			otk_forget(c, x.key[i].user, x.key[i].device);
	return claim_write_all(&x, out);
}

struct sending {
	struct ctx *c;
	struct str type, place, txn_id;
	const struct json *messages;
	struct stream_tx tx;
	struct edu_for *remote;		/* what goes to other servers */
	size_t nremote;
	bool again;
};

static bool
send_one(struct db *db, struct sending *s, struct str user,
    struct str device, const struct json *content, struct err *e)
{
	int64_t pos;

	return stream_next(db, &s->tx, &pos, e) && to_device_put(db, user,
	    device, pos, s->c->who.user, s->type, json_text(s->c->a, content),
	    e);
}

static bool
send_to_user(struct db *db, struct sending *s, struct str user,
    const struct json *by_device, struct err *e)
{
	struct device *dev;
	size_t n;

	for (uint32_t i = 0; i < by_device->n; i++) {
		const struct json *content = &by_device->m[i].val;

		if (!str_eq(by_device->m[i].key, S("*"))) {
			if (!send_one(db, s, user, by_device->m[i].key,
			    content, e))
				return false;
			continue;
		}
		if (!device_list(db, s->c->a, user, &dev, &n, e))
			return false;
		for (size_t k = 0; k < n; k++)
			if (!send_one(db, s, user, dev[k].device_id, content,
			    e))
				return false;
	}
	return true;
}

static bool
send_body(struct db *db, void *arg, struct err *e)
{
	struct sending *s = arg;
	struct ctx *c = s->c;
	struct str before;
	int64_t pos;

	if (!event_txn_find(db, c->a, c->who.user, c->who.device, s->place,
	    s->txn_id, &before, e))
		return false;
	s->again = before.n > 0;
	if (s->again)
		return true;
	for (uint32_t i = 0; i < s->messages->n; i++)
		if (server_is_local(s->messages->m[i].key) &&
		    s->messages->m[i].val.type == JSON_OBJ &&
		    !send_to_user(db, s, s->messages->m[i].key,
		    &s->messages->m[i].val, e))
			return false;
	for (size_t i = 0; i < s->nremote; i++)
		if (!stream_next(db, &s->tx, &pos, e) || !outbound_edu_add(db,
		    s->remote[i].server, pos, s->remote[i].edu, e))
			return false;
	return event_txn_add(db, c->who.user, c->who.device, s->place,
	    s->txn_id, S("sent"), c->now_ms, e);
}

struct told {
	struct arena *a;
	struct str *user;
	size_t n;
	int64_t pos;
};

static void
tell(void *arg)
{
	struct told *t = arg;

	for (size_t i = 0; i < t->n; i++)
		notify_user(t->user[i], t->pos);
	arena_free(t->a);
}

bool
todevice_send(struct ctx *c, struct str type, struct str txn_id,
    const struct json *messages)
{
	struct sending s = { .c = c, .type = type, .txn_id = txn_id,
	    .messages = messages };
	struct arena *a;
	struct told *t;

	s.place = str_cat(c->a, S("to_device "), type);
	if (server_is_local(c->who.user))
		edu_to_device(c, type, txn_id, messages, &s.remote,
		    &s.nremote);
	if (!stream_transact(c->db, send_body, &s, &s.tx, &c->err))
		return false;
	if (s.tx.first == 0) {
		stream_end(&s.tx, NULL, NULL);
		return true;
	}
	a = arena_new_sized((size_t)64 << 20, 512);
	t = arena_make(a, struct told);
	*t = (struct told){ a, arena_array(a, struct str, messages->n), 0,
	    s.tx.last };
	for (uint32_t i = 0; i < messages->n; i++)
		t->user[t->n++] = str_dup(a, messages->m[i].key);
	stream_end(&s.tx, tell, t);
	for (size_t i = 0; i < s.nremote && !s.again; i++)
		outbound_kick(s.remote[i].server);
	return true;
}
