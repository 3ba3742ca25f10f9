/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Membership: who may do what from where, and what stays of it. */
#include "fixture.h"

#include "store/q_profile.h"

/* Brings bob into a membership of the room, by alice's hand. */
static void
bring(struct room *r, enum membership to)
{
	struct ctx *alice = as("alice"), *bob = as("bob");

	switch (to) {
	case MEMBER_NONE:
		break;
	case MEMBER_KNOCK:
		OK(bob, member_knock(bob, r, S("")));
		break;
	case MEMBER_INVITE:
		OK(alice, member_invite(alice, r, bob->who.user, S(""),
		    false));
		break;
	case MEMBER_JOIN:
		bring(r, MEMBER_INVITE);
		join(bob, r);
		break;
	case MEMBER_LEAVE:
		bring(r, MEMBER_JOIN);
		OK(bob, member_leave(bob, r, S("")));
		break;
	case MEMBER_BAN:
		OK(alice, member_ban(alice, r, bob->who.user, S("")));
		break;
	}
	assert_int_equal(room_membership(r, bob->who.user), to);
}

enum act { JOIN, LEAVE, KNOCK, INVITE, KICK, BAN, UNBAN, FORGET, ACTS };

static const char *const act_names[ACTS] = { "join", "leave", "knock",
	"invite", "kick", "ban", "unban", "forget" };

static bool
perform(struct room *r, enum act act, struct err *e)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct str who = bob->who.user;
	bool ok = false;

	switch (act) {
	case JOIN:
		ok = member_join(bob, r, S(""), NULL);
		break;
	case LEAVE:
		ok = member_leave(bob, r, S(""));
		break;
	case KNOCK:
		ok = member_knock(bob, r, S(""));
		break;
	case FORGET:
		ok = member_forget_room(bob, r);
		break;
	case INVITE:
		ok = member_invite(alice, r, who, S(""), false);
		break;
	case KICK:
		ok = member_kick(alice, r, who, S(""));
		break;
	case BAN:
		ok = member_ban(alice, r, who, S(""));
		break;
	case UNBAN:
		ok = member_unban(alice, r, who, S(""));
		break;
	case ACTS:
		break;
	}
	*e = act <= KNOCK || act == FORGET ? bob->err : alice->err;
	err_clear(&alice->err);
	err_clear(&bob->err);
	return ok;
}

#define NO (-1)

/* In a room that takes knocks: what becomes of bob, or NO. */
static const int outcome[][ACTS] = {
	/*		join leave knock invite kick ban unban forget */
	[MEMBER_NONE] = { NO, NO, MEMBER_KNOCK, MEMBER_INVITE, NO,
	    MEMBER_BAN, NO, NO },
	[MEMBER_INVITE] = { MEMBER_JOIN, MEMBER_LEAVE, NO, MEMBER_INVITE,
	    MEMBER_LEAVE, MEMBER_BAN, NO, NO },
	[MEMBER_JOIN] = { MEMBER_JOIN, MEMBER_LEAVE, NO, NO, MEMBER_LEAVE,
	    MEMBER_BAN, NO, NO },
	[MEMBER_KNOCK] = { NO, MEMBER_LEAVE, MEMBER_KNOCK, MEMBER_INVITE,
	    MEMBER_LEAVE, MEMBER_BAN, NO, NO },
	[MEMBER_LEAVE] = { NO, MEMBER_LEAVE, MEMBER_KNOCK, MEMBER_INVITE, NO,
	    MEMBER_BAN, NO, MEMBER_LEAVE },
	[MEMBER_BAN] = { NO, NO, NO, NO, NO, MEMBER_BAN, MEMBER_LEAVE,
	    MEMBER_BAN },
};

static void
test_transitions(void **state)
{
	(void)state;
	for (int from = MEMBER_NONE; from <= MEMBER_BAN; from++) {
		for (int act = 0; act < ACTS; act++) {
			struct room *r = new_room(as("alice"), "11",
			    PRESET_PRIVATE);
			int want = outcome[from][act], got;
			struct err e;

			set_state(as("alice"), r, "m.room.join_rules",
			    "{\"join_rule\":\"knock\"}");
			bring(r, (enum membership)from);
			if (perform(r, (enum act)act, &e) != (want != NO))
				fail_msg("%s from %d: %s %s", act_names[act],
				    from, err_name(e.code), e.text);
			got = (int)room_membership(r, S("@bob:test"));
			if (got != (want == NO ? from : want))
				fail_msg("%s from %d: is %d", act_names[act],
				    from, got);
			if (want == NO && err_status(&e) >= 500)
				fail_msg("%s from %d: %s", act_names[act],
				    from, e.text);
		}
	}
}

static void
test_public(void **state)
{
	struct ctx *bob = as("bob");
	struct room *r = new_room(as("alice"), "11", PRESET_PUBLIC);
	const struct sev *ev;

	(void)state;
	OK(bob, member_join(bob, r, S("to see"), NULL));
	OK(bob, room_state(bob, r, S("m.room.member"), bob->who.user, &ev));
	assert_str(json_str(ev->ev.content, S("reason")), S("to see"));
	REFUSED(as("eve"), M_FORBIDDEN, member_knock(as("eve"), r, S("")));
}

static void
test_moderation_needs_power(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);

	(void)state;
	join(bob, r);
	join(eve, r);
	REFUSED(eve, M_FORBIDDEN, member_kick(eve, r, bob->who.user, S("")));
	REFUSED(eve, M_FORBIDDEN, member_ban(eve, r, bob->who.user, S("")));
	REFUSED(eve, M_FORBIDDEN, member_invite(eve, r, S("@dan:test"),
	    S(""), false));
	OK(alice, member_ban(alice, r, bob->who.user, S("")));
	REFUSED(eve, M_FORBIDDEN, member_unban(eve, r, bob->who.user, S("")));
	/* Who is not in the room learns nothing of who is. */
	REFUSED(as("dan"), M_FORBIDDEN, member_kick(as("dan"), r,
	    eve->who.user, S("")));
	REFUSED(as("dan"), M_FORBIDDEN, member_unban(as("dan"), r,
	    eve->who.user, S("")));
	REFUSED(alice, M_UNAVAILABLE, member_invite(alice, r,
	    S("@bob:elsewhere"), S(""), false));
}

struct restricted {
	const char *what, *version, *rule;
	bool in_allowed;
	enum errcode want;
};

static const struct restricted restricted[] = {
	{ "a member of the allowed room", "11", "restricted", true, M_OK },
	{ "nobody of the allowed room", "11", "restricted", false,
	    M_FORBIDDEN },
	{ "a member, where knocks are taken too", "11", "knock_restricted",
	    true, M_OK },
	{ "a member, in the first version with it", "8", "restricted", true,
	    M_OK },
	{ "a member, in a version without it", "7", "restricted", true,
	    M_FORBIDDEN },
	{ "a member, in version 12", "12", "restricted", true, M_OK },
};

static void
test_restricted(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(restricted); i++) {
		const struct restricted *t = &restricted[i];
		struct ctx *alice = as("alice"), *bob = as("bob");
		struct room *hall = new_room(alice, "11", PRESET_PUBLIC);
		struct room *r = new_room(alice, t->version, PRESET_PRIVATE);
		struct str rules = str_fmt(alice->a, "{\"join_rule\":\"%s\","
		    "\"allow\":[{\"type\":\"m.room_membership\",\"room_id\":"
		    "\"!gone:test\"},{\"type\":\"x\"},7,{\"type\":"
		    "\"m.room_membership\",\"room_id\":\"" STR_FMT "\"}]}",
		    t->rule, STR_ARG(room_id(hall)));
		const struct sev *ev;

		set_state(alice, r, "m.room.join_rules", str_cz(alice->a,
		    rules));
		if (t->in_allowed)
			join(bob, hall);
		if (member_join(bob, r, S(""), NULL) != (t->want == M_OK) ||
		    bob->err.code != t->want)
			fail_msg("%s: %s %s", t->what,
			    err_name(bob->err.code), bob->err.text);
		err_clear(&bob->err);
		if (t->want != M_OK)
			continue;
		OK(bob, room_state(bob, r, S("m.room.member"), bob->who.user,
		    &ev));
		assert_str(json_str(ev->ev.content,
		    S("join_authorised_via_users_server")), S("@alice:test"));
		/* Once out of the allowed room, no way back in. */
		OK(bob, member_leave(bob, r, S("")));
		OK(bob, member_leave(bob, hall, S("")));
		REFUSED(bob, M_FORBIDDEN, member_join(bob, r, S(""), NULL));
	}
}

static bool
is_forgotten(struct ctx *c, struct room *r)
{
	struct user_membership *m;
	size_t n;

	OK(c, memberships_of_user(c->db, c->a, c->who.user, ~0U, &m, &n,
	    &c->err));
	for (size_t i = 0; i < n; i++)
		if (m[i].room == room_nid(r))
			return m[i].forgotten;
	fail_msg("no membership");
	return false;
}

static void
test_forgotten(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);

	(void)state;
	join(bob, r);
	REFUSED(bob, M_UNKNOWN, member_forget_room(bob, r));
	OK(bob, member_leave(bob, r, S("")));
	assert_false(is_forgotten(bob, r));
	OK(bob, member_forget_room(bob, r));
	assert_true(is_forgotten(bob, r));
	/* What others do to who is gone does not bring the room back. */
	OK(alice, member_ban(alice, r, bob->who.user, S("")));
	assert_true(is_forgotten(bob, r));
	OK(alice, member_unban(alice, r, bob->who.user, S("")));
	assert_true(is_forgotten(bob, r));
	OK(alice, member_invite(alice, r, bob->who.user, S(""), false));
	assert_false(is_forgotten(bob, r));
	join(bob, r);
	assert_false(is_forgotten(bob, r));
}

static void
test_rooms_of_a_user(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *a = new_room(alice, "11", PRESET_PUBLIC);
	struct room *b = new_room(alice, "11", PRESET_PUBLIC);
	struct user_membership *m;
	const struct sev *ev;
	size_t n;

	(void)state;
	join(bob, a);
	OK(alice, member_invite(alice, b, bob->who.user, S(""), false));
	OK(bob, memberships_of_user(bob->db, bob->a, bob->who.user,
	    1U << MEMBER_JOIN, &m, &n, &bob->err));
	assert_int_equal(n, 1);
	assert_int_equal(m[0].room, room_nid(a));
	OK(bob, room_state(bob, a, S("m.room.member"), bob->who.user, &ev));
	assert_int_equal(m[0].event, ev->nid);
	assert_int_equal(m[0].seq, ev->seq);
	assert_int_equal(m[0].pos, ev->pos);
	OK(bob, memberships_of_user(bob->db, bob->a, bob->who.user,
	    1U << MEMBER_JOIN | 1U << MEMBER_INVITE, &m, &n, &bob->err));
	assert_int_equal(n, 2);
}

/* Profiles */

struct field {
	struct str user, value;
};

static bool
name_body(struct db *db, void *arg, struct err *e)
{
	struct field *f = arg;

	return profile_set(db, f->user, S("displayname"), f->value, e);
}

static void
test_profile_goes_into_rooms(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct field f = { bob->who.user, S("\"Bob B.\"") };
	struct room *in[3], *left;
	const struct sev *ev;

	(void)state;
	for (size_t i = 0; i < LEN(in); i++) {
		in[i] = new_room(alice, "11", PRESET_PUBLIC);
		join(bob, in[i]);
	}
	left = new_room(alice, "11", PRESET_PUBLIC);
	join(bob, left);
	OK(bob, member_leave(bob, left, S("")));
	OK(bob, db_transact(bob->db, name_body, &f, &bob->err));
	OK(bob, member_update_profile(bob, bob->who.user));
	for (size_t i = 0; i < LEN(in); i++) {
		OK(bob, room_state(bob, in[i], S("m.room.member"),
		    bob->who.user, &ev));
		assert_str(json_str(ev->ev.content, S("displayname")),
		    S("Bob B."));
		assert_str(json_str(ev->ev.content, S("membership")),
		    S("join"));
	}
	assert_int_equal(room_membership(left, bob->who.user), MEMBER_LEAVE);
	/* The same again changes nothing. */
	{
		int64_t seq = room_head(in[0]).last_seq;

		OK(bob, member_update_profile(bob, bob->who.user));
		assert_int_equal(room_head(in[0]).last_seq, seq);
	}
}

static void
test_stripped_state(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	bool create = false, inviter = false, secret = false;
	const struct sev **ev;
	size_t n;

	(void)state;
	set_state(alice, r, "m.room.name", "{\"name\":\"N\"}");
	set_state(alice, r, "org.example.secret", "{}");
	OK(alice, member_invite(alice, r, bob->who.user, S(""), true));
	OK(bob, member_stripped(bob, r, bob->who.user, &ev, &n));
	assert_true(n >= 4);
	for (size_t i = 0; i < n; i++) {
		create = create || str_eq(ev[i]->ev.type, S("m.room.create"));
		inviter = inviter || (str_eq(ev[i]->ev.type,
		    S("m.room.member")) && str_eq(ev[i]->ev.state_key,
		    alice->who.user));
		secret = secret || str_eq(ev[i]->ev.type,
		    S("org.example.secret"));
	}
	assert_true(create && inviter && !secret);
	assert_str(ev[n - 1]->ev.state_key, bob->who.user);
	assert_true(json_is(json_get(ev[n - 1]->ev.content, S("is_direct")),
	    JSON_BOOL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_transitions), TEST(test_public),
		TEST(test_moderation_needs_power), TEST(test_restricted),
		TEST(test_forgotten), TEST(test_rooms_of_a_user),
		TEST(test_profile_goes_into_rooms),
		TEST(test_stripped_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
