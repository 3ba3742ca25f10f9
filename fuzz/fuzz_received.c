/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Events of other servers: the first byte picks the room version, the rest is
 * a PDU. What is taken keeps its id and its signers when it comes again in its
 * redacted form, and never has more to it than is bounded.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "room/ids.h"
#include "room/received.h"

#define MUST(x) ((x) ? (void)0 : abort())

static void
check_signers(const struct received *r)
{
	const struct json *all = json_get_obj(&r->ev.json, S("signatures"));

	MUST(all != NULL && r->nsigners <= SIGNERS_MAX);
	for (size_t i = 0; i < r->nsigners; i++) {
		const struct json *by = json_get_obj(all, r->signer[i]);

		MUST(by != NULL && by->n > 0 && by->n <= SIGNATURES_MAX);
		MUST(id_server_name_ok(r->signer[i]));
		for (size_t k = 0; k < i; k++)
			MUST(!str_eq(r->signer[i], r->signer[k]));
	}
}

static void
check_redacted(struct arena *a, const struct received *r)
{
	struct json bare = event_redact(a, r->ev.v, &r->ev.json);
	struct err e = { .code = M_OK };
	struct received again;

	if (!received_read(a, r->ev.v, json_text(a, &bare), &again, &e)) {
		/* Redaction takes away what spared the sender's server its signature. */
		MUST(e.code == M_FORBIDDEN && !r->redacted);
		return;
	}
	MUST(str_eq(again.ev.id, r->ev.id));
	MUST(str_eq(again.ev.room, r->ev.room));
	MUST(!r->redacted || json_equal(&again.ev.json, &r->ev.json));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { .code = M_OK };
	struct received r;
	struct arena *a;

	if (size == 0)
		return 0;
	a = arena_new(SIZE_MAX);
	if (received_read(a, room_version_at(data[0] % 12U),
	    str_n((const char *)data + 1, size - 1), &r, &e)) {
		MUST(e.code == M_OK);
		check_signers(&r);
		check_redacted(a, &r);
		/* Nothing but a create event stands on no auth events. */
		MUST(!received_auth_ok(a, &r.ev, NULL, NULL, 0, &e) ||
		    str_eq(r.ev.type, S("m.room.create")));
	} else {
		MUST(e.code == M_NOT_JSON || e.code == M_BAD_JSON ||
		    e.code == M_TOO_LARGE || e.code == M_FORBIDDEN);
	}
	arena_free(a);
	return 0;
}
