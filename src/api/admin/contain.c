/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Administration: containment. See guard/contain.h. */
#include "api/res.h"
#include "core/account.h"
#include "guard/contain.h"
#include "room/ids.h"

#define LIST_MAX 1000

/* user (whole id or localpart), device, address, server, reason */
static bool
read_target(struct req *rq, struct contain_target *t, struct str *reason)
{
	struct str none = { NULL, 0 };

	*t = (struct contain_target){ none, none, none, none };
	if (!body_opt_str(rq, "user", ID_MAX, &t->user) ||
	    !body_opt_str(rq, "device", ID_MAX, &t->device) ||
	    !body_opt_str(rq, "address", 64, &t->address) ||
	    !body_opt_str(rq, "server", ID_MAX, &t->server) ||
	    !body_str(rq, "reason", CONTAIN_REASON_MAX, reason))
		return false;
	return t->user.n == 0 || str_starts(t->user, S("@")) ||
	    account_id(&rq->ctx, t->user, &t->user);
}

/*
 * POST /contain: shuts a user, a user's device, a user from an address, an
 * address or a server out, at once.
 *
 * body    reason; user, device, address, server as contain() takes them
 * reply   200 { id, already, tokens, delayed_events, invitations, invitations_kept, shut_us }
 */
bool
admin_contain_post(struct req *rq)
{
	struct contain_target t;
	struct contain_done done;
	struct str reason;
	struct jsonw *w;

	if (!read_target(rq, &t, &reason) ||
	    !contain(&rq->ctx, &t, reason, &done))
		return false;
	w = res_open(rq, 200);
	jsonw_int(w, "id", done.id);
	jsonw_bool(w, "already", done.already);
	jsonw_int(w, "tokens", done.tokens);
	jsonw_int(w, "delayed_events", done.delayed);
	jsonw_int(w, "invitations", done.withdrawn);
	jsonw_int(w, "invitations_kept", done.kept);
	jsonw_int(w, "shut_us", done.shut_us);
	return res_close(rq);
}

/* POST /release: the same body. reply 200 { id } */
bool
admin_release_post(struct req *rq)
{
	struct contain_target t;
	struct str reason;
	int64_t id;

	if (!read_target(rq, &t, &reason) ||
	    !contain_release(&rq->ctx, &t, reason, &id))
		return false;
	jsonw_int(res_open(rq, 200), "id", id);
	return res_close(rq);
}

static void
write_part(struct jsonw *w, const char *key, struct str s)
{
	if (s.n > 0)
		jsonw_str(w, key, s);
}

static void
write_row(struct jsonw *w, const struct contain_row *x)
{
	jsonw_obj(w, NULL);
	jsonw_int(w, "id", x->id);
	write_part(w, "user", x->t.user);
	write_part(w, "device", x->t.device);
	write_part(w, "address", x->t.address);
	write_part(w, "server", x->t.server);
	jsonw_str(w, "by", x->actor);
	jsonw_str(w, "reason", x->reason);
	jsonw_int(w, "at", x->at_ms);
	if (x->released_ms > 0) {
		jsonw_int(w, "released_at", x->released_ms);
		jsonw_str(w, "released_by", x->released_by);
		jsonw_str(w, "released_reason", x->released_reason);
	}
	jsonw_obj_end(w);
}

/* GET /containments: those in force; with all=true those that were, too; newest first. */
bool
admin_containments_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct contain_row *x;
	struct jsonw *w;
	bool all = false;
	size_t n;

	if (!req_bool(rq, "all", &all) || !contain_list(c->db, c->a, !all,
	    LIST_MAX, &x, &n, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "containments");
	for (size_t i = 0; i < n; i++)
		write_row(w, &x[i]);
	jsonw_arr_end(w);
	res_note(rq, SEEN_ACCOUNT, S("containments"), (int64_t)n);
	return res_close(rq);
}
