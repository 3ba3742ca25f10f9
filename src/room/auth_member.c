/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The authorization rules of m.room.member. Of the signatures, only those of
 * third-party invites are checked here.
 * spec: rooms/ v1 to v12, "Authorization rules".
 */
#include "base/enc.h"
#include "room/auth_rules.h"
#include "room/ids.h"

#include <string.h>

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

	if (rules == NULL || json_get(rules->content, S("join_rule")) == NULL)
		return S("invite");
	return json_str(rules->content, S("join_rule"));
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

/* The work that one third-party invite may ask for. */
struct proof {
	const struct json *signatures;
	struct str bytes;		/* what they are over */
	int left;			/* checks that may still be made */
};

#define PROOF_CHECKS_MAX 100

static bool
signature_fits(struct proof *p, const struct json *sig,
    const uint8_t key[SIGN_PUBLIC_BYTES])
{
	uint8_t bytes[SIGN_BYTES];

	return p->left-- > 0 && sig->type == JSON_STR &&
	    sign_read_sig(sig->s, bytes) && sign_ok(key, p->bytes, bytes);
}

/* Was one of the signatures made with this key? */
static bool
signed_by(const struct check *c, struct proof *p, struct str key_text)
{
	uint8_t key[SIGN_PUBLIC_BYTES];
	const struct json *all = p->signatures;
	struct str bytes;

	if (key_text.n > ID_MAX ||
	    (!b64_decode(c->a, B64_STD, key_text, &bytes) &&
	    !b64_decode(c->a, B64_URL, key_text, &bytes)) ||
	    bytes.n != sizeof(key))
		return false;
	memcpy(key, bytes.p, sizeof(key));
	for (uint32_t i = 0; all != NULL && i < all->n; i++) {
		const struct json *by = &all->m[i].val;

		for (uint32_t k = 0; by->type == JSON_OBJ && k < by->n; k++)
			if (signature_fits(p, &by->m[k].val, key))
				return true;
	}
	return false;
}

/* Does any signature fit any key of the m.room.third_party_invite? */
static bool
proof_ok(const struct check *c, const struct json *proof,
    const struct json *offer)
{
	const struct json *keys = json_get_arr(offer, S("public_keys"));
	struct proof p = { json_get_obj(proof, S("signatures")),
	    sign_json_bytes(c->a, proof), PROOF_CHECKS_MAX };
	struct str key;

	if (json_get_str(offer, S("public_key"), &key) &&
	    signed_by(c, &p, key))
		return true;
	for (uint32_t i = 0; keys != NULL && i < keys->n && p.left > 0; i++)
		if (json_get_str(&keys->at[i], S("public_key"), &key) &&
		    signed_by(c, &p, key))
			return true;
	return no(c, "The third-party invite's signature does not fit");
}

static bool
third_party_invite(const struct check *c, const struct json *tpi)
{
	const struct json *proof = json_get_obj(tpi, S("signed"));
	const struct event *offer;
	struct str mxid, token;

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
	return proof_ok(c, proof, offer->content);
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
