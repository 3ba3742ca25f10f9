/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Administration: registration tokens, with the bodies and answers of Synapse's
 * admin interface, which consoles know.
 */
#include "api/res.h"
#include "base/clock.h"
#include "core/account.h"
#include "room/ids.h"

struct token_job {
	struct reg_token row;
	bool fresh;			/* it may not be there yet */
	int64_t n;
};

static bool
put_token(struct db *db, void *arg, struct err *e)
{
	struct token_job *j = arg;
	struct arena *a = arena_new(1 << 16);
	struct reg_token was;
	bool found, ok;

	ok = reg_token_find(db, a, j->row.token, &was, &found, e);
	arena_free(a);
	if (!ok)
		return false;
	if (found && j->fresh)
		return fail(e, M_INVALID_PARAM, "There is such a token");
	return reg_token_put(db, &j->row, e);
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

/* uses_allowed and expiry_time, of which null means without end. */
static bool
read_terms(struct req *rq, struct reg_token *t)
{
	const struct json *uses = json_get(&rq->body, S("uses_allowed"));
	const struct json *end = json_get(&rq->body, S("expiry_time"));

	if (uses != NULL && uses->type == JSON_NULL)
		t->uses_allowed = -1;
	if (end != NULL && end->type == JSON_NULL)
		t->expires_ms = 0;
	return body_opt_int(rq, "uses_allowed", 0, INT32_MAX,
	    &t->uses_allowed) && body_opt_int(rq, "expiry_time",
	    rq->ctx.now_ms, JSON_INT_MAX, &t->expires_ms);
}

static bool
show_token(struct req *rq, const struct reg_token *t)
{
	write_token(res_open(rq, 200), t);
	return res_close(rq);
}

/* POST a registration token: token, uses_allowed, expiry_time, length */
bool
admin_token_post(struct req *rq)
{
	struct token_job j = { .row = { .uses_allowed = -1 }, .fresh = true };
	int64_t length = 16;

	if (!body_opt_str(rq, "token", 64, &j.row.token) ||
	    !read_terms(rq, &j.row) ||
	    !body_opt_int(rq, "length", 1, 64, &length))
		return false;
	if (j.row.token.n == 0)
		j.row.token = random_text(rq->ctx.a, (size_t)length);
	if (!id_opaque_ok(j.row.token))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "A token is made of A-Z, a-z, 0-9 and . _ ~ -");
	return db_transact(rq->ctx.db, put_token, &j, &rq->ctx.err) &&
	    show_token(rq, &j.row);
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

static bool
no_token(struct req *rq)
{
	return fail(&rq->ctx.err, M_NOT_FOUND, "There is no such token");
}

static bool
path_token(struct req *rq, struct reg_token *t)
{
	struct ctx *c = &rq->ctx;
	bool found;

	if (!reg_token_find(c->db, c->a, req_path(rq, "token"), t, &found,
	    &c->err))
		return false;
	return found || no_token(rq);
}

/* GET one registration token */
bool
admin_token_get(struct req *rq)
{
	struct reg_token t;

	return path_token(rq, &t) && show_token(rq, &t);
}

/* PUT: changes its terms. body: uses_allowed, expiry_time */
bool
admin_token_put(struct req *rq)
{
	struct token_job j = { .fresh = false };

	return path_token(rq, &j.row) && read_terms(rq, &j.row) &&
	    db_transact(rq->ctx.db, put_token, &j, &rq->ctx.err) &&
	    show_token(rq, &j.row);
}

/* DELETE a registration token */
bool
admin_token_delete(struct req *rq)
{
	struct token_job j = { .row = { .token = req_path(rq, "token") } };

	if (!db_transact(rq->ctx.db, delete_token, &j, &rq->ctx.err))
		return false;
	return j.n > 0 ? res_empty(rq) : no_token(rq);
}
