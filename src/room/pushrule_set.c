/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The server-default rules, word for word as the specification defines them,
 * and how a user's own rules and changes lie over them.
 * spec: client-server v1.19, "Predefined Rules".
 */
#include "room/pushrule_set.h"

#include <assert.h>

/* One default rule; in conditions @ME@ stands for the user's id. */
struct default_rule {
	enum push_kind kind;
	struct str id;
	bool enabled;
	struct str conditions, actions;
};

#define NONE "[]"
#define TYPE_IS(t) "{\"kind\":\"event_match\",\"key\":\"type\",\"pattern\":\"" t "\"}"
#define NO_KEY "{\"kind\":\"event_match\",\"key\":\"state_key\",\"pattern\":\"\"}"
#define TWO "{\"kind\":\"room_member_count\",\"is\":\"2\"}"
#define SOUND(s) "{\"set_tweak\":\"sound\",\"value\":\"" s "\"}"
#define HIGHLIGHT "{\"set_tweak\":\"highlight\"}"
#define RULE(kind, id, on, conditions, actions) \
	{ kind, S_INIT(id), on, S_INIT(conditions), S_INIT(actions) }

static const struct default_rule defaults[] = {
	RULE(PUSH_OVERRIDE, ".m.rule.master", false, NONE, NONE),
	RULE(PUSH_OVERRIDE, ".m.rule.suppress_notices", true,
	    "[{\"kind\":\"event_match\",\"key\":\"content.msgtype\","
	    "\"pattern\":\"m.notice\"}]", NONE),
	RULE(PUSH_OVERRIDE, ".m.rule.invite_for_me", true,
	    "[" TYPE_IS("m.room.member") ",{\"kind\":\"event_match\",\"key\":"
	    "\"content.membership\",\"pattern\":\"invite\"},{\"kind\":"
	    "\"event_match\",\"key\":\"state_key\",\"pattern\":\"@ME@\"}]",
	    "[\"notify\"," SOUND("default") "]"),
	RULE(PUSH_OVERRIDE, ".m.rule.member_event", true,
	    "[" TYPE_IS("m.room.member") "]", NONE),
	RULE(PUSH_OVERRIDE, ".m.rule.is_user_mention", true,
	    "[{\"kind\":\"event_property_contains\",\"key\":"
	    "\"content.m\\\\.mentions.user_ids\",\"value\":\"@ME@\"}]",
	    "[\"notify\"," SOUND("default") "," HIGHLIGHT "]"),
	RULE(PUSH_OVERRIDE, ".m.rule.is_room_mention", true,
	    "[{\"kind\":\"event_property_is\",\"key\":"
	    "\"content.m\\\\.mentions.room\",\"value\":true},{\"kind\":"
	    "\"sender_notification_permission\",\"key\":\"room\"}]",
	    "[\"notify\"," HIGHLIGHT "]"),
	RULE(PUSH_OVERRIDE, ".m.rule.tombstone", true,
	    "[" TYPE_IS("m.room.tombstone") "," NO_KEY "]",
	    "[\"notify\"," HIGHLIGHT "]"),
	RULE(PUSH_OVERRIDE, ".m.rule.reaction", true,
	    "[" TYPE_IS("m.reaction") "]", NONE),
	RULE(PUSH_OVERRIDE, ".m.rule.room.server_acl", true,
	    "[" TYPE_IS("m.room.server_acl") "," NO_KEY "]", NONE),
	RULE(PUSH_OVERRIDE, ".m.rule.suppress_edits", true,
	    "[{\"kind\":\"event_property_is\",\"key\":"
	    "\"content.m\\\\.relates_to.rel_type\",\"value\":\"m.replace\"}]",
	    NONE),
	RULE(PUSH_UNDERRIDE, ".m.rule.call", true,
	    "[" TYPE_IS("m.call.invite") "]",
	    "[\"notify\"," SOUND("ring") "]"),
	RULE(PUSH_UNDERRIDE, ".m.rule.encrypted_room_one_to_one", true,
	    "[" TWO "," TYPE_IS("m.room.encrypted") "]",
	    "[\"notify\"," SOUND("default") "]"),
	RULE(PUSH_UNDERRIDE, ".m.rule.room_one_to_one", true,
	    "[" TWO "," TYPE_IS("m.room.message") "]",
	    "[\"notify\"," SOUND("default") "]"),
	RULE(PUSH_UNDERRIDE, ".m.rule.message", true,
	    "[" TYPE_IS("m.room.message") "]", "[\"notify\"]"),
	RULE(PUSH_UNDERRIDE, ".m.rule.encrypted", true,
	    "[" TYPE_IS("m.room.encrypted") "]", "[\"notify\"]"),
};

static const struct str kind_names[] = {
	[PUSH_OVERRIDE] = S_INIT("override"), [PUSH_CONTENT] = S_INIT("content"),
	[PUSH_ROOM] = S_INIT("room"), [PUSH_SENDER] = S_INIT("sender"),
	[PUSH_UNDERRIDE] = S_INIT("underride"),
};

struct str
push_kind_name(enum push_kind k)
{
	return kind_names[k];
}

bool
push_kind_of(struct str name, enum push_kind *out)
{
	for (size_t i = 0; i < PUSH_NKINDS; i++) {
		if (!str_eq(kind_names[i], name))
			continue;
		*out = (enum push_kind)i;
		return true;
	}
	return false;
}

bool
pushrules_is_default(enum push_kind kind, struct str id)
{
	for (size_t i = 0; i < LEN(defaults); i++)
		if (defaults[i].kind == kind && str_eq(defaults[i].id, id))
			return true;
	return false;
}

const struct json *
pushrules_own(const struct json *stored, enum push_kind kind)
{
	return json_get_arr(json_get_obj(stored, S("rules")),
	    kind_names[kind]);
}

/* A constant of this file as a tree, with the user's id put in. */
static struct json
constant(struct arena *a, struct str text, struct str user_id)
{
	struct json v;
	struct err e;
	ptrdiff_t at = str_find_str(text, S("@ME@"));
	bool ok;

	if (at >= 0) {
		struct buf b;

		/* The quotes are the constant's own: the id's text goes between. */
		buf_init(&b, a, text.n + 8 * user_id.n + 16);
		buf_str(&b, str_sub(text, 0, (size_t)at - 1));
		json_write_str(&b, user_id);
		buf_str(&b, str_from(text, (size_t)at + 5));
		text = buf_view(&b);
	}
	ok = json_parse(a, text, JSON_STRICT, &v, &e);
	assert(ok);
	return v;
}

static struct json
default_json(struct arena *a, const struct default_rule *d,
    struct str user_id, const struct json *stored)
{
	const struct json *change = json_get_obj(json_get_obj(stored,
	    S("defaults")), d->id);
	const struct json *actions = json_get_arr(change, S("actions"));
	struct json rule = json_new_obj();
	bool enabled = d->enabled;

	(void)json_get_bool(change, S("enabled"), &enabled);
	json_set(a, &rule, S("actions"), actions != NULL ? *actions
	    : constant(a, d->actions, user_id));
	json_set(a, &rule, S("conditions"), constant(a, d->conditions,
	    user_id));
	json_set(a, &rule, S("default"), json_of_bool(true));
	json_set(a, &rule, S("enabled"), json_of_bool(enabled));
	json_set(a, &rule, S("rule_id"), json_of_str(d->id));
	return rule;
}

static struct json
kind_json(struct arena *a, enum push_kind kind, struct str user_id,
    const struct json *stored)
{
	const struct json *own = pushrules_own(stored, kind);
	struct json list = json_new_arr();
	size_t d = 0;

	/* The master rule is above even the user's own. */
	if (kind == PUSH_OVERRIDE)
		json_push(a, &list, default_json(a, &defaults[d++], user_id,
		    stored));
	for (uint32_t i = 0; own != NULL && i < own->n; i++)
		if (own->at[i].type == JSON_OBJ)
			json_push(a, &list, own->at[i]);
	for (; d < LEN(defaults); d++)
		if (defaults[d].kind == kind)
			json_push(a, &list, default_json(a, &defaults[d],
			    user_id, stored));
	return list;
}

struct json
pushrules_effective(struct arena *a, struct str user_id,
    const struct json *stored)
{
	struct json all = json_new_obj();

	for (int k = 0; k < PUSH_NKINDS; k++)
		json_set(a, &all, kind_names[k], kind_json(a,
		    (enum push_kind)k, user_id, stored));
	return all;
}

void
pushrules_write(struct buf *b, struct str user_id, const struct json *stored)
{
	struct arena *a = arena_new(8 << 20);
	struct json all = pushrules_effective(a, user_id, stored);

	buf_c(b, "{\"global\":");
	json_write(b, &all);
	buf_char(b, '}');
	arena_free(a);
}

bool
pushrules_find(struct arena *a, struct str user_id, const struct json *stored,
    enum push_kind kind, struct str rule_id, struct json *out)
{
	struct json all = pushrules_effective(a, user_id, stored);
	const struct json *list = json_get_arr(&all, kind_names[kind]);

	for (uint32_t i = 0; i < list->n; i++) {
		if (!str_eq(json_str(&list->at[i], S("rule_id")), rule_id))
			continue;
		*out = list->at[i];
		return true;
	}
	return false;
}
