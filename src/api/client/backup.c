/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Key backups. spec: client-server, "Server-side key backups". */
#include "api/res.h"
#include "store/q_keys.h"

static struct str
version_text(struct req *rq, int64_t v)
{
	return str_fmt(rq->ctx.a, "%lld", (long long)v);
}

static bool
no_backup(struct req *rq)
{
	return fail(&rq->ctx.err, M_NOT_FOUND, "There is no such backup");
}

/* What one change needs. */
struct job {
	struct req *rq;
	struct str user, algorithm, auth_data, room, session;
	int64_t version, n;
	const struct json *rooms;
};

static bool
create_body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	return backup_create(db, j->user, j->algorithm, j->auth_data,
	    &j->version, e);
}

static bool
read_version(struct req *rq, struct job *j)
{
	const struct json *auth;

	if (!body_str(rq, "algorithm", 255, &j->algorithm) ||
	    !body_obj(rq, "auth_data", &auth))
		return false;
	j->auth_data = json_text(rq->ctx.a, auth);
	j->user = rq->ctx.who.user;
	return true;
}

/* POST /room_keys/version: algorithm, auth_data. */
bool
backup_version_post(struct req *rq)
{
	struct job j = { .rq = rq };

	if (!read_version(rq, &j) || !db_transact(rq->ctx.db, create_body, &j,
	    &rq->ctx.err))
		return false;
	jsonw_str(res_open(rq, 200), "version", version_text(rq, j.version));
	return res_close(rq);
}

static bool
find(struct req *rq, struct str text, struct backup_row *row)
{
	struct ctx *c = &rq->ctx;
	int64_t v = 0;
	bool found;

	if (text.n > 0 && (!str_i64(text, &v) || v <= 0))
		return no_backup(rq);
	if (!backup_find(c->db, c->a, c->who.user, v, row, &found, &c->err))
		return false;
	return found || no_backup(rq);
}

static bool
write_version(struct req *rq, struct str text)
{
	struct backup_row row;
	struct jsonw *w;

	if (!find(rq, text, &row))
		return false;
	w = res_open(rq, 200);
	jsonw_str(w, "algorithm", row.algorithm);
	jsonw_raw(w, "auth_data", row.auth_data);
	jsonw_int(w, "count", row.count);
	jsonw_str(w, "etag", version_text(rq, row.etag));
	jsonw_str(w, "version", version_text(rq, row.version));
	return res_close(rq);
}

/* GET /room_keys/version */
bool
backup_newest_get(struct req *rq)
{
	return write_version(rq, (struct str){ NULL, 0 });
}

/* GET /room_keys/version/{version} */
bool
backup_version_get(struct req *rq)
{
	return write_version(rq, req_path(rq, "version"));
}

static bool
update_body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	return backup_update(db, j->user, j->version, j->auth_data, e);
}

/* PUT /room_keys/version/{version}: algorithm, auth_data, version. */
bool
backup_version_put(struct req *rq)
{
	struct job j = { .rq = rq };
	struct str given = { NULL, 0 };
	struct backup_row row;

	if (!read_version(rq, &j) ||
	    !body_opt_str(rq, "version", 32, &given) ||
	    !find(rq, req_path(rq, "version"), &row))
		return false;
	if (!str_eq(row.algorithm, j.algorithm))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The algorithm of a backup cannot change");
	if (given.n > 0 && !str_eq(given, req_path(rq, "version")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "The version in the body is another");
	j.version = row.version;
	return db_transact(rq->ctx.db, update_body, &j, &rq->ctx.err) &&
	    res_empty(rq);
}

static bool
delete_body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	return backup_delete(db, j->user, j->version, e);
}

/* DELETE /room_keys/version/{version} */
bool
backup_version_delete(struct req *rq)
{
	struct job j = { .rq = rq, .user = rq->ctx.who.user };
	struct backup_row row;

	if (!find(rq, req_path(rq, "version"), &row))
		return false;
	j.version = row.version;
	return db_transact(rq->ctx.db, delete_body, &j, &rq->ctx.err) &&
	    res_empty(rq);
}

/* The version that ?version= names. */
static bool
query_version(struct req *rq, struct backup_row *row)
{
	struct str text;

	return req_need(rq, "version", &text) && find(rq, text, row);
}

/* Keys go into the newest backup only. */
static bool
write_target(struct req *rq, struct job *j)
{
	struct backup_row row, newest;

	if (!query_version(rq, &row) ||
	    !find(rq, (struct str){ NULL, 0 }, &newest))
		return false;
	if (row.version != newest.version) {
		fail(&rq->ctx.err, M_WRONG_ROOM_KEYS_VERSION,
		    "That is not the newest backup");
		rq->ctx.err.extra = str_fmt(rq->ctx.a,
		    "\"current_version\":\"%lld\"",
		    (long long)newest.version);
		return false;
	}
	j->rq = rq;
	j->user = rq->ctx.who.user;
	j->version = row.version;
	return true;
}

static bool
put_one(struct db *db, struct job *j, struct str room, struct str session,
    const struct json *v, bool *changed, struct err *e)
{
	const struct json *data = json_get_obj(v, S("session_data"));
	struct backup_key k = { .room = room, .session = session };
	bool put;

	if (!json_get_int(v, S("first_message_index"), &k.first_index) ||
	    !json_get_int(v, S("forwarded_count"), &k.forwarded) ||
	    !json_get_bool(v, S("is_verified"), &k.verified) || data == NULL)
		return fail(e, M_BAD_JSON, "A backed-up key needs "
		    "first_message_index, forwarded_count, is_verified and "
		    "session_data");
	if (room.n > 255 || session.n > 255 || room.n == 0 || session.n == 0)
		return fail(e, M_INVALID_PARAM,
		    "Room and session ids take 1 to 255 bytes");
	k.data = json_text(j->rq->ctx.a, data);
	if (!backup_key_put(db, j->user, j->version, &k, &put, e))
		return false;
	*changed = *changed || put;
	return true;
}

static bool
put_room(struct db *db, struct job *j, struct str room,
    const struct json *sessions, bool *changed, struct err *e)
{
	for (uint32_t i = 0; sessions != NULL && i < sessions->n; i++)
		if (!put_one(db, j, room, sessions->m[i].key,
		    &sessions->m[i].val, changed, e))
			return false;
	return true;
}

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;
	struct req *rq = j->rq;
	bool changed = false, ok = true;

	if (j->session.n > 0) {
		ok = put_one(db, j, j->room, j->session, &rq->body, &changed,
		    e);
	} else if (j->room.n > 0) {
		ok = put_room(db, j, j->room, json_get_obj(&rq->body,
		    S("sessions")), &changed, e);
	} else {
		for (uint32_t i = 0; ok && j->rooms != NULL &&
		    i < j->rooms->n; i++)
			ok = put_room(db, j, j->rooms->m[i].key,
			    json_get_obj(&j->rooms->m[i].val, S("sessions")),
			    &changed, e);
	}
	return ok && (!changed || backup_bump(db, j->user, j->version, e));
}

static bool
reply_count(struct req *rq, const struct job *j)
{
	struct backup_row row;
	struct jsonw *w;

	if (!find(rq, version_text(rq, j->version), &row))
		return false;
	w = res_open(rq, 200);
	jsonw_int(w, "count", row.count);
	jsonw_str(w, "etag", version_text(rq, row.etag));
	return res_close(rq);
}

static bool
put_keys(struct req *rq, struct job *j)
{
	return write_target(rq, j) &&
	    db_transact(rq->ctx.db, put_body, j, &rq->ctx.err) &&
	    reply_count(rq, j);
}

/* PUT /room_keys/keys?version=: rooms */
bool
backup_keys_put(struct req *rq)
{
	struct job j = { .rq = rq };

	return body_obj(rq, "rooms", &j.rooms) && put_keys(rq, &j);
}

/* PUT /room_keys/keys/{roomId}?version=: sessions */
bool
backup_room_put(struct req *rq)
{
	struct job j = { .rq = rq, .room = req_path(rq, "roomId") };
	const struct json *sessions;

	return body_obj(rq, "sessions", &sessions) && put_keys(rq, &j);
}

/* PUT /room_keys/keys/{roomId}/{sessionId}?version= */
bool
backup_session_put(struct req *rq)
{
	struct job j = { .rq = rq, .room = req_path(rq, "roomId"),
	    .session = req_path(rq, "sessionId") };

	return put_keys(rq, &j);
}

static void
write_key(struct jsonw *w, const char *name, const struct backup_key *k)
{
	jsonw_obj(w, name);
	jsonw_int(w, "first_message_index", k->first_index);
	jsonw_int(w, "forwarded_count", k->forwarded);
	jsonw_bool(w, "is_verified", k->verified);
	jsonw_raw(w, "session_data", k->data);
	jsonw_obj_end(w);
}

static bool
list(struct req *rq, struct str room, struct str session,
    struct backup_key **k, size_t *n)
{
	struct ctx *c = &rq->ctx;
	struct backup_row row;

	if (!query_version(rq, &row) || !backup_key_list(c->db, c->a,
	    c->who.user, row.version, room, session, k, n, &c->err))
		return false;
	res_note(rq, SEEN_ROOM_KEYS, version_text(rq, row.version),
	    (int64_t)*n);
	return true;
}

static void
write_sessions(struct jsonw *w, const struct backup_key *k, size_t n)
{
	jsonw_obj(w, "sessions");
	for (size_t i = 0; i < n; i++) {
		jsonw_key(w, k[i].session);
		write_key(w, NULL, &k[i]);
	}
	jsonw_obj_end(w);
}

/* GET /room_keys/keys?version= */
bool
backup_keys_get(struct req *rq)
{
	struct str all = { NULL, 0 };
	struct backup_key *k;
	struct jsonw *w;
	size_t n;

	if (!list(rq, all, all, &k, &n))
		return false;
	w = res_open(rq, 200);
	jsonw_obj(w, "rooms");
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && str_eq(k[end].room, k[i].room); end++)
			;
		jsonw_key(w, k[i].room);
		jsonw_obj(w, NULL);
		write_sessions(w, k + i, end - i);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
	return res_close(rq);
}

/* GET /room_keys/keys/{roomId}?version= */
bool
backup_room_get(struct req *rq)
{
	struct backup_key *k;
	size_t n;

	if (!list(rq, req_path(rq, "roomId"), (struct str){ NULL, 0 }, &k,
	    &n))
		return false;
	write_sessions(res_open(rq, 200), k, n);
	return res_close(rq);
}

/* GET /room_keys/keys/{roomId}/{sessionId}?version= */
bool
backup_session_get(struct req *rq)
{
	struct backup_key *k;
	struct jsonw *w;
	size_t n;

	if (!list(rq, req_path(rq, "roomId"), req_path(rq, "sessionId"), &k,
	    &n))
		return false;
	if (n == 0)
		return fail(&rq->ctx.err, M_NOT_FOUND,
		    "There is no such key in the backup");
	w = res_open(rq, 200);
	jsonw_int(w, "first_message_index", k->first_index);
	jsonw_int(w, "forwarded_count", k->forwarded);
	jsonw_bool(w, "is_verified", k->verified);
	jsonw_raw(w, "session_data", k->data);
	return res_close(rq);
}

static bool
remove_body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	return backup_key_delete(db, j->user, j->version, j->room, j->session,
	    &j->n, e) && (j->n == 0 || backup_bump(db, j->user, j->version,
	    e));
}

static bool
remove_keys(struct req *rq, struct str room, struct str session)
{
	struct job j = { .rq = rq, .user = rq->ctx.who.user, .room = room,
	    .session = session };
	struct backup_row row;

	if (!query_version(rq, &row))
		return false;
	j.version = row.version;
	return db_transact(rq->ctx.db, remove_body, &j, &rq->ctx.err) &&
	    reply_count(rq, &j);
}

/* DELETE /room_keys/keys?version= */
bool
backup_keys_delete(struct req *rq)
{
	return remove_keys(rq, S(""), S(""));
}

/* DELETE /room_keys/keys/{roomId}?version= */
bool
backup_room_delete(struct req *rq)
{
	return remove_keys(rq, req_path(rq, "roomId"), S(""));
}

/* DELETE /room_keys/keys/{roomId}/{sessionId}?version= */
bool
backup_session_delete(struct req *rq)
{
	return remove_keys(rq, req_path(rq, "roomId"),
	    req_path(rq, "sessionId"));
}
