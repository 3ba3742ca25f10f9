/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What one's own sessions were shown: the account's part of the ledger, for its
 * person. Nobody else's; administrators have the command line and its report.
 */
#include "api/res.h"
#include "core/ctx.h"
#include "guard/ledger_read.h"

#define DAY_MS ((int64_t)86400000)
#define SPAN_MAX (31 * DAY_MS)
#define LIMIT_MAX 1000

/*
 * GET /_beffroi/client/v1/reads: what was shown to the caller's sessions.
 *
 * query   from, to    ms since 1970, [from, to), at most 31 days apart; the last day by default
 *         device      of this device only
 *         limit       records, 1 to 1000, default 100
 * reply   200 { reads: [ { at, device, session, address, agent, operation,
 *             seen: [ { kind, object, count, ranges, rows } ] } ],
 *             next: what to ask on from, when there is more }
 */
bool
reads_get(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	struct ledger_filter f = { .user = c->who.user,
	    .device = req_query(rq, "device"),
	    .from_ms = c->now_ms - DAY_MS, .to_ms = c->now_ms + 1 };
	int64_t limit = 100, last_ms = 0, n = 0;
	const struct record *rec = NULL;
	struct ledger_reader *r;
	struct jsonw *w;
	bool ok;

	if (!req_int(rq, "from", 0, INT64_MAX / 4, &f.from_ms))
		return false;
	f.to_ms = f.from_ms + SPAN_MAX;
	if (!req_int(rq, "to", 0, INT64_MAX / 4, &f.to_ms) ||
	    !req_int(rq, "limit", 1, LIMIT_MAX, &limit))
		return false;
	if (f.to_ms <= f.from_ms || f.to_ms - f.from_ms > SPAN_MAX)
		return fail(&c->err, M_INVALID_PARAM,
		    "to must be after from, and at most 31 days");
	if (!ledger_read_open(c->a, str_cat(c->a, server_get()->data_dir,
	    S("/ledger")), &f, &r, &c->err))
		return false;
	w = res_open(rq, 200);
	jsonw_arr(w, "reads");
	/* A page ends between two moments, so that `next` misses none. */
	while ((ok = ledger_read_next(r, &rec, &c->err)) && rec != NULL &&
	    (n < limit || rec->at_ms <= last_ms)) {
		ledger_write_json(w, NULL, rec);
		last_ms = rec->at_ms > last_ms ? rec->at_ms : last_ms;
		n++;
	}
	jsonw_arr_end(w);
	if (ok && rec != NULL)
		jsonw_int(w, "next", last_ms + 1);
	ledger_read_close(r);
	return ok && res_close(rq);
}
