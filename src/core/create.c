/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Making rooms: the events in the order the specification gives, one batch,
 * one transaction. A room of version 12 is named by its create event, so that
 * is built first.
 */
#include "core/create.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "core/alias.h"
#include "core/member.h"
#include "core/upgrade.h"
#include "core/send_batch.h"
#include "room/ids.h"

#define EVENTS_MAX 300

/* What is being made. */
struct making {
	struct ctx *c;
	const struct create *cr;
	struct batch b;
	struct room *r;
	int64_t ts;
};

/*
 * The room's origin_server_ts. From version 12 on a room is named by the hash
 * of its create event: no two of this server may be made in one millisecond,
 * or equal rooms of one user would be one.
 */
static int64_t
create_ts(int64_t now_ms)
{
	static int64_t last;		/* atomic */
	int64_t was = __atomic_load_n(&last, __ATOMIC_RELAXED), ts;

	do {
		ts = now_ms > was ? now_ms : was + 1;
	} while (!__atomic_compare_exchange_n(&last, &was, ts, false,
	    __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return ts;
}

static bool
add(struct making *m, struct str type, struct str key, struct json content)
{
	struct send s = { .type = type, .is_state = true, .state_key = key,
	    .content = content, .ts = m->ts };

	if (m->b.n == m->b.max)
		return fail(&m->c->err, M_INVALID_PARAM,
		    "A room can begin with at most %d events", EVENTS_MAX);
	return batch_add(&m->b, &s);
}

/* One string member: {"key": value}. */
static bool
add_text(struct making *m, struct str type, struct str key, struct str value)
{
	struct json content = json_new_obj();

	json_set(m->c->a, &content, key, json_of_str(value));
	return add(m, type, S(""), content);
}

/* A trusted room's invited people are creators too, from version 12 on. */
static void
add_creators(struct making *m, struct json *content)
{
	const struct create *cr = m->cr;
	const struct json *given = json_get_arr(content,
	    S("additional_creators"));
	struct json list = given != NULL ? json_copy(m->c->a, given)
	    : json_new_arr();

	if (cr->preset != PRESET_TRUSTED || cr->ninvite == 0 ||
	    !cr->v->creators_have_infinite_power)
		return;
	for (size_t i = 0; i < cr->ninvite; i++) {
		bool there = false;

		for (uint32_t k = 0; k < list.n; k++)
			there = there || (list.at[k].type == JSON_STR &&
			    str_eq(list.at[k].s, cr->invite[i]));
		if (!there)
			json_push(m->c->a, &list, json_of_str(cr->invite[i]));
	}
	json_set(m->c->a, content, S("additional_creators"), list);
}

static bool
add_create(struct making *m)
{
	const struct create *cr = m->cr;
	struct json content = cr->creation_content != NULL
	    ? json_copy(m->c->a, cr->creation_content) : json_new_obj();

	json_set(m->c->a, &content, S("room_version"),
	    json_of_str(cr->v->name));
	json_del(&content, S("creator"));
	if (!cr->v->implicit_creator)
		json_set(m->c->a, &content, S("creator"),
		    json_of_str(m->c->who.user));
	add_creators(m, &content);
	if (!add(m, S("m.room.create"), S(""), content))
		return false;
	m->r = room_alloc(0, m->b.p[0].ev.room, cr->v);
	m->b.r = m->r;
	return true;
}

static bool
add_creator_join(struct making *m)
{
	struct json content;

	return member_content(m->c, m->c->who.user, S("join"), &content) &&
	    add(m, S("m.room.member"), m->c->who.user, content);
}

static void
set_level(struct making *m, struct json *obj, struct str key, int64_t level)
{
	json_set(m->c->a, obj, key, json_of_int(level));
}

/* The users map of the default power levels. */
static struct json
default_users(struct making *m)
{
	const struct create *cr = m->cr;
	struct json users = json_new_obj();

	if (cr->v->creators_have_infinite_power)
		return users;
	set_level(m, &users, m->c->who.user, 100);
	for (size_t i = 0; cr->preset == PRESET_TRUSTED && i < cr->ninvite; i++)
		set_level(m, &users, cr->invite[i], 100);
	return users;
}

static bool
add_power(struct making *m)
{
	const struct create *cr = m->cr;
	struct json levels = json_new_obj(), events = json_new_obj();
	struct json rooms = json_new_obj();
	int64_t top = cr->v->creators_have_infinite_power ? 150 : 100;

	set_level(m, &events, S("m.room.avatar"), 50);
	set_level(m, &events, S("m.room.canonical_alias"), 50);
	set_level(m, &events, S("m.room.encryption"), 100);
	set_level(m, &events, S("m.room.history_visibility"), 100);
	set_level(m, &events, S("m.room.name"), 50);
	set_level(m, &events, S("m.room.power_levels"), 100);
	set_level(m, &events, S("m.room.server_acl"), 100);
	set_level(m, &events, S("m.room.tombstone"), top);
	set_level(m, &rooms, S("room"), 50);
	set_level(m, &levels, S("ban"), 50);
	json_set(m->c->a, &levels, S("events"), events);
	set_level(m, &levels, S("events_default"), 0);
	set_level(m, &levels, S("invite"), cr->preset == PRESET_PUBLIC ? 50
	    : 0);
	set_level(m, &levels, S("kick"), 50);
	json_set(m->c->a, &levels, S("notifications"), rooms);
	set_level(m, &levels, S("redact"), 50);
	set_level(m, &levels, S("state_default"), 50);
	json_set(m->c->a, &levels, S("users"), default_users(m));
	set_level(m, &levels, S("users_default"), 0);
	for (uint32_t i = 0; cr->power_override != NULL &&
	    i < cr->power_override->n; i++)
		json_set(m->c->a, &levels, cr->power_override->m[i].key,
		    cr->power_override->m[i].val);
	return power_client_ok(&m->b.p[0].ev, &levels, &m->c->err) &&
	    add(m, S("m.room.power_levels"), S(""), levels);
}

/* Is that place among the initial state that the client gave? */
static bool
is_given(const struct making *m, struct str type)
{
	const struct json *list = m->cr->initial_state;

	for (uint32_t i = 0; list != NULL && i < list->n; i++)
		if (str_eq(json_str(&list->at[i], S("type")), type) &&
		    json_str(&list->at[i], S("state_key")).n == 0)
			return true;
	return false;
}

/* The state of the room that this one replaces, as upgrade.c chose it. */
static bool
add_copied(struct making *m)
{
	const struct json *list = m->cr->copied;

	for (uint32_t i = 0; i < list->n; i++)
		if (!add(m, json_str(&list->at[i], S("type")),
		    json_str(&list->at[i], S("state_key")),
		    *json_get_obj(&list->at[i], S("content"))))
			return false;
	return true;
}

static bool
add_preset(struct making *m)
{
	bool open = m->cr->preset == PRESET_PUBLIC;

	if (!is_given(m, S("m.room.join_rules")) &&
	    !add_text(m, S("m.room.join_rules"), S("join_rule"),
	    open ? S("public") : S("invite")))
		return false;
	if (!is_given(m, S("m.room.history_visibility")) &&
	    !add_text(m, S("m.room.history_visibility"),
	    S("history_visibility"), S("shared")))
		return false;
	if (!is_given(m, S("m.room.guest_access")) && !add_text(m,
	    S("m.room.guest_access"), S("guest_access"),
	    open ? S("forbidden") : S("can_join")))
		return false;
	if (open || !conf_get()->room_encrypt_private ||
	    is_given(m, S("m.room.encryption")))
		return true;
	return add_text(m, S("m.room.encryption"), S("algorithm"),
	    S("m.megolm.v1.aes-sha2"));
}

static bool
add_initial(struct making *m)
{
	const struct json *list = m->cr->initial_state;

	for (uint32_t i = 0; list != NULL && i < list->n; i++) {
		const struct json *x = &list->at[i];
		const struct json *content = json_get_obj(x, S("content"));
		struct str type;

		if (!json_get_str(x, S("type"), &type) || content == NULL)
			return fail(&m->c->err, M_BAD_JSON, "An entry of "
			    "initial_state needs a type and a content");
		if (str_eq(type, S("m.room.create")) ||
		    str_eq(type, S("m.room.member")))
			return fail(&m->c->err, M_INVALID_ROOM_STATE,
			    STR_FMT " cannot be in initial_state",
			    STR_ARG(type));
		if (!add(m, type, json_str(x, S("state_key")), *content))
			return false;
	}
	return true;
}

static bool
add_names(struct making *m)
{
	const struct create *cr = m->cr;
	struct json topic = json_new_obj(), block = json_new_obj();
	struct json list = json_new_arr(), part = json_new_obj();

	if (cr->name.n > 0 && !add_text(m, S("m.room.name"), S("name"),
	    cr->name))
		return false;
	if (cr->topic.n == 0)
		return true;
	json_set(m->c->a, &part, S("body"), json_of_str(cr->topic));
	json_push(m->c->a, &list, part);
	json_set(m->c->a, &block, S("m.text"), list);
	json_set(m->c->a, &topic, S("m.topic"), block);
	json_set(m->c->a, &topic, S("topic"), json_of_str(cr->topic));
	return add(m, S("m.room.topic"), S(""), topic);
}

static bool
add_invites(struct making *m)
{
	for (size_t i = 0; i < m->cr->ninvite; i++) {
		struct json content;

		if (!server_is_local(m->cr->invite[i]))
			continue;	/* see invite_others */
		if (!member_content(m->c, m->cr->invite[i], S("invite"),
		    &content))
			return false;
		if (m->cr->is_direct)
			json_set(m->c->a, &content, S("is_direct"),
			    json_of_bool(true));
		if (!add(m, S("m.room.member"), m->cr->invite[i], content))
			return false;
	}
	return true;
}

static bool
build(struct making *m)
{
	if (!add_create(m) || !add_creator_join(m))
		return false;
	if (m->cr->copied != NULL)
		return add_copied(m);
	return add_power(m) && (m->cr->alias.n == 0 || add_text(m, S("m.room.canonical_alias"),
	    S("alias"), m->cr->alias)) &&
	    add_preset(m) && add_initial(m) && add_names(m) && add_invites(m);
}

static bool
taken(struct err *e, struct str alias)
{
	return fail(e, M_ROOM_IN_USE, "The alias " STR_FMT " is taken",
	    STR_ARG(alias));
}

/* Before all the work; store_also() has the last word. */
static bool
check_alias(struct ctx *c, struct str alias)
{
	struct alias_row row;
	bool found;

	if (alias.n == 0)
		return true;
	if (!alias_find(c->db, c->a, alias, &row, &found, &c->err))
		return false;
	return !found || taken(&c->err, alias);
}

/* The alias and the directory's entry, with the events or not at all. */
static bool
store_also(struct db *db, int64_t room, void *arg, struct err *e)
{
	const struct making *m = arg;
	struct alias_row row = { m->cr->alias, m->c->who.user, room };
	bool fresh = true;

	if (row.alias.n > 0 && !alias_insert(db, &row, m->c->now_ms, &fresh, e))
		return false;
	if (!fresh)
		return taken(e, row.alias);
	return !m->cr->published || room_row_publish(db, room, true, e);
}

/*
 * Users of other servers take their invitation there, when the room is made.
 * One that does not arrive does not undo the room: it can be sent again.
 */
static void
invite_others(struct ctx *c, const struct create *cr, struct room *r)
{
	struct str none = { NULL, 0 };

	for (size_t i = 0; i < cr->ninvite; i++) {
		if (server_is_local(cr->invite[i]) || member_invite(c, r,
		    cr->invite[i], none, cr->is_direct))
			continue;
		log_err(LOG_WARN, "create", "an invitation did not arrive",
		    &c->err);
		err_clear(&c->err);
	}
}

bool
room_create(struct ctx *c, const struct create *cr, struct room **out)
{
	/* Only for the room id of versions that give one. */
	struct str id = cr->v->room_id_is_create_hash ? (struct str){ NULL, 0 }
	    : str_fmt(c->a, "!" STR_FMT ":" STR_FMT,
	    STR_ARG(random_text(c->a, 18)), STR_ARG(server_get()->name));
	struct room *blank = room_alloc(0, id, cr->v);
	struct making m = { .c = c, .cr = cr, .ts = create_ts(c->now_ms) };
	struct persist_also also = { store_also, &m };
	bool ok;

	batch_init(&m.b, c, blank, cr->v, EVENTS_MAX);
	ok = check_alias(c, cr->alias) && build(&m) &&
	    persist_events(c, m.r, m.b.p, m.b.n, &also);
	room_unref(blank);
	room_unref(m.r);		/* the cache has its own */
	if (!ok || !room_open(c, m.b.p[0].ev.room, out))
		return false;
	upgrade_carry_over(c, *out);
	invite_others(c, cr, *out);
	return true;
}
