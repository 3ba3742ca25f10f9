/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reading events: from text to a view, with the checks of format that a room
 * version asks for; hashes, ids and signatures of what was read. Building is
 * build.c, redacting redact.c.
 * spec: server-server, "PDUs"; rooms/, "Event format"; appendices, "Size limits".
 */
#include "room/event.h"

#include "base/enc.h"
#include "crypto/digest.h"
#include "room/ids.h"

#define FIELD_MAX 255

static bool
bad(struct err *e, const char *what)
{
	return fail(e, M_BAD_JSON, "Not an event: %s", what);
}

/* A member that must be a string of 1 (or 0) to 255 bytes. */
static bool
field(const struct json *ev, struct str key, bool may_be_empty,
    struct str *out, struct err *e)
{
	if (!json_get_str(ev, key, out))
		return fail(e, M_BAD_JSON, "Not an event: " STR_FMT
		    " must be a string", STR_ARG(key));
	if (out->n == 0 && !may_be_empty)
		return fail(e, M_BAD_JSON, "Not an event: " STR_FMT
		    " is empty", STR_ARG(key));
	if (out->n > FIELD_MAX)
		return fail(e, M_TOO_LARGE, "An event's " STR_FMT
		    " takes at most 255 bytes", STR_ARG(key));
	return true;
}

/* auth_events or prev_events: ids, or in versions 1 and 2 pairs of id and hashes. */
static bool
refs(struct arena *a, const struct room_version *v, const struct json *ev,
    struct str key, size_t max, struct str **out, size_t *n, struct err *e)
{
	const struct json *list = json_get_arr(ev, key);
	struct str *ids;

	if (list == NULL)
		return fail(e, M_BAD_JSON, "Not an event: " STR_FMT
		    " must be an array", STR_ARG(key));
	if (list->n > max)
		return fail(e, M_BAD_JSON, "Not an event: " STR_FMT
		    " has more than %zu entries", STR_ARG(key), max);
	ids = arena_array(a, struct str, list->n);
	for (size_t i = 0; i < list->n; i++) {
		const struct json *x = json_at(list, i);

		if (v->event_ids == EVENT_ID_GIVEN)
			x = json_at(x, 0);
		if (!json_is(x, JSON_STR) || !id_event_ok(x->s))
			return fail(e, M_BAD_JSON, "Not an event: " STR_FMT
			    " has an entry that is no event id", STR_ARG(key));
		ids[i] = x->s;
	}
	*out = ids;
	*n = list->n;
	return true;
}

/* Versions 1 to 5 have depths up to 2^63 - 1, which parse as JSON_REAL. */
static bool
read_depth(const struct json *ev, int64_t *out)
{
	const struct json *x = json_get(ev, S("depth"));

	if (!json_is(x, JSON_REAL))
		return json_get_int(ev, S("depth"), out);
	if (!str_i64(x->src, out))
		return false;
	if (*out > EVENT_DEPTH_MAX)
		*out = EVENT_DEPTH_MAX;
	return true;
}

static void
read_redacts(struct event *ev)
{
	if (!str_eq(ev->type, S("m.room.redaction")))
		return;
	ev->redacts = json_str(ev->v->redacts_in_content ? ev->content
	    : &ev->json, S("redacts"));
}

static bool
check_ids(const struct event *ev, bool has_room, struct err *e)
{
	if (has_room && !id_room_ok(ev->room))
		return bad(e, "room_id is malformed");
	if (!id_user_ok(ev->sender))
		return bad(e, "sender is malformed");
	if (ev->depth < 0)
		return bad(e, "depth is negative");
	return true;
}

/* All fields but the id. */
static bool
read_fields(struct arena *a, const struct room_version *v,
    const struct json *json, struct event *ev, struct err *e)
{
	bool has_room;

	*ev = (struct event){ .v = v, .json = *json };
	if (!json_is(json, JSON_OBJ))
		return bad(e, "no object");
	if (!field(json, S("type"), true, &ev->type, e) ||
	    !field(json, S("sender"), false, &ev->sender, e))
		return false;
	ev->is_state = json_get(json, S("state_key")) != NULL;
	if (ev->is_state && !field(json, S("state_key"), true,
	    &ev->state_key, e))
		return false;
	has_room = !v->room_id_is_create_hash ||
	    !str_eq(ev->type, S("m.room.create")) || !ev->is_state ||
	    ev->state_key.n > 0;
	if (has_room && !field(json, S("room_id"), false, &ev->room, e))
		return false;
	if (!has_room && json_get(json, S("room_id")) != NULL)
		return bad(e, "a create event of this version has no room_id");
	ev->content = json_get_obj(json, S("content"));
	if (ev->content == NULL)
		return bad(e, "content must be an object");
	if (!json_get_int(json, S("origin_server_ts"), &ev->ts))
		return bad(e, "origin_server_ts must be an integer");
	if (!read_depth(json, &ev->depth))
		return bad(e, "depth must be an integer");
	read_redacts(ev);
	return check_ids(ev, has_room, e) &&
	    refs(a, v, json, S("auth_events"), EVENT_AUTH_MAX, &ev->auth,
	    &ev->nauth, e) &&
	    refs(a, v, json, S("prev_events"), EVENT_PREV_MAX, &ev->prev,
	    &ev->nprev, e);
}

static bool
is_v12_create(const struct event *ev)
{
	return ev->room.n == 0;
}

bool
event_read_json(struct arena *a, const struct room_version *v,
    const struct json *json, struct event *ev, struct err *e)
{
	struct buf size;

	if (!read_fields(a, v, json, ev, e))
		return false;
	buf_init(&size, a, EVENT_BYTES_MAX);
	json_write(&size, json);
	if (size.over)
		return fail(e, M_TOO_LARGE, "An event takes at most %d bytes",
		    EVENT_BYTES_MAX);
	ev->id = event_id_of(a, v, json);
	if (!id_event_ok(ev->id) || (v->event_ids == EVENT_ID_GIVEN &&
	    !id_server_name_ok(id_server(ev->id))))
		return bad(e, "event_id is malformed");
	if (is_v12_create(ev))
		ev->room = str_cat(a, S("!"), str_from(ev->id, 1));
	return true;
}

bool
event_read(struct arena *a, const struct room_version *v, struct str text,
    struct event *ev, struct err *e)
{
	struct json json;

	return json_parse(a, text, v->strict_canonical ? JSON_STRICT : JSON_ANY,
	    &json, e) && event_read_json(a, v, &json, ev, e);
}

bool
event_load(struct arena *a, const struct room_version *v, struct str id,
    struct str text, struct event *ev, struct err *e)
{
	struct json json;

	if (!json_parse(a, text, JSON_ANY, &json, e) ||
	    !read_fields(a, v, &json, ev, e))
		return false;
	ev->id = id;
	if (is_v12_create(ev))
		ev->room = str_cat(a, S("!"), str_from(id, 1));
	return true;
}

/* The canonical text without some members. */
static struct str
text_without(struct arena *a, const struct json *ev, const struct str *keys,
    size_t n)
{
	struct json bare = json_copy(a, ev);

	for (size_t i = 0; i < n; i++)
		json_del(&bare, keys[i]);
	return json_text(a, &bare);
}

/* As bytes. */
static struct str
content_hash(struct arena *a, const struct json *ev)
{
	static const struct str out[] = { S_INIT("hashes"),
	    S_INIT("signatures"), S_INIT("unsigned") };

	return sha256_raw(a, text_without(a, ev, out, LEN(out)));
}

struct str
event_content_hash(struct arena *a, const struct json *ev)
{
	return b64_encode(a, B64_STD, content_hash(a, ev));
}

bool
event_hash_ok(struct arena *a, const struct json *ev)
{
	const struct json *hashes = json_get_obj(ev, S("hashes"));
	struct str text, given;

	/* The bound spares the work on a text that can't be one. */
	return json_get_str(hashes, S("sha256"), &text) &&
	    text.n <= 2 * SHA256_BYTES &&
	    b64_decode(a, B64_STD, text, &given) &&
	    str_eq(given, content_hash(a, ev));
}

struct str
event_id_of(struct arena *a, const struct room_version *v,
    const struct json *ev)
{
	static const struct str out[] = { S_INIT("signatures"),
	    S_INIT("unsigned") };
	struct json redacted;

	if (v->event_ids == EVENT_ID_GIVEN)
		return json_str(ev, S("event_id"));
	redacted = event_redact(a, v, ev);
	return str_cat(a, S("$"), b64_encode(a,
	    v->event_ids == EVENT_ID_HASH_STD ? B64_STD : B64_URL,
	    sha256_raw(a, text_without(a, &redacted, out, LEN(out)))));
}

bool
event_signature_ok(struct arena *a, const struct room_version *v,
    const struct json *ev, struct str entity, struct str key_id,
    const uint8_t public_key[SIGN_PUBLIC_BYTES])
{
	struct json redacted = event_redact(a, v, ev);

	return sign_json_ok(a, &redacted, entity, key_id, public_key);
}
