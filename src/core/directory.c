/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The directory of published rooms, and what is shown of a room. See alias.h. */
#include "core/alias.h"

#include "core/member.h"
#include "core/unicode.h"
#include "room/ids.h"

#include <stdlib.h>

struct publish {
	int64_t nid;
	bool on;
};

static bool
publish_body(struct db *db, void *arg, struct err *e)
{
	const struct publish *p = arg;

	return room_row_publish(db, p->nid, p->on, e);
}

bool
room_publish(struct ctx *c, struct room *r, bool on)
{
	struct publish p = { room_nid(r), on };

	return db_transact(c->db, publish_body, &p, &c->err);
}

bool
room_may_publish(struct ctx *c, struct room *r)
{
	struct power power;

	if (c->who.admin)
		return true;
	if (!room_must_be_in(c, r) || !room_power(c, r, &power))
		return false;
	return power_may_send(&power, c->who.user,
	    S("m.room.canonical_alias"), true) ||
	    fail(&c->err, M_FORBIDDEN, "You may not publish this room");
}

bool
room_is_published(struct ctx *c, struct room *r, bool *out)
{
	struct room_row row;
	bool found;

	if (!room_row_find_nid(c->db, c->a, room_nid(r), &row, &found,
	    &c->err))
		return false;
	*out = found && row.published;
	return true;
}

/* One string of a state event's content; empty: none. */
static bool
text_of(struct ctx *c, struct room *r, struct str type, struct str key,
    struct str *out)
{
	const struct sev *ev;

	if (!room_state(c, r, type, S(""), &ev))
		return false;
	*out = ev != NULL ? json_str(ev->ev.content, key)
	    : (struct str){ NULL, 0 };
	return true;
}

static bool
is_restricted(struct str rule)
{
	return str_eq(rule, S("restricted")) ||
	    str_eq(rule, S("knock_restricted"));
}

/* The rooms of the join rule's "allow". */
static bool
list_allowed(struct ctx *c, struct room *r, struct room_chunk *out)
{
	const struct json *allow;
	const struct sev *rules;
	struct str *at, id;

	if (!room_state(c, r, S("m.room.join_rules"), S(""), &rules))
		return false;
	allow = json_get_arr(rules != NULL ? rules->ev.content : NULL,
	    S("allow"));
	if (allow == NULL)
		return true;
	at = arena_array(c->a, struct str, allow->n);
	for (uint32_t i = 0; i < allow->n; i++)
		if (str_eq(json_str(&allow->at[i], S("type")),
		    S("m.room_membership")) && json_get_str(&allow->at[i],
		    S("room_id"), &id) && id_room_ok(id))
			at[out->nallowed++] = id;
	out->allowed = at;
	return true;
}

bool
room_may_preview(struct ctx *c, struct room *r, bool *out)
{
	enum membership now = c->who.user.n > 0
	    ? room_membership(r, c->who.user) : MEMBER_NONE;
	const struct sev *rules, *history;
	struct str rule;

	*out = now == MEMBER_JOIN || now == MEMBER_INVITE;
	if (*out)
		return true;
	if (!room_state(c, r, S("m.room.history_visibility"), S(""),
	    &history) || !room_state(c, r, S("m.room.join_rules"), S(""),
	    &rules))
		return false;
	*out = history != NULL && history_of_event(&history->ev) ==
	    HISTORY_WORLD;
	if (*out || rules == NULL || now == MEMBER_BAN)
		return true;
	rule = json_str(rules->ev.content, S("join_rule"));
	*out = str_eq(rule, S("public")) || str_eq(rule, S("knock")) ||
	    str_eq(rule, S("knock_restricted"));
	return *out || c->who.user.n == 0 || !is_restricted(rule) ||
	    member_is_in_allowed(c, rules->ev.content, c->who.user, out);
}

bool
room_describe(struct ctx *c, struct room *r, struct room_chunk *out)
{
	struct str history, guest;

	*out = (struct room_chunk){
		.room_id = room_id(r), .nid = room_nid(r),
		.version = room_ver(r)->name,
		.members = room_counts(r).joined,
		.room_type = json_str(room_create_event(r)->content,
		    S("type")),
	};
	if (!text_of(c, r, S("m.room.name"), S("name"), &out->name) ||
	    !text_of(c, r, S("m.room.topic"), S("topic"), &out->topic) ||
	    !text_of(c, r, S("m.room.avatar"), S("url"), &out->avatar_url) ||
	    !text_of(c, r, S("m.room.canonical_alias"), S("alias"),
	    &out->canonical_alias) ||
	    !text_of(c, r, S("m.room.encryption"), S("algorithm"),
	    &out->encryption) ||
	    !text_of(c, r, S("m.room.join_rules"), S("join_rule"),
	    &out->join_rule) ||
	    !text_of(c, r, S("m.room.history_visibility"),
	    S("history_visibility"), &history) ||
	    !text_of(c, r, S("m.room.guest_access"), S("guest_access"),
	    &guest))
		return false;
	if (out->join_rule.n == 0)
		out->join_rule = S("invite");
	out->world_readable = str_eq(history, S("world_readable"));
	out->guest_can_join = str_eq(guest, S("can_join"));
	return !is_restricted(out->join_rule) || list_allowed(c, r, out);
}

static bool
type_wanted(const struct json *types, struct str type)
{
	if (types == NULL)
		return true;
	for (uint32_t i = 0; i < types->n; i++) {
		const struct json *t = &types->at[i];

		if ((t->type == JSON_NULL && type.n == 0) ||
		    (t->type == JSON_STR && type.n > 0 &&
		    str_eq(t->s, type)))
			return true;
	}
	return false;
}

static bool
has_term(struct ctx *c, struct str text, struct str folded)
{
	return str_find_str(unicode_fold(c->a, text), folded) >= 0;
}

static bool
is_wanted(struct ctx *c, const struct public_ask *ask, struct str folded,
    const struct room_chunk *x)
{
	return type_wanted(ask->types, x->room_type) && (folded.n == 0 ||
	    has_term(c, x->name, folded) || has_term(c, x->topic, folded) ||
	    has_term(c, x->canonical_alias, folded));
}

static int
larger_first(const void *x, const void *y)
{
	const struct room_chunk *a = x, *b = y;

	if (a->members != b->members)
		return a->members > b->members ? -1 : 1;
	return a->nid < b->nid ? -1 : a->nid > b->nid;
}

bool
rooms_public(struct ctx *c, const struct public_ask *ask,
    struct room_chunk **out, size_t *n, int64_t *total)
{
	struct str folded = unicode_fold(c->a, ask->term);
	struct room_chunk *at;
	int64_t *nids;
	size_t nnids, count = 0;

	*out = NULL;
	*n = 0;
	*total = 0;
	if (ask->nothing)
		return true;
	if (!rooms_published(c->db, c->a, &nids, &nnids, &c->err))
		return false;
	at = arena_array(c->a, struct room_chunk, nnids);
	for (size_t i = 0; i < nnids; i++) {
		struct room *r;

		if (!room_open_nid(c, nids[i], &r) ||
		    !room_describe(c, r, &at[count]))
			return false;
		if (is_wanted(c, ask, folded, &at[count]))
			count++;
	}
	if (count > 1)
		qsort(at, count, sizeof(*at), larger_first);
	*total = (int64_t)count;
	if (ask->from >= (int64_t)count) {
		*out = NULL;
		*n = 0;
		return true;
	}
	*out = at + ask->from;
	*n = count - (size_t)ask->from;
	if ((int64_t)*n > ask->limit)
		*n = (size_t)ask->limit;
	return true;
}
