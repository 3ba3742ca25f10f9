/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Room upgrades. The new room is first made without power levels and join
 * rules: nobody but its creator can act in it or come in, and its creator may
 * set whatever there was, even what the levels leave to others. Those two come
 * last, together, and open it. What users keep for themselves about the room
 * is carry_over.c's.
 */
#include "core/upgrade.h"

#include "core/alias.h"
#include "core/create.h"

#define CHUNK 100			/* events in one transaction */

/* What is being moved. */
struct moving {
	struct ctx *c;
	struct room *old, *new;
	const struct upgrade *ask;
	struct json state;		/* array of { type, state_key, content } */
};

static const struct str moved[] = {
	S_INIT("m.room.server_acl"), S_INIT("m.room.encryption"),
	S_INIT("m.room.name"), S_INIT("m.room.avatar"),
	S_INIT("m.room.topic"), S_INIT("m.room.guest_access"),
	S_INIT("m.room.history_visibility"), S_INIT("m.room.canonical_alias"),
};

static void
put_entry(struct moving *m, struct str type, struct str key,
    struct json content)
{
	struct json x = json_new_obj();

	json_set(m->c->a, &x, S("content"), content);
	json_set(m->c->a, &x, S("state_key"), json_of_str(key));
	json_set(m->c->a, &x, S("type"), json_of_str(type));
	json_push(m->c->a, &m->state, x);
}

static bool
is_moved(const struct event *ev)
{
	/* A space keeps its children; one with empty content was removed. */
	if (str_eq(ev->type, S("m.space.child")))
		return ev->content->n > 0;
	for (size_t i = 0; i < LEN(moved); i++)
		if (str_eq(ev->type, moved[i]))
			return ev->state_key.n == 0;
	return false;
}

static bool
collect_state(struct moving *m)
{
	const struct sev *const *ev;
	size_t n;

	m->state = json_new_arr();
	if (!room_state_all(m->c, m->old, &ev, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_moved(&ev[i]->ev))
			put_entry(m, ev[i]->ev.type, ev[i]->ev.state_key,
			    *ev[i]->ev.content);
	return true;
}

static bool
collect_bans(struct moving *m)
{
	const struct member *who;
	size_t n;

	if (!room_members(m->c, m->old, 1U << MEMBER_BAN, &who, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct json content = json_new_obj();
		const struct sev *ev;
		struct str reason;

		if (!event_by_nid(m->c, who[i].event, &ev))
			return false;
		json_set(m->c->a, &content, S("membership"),
		    json_of_str(S("ban")));
		reason = ev != NULL ? json_str(ev->ev.content, S("reason"))
		    : S("");
		if (reason.n > 0)
			json_set(m->c->a, &content, S("reason"),
			    json_of_str(reason));
		put_entry(m, S("m.room.member"), who[i].user, content);
	}
	return true;
}

/* Versions before 10 took text as levels; the new one may not. */
static struct json
levels_of(struct moving *m, const struct json *obj)
{
	struct json out = json_new_obj();
	int64_t level;

	for (uint32_t i = 0; i < obj->n; i++) {
		const struct json *x = &obj->m[i].val;

		if (power_level(room_ver(m->old), x, &level) &&
		    level <= JSON_INT_MAX && level >= -JSON_INT_MAX)
			json_set(m->c->a, &out, obj->m[i].key,
			    json_of_int(level));
	}
	return out;
}

static int64_t
greatest(const struct json *obj, int64_t so_far)
{
	for (uint32_t i = 0; obj != NULL && i < obj->n; i++)
		if (obj->m[i].val.type == JSON_INT &&
		    obj->m[i].val.i > so_far)
			so_far = obj->m[i].val.i;
	return so_far;
}

/* Who had more than any level in the old room gets the greatest in the new one. */
static void
raise_creators(struct moving *m, const struct json *levels, struct json *users)
{
	const struct event *create = room_create_event(m->old);
	const struct json *more = json_get_arr(create->content,
	    S("additional_creators"));
	struct json top = json_of_int(greatest(json_get_obj(levels,
	    S("events")), greatest(levels, 100)));

	json_set(m->c->a, users, create->sender, top);
	for (uint32_t i = 0; more != NULL && i < more->n; i++)
		if (more->at[i].type == JSON_STR)
			json_set(m->c->a, users, more->at[i].s, top);
}

/* Creators of the new room lose their entries; those of the old one get one if they need it. */
static void
set_users(struct moving *m, struct json *levels)
{
	const struct json *old = json_get_obj(levels, S("users"));
	struct json users = old != NULL ? json_copy(m->c->a, old)
	    : json_new_obj();

	if (m->ask->v->creators_have_infinite_power) {
		json_del(&users, m->c->who.user);
		for (size_t i = 0; i < m->ask->ncreators; i++)
			json_del(&users, m->ask->creators[i]);
	} else if (room_ver(m->old)->creators_have_infinite_power) {
		raise_creators(m, levels, &users);
	}
	json_set(m->c->a, levels, S("users"), users);
}

static bool
copy_power(struct moving *m, struct json *out)
{
	static const struct str maps[] = { S_INIT("events"),
	    S_INIT("notifications"), S_INIT("users") };
	const struct json *old;
	const struct sev *ev;

	if (!room_state(m->c, m->old, S("m.room.power_levels"), S(""), &ev))
		return false;
	*out = json_new_obj();
	if (ev != NULL)
		*out = levels_of(m, ev->ev.content);
	for (size_t i = 0; ev != NULL && i < LEN(maps); i++) {
		old = json_get_obj(ev->ev.content, maps[i]);
		if (old != NULL)
			json_set(m->c->a, out, maps[i], levels_of(m, old));
	}
	if (ev == NULL && !m->ask->v->creators_have_infinite_power) {
		struct json users = json_new_obj();

		json_set(m->c->a, &users, m->c->who.user, json_of_int(100));
		json_set(m->c->a, out, S("users"), users);
	}
	set_users(m, out);
	return true;
}

static struct json
create_content(struct moving *m)
{
	struct arena *a = m->c->a;
	struct json content = json_new_obj(), was = json_new_obj();
	struct json list = json_new_arr();
	const struct json *old = room_create_event(m->old)->content, *x;
	const struct sev **last;
	size_t n;

	json_set(a, &was, S("room_id"), json_of_str(room_id(m->old)));
	if (!m->ask->v->room_id_is_create_hash && room_range(m->c, m->old, 1,
	    room_head(m->old).last_seq, true, 1, &last, &n) && n > 0)
		json_set(a, &was, S("event_id"), json_of_str(last[0]->ev.id));
	json_set(a, &content, S("predecessor"), was);
	if ((x = json_get(old, S("type"))) != NULL)
		json_set(a, &content, S("type"), *x);
	if ((x = json_get(old, S("m.federate"))) != NULL)
		json_set(a, &content, S("m.federate"), *x);
	for (size_t i = 0; i < m->ask->ncreators; i++)
		json_push(a, &list, json_of_str(m->ask->creators[i]));
	if (m->ask->v->creators_have_infinite_power && list.n > 0)
		json_set(a, &content, S("additional_creators"), list);
	return content;
}

static bool
send_list(struct moving *m, const struct json *list)
{
	struct send *s = arena_array(m->c->a, struct send, list->n);

	for (uint32_t i = 0; i < list->n; i++)
		s[i] = (struct send){
			.type = json_str(&list->at[i], S("type")),
			.is_state = true,
			.state_key = json_str(&list->at[i], S("state_key")),
			.content = *json_get_obj(&list->at[i], S("content")),
		};
	for (uint32_t at = 0; at < list->n; at += CHUNK)
		if (!send_events(m->c, m->new, s + at,
		    list->n - at < CHUNK ? list->n - at : CHUNK, NULL))
			return false;
	return true;
}

static bool
make_room(struct moving *m)
{
	struct json content = create_content(m), none = json_new_arr();
	struct create cr = { .v = m->ask->v, .creation_content = &content,
	    .copied = &none };
	const struct sev *rules;
	struct json power;

	if (!collect_state(m) || !collect_bans(m) || !copy_power(m, &power) ||
	    !room_state(m->c, m->old, S("m.room.join_rules"), S(""), &rules))
		return false;
	if (!room_create(m->c, &cr, &m->new) || !send_list(m, &m->state))
		return false;
	m->state = json_new_arr();
	if (rules != NULL)
		put_entry(m, S("m.room.join_rules"), S(""),
		    *rules->ev.content);
	put_entry(m, S("m.room.power_levels"), S(""), power);
	return send_list(m, &m->state);
}

static struct send
tombstone(struct moving *m, struct str new_id)
{
	struct json content = json_new_obj();

	json_set(m->c->a, &content, S("body"),
	    json_of_str(S("This room has been replaced")));
	json_set(m->c->a, &content, S("replacement_room"),
	    json_of_str(new_id));
	return (struct send){ .type = S("m.room.tombstone"),
	    .is_state = true, .state_key = S(""), .content = content };
}

/* Sends what is allowed; what is not stays as it is. */
static bool
send_if_allowed(struct moving *m, struct str type, struct json content)
{
	struct send s = { .type = type, .is_state = true,
	    .state_key = S(""), .content = content };
	const struct sev *ev;

	if (send_event(m->c, m->old, &s, &ev))
		return true;
	if (m->c->err.code != M_FORBIDDEN)
		return false;
	err_clear(&m->c->err);
	return true;
}

/* No more talk, and no more invitations, but by moderators. */
static bool
quieten(struct moving *m)
{
	const struct sev *ev;
	struct json levels;
	int64_t floor = 50, users = 0, now = 0;

	if (!room_state(m->c, m->old, S("m.room.power_levels"), S(""), &ev))
		return false;
	if (ev == NULL)
		return true;
	levels = json_copy(m->c->a, ev->ev.content);
	if (power_level(room_ver(m->old), json_get(&levels,
	    S("users_default")), &users) && users >= floor &&
	    users < JSON_INT_MAX)
		floor = users + 1;
	if (!power_level(room_ver(m->old), json_get(&levels,
	    S("events_default")), &now) || now < floor)
		json_set(m->c->a, &levels, S("events_default"),
		    json_of_int(floor));
	now = 0;
	if (!power_level(room_ver(m->old), json_get(&levels, S("invite")),
	    &now) || now < floor)
		json_set(m->c->a, &levels, S("invite"), json_of_int(floor));
	return send_if_allowed(m, S("m.room.power_levels"), levels);
}

static bool
move_names(struct db *db, void *arg, struct err *e)
{
	struct moving *m = arg;

	return room_row_move_names(db, room_nid(m->old), room_nid(m->new), e);
}

static bool
drop_canonical(struct moving *m)
{
	const struct sev *ev;

	if (!room_state(m->c, m->old, S("m.room.canonical_alias"), S(""), &ev))
		return false;
	return ev == NULL || ev->ev.content->n == 0 || send_if_allowed(m,
	    S("m.room.canonical_alias"), json_new_obj());
}

bool
room_upgrade(struct ctx *c, struct room *r, const struct upgrade *ask,
    struct room **out)
{
	struct moving m = { .c = c, .old = r, .ask = ask };
	struct send end = tombstone(&m, S("!unknown:example.org"));
	const struct sev *ev;

	if (!room_must_be_in(c, r) || !send_allowed(c, r, &end) ||
	    !make_room(&m))
		return false;
	end = tombstone(&m, room_id(m.new));
	if (!db_transact(c->db, move_names, &m, &c->err) ||
	    !send_event(c, r, &end, &ev) || !drop_canonical(&m) ||
	    !quieten(&m))
		return false;
	*out = m.new;
	return true;
}
