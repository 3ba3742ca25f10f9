/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is contained: who is refused how, whose replies go on, what is kept. */
#include "fixture.h"

#include "core/account.h"
#include "core/held.h"
#include "core/session.h"

static int64_t next_id = 1;

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	const struct contain_row *x = arg;

	return contain_insert(db, x, e) && (x->t.user.n == 0 ||
	    hold_insert(db, x->t.user, x->id, x->at_ms, e));
}

/* Into the store; memory learns it by held_load(). */
static void
put(struct ctx *c, const char *user, const char *device, const char *address,
    const char *server)
{
	struct contain_row x = { .id = next_id++, .t = { str_c(user),
	    str_c(device), str_c(address), str_c(server) },
	    .actor = S("operator"), .reason = S("a test"),
	    .at_ms = c->now_ms };

	OK(c, db_transact(c->db, put_body, &x, &c->err));
}

static const struct {
	const char *user, *device, *address;
	enum errcode want;
} asks[] = {
	{ "@bob:test", "A", "192.0.2.1", M_USER_LOCKED },
	{ "@bob:test", "", "", M_USER_LOCKED },
	{ "@bobby:test", "A", "192.0.2.1", M_OK },
	{ "@carol:test", "PHONE", "192.0.2.1", M_UNKNOWN_TOKEN },
	{ "@carol:test", "LAPTOP", "192.0.2.1", M_OK },
	{ "@dave:test", "A", "198.51.100.200", M_FORBIDDEN },
	{ "@dave:test", "A", "198.51.101.200", M_OK },
	{ "@dave:test", "A", "::ffff:198.51.100.1", M_FORBIDDEN },
	{ "@erin:test", "A", "198.51.100.200", M_OK },
	{ "@erin:test", "A", "2001:db8:1::5", M_FORBIDDEN },
	{ "", "", "2001:db8:1::5", M_FORBIDDEN },
	{ "", "", "2001:db8:2::5", M_OK },
	{ "", "", "unix", M_OK },
};

static void
test_who_is_refused_and_how(void **state)
{
	struct ctx *c = as("admin");

	(void)state;
	put(c, "@bob:test", "", "", "");
	put(c, "@carol:test", "PHONE", "", "");
	put(c, "@dave:test", "", "198.51.100.0/24", "");
	put(c, "", "", "2001:db8:1::/48", "");
	put(c, "", "", "", "bad.example");
	OK(c, held_load(c));
	for (size_t i = 0; i < LEN(asks); i++) {
		struct str user = str_c(asks[i].user);
		struct str device = str_c(asks[i].device);
		struct str address = str_c(asks[i].address);
		struct err e = { .code = M_OK };
		struct held_mark m = held_mark(user, device, address);
		bool ok = held_check(user, device, address, &e);

		if (e.code != asks[i].want || ok != (e.code == M_OK) ||
		    held_may_send(&m) != ok)
			fail_msg("%zu: %s", i, err_name(e.code));
		assert_int_equal(e.soft_logout, e.code == M_USER_LOCKED ||
		    e.code == M_UNKNOWN_TOKEN);
	}
	assert_true(held_account(S("@bob:test")));
	assert_false(held_account(S("@carol:test")));
	assert_true(held_server(S("bad.example")));
	assert_false(held_server(S("good.example")));
	held_stop();
	assert_false(held_account(S("@bob:test")));
}

/* What memory does not know yet, the sign-in's transaction finds. */
static void
test_a_sign_in_that_overtakes_is_refused(void **state)
{
	struct ctx *c = as("bob");
	struct account_new n = { .user = c->who.user, .kind = S("user") };
	struct login l = { .user = c->who.user, .device = S("PHONE") };
	struct tokens t;

	(void)state;
	OK(c, account_create(c, &n));
	put(c, "@bob:test", "PHONE", "", "");
	REFUSED(c, M_USER_LOCKED, session_login(c, &l, &t));
	l.device = S("LAPTOP");
	OK(c, session_login(c, &l, &t));
	put(c, "@bob:test", "", "", "");
	REFUSED(c, M_USER_LOCKED, session_login(c, &l, &t));
}

static void
test_a_device_under_legal_hold_stays(void **state)
{
	struct ctx *c = as("bob");
	struct account_new n = { .user = c->who.user, .kind = S("user") };
	struct login l = { .user = c->who.user, .device = S("LAPTOP") };
	struct str none = { NULL, 0 };
	struct tokens t;
	struct session s;
	struct device d;
	bool found;

	(void)state;
	OK(c, account_create(c, &n));
	OK(c, session_login(c, &l, &t));
	put(c, "@bob:test", "PHONE", "", "");
	OK(c, session_end_all(c, c->who.user, none));
	REFUSED(c, M_UNKNOWN_TOKEN, session_find(c, t.access, &s));
	OK(c, device_find(c->db, c->a, c->who.user, S("LAPTOP"), &d, &found,
	    &c->err));
	assert_true(found);
	REFUSED(c, M_FORBIDDEN, account_deactivate(c, c->who.user, true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_who_is_refused_and_how),
		TEST(test_a_sign_in_that_overtakes_is_refused),
		TEST(test_a_device_under_legal_hold_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
