/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Administration: accounts and backup. The operator's socket and
 * administrators' tokens both come here; Synapse's paths that consoles and bots
 * call lead to the same functions. The specification's own moderation is
 * moderation.c, registration tokens are tokens.c.
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

static bool
opt_flag(struct req *rq, const char *key, int *out)
{
	bool on = *out > 0;

	if (!body_opt_bool(rq, key, &on))
		return false;
	if (json_get(&rq->body, str_c(key)) != NULL)
		*out = on;
	return true;
}

/* Flags that are in the body change; the rest stays. */
static bool
change(struct req *rq, const struct account *x)
{
	struct account_flags f = ACCOUNT_FLAGS_KEEP;
	bool end = false;

	if (!opt_flag(rq, "admin", &f.admin) ||
	    !opt_flag(rq, "locked", &f.locked) ||
	    !opt_flag(rq, "suspended", &f.suspended) ||
	    !body_opt_bool(rq, "deactivated", &end) ||
	    !account_set(&rq->ctx, x->user_id, &f))
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
	struct account_flags f = ACCOUNT_FLAGS_KEEP;
	struct account x;
	struct str user;

	return path_account(rq, &user) && account_get(&rq->ctx, user, &x) &&
	    opt_flag(rq, "locked", &f.locked) &&
	    account_set(&rq->ctx, user, &f) && res_empty(rq);
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
