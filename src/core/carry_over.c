/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a user keeps for themselves about a room, copied to the room that
 * replaces it: the push rule, tags, the mark as a direct chat. See upgrade.h.
 * spec: client-server, "Room Upgrades", server behaviour.
 */
#include "base/log.h"
#include "core/upgrade.h"
#include "core/userdata.h"

/* The room's own rule among the user's. */
static bool
copy_rule(struct ctx *c, struct str from, struct str to)
{
	struct json stored, rule, next;
	struct err e = { .code = M_OK };
	int64_t pos;
	bool has;

	if (!userdata_rules(c, c->who.user, &stored, &has, &pos))
		return false;
	if (!has || !pushrules_find(c->a, c->who.user, &stored, PUSH_ROOM,
	    from, &rule) || pushrules_find(c->a, c->who.user, &stored,
	    PUSH_ROOM, to, &next))
		return true;
	if (!pushrules_put(c->a, &stored, PUSH_ROOM, to, &rule, S(""), S(""),
	    &next, &e))
		return true;		/* at its limit: the user can make room */
	return userdata_put_rules(c, &next);
}

static bool
copy_tags(struct ctx *c, int64_t from, int64_t to)
{
	struct str old, now;

	if (!accdata_get(c->db, c->a, c->who.user, from, S("m.tag"), &old,
	    &c->err) || !accdata_get(c->db, c->a, c->who.user, to, S("m.tag"),
	    &now, &c->err))
		return false;
	return old.n == 0 || now.n > 0 || userdata_put(c, to, S("m.tag"), old);
}

static bool
has_str(const struct json *list, struct str s)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (list->at[i].type == JSON_STR && str_eq(list->at[i].s, s))
			return true;
	return false;
}

/* Under each person whose direct chat the old room was. */
static bool
copy_direct(struct ctx *c, struct str from, struct str to)
{
	struct json direct, out;
	struct str text;
	bool changed = false;

	if (!accdata_get(c->db, c->a, c->who.user, 0, S("m.direct"), &text,
	    &c->err))
		return false;
	if (text.n == 0)
		return true;
	if (!json_parse(c->a, text, JSON_ANY, &direct, &c->err))
		return false;
	out = json_copy(c->a, &direct);
	for (uint32_t i = 0; i < out.n && out.type == JSON_OBJ; i++) {
		struct json *list = &out.m[i].val;

		if (list->type != JSON_ARR || !has_str(list, from) ||
		    has_str(list, to))
			continue;
		*list = json_copy(c->a, list);
		json_push(c->a, list, json_of_str(to));
		changed = true;
	}
	return !changed || userdata_put(c, 0, S("m.direct"),
	    json_text(c->a, &out));
}

static bool
carry_over(struct ctx *c, struct room *r)
{
	const struct json *was = json_get_obj(room_create_event(r)->content,
	    S("predecessor"));
	struct str from;
	struct room *old;

	if (!json_get_str(was, S("room_id"), &from) ||
	    str_eq(from, room_id(r)))
		return true;
	if (!room_open(c, from, &old))
		return c->err.code == M_NOT_FOUND;
	/* Anybody can name a predecessor; only who was in it has said anything of it. */
	if (room_membership(old, c->who.user) == MEMBER_NONE)
		return true;
	return copy_rule(c, from, room_id(r)) &&
	    copy_tags(c, room_nid(old), room_nid(r)) &&
	    copy_direct(c, from, room_id(r));
}

void
upgrade_carry_over(struct ctx *c, struct room *r)
{
	if (!carry_over(c, r))
		log_err(LOG_WARN, "upgrade",
		    "what a user keeps of a room was not carried over",
		    &c->err);
	err_clear(&c->err);
}
