/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The authorization rules of m.room.member, rule 5 of versions 6 and later (4
 * or 5 of earlier ones). spec: rooms/ v1 to v12, "Authorization rules".
 */
#include "base/enc.h"
#include "room/auth_rules.h"
#include "room/ids.h"

static bool
no(const struct check *c, const char *why)
{
	return fail(c->e, M_FORBIDDEN, "%s", why);
}

static struct str
join_rule(const struct check *c)
{
	const struct event *rules = check_state(c, S("m.room.join_rules"),
	    S(""));
	struct str rule = S("invite");

	if (rules != NULL)
		(void)json_get_str(rules->content, S("join_rule"), &rule);
	return rule;
}

/* The one previous event is the create event, whose sender joins. */
static bool
is_creators_first_join(const struct check *c)
{
	const struct event *ev = c->ev;
	struct str creator = c->create->sender;

	if (!c->create->v->implicit_creator)
		creator = json_str(c->create->content, S("creator"));
	return ev->nprev == 1 && str_eq(ev->prev[0], c->create->id) &&
	    str_eq(ev->state_key, creator);
}

static bool
restricted_join(const struct check *c, enum membership now)
{
	struct str by = json_str(c->ev->content,
	    S("join_authorised_via_users_server"));

	if (now == MEMBER_JOIN || now == MEMBER_INVITE)
		return true;
	if (by.n == 0)
		return no(c, "You are not in a room whose members may join "
		    "this one");
	if (check_membership(c, by) != MEMBER_JOIN ||
	    power_of(&c->power, by) < power_for(&c->power, POWER_INVITE))
		return no(c, "The user who vouched for the join may not "
		    "invite");
	return true;
}

static bool
member_join(const struct check *c)
{
	const struct room_version *v = c->ev->v;
	enum membership now = check_membership(c, c->ev->state_key);
	struct str rule = join_rule(c);

	if (is_creators_first_join(c))
		return true;
	if (!str_eq(c->ev->sender, c->ev->state_key))
		return no(c, "Nobody can make another user join");
	if (now == MEMBER_BAN)
		return no(c, "You are banned from this room");
	if (str_eq(rule, S("public")))
		return true;
	if (str_eq(rule, S("invite")) || (v->knock &&
	    str_eq(rule, S("knock"))))
		return now == MEMBER_JOIN || now == MEMBER_INVITE ||
		    no(c, "You are not invited to this room");
	if ((v->restricted && str_eq(rule, S("restricted"))) ||
	    (v->knock_restricted && str_eq(rule, S("knock_restricted"))))
		return restricted_join(c, now);
	return no(c, "This room cannot be joined");
}

/* One of the keys of the m.room.third_party_invite made one of the signatures. */
static bool
signed_by(const struct check *c, const struct json *proof, struct str key_text)
{
	uint8_t key[SIGN_PUBLIC_BYTES];
	const struct json *all = json_get_obj(proof, S("signatures"));
	struct str bytes;

	if (!b64_decode(c->a, B64_STD, key_text, &bytes) &&
	    !b64_decode(c->a, B64_URL, key_text, &bytes))
		return false;
	if (bytes.n != SIGN_PUBLIC_BYTES)
		return false;
	for (size_t i = 0; i < SIGN_PUBLIC_BYTES; i++)
		key[i] = (uint8_t)bytes.p[i];
	for (uint32_t i = 0; all != NULL && i < all->n; i++) {
		const struct json *by = &all->m[i].val;

		for (uint32_t k = 0; by->type == JSON_OBJ && k < by->n; k++)
			if (sign_json_ok(c->a, proof, all->m[i].key,
			    by->m[k].key, key))
				return true;
	}
	return false;
}

static bool
third_party_invite(const struct check *c, const struct json *tpi)
{
	const struct json *proof = json_get_obj(tpi, S("signed")), *keys;
	const struct event *offer;
	struct str mxid, token, key;

	if (check_membership(c, c->ev->state_key) == MEMBER_BAN)
		return no(c, "The invited user is banned");
	if (!json_get_str(proof, S("mxid"), &mxid) ||
	    !json_get_str(proof, S("token"), &token))
		return no(c, "The third-party invite is not signed");
	if (!str_eq(mxid, c->ev->state_key))
		return no(c, "The third-party invite is for somebody else");
	offer = check_state(c, S("m.room.third_party_invite"), token);
	if (offer == NULL)
		return no(c, "There is no such third-party invite");
	if (!str_eq(offer->sender, c->ev->sender))
		return no(c, "The third-party invite is somebody else's");
	if (json_get_str(offer->content, S("public_key"), &key) &&
	    signed_by(c, proof, key))
		return true;
	keys = json_get_arr(offer->content, S("public_keys"));
	for (uint32_t i = 0; keys != NULL && i < keys->n; i++)
		if (json_get_str(&keys->at[i], S("public_key"), &key) &&
		    signed_by(c, proof, key))
			return true;
	return no(c, "The third-party invite's signature does not fit");
}

static bool
member_invite(const struct check *c)
{
	const struct json *tpi = json_get(c->ev->content,
	    S("third_party_invite"));
	enum membership now = check_membership(c, c->ev->state_key);

	if (tpi != NULL)
		return third_party_invite(c, tpi);
	if (check_membership(c, c->ev->sender) != MEMBER_JOIN)
		return no(c, "You are not in this room");
	if (now == MEMBER_JOIN)
		return no(c, "The user is already in the room");
	if (now == MEMBER_BAN)
		return no(c, "The user is banned from the room");
	if (power_of(&c->power, c->ev->sender) <
	    power_for(&c->power, POWER_INVITE))
		return no(c, "You may not invite users to this room");
	return true;
}

static bool
member_leave(const struct check *c)
{
	const struct event *ev = c->ev;
	enum membership now = check_membership(c, ev->state_key);
	int64_t mine = power_of(&c->power, ev->sender);

	if (str_eq(ev->sender, ev->state_key))
		return now == MEMBER_JOIN || now == MEMBER_INVITE ||
		    (now == MEMBER_KNOCK && ev->v->knock) ||
		    no(c, now == MEMBER_BAN ? "You are banned from this room" :
		    "You are not in this room");
	if (check_membership(c, ev->sender) != MEMBER_JOIN)
		return no(c, "You are not in this room");
	if (now == MEMBER_BAN && mine < power_for(&c->power, POWER_BAN))
		return no(c, "You may not unban users in this room");
	if (mine < power_for(&c->power, POWER_KICK) ||
	    power_of(&c->power, ev->state_key) >= mine)
		return no(c, "You may not remove this user from the room");
	return true;
}

static bool
member_ban(const struct check *c)
{
	int64_t mine = power_of(&c->power, c->ev->sender);

	if (check_membership(c, c->ev->sender) != MEMBER_JOIN)
		return no(c, "You are not in this room");
	if (mine < power_for(&c->power, POWER_BAN) ||
	    power_of(&c->power, c->ev->state_key) >= mine)
		return no(c, "You may not ban this user");
	return true;
}

static bool
member_knock(const struct check *c)
{
	enum membership now = check_membership(c, c->ev->sender);
	struct str rule = join_rule(c);

	if (!str_eq(rule, S("knock")) && !(c->ev->v->knock_restricted &&
	    str_eq(rule, S("knock_restricted"))))
		return no(c, "This room does not take knocks");
	if (!str_eq(c->ev->sender, c->ev->state_key))
		return no(c, "Nobody can knock for another user");
	if (now == MEMBER_BAN)
		return no(c, "You are banned from this room");
	return (now != MEMBER_INVITE && now != MEMBER_JOIN) ||
	    no(c, "You are in this room, or invited to it");
}

bool
auth_member(const struct check *c)
{
	struct str word;

	if (!c->ev->is_state ||
	    !json_get_str(c->ev->content, S("membership"), &word))
		return no(c, "A membership event needs a state_key and a "
		    "membership");
	if (!id_user_ok(c->ev->state_key))
		return no(c, "The state_key of a membership event is a user");
	switch (membership_of(word)) {
	case MEMBER_JOIN:
		return member_join(c);
	case MEMBER_INVITE:
		return member_invite(c);
	case MEMBER_LEAVE:
		return member_leave(c);
	case MEMBER_BAN:
		return member_ban(c);
	case MEMBER_KNOCK:
		if (c->ev->v->knock)
			return member_knock(c);
		break;
	case MEMBER_NONE:
		break;
	}
	return no(c, "The membership is not known");
}
