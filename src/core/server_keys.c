/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See server_keys.h. A key that a server published stays good for what it
 * signed while it was valid, so the store keeps them all. A server that does
 * not answer is not asked again for some seconds: a flood of events with
 * invented key ids costs one request.
 */
#include "core/server_keys.h"

#include "base/clock.h"
#include "base/memo.h"
#include "core/fed.h"
#include "store/q_server_key.h"

#include <pthread.h>
#include <string.h>

#define ASK_AGAIN_MS INT64_C(5000)
#define VALID_MAX_MS (INT64_C(7) * 24 * 3600 * 1000)	/* from now: the specification's bound */
#define KEYS_MAX 64			/* of one server */

/* "server key_id" -> "until_ms " and the key's bytes; server -> when it was asked last. */
static struct memo keys = MEMO_INIT(4 << 20), asked = MEMO_INIT(1 << 20);

static bool
from_cache(struct arena *a, struct str name, int64_t *until,
    uint8_t out[SIGN_PUBLIC_BYTES])
{
	struct str text, head, key;
	uint64_t forgets;

	if (!memo_get(&keys, a, name, &text, &forgets) ||
	    !str_cut(text, ' ', &head, &key) || !str_i64(head, until) ||
	    key.n != SIGN_PUBLIC_BYTES)
		return false;
	memcpy(out, key.p, SIGN_PUBLIC_BYTES);
	return true;
}

static void
to_cache(struct arena *a, struct str name, int64_t until, struct str key)
{
	struct str text;
	uint64_t forgets;

	memo_forget(&keys, name);
	(void)memo_get(&keys, a, name, &text, &forgets);
	memo_put(&keys, name, str_fmt(a, "%lld " STR_FMT, (long long)until,
	    STR_ARG(key)), forgets);
}

/* May the server be asked now? It is noted as asked. */
static bool
may_ask(struct ctx *c, struct str server)
{
	struct str text;
	uint64_t forgets;
	int64_t at;

	if (memo_get(&asked, c->a, server, &text, &forgets) &&
	    str_i64(text, &at) && c->now_ms - at < ASK_AGAIN_MS)
		return false;
	memo_forget(&asked, server);
	(void)memo_get(&asked, c->a, server, &text, &forgets);
	memo_put(&asked, server, str_fmt(c->a, "%lld", (long long)c->now_ms),
	    forgets);
	return true;
}

struct rows_of {
	struct server_key_row at[KEYS_MAX];
	size_t n;
};

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	const struct rows_of *x = arg;

	for (size_t i = 0; i < x->n; i++)
		if (!server_key_put(db, &x->at[i], e))
			return false;
	return true;
}

static void
add_row(struct ctx *c, struct rows_of *x, struct str server, struct str id,
    const struct json *entry, int64_t until)
{
	uint8_t key[SIGN_PUBLIC_BYTES];

	if (x->n == KEYS_MAX || id.n > 255 || !str_starts(id, S("ed25519:")) ||
	    entry->type != JSON_OBJ ||
	    !sign_read_public(json_str(entry, S("key")), key))
		return;
	x->at[x->n++] = (struct server_key_row){ server, id, str_dup(c->a,
	    str_n((char *)key, sizeof(key))), until };
}

/*
 * Only what keys are published with: who puts our signature under it (the
 * notary does) must never be made to sign a request or an event.
 */
static bool
only_keys(const struct json *got)
{
	static const struct str known[] = {
		S_INIT("server_name"), S_INIT("verify_keys"),
		S_INIT("old_verify_keys"), S_INIT("valid_until_ts"),
		S_INIT("signatures"), S_INIT("tls_fingerprints"),
	};

	for (uint32_t i = 0; i < got->n; i++) {
		bool is_known = false;

		for (size_t k = 0; k < LEN(known) && !is_known; k++)
			is_known = str_eq(got->m[i].key, known[k]);
		if (!is_known)
			return false;
	}
	return true;
}

/* What a server publishes counts when each current key has signed it. */
static bool
read_keys(struct ctx *c, struct str server, const struct json *got,
    struct rows_of *out)
{
	const struct json *now = json_get_obj(got, S("verify_keys"));
	const struct json *old = json_get_obj(got, S("old_verify_keys"));
	int64_t until = 0, ended;
	uint8_t key[SIGN_PUBLIC_BYTES];

	if (!only_keys(got) ||
	    !str_eq(json_str(got, S("server_name")), server) || now == NULL ||
	    now->n == 0 || !json_get_int(got, S("valid_until_ts"), &until))
		return fail(&c->err, M_UNAUTHORIZED, "The keys of " STR_FMT
		    " are malformed", STR_ARG(server));
	if (until > c->now_ms + VALID_MAX_MS)
		until = c->now_ms + VALID_MAX_MS;
	for (uint32_t i = 0; i < now->n; i++) {
		const struct json *x = &now->m[i].val;

		if (!str_starts(now->m[i].key, S("ed25519:")))
			continue;
		if (x->type != JSON_OBJ ||
		    !sign_read_public(json_str(x, S("key")), key) ||
		    !sign_json_ok(c->a, got, server, now->m[i].key, key))
			return fail(&c->err, M_UNAUTHORIZED, "The keys of "
			    STR_FMT " are not signed by themselves",
			    STR_ARG(server));
		add_row(c, out, server, now->m[i].key, x, until);
	}
	if (out->n == 0)
		return fail(&c->err, M_UNAUTHORIZED, STR_FMT " publishes no "
		    "key that it has signed with", STR_ARG(server));
	for (uint32_t i = 0; old != NULL && i < old->n; i++)
		if (old->m[i].val.type == JSON_OBJ &&
		    json_get_int(&old->m[i].val, S("expired_ts"), &ended) &&
		    ended <= c->now_ms)
			add_row(c, out, server, old->m[i].key,
			    &old->m[i].val, ended);
	return true;
}

static struct str
cache_name(struct arena *a, struct str server, struct str key_id)
{
	return str_fmt(a, STR_FMT " " STR_FMT, STR_ARG(server),
	    STR_ARG(key_id));
}

static bool
ask_server(struct ctx *c, struct str server)
{
	struct rows_of *rows = arena_make(c->a, struct rows_of);
	const struct json *got;

	if (!fed_ask_keys(c, server, &got) ||
	    !read_keys(c, server, got, rows) ||
	    !db_transact(c->db, put_body, rows, &c->err))
		return false;
	for (size_t i = 0; i < rows->n; i++)
		to_cache(c->a, cache_name(c->a, server, rows->at[i].key_id),
		    rows->at[i].valid_until_ms, rows->at[i].public_key);
	return true;
}

static bool
from_store(struct ctx *c, struct str server, struct str key_id,
    struct str name, int64_t *until, uint8_t out[SIGN_PUBLIC_BYTES],
    bool *found)
{
	struct server_key_row row;

	if (!server_key_find(c->db, c->a, server, key_id, &row, found,
	    &c->err))
		return false;
	*found = *found && row.public_key.n == SIGN_PUBLIC_BYTES;
	if (*found) {
		memcpy(out, row.public_key.p, SIGN_PUBLIC_BYTES);
		*until = row.valid_until_ms;
		to_cache(c->a, name, *until, row.public_key);
	}
	return true;
}

static pthread_mutex_t asking[] = {
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
};

/*
 * Who comes while the server is being asked waits for what it says: it may be
 * the very key. Servers share few locks, so that nothing is kept for each.
 */
static bool
ask_once(struct ctx *c, struct str server)
{
	pthread_mutex_t *lock = &asking[hash_bytes(server.p, server.n) %
	    LEN(asking)];
	bool ok;

	pthread_mutex_lock(lock);
	ok = !may_ask(c, server) || ask_server(c, server);
	pthread_mutex_unlock(lock);
	return ok;
}

bool
server_keys_published(struct ctx *c, struct str server,
    const struct json **out)
{
	struct rows_of *rows = arena_make(c->a, struct rows_of);

	return fed_ask_keys(c, server, out) &&
	    read_keys(c, server, *out, rows);
}

bool
server_key_get(struct ctx *c, struct str server, struct str key_id,
    int64_t at_ms, bool strict, uint8_t out[SIGN_PUBLIC_BYTES])
{
	struct str name = cache_name(c->a, server, key_id);
	int64_t until = 0;
	bool found;

	if (str_eq(server, server_get()->name) &&
	    str_eq(key_id, server_get()->key.id)) {
		memcpy(out, server_get()->key.public_key, SIGN_PUBLIC_BYTES);
		return true;
	}
	found = from_cache(c->a, name, &until, out);
	if (!found && !from_store(c, server, key_id, name, &until, out,
	    &found))
		return false;
	if (found && (!strict || until >= at_ms))
		return true;
	if (!str_eq(server, server_get()->name)) {
		/* The store has them all; memory may have been cleared by another thread. */
		if (!ask_once(c, server) || !from_store(c, server, key_id,
		    name, &until, out, &found))
			return false;
		if (found && (!strict || until >= at_ms))
			return true;
	}
	return fail(&c->err, M_UNAUTHORIZED, found
	    ? "The key " STR_FMT " of " STR_FMT " was not valid then"
	    : "The key " STR_FMT " of " STR_FMT " is not known",
	    STR_ARG(key_id), STR_ARG(server));
}

/* One of the server's signatures fits, by a key that is known. */
static bool
signed_by(struct ctx *c, const struct room_version *v,
    const struct received *r, struct str server)
{
	const struct json *by = json_get_obj(json_get(&r->ev.json,
	    S("signatures")), server);
	uint8_t key[SIGN_PUBLIC_BYTES];

	for (uint32_t i = 0; by != NULL && i < by->n; i++) {
		if (!str_starts(by->m[i].key, S("ed25519:")))
			continue;
		err_clear(&c->err);
		if (server_key_get(c, server, by->m[i].key, r->ev.ts,
		    v->enforce_key_validity, key) && event_signature_ok(c->a,
		    v, &r->ev.json, server, by->m[i].key, key))
			return true;
	}
	if (c->err.code == M_UNAVAILABLE || c->err.code == M_TIMEOUT)
		return false;
	err_clear(&c->err);
	return fail(&c->err, M_FORBIDDEN, "The event is not signed by "
	    STR_FMT " with a key that holds", STR_ARG(server));
}

bool
server_signed(struct ctx *c, const struct room_version *v,
    const struct received *r)
{
	for (size_t i = 0; i < r->nsigners; i++)
		if (!signed_by(c, v, r, r->signer[i]))
			return false;
	err_clear(&c->err);
	return true;
}
