/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Sign-ins: tokens and what ends them, refreshing, lost answers and theft. */
#include "fixture.h"

#include "core/account.h"
#include "core/session.h"
#include "crypto/digest.h"
#include "store/q_sweep.h"

#define PASSWORD "correct-horse-1"

static void
make_account(struct ctx *c)
{
	struct account_new n = { .user = c->who.user, .kind = S("user"),
	    .password = secret_dup(c->a, S(PASSWORD)) };

	OK(c, account_create(c, &n));
}

static struct tokens
sign_in(struct ctx *c, const char *device, bool refresh)
{
	struct login l = { .user = c->who.user, .device = str_c(device),
	    .refresh = refresh };
	struct tokens t;

	OK(c, session_login(c, &l, &t));
	return t;
}

static struct session
find(struct ctx *c, struct str token)
{
	struct session s;

	OK(c, session_find(c, token, &s));
	return s;
}

static void
is_unknown(struct ctx *c, struct str token)
{
	struct session s;

	REFUSED(c, M_UNKNOWN_TOKEN, session_find(c, token, &s));
}

static struct tokens
refresh(struct ctx *c, struct str token)
{
	struct tokens t;

	OK(c, session_refresh(c, token, &t));
	return t;
}

static void
refresh_refused(struct ctx *c, struct str token)
{
	struct tokens t;

	REFUSED(c, M_UNKNOWN_TOKEN, session_refresh(c, token, &t));
}

/* Later by some ms: two things of one instant have no order. */
static void
later(struct ctx *c)
{
	c->now_ms += 10;
}

static void
test_a_token_names_its_user_and_device(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t, other;
	struct session s;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", false);
	other = sign_in(alice, "", false);
	s = find(alice, t.access);
	assert_str(s.user, S("@alice:test"));
	assert_str(s.device, S("PHONE"));
	assert_int_equal(t.refresh.n, 0);
	assert_int_equal(t.expires_in_ms, 0);
	assert_int_equal(other.device.n, 10);
	assert_int_not_equal(find(alice, other.access).family, s.family);
	is_unknown(alice, S(""));
	is_unknown(alice, S("bat_nothing"));
	is_unknown(alice, str_sub(t.access, 0, t.access.n - 1));
}

static void
test_a_token_outlives_a_restart(void **state)
{
	struct ctx *alice = as("alice");
	char token[128];
	struct tokens t;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", false);
	snprintf(token, sizeof(token), STR_FMT, STR_ARG(t.access));
	session_cache_stop();
	core_again();
	alice = as("alice");
	assert_str(find(alice, str_c(token)).device, S("PHONE"));
}

static void
test_the_store_does_not_hold_the_token(void **state)
{
	struct ctx *alice = as("alice");
	struct access_found row;
	struct tokens t;
	bool found;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	OK(alice, access_find(alice->db, alice->a, t.access, &row, &found,
	    &alice->err));
	assert_false(found);
	OK(alice, access_find(alice->db, alice->a, sha256_raw(alice->a,
	    t.access), &row, &found, &alice->err));
	assert_true(found);
}

static void
test_signing_out_ends_one_device(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens phone, desk;

	(void)state;
	make_account(alice);
	phone = sign_in(alice, "PHONE", true);
	desk = sign_in(alice, "DESK", false);
	find(alice, phone.access);
	alice->who.device = S("PHONE");
	OK(alice, session_logout(alice));
	is_unknown(alice, phone.access);
	refresh_refused(alice, phone.refresh);
	find(alice, desk.access);
}

static void
test_ending_all_can_spare_one(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct tokens a, b, c, other;

	(void)state;
	make_account(alice);
	make_account(bob);
	a = sign_in(alice, "A", false);
	b = sign_in(alice, "B", false);
	c = sign_in(alice, "C", false);
	other = sign_in(bob, "A", false);
	OK(alice, session_end_all(alice, alice->who.user, S("B")));
	is_unknown(alice, a.access);
	is_unknown(alice, c.access);
	find(alice, b.access);
	find(bob, other.access);
	OK(alice, session_end_all(alice, alice->who.user, S("")));
	is_unknown(alice, b.access);
	find(bob, other.access);
}

static void
test_the_same_device_again_ends_its_earlier_token(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens first, second;

	(void)state;
	make_account(alice);
	first = sign_in(alice, "PHONE", true);
	find(alice, first.access);
	second = sign_in(alice, "PHONE", true);
	is_unknown(alice, first.access);
	refresh_refused(alice, first.refresh);
	find(alice, second.access);
}

static void
test_an_expired_token_asks_for_a_refresh(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t;
	struct session s;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	assert_true(t.expires_in_ms > 0);
	find(alice, t.access);
	alice->now_ms += t.expires_in_ms - 1;
	find(alice, t.access);
	alice->now_ms += 1;
	assert_false(session_find(alice, t.access, &s));
	assert_int_equal(alice->err.code, M_UNKNOWN_TOKEN);
	assert_true(alice->err.soft_logout);
	err_clear(&alice->err);
	find(alice, refresh(alice, t.refresh).access);
}

static void
test_refreshing_keeps_device_and_sign_in(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t, next;
	struct session s;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	later(alice);
	next = refresh(alice, t.refresh);
	assert_false(str_eq(next.access, t.access));
	assert_false(str_eq(next.refresh, t.refresh));
	s = find(alice, next.access);
	assert_str(s.device, S("PHONE"));
	assert_int_equal(s.family, find(alice, t.access).family);
	refresh_refused(alice, S("brt_nothing"));
	refresh_refused(alice, next.access);
}

static void
test_lost_answers_can_be_asked_for_again(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t, last;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	for (int i = 0; i < 4; i++) {
		later(alice);
		last = refresh(alice, t.refresh);
	}
	later(alice);
	last = refresh(alice, last.refresh);
	find(alice, last.access);
}

#define DAY_MS (24 * 3600 * INT64_C(1000))

static bool
sweep_body(struct db *db, void *arg, struct err *e)
{
	return sweep_refreshes(db, *(int64_t *)arg, e);
}

static void
test_used_tokens_are_swept_but_the_last(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens first, second, third;
	struct refresh row;
	bool found;

	(void)state;
	make_account(alice);
	first = sign_in(alice, "PHONE", true);
	later(alice);
	second = refresh(alice, first.refresh);
	later(alice);
	third = refresh(alice, second.refresh);
	alice->now_ms += 2 * DAY_MS;
	OK(alice, db_transact(alice->db, sweep_body, &alice->now_ms,
	    &alice->err));
	OK(alice, refresh_find(alice->db, alice->a, sha256_raw(alice->a,
	    first.refresh), &row, &found, &alice->err));
	assert_false(found);
	/* Had the third been lost on its way, the second would bring another. */
	second = refresh(alice, second.refresh);
	later(alice);
	refresh(alice, second.refresh);
	refresh_refused(alice, third.refresh);
}

static void
test_a_token_that_nobody_used_for_long_ends(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	alice->now_ms += 179 * DAY_MS;
	t = refresh(alice, t.refresh);
	alice->now_ms += 181 * DAY_MS;
	refresh_refused(alice, t.refresh);
}

static void
test_a_token_used_after_its_successor_ends_the_sign_in(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t, second, third, desk;

	(void)state;
	make_account(alice);
	desk = sign_in(alice, "DESK", false);
	t = sign_in(alice, "PHONE", true);
	later(alice);
	second = refresh(alice, t.refresh);
	later(alice);
	third = refresh(alice, second.refresh);
	find(alice, third.access);
	later(alice);
	refresh_refused(alice, t.refresh);
	is_unknown(alice, third.access);
	is_unknown(alice, second.access);
	refresh_refused(alice, third.refresh);
	find(alice, desk.access);
}

/*
 * A thief who copied the first token and uses it before the client uses its
 * second holds a chain beside the client's: whoever goes on second ends both.
 */
static void
test_two_chains_cannot_live_side_by_side(void **state)
{
	struct ctx *alice = as("alice");
	struct tokens t, mine, thiefs, next;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	later(alice);
	mine = refresh(alice, t.refresh);
	later(alice);
	thiefs = refresh(alice, t.refresh);
	later(alice);
	next = refresh(alice, thiefs.refresh);
	find(alice, next.access);
	later(alice);
	refresh_refused(alice, mine.refresh);
	is_unknown(alice, next.access);
	refresh_refused(alice, next.refresh);
}

static void
test_a_locked_account_is_seen_at_once(void **state)
{
	struct ctx *alice = as("alice");
	struct account_flags f = ACCOUNT_FLAGS_KEEP;
	struct tokens t;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", false);
	assert_false(find(alice, t.access).locked);
	f.locked = 1;
	OK(alice, account_set(alice, alice->who.user, &f));
	assert_true(find(alice, t.access).locked);
	assert_false(find(alice, t.access).suspended);
	f = (struct account_flags)ACCOUNT_FLAGS_KEEP;
	f.suspended = 1;
	OK(alice, account_set(alice, alice->who.user, &f));
	assert_true(find(alice, t.access).locked);
	assert_true(find(alice, t.access).suspended);
	f.suspended = f.locked = 0;
	OK(alice, account_set(alice, alice->who.user, &f));
	assert_false(find(alice, t.access).locked);
	assert_false(find(alice, t.access).suspended);
	assert_false(find(alice, t.access).admin);
}

static void
test_an_ended_account_has_no_tokens(void **state)
{
	struct ctx *alice = as("alice");
	struct account x;
	struct tokens t;

	(void)state;
	make_account(alice);
	t = sign_in(alice, "PHONE", true);
	find(alice, t.access);
	OK(alice, account_deactivate(alice, alice->who.user, true));
	is_unknown(alice, t.access);
	refresh_refused(alice, t.refresh);
	REFUSED(alice, M_FORBIDDEN, account_login(alice, alice->who.user,
	    secret_dup(alice->a, S(PASSWORD)), &x));
}

/* Asked before the token ended, answered by the store, kept after: it must not come back. */
static void
test_memory_does_not_bring_back_what_was_forgotten(void **state)
{
	struct ctx *alice = as("alice");
	struct session s = { .user = S("@alice:test"), .device = S("D") }, got;
	struct str hash = sha256_raw(alice->a, S("some token"));
	uint64_t before, after;

	(void)state;
	assert_false(session_cache_get(alice->a, hash, &got, &before));
	session_forget_user(s.user);
	session_cache_put(hash, &s, before);
	assert_false(session_cache_get(alice->a, hash, &got, &after));
	session_cache_put(hash, &s, after);
	assert_true(session_cache_get(alice->a, hash, &got, &after));
	assert_str(got.user, s.user);
	assert_str(got.device, s.device);
	session_forget_user(S("@bob:test"));
	assert_true(session_cache_get(alice->a, hash, &got, &after));
	session_forget_user(s.user);
	assert_false(session_cache_get(alice->a, hash, &got, &after));
}

static void
test_forgetting_takes_every_token_of_a_user(void **state)
{
	struct ctx *alice = as("alice");
	struct session s = { .user = S("@alice:test") }, got;
	uint64_t at;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct str hash = sha256_raw(alice->a, str_fmt(alice->a,
		    "%d", i));

		s.user = i % 3 == 0 ? S("@bob:test") : S("@alice:test");
		(void)session_cache_get(alice->a, hash, &got, &at);
		session_cache_put(hash, &s, at);
	}
	session_forget_user(S("@alice:test"));
	for (int i = 0; i < 300; i++)
		assert_int_equal(session_cache_get(alice->a, sha256_raw(
		    alice->a, str_fmt(alice->a, "%d", i)), &got, &at),
		    i % 3 == 0);
}

static void
test_passwords(void **state)
{
	struct ctx *alice = as("alice");
	struct account x;

	(void)state;
	make_account(alice);
	OK(alice, account_login(alice, alice->who.user, secret_dup(alice->a,
	    S(PASSWORD)), &x));
	REFUSED(alice, M_FORBIDDEN, account_login(alice, alice->who.user,
	    secret_dup(alice->a, S("wrong")), &x));
	REFUSED(alice, M_FORBIDDEN, account_login(alice, alice->who.user,
	    secret_dup(alice->a, S("")), &x));
	REFUSED(alice, M_FORBIDDEN, account_login(alice, S("@nobody:test"),
	    secret_dup(alice->a, S(PASSWORD)), &x));
	REFUSED(alice, M_WEAK_PASSWORD, account_change_password(alice,
	    alice->who.user, secret_dup(alice->a, S("short"))));
	OK(alice, account_change_password(alice, alice->who.user,
	    secret_dup(alice->a, S("another-one-2"))));
	REFUSED(alice, M_FORBIDDEN, account_login(alice, alice->who.user,
	    secret_dup(alice->a, S(PASSWORD)), &x));
	OK(alice, account_login(alice, alice->who.user, secret_dup(alice->a,
	    S("another-one-2")), &x));
}

static const struct {
	const char *name, *given, *want;	/* want NULL: refused */
} names[] = {
	{ "a localpart", "alice", "@alice:test" },
	{ "every character that may be", "a0._=-/+", "@a0._=-/+:test" },
	{ "a whole id of this server", "@alice:test", "@alice:test" },
	{ "of another server", "@alice:other", NULL },
	{ "capitals", "Alice", NULL },
	{ "a space", "al ice", NULL },
	{ "nothing", "", NULL },
	{ "only the sigil", "@", NULL },
	{ "without a localpart", "@:test", NULL },
	{ "a letter outside of ASCII", "\xc3\xa9lodie", NULL },
	{ "a colon", "a:b", NULL },
};

static void
test_names(void **state)
{
	struct ctx *alice = as("alice");
	struct str user;

	(void)state;
	for (size_t i = 0; i < LEN(names); i++) {
		bool ok = account_id(alice, str_c(names[i].given), &user);

		if (ok != (names[i].want != NULL) || (ok &&
		    !str_eq_c(user, names[i].want)))
			fail_msg("%s", names[i].name);
		err_clear(&alice->err);
	}
	OK(alice, account_id(alice, str_sub(str_fmt(alice->a, "%0300d", 0), 0,
	    249), &user));
	assert_int_equal(user.n, 255);
	REFUSED(alice, M_INVALID_USERNAME, account_id(alice, str_sub(
	    str_fmt(alice->a, "%0300d", 0), 0, 250), &user));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_token_names_its_user_and_device),
		TEST(test_a_token_outlives_a_restart),
		TEST(test_the_store_does_not_hold_the_token),
		TEST(test_signing_out_ends_one_device),
		TEST(test_ending_all_can_spare_one),
		TEST(test_the_same_device_again_ends_its_earlier_token),
		TEST(test_an_expired_token_asks_for_a_refresh),
		TEST(test_refreshing_keeps_device_and_sign_in),
		TEST(test_lost_answers_can_be_asked_for_again),
		TEST(test_a_token_used_after_its_successor_ends_the_sign_in),
		TEST(test_used_tokens_are_swept_but_the_last),
		TEST(test_a_token_that_nobody_used_for_long_ends),
		TEST(test_two_chains_cannot_live_side_by_side),
		TEST(test_a_locked_account_is_seen_at_once),
		TEST(test_an_ended_account_has_no_tokens),
		TEST(test_memory_does_not_bring_back_what_was_forgotten),
		TEST(test_forgetting_takes_every_token_of_a_user),
		TEST(test_passwords),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
