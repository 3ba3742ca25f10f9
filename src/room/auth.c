/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The authorization rules but for membership (auth_member.c). What differs
 * between versions is a column of version.h.
 * spec: rooms/ v1 to v12, "Authorization rules".
 */
#include "room/auth.h"

#include "room/auth_rules.h"
#include "room/ids.h"

static bool
no(struct err *e, const char *why)
{
	return fail(e, M_FORBIDDEN, "%s", why);
}

const struct event *
check_state(const struct check *c, struct str type, struct str key)
{
	return c->st->get(c->st->arg, type, key);
}

enum membership
check_membership(const struct check *c, struct str user)
{
	return membership_of_event(check_state(c, S("m.room.member"), user));
}

static bool
creators_ok(const struct event *ev)
{
	const struct json *list = json_get(ev->content,
	    S("additional_creators"));

	if (list == NULL)
		return true;
	if (list->type != JSON_ARR)
		return false;
	for (uint32_t i = 0; i < list->n; i++)
		if (list->at[i].type != JSON_STR || !id_user_ok(list->at[i].s))
			return false;
	return true;
}

static bool
same_server(struct str x, struct str y)
{
	return id_server(x).n > 0 && str_eq(id_server(x), id_server(y));
}

static bool
auth_create(const struct event *ev, struct err *e)
{
	const struct json *named = json_get(ev->content, S("room_version"));

	if (!ev->is_state || ev->state_key.n > 0)
		return no(e, "A create event has an empty state_key");
	if (ev->nprev > 0)
		return no(e, "A create event comes first in its room");
	if (!ev->v->room_id_is_create_hash &&
	    !same_server(ev->room, ev->sender))
		return no(e, "A room is created on its creator's server");
	if (named != NULL && (named->type != JSON_STR ||
	    room_version(named->s) == NULL))
		return no(e, "The room version is not known");
	if (!ev->v->implicit_creator &&
	    json_get(ev->content, S("creator")) == NULL)
		return no(e, "A create event names its creator");
	if (ev->v->creators_have_infinite_power && !creators_ok(ev))
		return no(e, "additional_creators must be a list of user ids");
	return true;
}

static bool
may_federate(const struct check *c)
{
	bool federate = true;

	(void)json_get_bool(c->create->content, S("m.federate"), &federate);
	return federate || same_server(c->ev->sender, c->create->sender) ||
	    no(c->e, "This room is for users of its own server");
}

/* One number of the old and of the new content; given says which is there. */
struct change {
	bool had, has;
	int64_t old, new;
};

static bool
number_of(const struct room_version *v, const struct json *obj,
    struct str key, int64_t *out)
{
	return power_level(v, json_get(obj, key), out);
}

static struct change
change_of(const struct room_version *v, const struct json *old,
    const struct json *new, struct str key)
{
	struct change c = { .had = false };

	c.had = number_of(v, old, key, &c.old);
	c.has = number_of(v, new, key, &c.new);
	return c;
}

static bool
changed(const struct change *c)
{
	return c->had != c->has || (c->had && c->old != c->new);
}

/* A change is within reach of somebody with that power. */
static bool
within(const struct change *c, int64_t mine)
{
	return !changed(c) || ((!c->had || c->old <= mine) &&
	    (!c->has || c->new <= mine));
}

static const struct str level_names[] = {
	S_INIT("users_default"), S_INIT("events_default"),
	S_INIT("state_default"), S_INIT("ban"), S_INIT("redact"),
	S_INIT("kick"), S_INIT("invite"),
};

/* Every value is a level; user: every key is a user id. */
static bool
levels_ok(const struct room_version *v, const struct json *obj, bool users)
{
	int64_t ignored;

	if (obj == NULL)
		return true;
	if (obj->type != JSON_OBJ)
		return false;
	for (uint32_t i = 0; i < obj->n; i++) {
		if (users && !id_user_ok(obj->m[i].key))
			return false;
		if (!power_level(v, &obj->m[i].val, &ignored))
			return false;
	}
	return true;
}

static bool
past_double(const struct room_version *v, const struct json *x)
{
	int64_t ignored;

	return json_is(x, JSON_REAL) && !power_level(v, x, &ignored);
}

static bool
any_past_double(const struct room_version *v, const struct json *obj)
{
	for (uint32_t i = 0; json_is(obj, JSON_OBJ) && i < obj->n; i++)
		if (past_double(v, &obj->m[i].val))
			return true;
	return false;
}

/* spec: rooms/ v1, "m.room.power_levels events accept values as floats" */
static bool
floats_ok(const struct check *c)
{
	const struct json *now = c->ev->content;
	const struct room_version *v = c->ev->v;
	bool past = any_past_double(v, json_get(now, S("events"))) ||
	    any_past_double(v, json_get(now, S("notifications")));

	for (size_t i = 0; i < LEN(level_names); i++)
		past = past || past_double(v, json_get(now, level_names[i]));
	return !past || no(c->e, "A power level is past the range of numbers");
}

static bool
power_content_ok(const struct check *c)
{
	const struct json *now = c->ev->content;
	const struct room_version *v = c->ev->v;
	int64_t ignored;

	for (size_t i = 0; v->integer_power && i < LEN(level_names); i++)
		if (json_get(now, level_names[i]) != NULL &&
		    !number_of(v, now, level_names[i], &ignored))
			return no(c->e, "Power levels must be integers");
	if (v->integer_power && (!levels_ok(v, json_get(now, S("events")),
	    false) || !levels_ok(v, json_get(now, S("notifications")), false)))
		return no(c->e, "Power levels of events and notifications "
		    "must be integers");
	if (!levels_ok(v, json_get(now, S("users")), true))
		return no(c->e, "Power levels of users must be integers, "
		    "under user ids");
	return floats_ok(c);
}

static bool
no_creator_listed(const struct check *c)
{
	const struct json *users = json_get_obj(c->ev->content, S("users"));

	for (uint32_t i = 0; users != NULL && i < users->n; i++)
		if (power_is_creator(&c->power, users->m[i].key))
			return no(c->e, "Creators of a room have no power "
			    "level to set");
	return true;
}

/* Entries of `events` and `notifications`, old and new. */
static bool
entries_within(const struct check *c, const struct json *before,
    struct str which, int64_t mine)
{
	const struct json *old = json_get_obj(before, which);
	const struct json *new = json_get_obj(c->ev->content, which);
	const struct json *side[] = { old, new };

	for (size_t s = 0; s < LEN(side); s++) {
		for (uint32_t i = 0; side[s] != NULL && i < side[s]->n; i++) {
			struct change x = change_of(c->ev->v, old, new,
			    side[s]->m[i].key);

			if (!within(&x, mine))
				return no(c->e, "You may not change a power "
				    "level above your own");
		}
	}
	return true;
}

/* Users: nobody may touch one who has as much power, but everybody may step down. */
static bool
users_within(const struct check *c, const struct json *before, int64_t mine)
{
	const struct json *old = json_get_obj(before, S("users"));
	const struct json *new = json_get_obj(c->ev->content, S("users"));
	const struct json *side[] = { old, new };

	for (size_t s = 0; s < LEN(side); s++) {
		for (uint32_t i = 0; side[s] != NULL && i < side[s]->n; i++) {
			struct str user = side[s]->m[i].key;
			struct change x = change_of(c->ev->v, old, new, user);

			if (!changed(&x))
				continue;
			if (x.had && !str_eq(user, c->ev->sender) &&
			    x.old >= mine)
				return no(c->e, "You may not change the power "
				    "of somebody who has as much as you");
			if (x.has && x.new > mine)
				return no(c->e, "You may not give more power "
				    "than you have");
		}
	}
	return true;
}

static bool
auth_power(const struct check *c)
{
	const struct event *now = check_state(c, S("m.room.power_levels"),
	    S(""));
	int64_t mine = power_of(&c->power, c->ev->sender);

	if (!power_content_ok(c) ||
	    (c->ev->v->creators_have_infinite_power && !no_creator_listed(c)))
		return false;
	if (now == NULL)
		return true;
	for (size_t i = 0; i < LEN(level_names); i++) {
		struct change x = change_of(c->ev->v, now->content,
		    c->ev->content, level_names[i]);

		if (!within(&x, mine))
			return no(c->e, "You may not change a power level "
			    "above your own");
	}
	return entries_within(c, now->content, S("events"), mine) &&
	    (!c->ev->v->notifications_in_power || entries_within(c,
	    now->content, S("notifications"), mine)) &&
	    users_within(c, now->content, mine);
}

/* Versions 1 and 2: who may not redact may not even send the redaction. */
static bool
auth_old_redaction(const struct check *c)
{
	if (power_of(&c->power, c->ev->sender) >=
	    power_for(&c->power, POWER_REDACT))
		return true;
	return same_server(c->ev->redacts, c->ev->id) ||
	    no(c->e, "You may not redact this event");
}

/* Everything that is neither create, membership nor aliases. */
static bool
auth_other(const struct check *c)
{
	const struct event *ev = c->ev;
	int64_t mine = power_of(&c->power, ev->sender);

	if (check_membership(c, ev->sender) != MEMBER_JOIN)
		return no(c->e, "You are not in this room");
	if (str_eq(ev->type, S("m.room.third_party_invite")))
		return mine >= power_for(&c->power, POWER_INVITE) ||
		    no(c->e, "You may not invite users to this room");
	if (mine < power_needed(&c->power, ev->type, ev->is_state))
		return fail(c->e, M_FORBIDDEN, "You may not send events of "
		    "type " STR_FMT " to this room", STR_ARG(ev->type));
	if (ev->is_state && str_starts(ev->state_key, S("@")) &&
	    !str_eq(ev->state_key, ev->sender))
		return no(c->e, "A state_key that is a user id belongs to "
		    "that user");
	if (str_eq(ev->type, S("m.room.power_levels")))
		return auth_power(c);
	if (ev->v->special_redaction_auth &&
	    str_eq(ev->type, S("m.room.redaction")))
		return auth_old_redaction(c);
	return true;
}

static bool
auth_aliases(const struct check *c)
{
	return (c->ev->is_state && str_eq(c->ev->state_key,
	    id_server(c->ev->sender))) ||
	    no(c->e, "Aliases belong to their own server");
}

bool
auth_check(struct arena *a, const struct event *ev, const struct event *create,
    const struct auth_state *st, struct err *e)
{
	struct check c = { a, ev, create, st, { 0 }, e };

	if (str_eq(ev->type, S("m.room.create")))
		return auth_create(ev, e);
	if (create == NULL)
		return no(e, "The room has no create event");
	if (!str_eq(create->room, ev->room))
		return no(e, "The event is of another room");
	power_init(&c.power, create, check_state(&c,
	    S("m.room.power_levels"), S("")));
	if (!may_federate(&c))
		return false;
	if (ev->v->special_aliases_auth &&
	    str_eq(ev->type, S("m.room.aliases")))
		return auth_aliases(&c);
	if (str_eq(ev->type, S("m.room.member")))
		return auth_member(&c);
	return auth_other(&c);
}

static bool
place_named(const struct state_at *at, size_t n, const struct event *ev)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(at[i].type, ev->type) &&
		    str_eq(at[i].key, ev->state_key))
			return true;
	return false;
}

bool
auth_events_ok(struct arena *a, const struct event *ev,
    const struct event *const *auth, size_t nauth, struct err *e)
{
	struct state_at *at;
	bool create = false;
	size_t n;

	auth_places(a, ev->v, ev->type, ev->sender, ev->is_state,
	    ev->state_key, ev->content, &at, &n);
	for (size_t i = 0; i < nauth; i++) {
		if (!str_eq(auth[i]->room, ev->room))
			return no(e, "An auth event is of another room");
		if (!auth[i]->is_state || !place_named(at, n, auth[i]))
			return no(e, "An auth event is not one that the event "
			    "needs");
		for (size_t k = 0; k < i; k++)
			if (str_eq(auth[k]->type, auth[i]->type) &&
			    str_eq(auth[k]->state_key, auth[i]->state_key))
				return no(e, "Two auth events are for the same "
				    "place");
		if (str_eq(auth[i]->type, S("m.room.create")))
			create = true;
	}
	if (!create && !ev->v->room_id_is_create_hash &&
	    !str_eq(ev->type, S("m.room.create")))
		return no(e, "The create event is not among the auth events");
	return true;
}

static void
place_add(struct state_at *at, size_t *n, struct str type, struct str key)
{
	at[(*n)++] = (struct state_at){ type, key };
}

/* What a membership needs beyond create, power levels and the sender's own. */
static void
member_places(const struct room_version *v, struct str sender,
    struct str target, const struct json *content, struct state_at *at,
    size_t *n)
{
	struct str membership = json_str(content, S("membership")), by, token;
	const struct json *tpi = json_get_obj(json_get_obj(content,
	    S("third_party_invite")), S("signed"));

	if (!str_eq(target, sender))
		place_add(at, n, S("m.room.member"), target);
	if (str_eq(membership, S("join")) ||
	    str_eq(membership, S("invite")) ||
	    (v->knock && str_eq(membership, S("knock"))))
		place_add(at, n, S("m.room.join_rules"), S(""));
	if (str_eq(membership, S("invite")) &&
	    json_get_str(tpi, S("token"), &token))
		place_add(at, n, S("m.room.third_party_invite"), token);
	if (v->restricted && str_eq(membership, S("join")) &&
	    json_get_str(content, S("join_authorised_via_users_server"),
	    &by) && !str_eq(by, sender) && !str_eq(by, target))
		place_add(at, n, S("m.room.member"), by);
}

void
auth_places(struct arena *a, const struct room_version *v, struct str type,
    struct str sender, bool is_state, struct str state_key,
    const struct json *content, struct state_at **out, size_t *n)
{
	struct state_at *at = arena_array(a, struct state_at, 8);

	*out = at;
	*n = 0;
	if (str_eq(type, S("m.room.create")))
		return;
	if (!v->room_id_is_create_hash)
		place_add(at, n, S("m.room.create"), S(""));
	place_add(at, n, S("m.room.power_levels"), S(""));
	place_add(at, n, S("m.room.member"), sender);
	if (str_eq(type, S("m.room.member")) && is_state)
		member_places(v, sender, state_key, content, at, n);
}

bool
auth_redaction_applies(const struct event *redaction,
    const struct event *target, const struct event *create,
    const struct event *levels)
{
	struct power p;

	power_init(&p, create, levels);
	if (redaction->v->special_redaction_auth ?
	    same_server(redaction->id, target->id) :
	    same_server(redaction->sender, target->sender))
		return true;
	return power_of(&p, redaction->sender) >= power_for(&p, POWER_REDACT);
}
