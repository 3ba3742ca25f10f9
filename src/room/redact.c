/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Redaction: what each algorithm keeps, as two tables.
 * spec: rooms/ v1, v6, v8, v9, v11, "Redactions".
 */
#include "room/event.h"

/* A key that is kept, by the algorithms from..to (1, 6, 8, 9, 11). */
struct kept {
	struct str key;
	uint8_t from, to;
};

/* The same in the content of one type of event. */
struct kept_in {
	struct str type;
	struct kept k;
};

#define K(key, from, to) { S_INIT(key), from, to }
#define IN(type, key, from, to) { S_INIT(type), K(key, from, to) }

static const struct kept kept_top[] = {
	K("auth_events", 1, 11), K("content", 1, 11), K("depth", 1, 11),
	K("event_id", 1, 11), K("hashes", 1, 11), K("membership", 1, 9),
	K("origin", 1, 9), K("origin_server_ts", 1, 11),
	K("prev_events", 1, 11), K("prev_state", 1, 9), K("room_id", 1, 11),
	K("sender", 1, 11), K("signatures", 1, 11), K("state_key", 1, 11),
	K("type", 1, 11),
};

static const struct kept_in kept_content[] = {
	IN("m.room.member", "membership", 1, 11),
	IN("m.room.member", "join_authorised_via_users_server", 9, 11),
	IN("m.room.create", "creator", 1, 9),
	IN("m.room.join_rules", "join_rule", 1, 11),
	IN("m.room.join_rules", "allow", 8, 11),
	IN("m.room.power_levels", "ban", 1, 11),
	IN("m.room.power_levels", "events", 1, 11),
	IN("m.room.power_levels", "events_default", 1, 11),
	IN("m.room.power_levels", "invite", 11, 11),
	IN("m.room.power_levels", "kick", 1, 11),
	IN("m.room.power_levels", "redact", 1, 11),
	IN("m.room.power_levels", "state_default", 1, 11),
	IN("m.room.power_levels", "users", 1, 11),
	IN("m.room.power_levels", "users_default", 1, 11),
	IN("m.room.aliases", "aliases", 1, 1),
	IN("m.room.history_visibility", "history_visibility", 1, 11),
	IN("m.room.redaction", "redacts", 11, 11),
};

static bool
fits(const struct kept *k, uint8_t algorithm, struct str key)
{
	return algorithm >= k->from && algorithm <= k->to &&
	    str_eq(k->key, key);
}

static bool
keeps_top(uint8_t algorithm, struct str key)
{
	for (size_t i = 0; i < LEN(kept_top); i++)
		if (fits(&kept_top[i], algorithm, key))
			return true;
	return false;
}

static bool
keeps_content(uint8_t algorithm, struct str type, struct str key)
{
	for (size_t i = 0; i < LEN(kept_content); i++)
		if (fits(&kept_content[i].k, algorithm, key) &&
		    str_eq(kept_content[i].type, type))
			return true;
	return false;
}

/*
 * Version 11 keeps third_party_invite, but of it only `signed`. What is left
 * without one decides the event's id and servers differ: we keep it, empty,
 * as Synapse does, since v11 says that the key "is no longer redacted".
 */
static void
keep_signed(struct arena *a, const struct json *content, struct json *out)
{
	const struct json *tpi = json_get_obj(content,
	    S("third_party_invite"));
	const struct json *proof = json_get(tpi, S("signed"));
	struct json only = json_new_obj();

	if (tpi == NULL)
		return;
	if (proof != NULL)
		json_set(a, &only, S("signed"), *proof);
	json_set(a, out, S("third_party_invite"), only);
}

static struct json
redact_content(struct arena *a, uint8_t algorithm, struct str type,
    const struct json *content)
{
	struct json out = json_new_obj();

	if (!json_is(content, JSON_OBJ))
		return out;
	if (algorithm == 11 && str_eq(type, S("m.room.create")))
		return *content;
	for (uint32_t i = 0; i < content->n; i++)
		if (keeps_content(algorithm, type, content->m[i].key))
			json_set(a, &out, content->m[i].key, content->m[i].val);
	if (algorithm == 11 && str_eq(type, S("m.room.member")))
		keep_signed(a, content, &out);
	return out;
}

struct json
event_redact(struct arena *a, const struct room_version *v,
    const struct json *ev)
{
	struct str type = json_str(ev, S("type"));
	struct json out = json_new_obj();

	for (uint32_t i = 0; i < ev->n; i++) {
		struct str key = ev->m[i].key;

		if (!keeps_top(v->redaction, key))
			continue;
		json_set(a, &out, key, str_eq(key, S("content")) ?
		    redact_content(a, v->redaction, type, &ev->m[i].val) :
		    ev->m[i].val);
	}
	return out;
}
