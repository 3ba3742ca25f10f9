/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Events: the first byte picks the room version, the rest is a PDU. What is
 * read must be the same event after canonical form, redaction, and a new
 * building from its fields.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "room/event.h"
#include "room/ids.h"

#define MUST(x) ((x) ? (void)0 : abort())

static struct sign_key key;

static void
check_view(const struct event *ev)
{
	MUST(id_event_ok(ev->id) && id_user_ok(ev->sender));
	MUST(id_room_ok(ev->room));
	MUST(ev->content != NULL && ev->content->type == JSON_OBJ);
	MUST(ev->depth >= 0);
	MUST(ev->nauth <= EVENT_AUTH_MAX && ev->nprev <= EVENT_PREV_MAX);
	MUST(ev->type.n <= ID_MAX && ev->state_key.n <= ID_MAX);
	MUST(ev->is_state || ev->state_key.n == 0);
}

static void
check_same(const struct event *x, const struct event *y)
{
	MUST(str_eq(x->id, y->id) && str_eq(x->room, y->room));
	MUST(str_eq(x->type, y->type) && str_eq(x->sender, y->sender));
	MUST(x->is_state == y->is_state && str_eq(x->state_key, y->state_key));
	MUST(str_eq(x->redacts, y->redacts));
	MUST(x->ts == y->ts && x->depth == y->depth);
	MUST(x->nauth == y->nauth && x->nprev == y->nprev);
	for (size_t i = 0; i < x->nauth; i++)
		MUST(str_eq(x->auth[i], y->auth[i]));
	for (size_t i = 0; i < x->nprev; i++)
		MUST(str_eq(x->prev[i], y->prev[i]));
	MUST(json_equal(x->content, y->content));
}

/* Redaction keeps the id, is final, and what it leaves is an event. */
static void
check_redacted(struct arena *a, const struct event *ev)
{
	struct json once = event_redact(a, ev->v, &ev->json);
	struct json twice = event_redact(a, ev->v, &once);
	struct err e = { .code = M_OK };
	struct event left;

	MUST(json_equal(&once, &twice));
	MUST(event_read_json(a, ev->v, &once, &left, &e));
	MUST(str_eq(left.id, ev->id) && str_eq(left.room, ev->room));
	MUST(left.content->n <= ev->content->n);
}

static void
check_client(struct arena *a, const struct event *ev)
{
	struct err e = { .code = M_OK };
	struct json v;
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	event_write_client(&b, ev);
	buf_char(&b, '}');
	MUST(json_parse(a, buf_view(&b), JSON_ANY, &v, &e));
	MUST(str_eq(json_str(&v, S("event_id")), ev->id));
	MUST(str_eq(json_str(&v, S("redacts")), ev->redacts));
	MUST((json_get(&v, S("state_key")) != NULL) == ev->is_state);
}

static void
check_built(struct arena *a, const struct event *ev)
{
	struct err e = { .code = M_OK };
	struct event built, read;
	struct str text;
	struct draft d = { ev->room, ev->type, ev->sender, ev->is_state,
		ev->state_key, *ev->content, ev->redacts, ev->ts, ev->depth,
		ev->auth, ev->prev, ev->nauth, ev->nprev, S("d"), S("x"),
		event_sticky_ms(ev) };

	if (json_get(&ev->json, S("room_id")) == NULL)
		d.room = S("");
	if (!event_build(a, ev->v, &d, &key, &built, &text, &e)) {
		MUST(e.code == M_TOO_LARGE);
		return;
	}
	MUST(event_read(a, ev->v, text, &read, &e));
	check_same(&built, &read);
	MUST(str_eq(json_text(a, &read.json), text));
	MUST(event_hash_ok(a, &read.json));
	MUST(event_signature_ok(a, ev->v, &read.json, S("d"), key.id,
	    key.public_key));
	MUST(json_equal(read.content, ev->content) || ev->redacts.n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct room_version *v;
	struct arena *a;
	struct err e = { .code = M_OK };
	struct event ev, again;
	struct str text;

	if (size == 0)
		return 0;
	a = arena_new(SIZE_MAX);
	if (key.id.n == 0) {
		sign_key_new(a, &key);
		key.id = S("ed25519:fuzz");
	}
	v = room_version_at(data[0] % 12U);
	text = str_n((const char *)data + 1, size - 1);
	if (event_read(a, v, text, &ev, &e)) {
		check_view(&ev);
		MUST(event_read(a, v, json_text(a, &ev.json), &again, &e));
		check_same(&ev, &again);
		MUST(event_load(a, v, ev.id, text, &again, &e));
		check_same(&ev, &again);
		check_redacted(a, &ev);
		check_client(a, &ev);
		check_built(a, &ev);
	} else {
		MUST(e.code == M_NOT_JSON || e.code == M_BAD_JSON ||
		    e.code == M_TOO_LARGE);
	}
	arena_free(a);
	return 0;
}
