/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See room_req.h. */
#include "api/client/room_req.h"

#include "api/res.h"
#include "core/history.h"

bool
req_room(struct req *rq, struct room **r)
{
	struct str id;

	if (!req_path_room(rq, "roomId", &id))
		return false;
	if (room_open(&rq->ctx, id, r))
		return true;
	if (rq->ctx.err.code == M_NOT_FOUND) {
		err_clear(&rq->ctx.err);
		fail(&rq->ctx.err, M_FORBIDDEN, "You are not in this room");
	}
	return false;
}

bool
req_readable_room(struct req *rq, struct room **r)
{
	return req_room(rq, r) && history_may_read(&rq->ctx, *r);
}

bool
req_dir(struct req *rq, bool *back)
{
	struct str dir = req_query(rq, "dir");

	if (!req_has(rq, "dir"))
		return true;
	if (!str_eq(dir, S("b")) && !str_eq(dir, S("f")))
		return fail(&rq->ctx.err, M_INVALID_PARAM,
		    "dir must be b or f");
	*back = str_eq(dir, S("b"));
	return true;
}

bool
res_bundled(struct req *rq, const char *key, struct room *r,
    const struct sev *const *ev, size_t n)
{
	jsonw_arr(&rq->w, key);
	for (size_t i = 0; i < n; i++) {
		struct res_event_opt opt = { .room_id = true };

		if (!history_bundle(&rq->ctx, r, ev[i], &opt.bundle) ||
		    !room_membership_at(&rq->ctx, r, rq->ctx.who.user, ev[i],
		    &opt.membership))
			return false;
		res_event(rq, NULL, r, ev[i], &opt);
	}
	jsonw_arr_end(&rq->w);
	return true;
}
