/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who sees what of a room's past. spec: client-server, "Room History Visibility". */
#include "fixture.h"

/*
 * A room's life, by its history_visibility: alice speaks before bob is invited,
 * while he is, while he is in, and after he has left.
 */
enum moment { BEFORE, INVITED, JOINED, LEFT, MOMENTS };

struct life {
	struct room *r;
	const struct sev *said[MOMENTS];
};

static struct life
live(const char *visibility)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct life l = { .r = new_room(alice, "11", PRESET_PRIVATE) };
	char content[80];

	snprintf(content, sizeof(content), "{\"history_visibility\":\"%s\"}",
	    visibility);
	set_state(alice, l.r, "m.room.history_visibility", content);
	l.said[BEFORE] = say(alice, l.r, "before");
	OK(alice, member_invite(alice, l.r, bob->who.user, S(""), false));
	l.said[INVITED] = say(alice, l.r, "invited");
	join(bob, l.r);
	l.said[JOINED] = say(alice, l.r, "joined");
	OK(bob, member_leave(bob, l.r, S("")));
	l.said[LEFT] = say(alice, l.r, "left");
	return l;
}

struct seen {
	const char *visibility;
	bool bob[MOMENTS], stranger;
};

static const struct seen seen[] = {
	{ "world_readable", { true, true, true, true }, true },
	{ "shared", { true, true, true, false }, false },
	{ "invited", { false, true, true, false }, false },
	{ "joined", { false, false, true, false }, false },
	{ "no such word", { true, true, true, false }, false },
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(seen); i++) {
		struct life l = live(seen[i].visibility);

		for (int m = 0; m < MOMENTS; m++) {
			if (sees(as("bob"), l.r, l.said[m]) != seen[i].bob[m])
				fail_msg("%s: bob, moment %d",
				    seen[i].visibility, m);
			if (sees(as("eve"), l.r, l.said[m]) !=
			    seen[i].stranger)
				fail_msg("%s: eve, moment %d",
				    seen[i].visibility, m);
			if (!sees(as("alice"), l.r, l.said[m]))
				fail_msg("%s: alice, moment %d",
				    seen[i].visibility, m);
		}
	}
}

static void
test_banned_after_leaving(void **state)
{
	struct life l = live("shared");
	struct ctx *alice = as("alice"), *bob = as("bob");

	(void)state;
	OK(alice, member_ban(alice, l.r, bob->who.user, S("")));
	assert_true(sees(bob, l.r, l.said[BEFORE]));
	assert_true(sees(bob, l.r, l.said[JOINED]));
	assert_false(sees(bob, l.r, l.said[LEFT]));
	OK(alice, member_unban(alice, l.r, bob->who.user, S("")));
	assert_true(sees(bob, l.r, l.said[BEFORE]));
	assert_false(sees(bob, l.r, l.said[LEFT]));
}

static void
test_back_again(void **state)
{
	struct life l = live("joined");
	struct ctx *alice = as("alice"), *bob = as("bob");

	(void)state;
	OK(alice, member_invite(alice, l.r, bob->who.user, S(""), false));
	join(bob, l.r);
	assert_false(sees(bob, l.r, l.said[LEFT]));
	assert_true(sees(bob, l.r, l.said[JOINED]));
	assert_true(sees(bob, l.r, say(alice, l.r, "now")));
}

static void
test_own_membership(void **state)
{
	struct life l = live("joined");
	const struct sev *mine;

	(void)state;
	OK(as("bob"), room_state(as("bob"), l.r, S("m.room.member"),
	    S("@bob:test"), &mine));
	assert_true(sees(as("bob"), l.r, mine));
	assert_false(sees(as("eve"), l.r, mine));
}

/* The change itself is seen by whom it lets see before, or after. */
static void
test_change_of_visibility(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *ev;

	(void)state;
	OK(alice, member_invite(alice, r, bob->who.user, S(""), false));
	set_state(alice, r, "m.room.history_visibility",
	    "{\"history_visibility\":\"joined\"}");
	ev = set_state(alice, r, "m.room.history_visibility",
	    "{\"history_visibility\":\"invited\"}");
	assert_true(sees(bob, r, ev));
	ev = set_state(alice, r, "m.room.history_visibility",
	    "{\"history_visibility\":\"joined\"}");
	assert_true(sees(bob, r, ev));
	assert_false(sees(eve, r, ev));
	ev = set_state(alice, r, "m.room.history_visibility",
	    "{\"history_visibility\":\"world_readable\"}");
	assert_true(sees(eve, r, ev));
	ev = set_state(alice, r, "m.room.history_visibility",
	    "{\"history_visibility\":\"shared\"}");
	assert_true(sees(eve, r, ev));
	assert_false(sees(eve, r, say(alice, r, "closed again")));
}

/* Who may open the room's past at all */

static void
test_who_may_read(void **state)
{
	struct life shared = live("shared"), open = live("world_readable");

	(void)state;
	OK(as("alice"), history_may_read(as("alice"), shared.r));
	OK(as("bob"), history_may_read(as("bob"), shared.r));
	REFUSED(as("eve"), M_FORBIDDEN, history_may_read(as("eve"),
	    shared.r));
	OK(as("eve"), history_may_read(as("eve"), open.r));
}

/* "leave" is also what becomes of an invitation refused: no right to read. */
static void
test_never_in(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *const *ev;
	size_t n;

	(void)state;
	set_state(alice, r, "m.room.join_rules", "{\"join_rule\":\"knock\"}");
	OK(alice, member_invite(alice, r, bob->who.user, S(""), false));
	OK(bob, member_leave(bob, r, S("")));
	OK(eve, member_knock(eve, r, S("")));
	OK(eve, member_leave(eve, r, S("")));
	REFUSED(bob, M_FORBIDDEN, history_may_read(bob, r));
	REFUSED(eve, M_FORBIDDEN, history_may_read(eve, r));
	REFUSED(bob, M_FORBIDDEN, history_state(bob, r, &ev, &n));
	REFUSED(eve, M_FORBIDDEN, history_state(eve, r, &ev, &n));
	OK(alice, member_ban(alice, r, eve->who.user, S("")));
	REFUSED(eve, M_FORBIDDEN, history_state(eve, r, &ev, &n));
}

static bool
has_name(const struct sev *const *ev, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(ev[i]->ev.type, S("m.room.name")))
			return str_eq_c(json_str(ev[i]->ev.content, S("name")),
			    name);
	return false;
}

static void
test_state_when_one_left(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *const *ev;
	size_t n;

	(void)state;
	set_state(alice, r, "m.room.name", "{\"name\":\"then\"}");
	join(bob, r);
	OK(bob, member_leave(bob, r, S("")));
	set_state(alice, r, "m.room.name", "{\"name\":\"now\"}");
	OK(bob, history_state(bob, r, &ev, &n));
	assert_true(has_name(ev, n, "then"));
	OK(alice, history_state(alice, r, &ev, &n));
	assert_true(has_name(ev, n, "now"));
	/* Knocking, being banned or invited does not bring the present near. */
	OK(alice, member_ban(alice, r, bob->who.user, S("")));
	OK(bob, history_state(bob, r, &ev, &n));
	assert_true(has_name(ev, n, "then"));
	OK(alice, member_unban(alice, r, bob->who.user, S("")));
	OK(alice, member_invite(alice, r, bob->who.user, S(""), false));
	OK(bob, history_state(bob, r, &ev, &n));
	assert_true(has_name(ev, n, "then"));
}

static void
test_event_by_id(void **state)
{
	struct life l = live("joined");
	struct room *other = new_room(as("bob"), "11", PRESET_PRIVATE);
	const struct sev *ev;

	(void)state;
	OK(as("bob"), history_event(as("bob"), l.r, l.said[JOINED]->ev.id,
	    &ev));
	REFUSED(as("bob"), M_NOT_FOUND, history_event(as("bob"), l.r,
	    l.said[LEFT]->ev.id, &ev));
	/* Of another room, though one's own. */
	REFUSED(as("bob"), M_NOT_FOUND, history_event(as("bob"), other,
	    l.said[JOINED]->ev.id, &ev));
	REFUSED(as("bob"), M_NOT_FOUND, history_event(as("bob"), l.r,
	    S("$none"), &ev));
}

static void
test_pages(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct history_ask ask = { .back = true, .limit = 7 };
	struct history_page page;
	int64_t first = room_head(r).last_seq + 1, want;

	(void)state;
	for (int i = 0; i < 100; i++)
		say(alice, r, "x");
	ask.from = want = room_head(r).last_seq;
	do {
		OK(alice, history_page(alice, r, &ask, &page));
		for (size_t i = 0; i < page.n; i++)
			assert_int_equal(page.ev[i]->seq, want--);
		ask.from = page.end;
	} while (page.more);
	assert_int_equal(want, 0);
	ask = (struct history_ask){ .limit = 9, .from = first - 1 };
	want = first;
	do {
		OK(alice, history_page(alice, r, &ask, &page));
		for (size_t i = 0; i < page.n; i++)
			assert_int_equal(page.ev[i]->seq, want++);
		ask.from = page.end;
	} while (page.more);
	assert_int_equal(want, room_head(r).last_seq + 1);
}

static void
test_page_between_two_places(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct history_ask ask = { .from = 4, .to = 2, .has_to = true,
	    .back = true, .limit = 100 };
	struct history_page page;

	(void)state;
	OK(alice, history_page(alice, r, &ask, &page));
	assert_int_equal(page.n, 2);
	assert_int_equal(page.ev[0]->seq, 4);
	assert_int_equal(page.ev[1]->seq, 3);
	ask = (struct history_ask){ .from = 2, .to = 4, .has_to = true,
	    .limit = 100 };
	OK(alice, history_page(alice, r, &ask, &page));
	assert_int_equal(page.n, 2);
	assert_int_equal(page.ev[0]->seq, 3);
	ask = (struct history_ask){ .from = -JSON_INT_MAX, .limit = 100 };
	OK(alice, history_page(alice, r, &ask, &page));
	assert_int_equal(page.n, room_head(r).last_seq);
	ask = (struct history_ask){ .from = JSON_INT_MAX, .limit = 100 };
	OK(alice, history_page(alice, r, &ask, &page));
	assert_int_equal(page.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table), TEST(test_banned_after_leaving),
		TEST(test_back_again), TEST(test_own_membership),
		TEST(test_change_of_visibility), TEST(test_who_may_read),
		TEST(test_never_in), TEST(test_state_when_one_left),
		TEST(test_event_by_id), TEST(test_pages),
		TEST(test_page_between_two_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
