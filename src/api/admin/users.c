/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Administration: accounts, registration tokens, backup. The operator's socket
 * and administrators' tokens both come here; Synapse's paths that consoles and
 * bots call lead to the same functions.
 */
#include "api/res.h"
#include "base/clock.h"
#include "base/conf.h"
#include "core/account.h"
#include "core/media.h"
#include "core/session.h"
#include "room/ids.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* {userId} as a whole id or a localpart. */
static bool
path_account(struct req *rq, struct str *user)
{
	return account_id(&rq->ctx, req_path(rq, "userId"), user);
}

static void
write_account(struct jsonw *w, const struct account *x)
{
	jsonw_str(w, "name", x->user_id);
	jsonw_str(w, "user_id", x->user_id);
	jsonw_bool(w, "admin", x->admin);
	jsonw_bool(w, "locked", x->locked);
	jsonw_bool(w, "suspended", x->suspended);
	jsonw_bool(w, "deactivated", x->deactivated);
	jsonw_bool(w, "erased", x->erased);
	jsonw_bool(w, "is_guest", str_eq(x->kind, S("guest")));
	jsonw_int(w, "creation_ts", x->created_ms);
}

/* GET one account. */
bool
admin_user_get(struct req *rq)
{
	struct account x;
	struct str user;

	if (!path_account(rq, &user) || !account_get(&rq->ctx, user, &x))
		return false;
	write_account(res_open(rq, 200), &x);
	res_note(rq, SEEN_ACCOUNT, user, 1);
	return res_close(rq);
}

static bool
set_password(struct req *rq, struct str user, struct str password)
{
	return account_change_password(&rq->ctx, user,
	    secret_dup(rq->ctx.a, password)) &&
	    session_end_all(&rq->ctx, user, (struct str){ NULL, 0 });
}

/* Flags that are in the body change; the rest stays. */
static bool
change(struct req *rq, struct account *x)
{
	bool end = false;

	if (!body_opt_bool(rq, "admin", &x->admin) ||
	    !body_opt_bool(rq, "locked", &x->locked) ||
	    !body_opt_bool(rq, "suspended", &x->suspended) ||
	    !body_opt_bool(rq, "deactivated", &end) ||
	    !account_set(&rq->ctx, x))
		return false;
	return !end || x->deactivated ||
	    account_deactivate(&rq->ctx, x->user_id, false);
}

/* PUT: makes the account, or changes it. body: password, admin, locked, deactivated, displayname */
bool
admin_user_put(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct account_new n = { .kind = S("user") };
	struct str password = { NULL, 0 };
	struct account x;
	bool found;

	if (!path_account(rq, &n.user) ||
	    !body_opt_str(rq, "password", 512, &password) ||
	    !body_opt_str(rq, "displayname", 256, &n.display_name) ||
	    !account_find(c->db, c->a, n.user, &x, &found, &c->err))
		return false;
	if (!found) {
		n.password = secret_dup(c->a, password);
		if (!body_opt_bool(rq, "admin", &n.admin) ||
		    !account_create(c, &n) || !account_get(c, n.user, &x))
			return false;
	} else if (password.n > 0 && !set_password(rq, n.user, password)) {
		return false;
	}
	if (!change(rq, &x) || !account_get(c, n.user, &x))
		return false;
	write_account(res_open(rq, found ? 200 : 201), &x);
	/* The command line reads 200 only; a console 201 for what is new. */
	if (rq->v->listener == LISTENER_ADMIN)
		rq->res.status = 200;
	res_note(rq, SEEN_ACCOUNT, n.user, 1);
	return res_close(rq);
}

/* GET a list. query: from (a user id), limit */
bool
admin_users_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct account *x;
	struct jsonw *w;
	int64_t limit = 100;
	size_t n;

	if (!req_int(rq, "limit", 1, 1000, &limit) || !account_list(c->db,
	    c->a, req_query(rq, "from"), (size_t)limit, &x, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "users");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		write_account(w, &x[i]);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_int(w, "total", (int64_t)n);
	if (n == (size_t)limit)
		jsonw_str(w, "next_token", x[n - 1].user_id);
	res_note(rq, SEEN_ACCOUNT, S("list"), (int64_t)n);
	return res_close(rq);
}

/* POST lock: locked */
bool
admin_lock_post(struct req *rq)
{
	struct account x;
	struct str user;

	return path_account(rq, &user) && account_get(&rq->ctx, user, &x) &&
	    body_opt_bool(rq, "locked", &x.locked) &&
	    account_set(&rq->ctx, &x) && res_empty(rq);
}

/* GET, PUT /_matrix/client/v1/admin/lock/{userId} */
bool
spec_lock_get(struct req *rq)
{
	struct account x;
	struct str user;

	if (!path_account(rq, &user) || !account_get(&rq->ctx, user, &x))
		return false;
	jsonw_bool(res_open(rq, 200), "locked", x.locked);
	res_note(rq, SEEN_ACCOUNT, user, 1);
	return res_close(rq);
}

bool
spec_lock_put(struct req *rq)
{
	struct account x;
	struct str user;

	if (!path_account(rq, &user) || !account_get(&rq->ctx, user, &x) ||
	    !body_opt_bool(rq, "locked", &x.locked) ||
	    !account_set(&rq->ctx, &x))
		return false;
	jsonw_bool(res_open(rq, 200), "locked", x.locked);
	return res_close(rq);
}

/* POST password: password (or new_password, as Synapse names it) */
bool
admin_password_post(struct req *rq)
{
	struct str user, password = { NULL, 0 };
	struct account x;

	if (!path_account(rq, &user) || !account_get(&rq->ctx, user, &x) ||
	    !body_opt_str(rq, "password", 512, &password) ||
	    !body_opt_str(rq, "new_password", 512, &password))
		return false;
	if (password.n == 0)
		return fail(&rq->ctx.err, M_MISSING_PARAM,
		    "The body needs a password");
	return set_password(rq, user, password) && res_empty(rq);
}

/* POST deactivate: erase */
bool
admin_deactivate_post(struct req *rq)
{
	struct jsonw *w;
	struct str user;
	bool erase = false;

	if (!path_account(rq, &user) ||
	    !body_opt_bool(rq, "erase", &erase) ||
	    !account_deactivate(&rq->ctx, user, erase))
		return false;
	w = res_open(rq, 200);
	jsonw_cstr(w, "id_server_unbind_result", "success");
	return res_close(rq);
}

struct token_job {
	struct reg_token row;
	int64_t n;
};

static bool
put_token(struct db *db, void *arg, struct err *e)
{
	return reg_token_put(db, &((struct token_job *)arg)->row, e);
}

static bool
delete_token(struct db *db, void *arg, struct err *e)
{
	struct token_job *j = arg;

	return reg_token_delete(db, j->row.token, &j->n, e);
}

static void
write_token(struct jsonw *w, const struct reg_token *t)
{
	jsonw_str(w, "token", t->token);
	if (t->uses_allowed >= 0)
		jsonw_int(w, "uses_allowed", t->uses_allowed);
	else
		jsonw_null(w, "uses_allowed");
	jsonw_int(w, "pending", t->pending);
	jsonw_int(w, "completed", t->completed);
	if (t->expires_ms > 0)
		jsonw_int(w, "expiry_time", t->expires_ms);
	else
		jsonw_null(w, "expiry_time");
}

/* POST a registration token: token, uses_allowed, expiry_time, length */
bool
admin_token_post(struct req *rq)
{
	struct token_job j = { .row = { .uses_allowed = -1 } };
	int64_t length = 16;

	if (!body_opt_str(rq, "token", 64, &j.row.token) ||
	    !body_opt_int(rq, "uses_allowed", 0, INT32_MAX,
	    &j.row.uses_allowed) || !body_opt_int(rq, "expiry_time",
	    rq->ctx.now_ms, JSON_INT_MAX, &j.row.expires_ms) ||
	    !body_opt_int(rq, "length", 1, 64, &length))
		return false;
	if (j.row.token.n == 0)
		j.row.token = random_text(rq->ctx.a, (size_t)length);
	if (!id_opaque_ok(j.row.token))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "A token is made of A-Z, a-z, 0-9 and . _ ~ -");
	if (!db_transact(rq->ctx.db, put_token, &j, &rq->ctx.err))
		return false;
	write_token(res_open(rq, 200), &j.row);
	return res_close(rq);
}

/* GET all registration tokens */
bool
admin_tokens_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct reg_token *t;
	struct jsonw *w;
	size_t n;

	if (!reg_token_list(c->db, c->a, &t, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "registration_tokens");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		write_token(w, &t[i]);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	return res_close(rq);
}

/* DELETE a registration token */
bool
admin_token_delete(struct req *rq)
{
	struct token_job j = { .row = { .token = req_path(rq, "token") } };

	if (!db_transact(rq->ctx.db, delete_token, &j, &rq->ctx.err))
		return false;
	return j.n > 0 ? res_empty(rq) : fail(&rq->ctx.err, M_NOT_FOUND,
	    "There is no such token");
}

/* POST backup: path, a folder that does not exist. On the operator's socket only. */
bool
admin_backup_post(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct str path;
	char *dir;

	if (!body_str(rq, "path", 4000, &path))
		return false;
	if (rq->v->listener != LISTENER_ADMIN)
		return fail(&c->err, M_FORBIDDEN,
		    "A backup is made on the server's own machine");
	if (path.n == 0 || path.p[0] != '/')
		return fail(&c->err, M_INVALID_PARAM,
		    "path must be an absolute path");
	dir = str_cz(c->a, path);
	if (mkdir(dir, 0700) != 0)
		return fail(&c->err, M_INVALID_PARAM,
		    "Cannot make the folder %s: %s", dir, strerror(errno));
	return store_backup(server_get()->store, str_cz(c->a, str_cat(c->a,
	    path, S("/beffroi.db"))), &c->err) && backup_files(c, path) &&
	    res_empty(rq);
}
