/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See member.h. */
#include "core/member.h"

#include "base/conf.h"
#include "core/fed_join.h"
#include "core/room_impl.h"
#include "core/send_batch.h"
#include "core/upgrade.h"
#include "store/q_profile.h"

static bool
send_member(struct ctx *c, struct room *r, struct str user,
    struct json content, struct str reason)
{
	const struct sev *ev;
	struct send s = {
		.type = S("m.room.member"), .is_state = true,
		.state_key = user,
	};

	if (reason.n > 0)
		json_set(c->a, &content, S("reason"), json_of_str(reason));
	s.content = content;
	return send_event(c, r, &s, &ev);
}

bool
member_content(struct ctx *c, struct str user, struct str membership,
    struct json *out)
{
	struct str name, avatar;

	*out = json_new_obj();
	if (!profile_field(c->db, c->a, user, S("displayname"), &name,
	    &c->err) || !profile_field(c->db, c->a, user, S("avatar_url"),
	    &avatar, &c->err))
		return false;
	json_set(c->a, out, S("membership"), json_of_str(membership));
	if (name.n > 0)
		json_set(c->a, out, S("displayname"), json_of_str(name));
	if (avatar.n > 0)
		json_set(c->a, out, S("avatar_url"), json_of_str(avatar));
	return true;
}

bool
member_is_in_allowed(struct ctx *c, const struct json *rules, struct str user,
    bool *in)
{
	const struct json *allow = json_get_arr(rules, S("allow"));
	struct room *other;
	struct str id;

	*in = false;
	for (uint32_t i = 0; allow != NULL && i < allow->n && !*in; i++) {
		if (!str_eq(json_str(&allow->at[i], S("type")),
		    S("m.room_membership")) ||
		    !json_get_str(&allow->at[i], S("room_id"), &id))
			continue;
		if (room_open(c, id, &other)) {
			/* What we knew of it when we were last in it does not count. */
			*in = member_is_resident(other) &&
			    room_membership(other, user) == MEMBER_JOIN;
			continue;
		}
		if (c->err.code != M_NOT_FOUND)
			return false;
		err_clear(&c->err);
	}
	return true;
}

/* A joined local user who may invite: who vouches for a restricted join. */
static bool
find_voucher(struct ctx *c, struct room *r, struct str *out)
{
	const struct member *m;
	struct power power;
	size_t n;

	*out = (struct str){ NULL, 0 };
	if (!room_power(c, r, &power) ||
	    !room_members(c, r, 1U << MEMBER_JOIN, &m, &n))
		return false;
	for (size_t i = 0; i < n && out->n == 0; i++)
		if (server_is_local(m[i].user) && power_of(&power,
		    m[i].user) >= power_for(&power, POWER_INVITE))
			*out = m[i].user;
	return true;
}

bool
member_is_resident(struct room *r)
{
	return r->create != NULL && room_has_server(r, server_get()->name);
}

bool
member_vouch(struct ctx *c, struct room *r, struct str user,
    struct json *content)
{
	enum membership now = room_membership(r, user);
	const struct sev *rules;
	struct str rule, by;
	bool in;

	if (now == MEMBER_JOIN || now == MEMBER_INVITE)
		return true;
	if (!room_state(c, r, S("m.room.join_rules"), S(""), &rules))
		return false;
	rule = rules != NULL ? json_str(rules->ev.content, S("join_rule"))
	    : S("invite");
	if (!str_eq(rule, S("restricted")) &&
	    !str_eq(rule, S("knock_restricted")))
		return true;
	if (!member_is_in_allowed(c, rules->ev.content, user, &in))
		return false;
	if (!in)
		return fail(&c->err, M_FORBIDDEN, STR_FMT " is not in a room "
		    "whose members may join this one", STR_ARG(user));
	if (!find_voucher(c, r, &by))
		return false;
	if (by.n == 0)
		return fail(&c->err, M_UNABLE_TO_GRANT_JOIN,
		    "Nobody on this server may let you in");
	json_set(c->a, content, S("join_authorised_via_users_server"),
	    json_of_str(by));
	return true;
}

bool
member_join(struct ctx *c, struct room *r, struct str reason,
    const struct json *extra)
{
	struct json content;

	if (room_membership(r, c->who.user) == MEMBER_JOIN)
		return true;
	if (!member_content(c, c->who.user, S("join"), &content))
		return false;
	for (uint32_t i = 0; extra != NULL && i < extra->n; i++)
		if (json_get(&content, extra->m[i].key) == NULL)
			json_set(c->a, &content, extra->m[i].key,
			    extra->m[i].val);
	if (!member_vouch(c, r, c->who.user, &content) ||
	    !send_member(c, r, c->who.user, content, reason))
		return false;
	upgrade_carry_over(c, r);
	return true;
}

/* Their server takes the invitation first; then it is an event of the room. */
static bool
invite_remote(struct ctx *c, struct room *r, struct str user,
    struct json content, struct str reason)
{
	struct send s = { .type = S("m.room.member"), .is_state = true,
	    .state_key = user };
	struct batch b;
	struct json ev;
	const struct sev *stored;
	bool ok;

	if (reason.n > 0)
		json_set(c->a, &content, S("reason"), json_of_str(reason));
	s.content = content;
	batch_init(&b, c, r, room_ver(r), 1);
	pthread_mutex_lock(&r->write);
	ok = batch_add(&b, &s);
	pthread_mutex_unlock(&r->write);
	return ok && fed_invite(c, r, &b.p[0], &ev) &&
	    receive_now(c, server_get()->name, r, &ev, &stored);
}

bool
member_invite(struct ctx *c, struct room *r, struct str user,
    struct str reason, bool is_direct)
{
	struct json content = json_new_obj();

	if (!server_is_local(user)) {
		json_set(c->a, &content, S("membership"),
		    json_of_str(S("invite")));
		if (is_direct)
			json_set(c->a, &content, S("is_direct"),
			    json_of_bool(true));
		return invite_remote(c, r, user, content, reason);
	}
	if (!member_content(c, user, S("invite"), &content))
		return false;
	if (is_direct)
		json_set(c->a, &content, S("is_direct"), json_of_bool(true));
	return send_member(c, r, user, content, reason);
}

/* A bare membership, without the profile. */
static bool
send_bare(struct ctx *c, struct room *r, struct str user,
    enum membership m, struct str reason)
{
	struct json content = json_new_obj();

	json_set(c->a, &content, S("membership"),
	    json_of_str(membership_name(m)));
	return send_member(c, r, user, content, reason);
}

struct forget {
	int64_t room;
	struct str user;
};

static bool
forget_body(struct db *db, void *arg, struct err *e)
{
	const struct forget *f = arg;

	return member_forget(db, f->room, f->user, e);
}

/* Where it is the rule that leaving is forgetting: for those of this server. */
static bool
forget_after(struct ctx *c, struct room *r, struct str user)
{
	struct forget f = { room_nid(r), user };

	return !conf_get()->room_forget_on_leave || !server_is_local(user) ||
	    db_transact(c->db, forget_body, &f, &c->err);
}

bool
member_leave(struct ctx *c, struct room *r, struct str reason)
{
	enum membership now = room_membership(r, c->who.user);

	if (now == MEMBER_LEAVE)
		return true;
	if ((now == MEMBER_INVITE || now == MEMBER_KNOCK) &&
	    !member_is_resident(r))
		return fed_leave(c, r, reason) &&
		    forget_after(c, r, c->who.user);
	return send_bare(c, r, c->who.user, MEMBER_LEAVE, reason) &&
	    forget_after(c, r, c->who.user);
}

bool
member_kick(struct ctx *c, struct room *r, struct str user, struct str reason)
{
	enum membership now = room_membership(r, user);

	if (now != MEMBER_JOIN && now != MEMBER_INVITE && now != MEMBER_KNOCK)
		return room_must_be_in(c, r) && fail(&c->err, M_FORBIDDEN,
		    "The user is not in the room");
	return send_bare(c, r, user, MEMBER_LEAVE, reason) &&
	    forget_after(c, r, user);
}

bool
member_ban(struct ctx *c, struct room *r, struct str user, struct str reason)
{
	return send_bare(c, r, user, MEMBER_BAN, reason) &&
	    forget_after(c, r, user);
}

bool
member_unban(struct ctx *c, struct room *r, struct str user, struct str reason)
{
	if (room_membership(r, user) != MEMBER_BAN)
		return room_must_be_in(c, r) && fail(&c->err, M_FORBIDDEN,
		    "The user is not banned from the room");
	return send_bare(c, r, user, MEMBER_LEAVE, reason);
}

bool
member_knock(struct ctx *c, struct room *r, struct str reason)
{
	struct json content;

	return member_content(c, c->who.user, S("knock"), &content) &&
	    send_member(c, r, c->who.user, content, reason);
}

bool
member_forget_room(struct ctx *c, struct room *r)
{
	enum membership now = room_membership(r, c->who.user);
	struct forget f = { room_nid(r), c->who.user };

	if (now == MEMBER_NONE)
		return fail(&c->err, M_NOT_FOUND, "You were never in this "
		    "room");
	if (now != MEMBER_LEAVE && now != MEMBER_BAN) {
		fail(&c->err, M_UNKNOWN, "Leave the room before you forget "
		    "it");
		c->err.status = 400;
		return false;
	}
	return db_transact(c->db, forget_body, &f, &c->err);
}

bool
member_update_profile(struct ctx *c, struct str user)
{
	struct user_membership *m;
	struct json content;
	size_t n;

	if (!memberships_of_user(c->db, c->a, user, 1U << MEMBER_JOIN, &m, &n,
	    &c->err) || !member_content(c, user, S("join"), &content))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct sev *ev;
		struct room *r;
		struct send s = {
			.sender = user, .type = S("m.room.member"),
			.is_state = true, .state_key = user,
			.content = content,
		};

		if (!room_open_nid(c, m[i].room, &r))
			return false;
		if (room_membership(r, user) == MEMBER_JOIN &&
		    !send_event(c, r, &s, &ev)) {
			if (c->err.code != M_FORBIDDEN)
				return false;
			err_clear(&c->err);
		}
	}
	return true;
}

static const struct str stripped[] = {
	S_INIT("m.room.create"), S_INIT("m.room.join_rules"),
	S_INIT("m.room.name"), S_INIT("m.room.avatar"),
	S_INIT("m.room.topic"), S_INIT("m.room.canonical_alias"),
	S_INIT("m.room.encryption"),
};

/* What another server said of a room that this one is not in, and the user's own member event. */
static bool
stripped_outside(struct ctx *c, struct room *r, struct str user,
    const struct sev ***out, size_t *n)
{
	const struct sev *mine;
	struct str text;
	struct json list = json_new_arr();

	if (!room_state(c, r, S("m.room.member"), user, &mine) ||
	    !stripped_get(c->db, c->a, r->nid, user, &text, &c->err))
		return false;
	if (text.n > 0 && !json_parse(c->a, text, JSON_ANY, &list, &c->err))
		return false;
	*out = arena_array(c->a, const struct sev *, list.n + 1);
	*n = 0;
	for (uint32_t i = 0; mine != NULL && i < list.n; i++) {
		struct sev *s = arena_make(c->a, struct sev);
		const struct json *x = &list.at[i];

		s->nid = mine->nid;
		s->room = r->nid;
		s->ev = (struct event){ .v = r->v, .room = r->id,
		    .type = json_str(x, S("type")),
		    .sender = json_str(x, S("sender")), .is_state = true,
		    .state_key = json_str(x, S("state_key")),
		    .content = json_get_obj(x, S("content")) };
		if (s->ev.content != NULL && s->ev.type.n > 0 &&
		    (!str_eq(s->ev.type, S("m.room.member")) ||
		    !str_eq(s->ev.state_key, user)))
			(*out)[(*n)++] = s;
	}
	if (mine != NULL)
		(*out)[(*n)++] = mine;
	return true;
}

bool
member_stripped(struct ctx *c, struct room *r, struct str user,
    const struct sev ***out, size_t *n)
{
	const struct sev **at = arena_array(c->a, const struct sev *,
	    LEN(stripped) + 2);
	const struct sev *mine, *inviter;
	size_t count = 0;

	if (!member_is_resident(r))
		return stripped_outside(c, r, user, out, n);
	for (size_t i = 0; i < LEN(stripped); i++) {
		if (!room_state(c, r, stripped[i], S(""), &at[count]))
			return false;
		if (at[count] != NULL)
			count++;
	}
	if (!room_state(c, r, S("m.room.member"), user, &mine))
		return false;
	if (mine != NULL && !str_eq(mine->ev.sender, user)) {
		if (!room_state(c, r, S("m.room.member"), mine->ev.sender,
		    &inviter))
			return false;
		if (inviter != NULL)
			at[count++] = inviter;
	}
	if (mine != NULL)
		at[count++] = mine;
	*out = at;
	*n = count;
	return true;
}
