/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Transactions of other servers. spec: server-server, "Transactions". */
#include "api/res.h"
#include "core/edu.h"
#include "core/outbound.h"
#include "core/receive.h"

#define PDUS_MAX 50
#define EDUS_MAX 100

/* PUT /send/{txnId}: { origin, origin_server_ts, pdus, edus } */
bool
fed_send_put(struct req *rq)
{
	struct ctx *c = &rq->ctx;
	const struct json *list, *edus, *pdu[PDUS_MAX];
	struct pdu_result *result;
	struct jsonw *w;
	size_t n = 0;

	if (!body_opt_arr(rq, "pdus", PDUS_MAX, &list) ||
	    !body_opt_arr(rq, "edus", EDUS_MAX, &edus))
		return false;
	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (list->at[i].type == JSON_OBJ)
			pdu[n++] = &list->at[i];
	result = arena_array(c->a, struct pdu_result, n);
	receive_pdus(c, c->who.user, pdu, n, result);
	edu_receive(c, c->who.user, edus);
	outbound_heard(c, c->who.user);
	w = res_open(rq, 200);
	jsonw_obj(w, "pdus");
	for (size_t i = 0; i < n; i++) {
		if (result[i].event_id.n == 0)
			continue;
		jsonw_key(w, result[i].event_id);
		jsonw_obj(w, NULL);
		if (result[i].err.code != M_OK)
			jsonw_cstr(w, "error", result[i].err.text);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
	return res_close(rq);
}
