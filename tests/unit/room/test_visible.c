/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who may see an event: the whole table. spec: client-server, "Room History Visibility". */
#include "unit.h"

#include "fixture.h"
#include "room/visible.h"

#define NMEMBERSHIPS 6

/*
 * A row for each history visibility, a letter for each membership at the
 * event in the order of the enum (none, invite, join, knock, leave, ban):
 * 'y' may see it, '-' may not.
 */
static const struct {
	const char *what;
	enum history history;
	const char *never_after, *joined_after;
} rows[] = {
	{ "invited", HISTORY_INVITED, "-yy---", "-yy---" },
	{ "joined", HISTORY_JOINED, "--y---", "--y---" },
	{ "shared", HISTORY_SHARED, "--y---", "yyyyyy" },
	{ "world_readable", HISTORY_WORLD, "yyyyyy", "yyyyyy" },
};

static void
check(size_t row, int member, bool joined_after, bool ignored, bool is_state)
{
	const char *letters = joined_after ? rows[row].joined_after :
	    rows[row].never_after;
	struct visible_ask ask = { rows[row].history, (enum membership)member,
		joined_after, ignored, is_state };
	bool want = letters[member] == 'y' && (!ignored || is_state);

	if (visible_to_user(&ask) != want)
		fail_msg("%s, membership %d, joined after %d, ignored %d, "
		    "state %d", rows[row].what, member, joined_after, ignored,
		    is_state);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(rows); i++)
		for (int m = 0; m < NMEMBERSHIPS; m++)
			for (int bits = 0; bits < 8; bits++)
				check(i, m, (bits & 1) != 0, (bits & 2) != 0,
				    (bits & 4) != 0);
}

static const struct {
	const char *name;
	enum membership m;
} memberships[] = {
	{ "invite", MEMBER_INVITE }, { "join", MEMBER_JOIN },
	{ "knock", MEMBER_KNOCK }, { "leave", MEMBER_LEAVE },
	{ "ban", MEMBER_BAN },
};

static struct event
with_content(const char *text)
{
	struct json *content = arena_make(a, struct json);

	*content = parse(str_c(text));
	return (struct event){ .content = content };
}

static void
test_memberships(void **state)
{
	struct event ev;

	(void)state;
	for (size_t i = 0; i < LEN(memberships); i++) {
		ev = with_content(str_cz(a, str_fmt(a,
		    "{\"membership\":\"%s\"}", memberships[i].name)));
		assert_int_equal(membership_of(str_c(memberships[i].name)),
		    memberships[i].m);
		assert_true(str_eq_c(membership_name(memberships[i].m),
		    memberships[i].name));
		assert_int_equal(membership_of_event(&ev), memberships[i].m);
	}
	assert_int_equal(membership_name(MEMBER_NONE).n, 0);
	assert_int_equal(membership_of_event(NULL), MEMBER_NONE);
}

static void
test_no_memberships(void **state)
{
	static const char *const names[] = { "", "Join", "joi", "joined",
	    "none" };
	static const char *const contents[] = { "{}", "{\"membership\":1}",
	    "{\"membership\":null}", "{\"membership\":\"\"}",
	    "{\"membership\":\"x\"}" };

	(void)state;
	for (size_t i = 0; i < LEN(names); i++)
		assert_int_equal(membership_of(str_c(names[i])), MEMBER_NONE);
	for (size_t i = 0; i < LEN(contents); i++) {
		struct event ev = with_content(contents[i]);

		assert_int_equal(membership_of_event(&ev), MEMBER_NONE);
	}
}

static const struct {
	const char *content;
	enum history h;
} histories[] = {
	{ "{\"history_visibility\":\"invited\"}", HISTORY_INVITED },
	{ "{\"history_visibility\":\"joined\"}", HISTORY_JOINED },
	{ "{\"history_visibility\":\"shared\"}", HISTORY_SHARED },
	{ "{\"history_visibility\":\"world_readable\"}", HISTORY_WORLD },
	{ "{}", HISTORY_SHARED },
	{ "{\"history_visibility\":\"\"}", HISTORY_SHARED },
	{ "{\"history_visibility\":\"World_readable\"}", HISTORY_SHARED },
	{ "{\"history_visibility\":true}", HISTORY_SHARED },
	{ "{\"history_visibility\":[\"joined\"]}", HISTORY_SHARED },
};

static void
test_histories(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(histories); i++) {
		struct event ev = with_content(histories[i].content);

		if (history_of_event(&ev) != histories[i].h)
			fail_msg("%s", histories[i].content);
	}
	assert_int_equal(history_of_event(NULL), HISTORY_SHARED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_memberships),
		cmocka_unit_test(test_no_memberships),
		cmocka_unit_test(test_histories),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
