/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Building an event of our own, and writing one for clients. The redacted form
 * without signatures is written once: its hash is the event's id and its bytes
 * are what is signed.
 * spec: server-server, "Adding hashes and signatures to outgoing events".
 */
#include "base/enc.h"
#include "crypto/digest.h"
#include "room/event.h"
#include "room/ids.h"

static struct json
refs_json(struct arena *a, const struct room_version *v,
    const struct str *ids, size_t n)
{
	struct json list = json_new_arr();

	for (size_t i = 0; i < n; i++) {
		struct json x = json_of_str(ids[i]);

		if (v->event_ids == EVENT_ID_GIVEN) {
			struct json pair = json_new_arr();

			json_push(a, &pair, x);
			json_push(a, &pair, json_new_obj());
			x = pair;
		}
		json_push(a, &list, x);
	}
	return list;
}

/* Everything but hashes and signatures. */
static struct json
draft_json(struct arena *a, const struct room_version *v,
    const struct draft *d)
{
	struct json ev = json_new_obj(), content = d->content;

	if (d->redacts.n > 0 && v->redacts_in_content) {
		content = json_copy(a, &content);
		json_set(a, &content, S("redacts"), json_of_str(d->redacts));
	} else if (d->redacts.n > 0) {
		json_set(a, &ev, S("redacts"), json_of_str(d->redacts));
	}
	json_set(a, &ev, S("auth_events"), refs_json(a, v, d->auth, d->nauth));
	json_set(a, &ev, S("content"), content);
	json_set(a, &ev, S("depth"), json_of_int(d->depth));
	if (v->event_ids == EVENT_ID_GIVEN)
		json_set(a, &ev, S("event_id"), json_of_str(str_fmt(a,
		    "$" STR_FMT ":" STR_FMT, STR_ARG(d->random_id),
		    STR_ARG(d->server))));
	json_set(a, &ev, S("origin_server_ts"), json_of_int(d->ts));
	json_set(a, &ev, S("prev_events"), refs_json(a, v, d->prev, d->nprev));
	if (d->room.n > 0)
		json_set(a, &ev, S("room_id"), json_of_str(d->room));
	json_set(a, &ev, S("sender"), json_of_str(d->sender));
	if (d->is_state)
		json_set(a, &ev, S("state_key"), json_of_str(d->state_key));
	json_set(a, &ev, S("type"), json_of_str(d->type));
	if (d->sticky_ms > 0) {
		struct json sticky = json_new_obj();

		json_set(a, &sticky, S("duration_ms"),
		    json_of_int(d->sticky_ms));
		json_set(a, &ev, S("msc4354_sticky"), sticky);
	}
	return ev;
}

/* Sets hashes, then gives the text that is signed and names the event. */
static struct str
hash_event(struct arena *a, const struct room_version *v, struct json *ev)
{
	struct json hashes = json_new_obj(), redacted;

	json_set(a, &hashes, S("sha256"), json_of_str(b64_encode(a, B64_STD,
	    sha256_raw(a, json_text(a, ev)))));
	json_set(a, ev, S("hashes"), hashes);
	redacted = event_redact(a, v, ev);
	return json_text(a, &redacted);
}

static void
sign_event(struct arena *a, struct json *ev, struct str server,
    const struct sign_key *key, struct str bytes)
{
	uint8_t sig[SIGN_BYTES];
	struct json mine = json_new_obj(), all = json_new_obj();

	sign_bytes(key, bytes, sig);
	json_set(a, &mine, key->id, json_of_str(b64_encode(a, B64_STD,
	    str_n((char *)sig, sizeof(sig)))));
	json_set(a, &all, server, mine);
	json_set(a, ev, S("signatures"), all);
}

/* Numbers that the room version does not allow in content. */
static bool
numbers_ok(const struct room_version *v, const struct json *x, int depth)
{
	if (x->type == JSON_REAL)
		return !v->strict_canonical;
	if (depth > JSON_DEPTH_MAX)
		return false;
	for (uint32_t i = 0; x->type == JSON_ARR && i < x->n; i++)
		if (!numbers_ok(v, &x->at[i], depth + 1))
			return false;
	for (uint32_t i = 0; x->type == JSON_OBJ && i < x->n; i++)
		if (!numbers_ok(v, &x->m[i].val, depth + 1))
			return false;
	return true;
}

bool
event_build(struct arena *a, const struct room_version *v,
    const struct draft *d, const struct sign_key *key, struct event *ev,
    struct str *text, struct err *e)
{
	struct json json;
	struct str bytes, id, whole;

	if (!numbers_ok(v, &d->content, 0))
		return fail(e, M_BAD_JSON, "Numbers in an event must be "
		    "integers within 2^53");
	if (d->type.n == 0 || d->type.n > ID_MAX || d->state_key.n > ID_MAX)
		return fail(e, M_TOO_LARGE, "An event's type and state_key "
		    "take at most 255 bytes, and the type at least one");
	json = draft_json(a, v, d);
	bytes = hash_event(a, v, &json);
	if (v->event_ids == EVENT_ID_GIVEN)
		id = json_str(&json, S("event_id"));
	else
		id = str_cat(a, S("$"), b64_encode(a,
		    v->event_ids == EVENT_ID_HASH_STD ? B64_STD : B64_URL,
		    sha256_raw(a, bytes)));
	sign_event(a, &json, d->server, key, bytes);
	whole = json_text(a, &json);
	if (whole.n > EVENT_BYTES_MAX)
		return fail(e, M_TOO_LARGE, "An event takes at most %d bytes",
		    EVENT_BYTES_MAX);
	*text = whole;
	return event_load(a, v, id, whole, ev, e);
}

void
event_sign_more(struct arena *a, const struct room_version *v,
    struct json *ev, struct str entity, const struct sign_key *key)
{
	struct json bare = event_redact(a, v, ev), all, mine;
	const struct json *old = json_get_obj(ev, S("signatures"));
	uint8_t sig[SIGN_BYTES];

	sign_bytes(key, sign_json_bytes(a, &bare), sig);
	all = old != NULL ? json_copy(a, old) : json_new_obj();
	old = json_get_obj(&all, entity);
	mine = old != NULL ? json_copy(a, old) : json_new_obj();
	json_set(a, &mine, key->id, json_of_str(b64_encode(a, B64_STD,
	    str_n((char *)sig, sizeof(sig)))));
	json_set(a, &all, entity, mine);
	json_set(a, ev, S("signatures"), all);
}

int64_t
event_sticky_ms(const struct event *ev)
{
	int64_t ms;

	if (!json_get_int(json_get_obj(&ev->json, S("msc4354_sticky")),
	    S("duration_ms"), &ms) || ms <= 0)
		return 0;
	return ms < EVENT_STICKY_MAX ? ms : EVENT_STICKY_MAX;
}

void
event_write_client(struct buf *b, const struct event *ev)
{
	buf_c(b, "{\"content\":");
	if (ev->redacts.n > 0 && json_get(ev->content, S("redacts")) == NULL) {
		/* Clients of room version 11 and later look for it here. */
		buf_c(b, "{\"redacts\":");
		json_write_str(b, ev->redacts);
		for (uint32_t i = 0; i < ev->content->n; i++) {
			buf_char(b, ',');
			json_write_str(b, ev->content->m[i].key);
			buf_char(b, ':');
			json_write(b, &ev->content->m[i].val);
		}
		buf_char(b, '}');
	} else if (ev->content->src.n > 0) {
		buf_str(b, ev->content->src);
	} else {
		json_write(b, ev->content);
	}
	buf_c(b, ",\"event_id\":");
	json_write_str(b, ev->id);
	if (event_sticky_ms(ev) > 0)
		buf_fmt(b, ",\"msc4354_sticky\":{\"duration_ms\":%lld}",
		    (long long)event_sticky_ms(ev));
	buf_c(b, ",\"origin_server_ts\":");
	buf_i64(b, ev->ts);
	if (ev->redacts.n > 0) {
		buf_c(b, ",\"redacts\":");
		json_write_str(b, ev->redacts);
	}
	buf_c(b, ",\"sender\":");
	json_write_str(b, ev->sender);
	if (ev->is_state) {
		buf_c(b, ",\"state_key\":");
		json_write_str(b, ev->state_key);
	}
	buf_c(b, ",\"type\":");
	json_write_str(b, ev->type);
}
