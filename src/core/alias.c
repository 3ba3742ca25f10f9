/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Aliases. The directory of published rooms is directory.c. See alias.h. */
#include "core/alias.h"

#include "core/send.h"
#include "room/ids.h"

struct add {
	struct alias_row row;
	int64_t now_ms;
	bool fresh;
};

static bool
add_body(struct db *db, void *arg, struct err *e)
{
	struct add *x = arg;

	return alias_insert(db, &x->row, x->now_ms, &x->fresh, e);
}

bool
alias_create(struct ctx *c, struct room *r, struct str alias)
{
	struct add x = { { alias, c->who.user, room_nid(r) }, c->now_ms,
	    false };

	if (!id_alias_ok(alias) || !server_is_local(alias))
		return fail(&c->err, M_INVALID_PARAM, "An alias is made as "
		    "#name:" STR_FMT, STR_ARG(server_get()->name));
	if (!db_transact(c->db, add_body, &x, &c->err))
		return false;
	if (!x.fresh) {
		fail(&c->err, M_UNKNOWN, "The alias is taken");
		c->err.status = 409;
		return false;
	}
	return true;
}

static bool
remove_body(struct db *db, void *arg, struct err *e)
{
	return alias_delete(db, *(struct str *)arg, e);
}

/* The content without that alias; false: it was not in there. */
static bool
without(struct ctx *c, const struct json *old, struct str alias,
    struct json *out)
{
	const struct json *alt = json_get_arr(old, S("alt_aliases"));
	struct json list = json_new_arr();
	bool had = false;

	*out = json_copy(c->a, old);
	if (str_eq(json_str(old, S("alias")), alias)) {
		json_del(out, S("alias"));
		had = true;
	}
	for (uint32_t i = 0; alt != NULL && i < alt->n; i++) {
		if (alt->at[i].type == JSON_STR && str_eq(alt->at[i].s, alias))
			had = true;
		else
			json_push(c->a, &list, alt->at[i]);
	}
	if (alt != NULL && list.n > 0)
		json_set(c->a, out, S("alt_aliases"), list);
	else
		json_del(out, S("alt_aliases"));
	return had;
}

/* A room must not go on naming an alias that leads nowhere, if the actor may change that. */
static bool
drop_canonical(struct ctx *c, struct room *r, struct str alias)
{
	struct send s = { .type = S("m.room.canonical_alias"),
	    .is_state = true };
	const struct sev *now, *sent;

	if (!room_state(c, r, s.type, S(""), &now))
		return false;
	if (now == NULL || !without(c, now->ev.content, alias, &s.content) ||
	    room_membership(r, c->who.user) != MEMBER_JOIN)
		return true;
	if (send_event(c, r, &s, &sent))
		return true;
	if (c->err.code != M_FORBIDDEN)
		return false;
	err_clear(&c->err);
	return true;
}

bool
alias_remove(struct ctx *c, struct str alias)
{
	struct alias_row row;
	struct power power;
	struct room *r;
	bool found;

	if (!alias_find(c->db, c->a, alias, &row, &found, &c->err))
		return false;
	if (!found)
		return fail(&c->err, M_NOT_FOUND, "There is no such alias");
	if (!room_open_nid(c, row.room, &r))
		return false;
	if (!str_eq(row.creator, c->who.user) && !c->who.admin) {
		if (!room_power(c, r, &power))
			return false;
		if (room_membership(r, c->who.user) != MEMBER_JOIN ||
		    !power_may_send(&power, c->who.user,
		    S("m.room.canonical_alias"), true))
			return fail(&c->err, M_FORBIDDEN,
			    "You may not remove this alias");
	}
	return db_transact(c->db, remove_body, &alias, &c->err) &&
	    drop_canonical(c, r, alias);
}

bool
alias_resolve(struct ctx *c, struct str alias, struct room **out)
{
	struct alias_row row;
	bool found;

	if (!alias_find(c->db, c->a, alias, &row, &found, &c->err))
		return false;
	if (!found)
		return fail(&c->err, M_NOT_FOUND, "There is no room of the "
		    "alias " STR_FMT, STR_ARG(alias));
	return room_open_nid(c, row.room, out);
}

bool
room_by_name(struct ctx *c, struct str name, struct room **out)
{
	if (str_starts(name, S("#")))
		return id_alias_ok(name) ? alias_resolve(c, name, out)
		    : fail(&c->err, M_INVALID_PARAM, "Malformed room alias");
	if (!id_room_ok(name))
		return fail(&c->err, M_INVALID_PARAM, "Malformed room id");
	return room_open(c, name, out);
}

static bool
had(const struct json *old, struct str alias)
{
	const struct json *alt = json_get_arr(old, S("alt_aliases"));

	if (str_eq(json_str(old, S("alias")), alias))
		return true;
	for (uint32_t i = 0; alt != NULL && i < alt->n; i++)
		if (alt->at[i].type == JSON_STR &&
		    str_eq(alt->at[i].s, alias))
			return true;
	return false;
}

static bool
check_one(struct ctx *c, struct room *r, const struct json *x,
    const struct json *old)
{
	struct alias_row row;
	bool found;

	if (x == NULL || x->type == JSON_NULL)
		return true;
	if (x->type != JSON_STR || !id_alias_ok(x->s))
		return fail(&c->err, M_INVALID_PARAM, "Malformed room alias");
	if (had(old, x->s))
		return true;
	if (!alias_find(c->db, c->a, x->s, &row, &found, &c->err))
		return false;
	return (found && row.room == room_nid(r)) || fail(&c->err,
	    M_BAD_ALIAS, "The alias " STR_FMT " is not one of this room",
	    STR_ARG(x->s));
}

bool
alias_check_canonical(struct ctx *c, struct room *r,
    const struct json *content, const struct json *old)
{
	const struct json *alt = json_get(content, S("alt_aliases"));

	if (!check_one(c, r, json_get(content, S("alias")), old))
		return false;
	if (alt == NULL)
		return true;
	if (alt->type != JSON_ARR || alt->n > 100)
		return fail(&c->err, M_BAD_JSON,
		    "alt_aliases must be an array of at most 100 aliases");
	for (uint32_t i = 0; i < alt->n; i++)
		if (!check_one(c, r, &alt->at[i], old))
			return false;
	return true;
}
