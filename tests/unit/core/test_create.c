/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Making rooms: what each version, preset and option gives. spec: POST /createRoom. */
#include "fixture.h"

#include "core/alias.h"

static struct str
state_word(struct ctx *c, struct room *r, const char *type, const char *key)
{
	const struct sev *ev;

	OK(c, room_state(c, r, str_c(type), S(""), &ev));
	return ev != NULL ? json_str(ev->ev.content, str_c(key))
	    : S("(none)");
}

static void
test_every_version(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	const struct room_version *v;

	(void)state;
	for (size_t i = 0; (v = room_version_at(i)) != NULL; i++) {
		struct room *r = new_room(alice, str_cz(alice->a, v->name),
		    PRESET_PUBLIC);
		const struct event *create = room_create_event(r);

		assert_str(room_ver(r)->name, v->name);
		assert_str(json_str(create->content, S("room_version")),
		    v->name);
		assert_str(create->sender, alice->who.user);
		assert_true((json_get(create->content, S("creator")) == NULL)
		    == v->implicit_creator);
		assert_int_equal(room_id(r).p[0], '!');
		assert_true((str_find(room_id(r), ':') < 0) ==
		    v->room_id_is_create_hash);
		if (v->room_id_is_create_hash)
			assert_str(str_from(room_id(r), 1),
			    str_from(create->id, 1));
		join(bob, r);
		say(bob, r, "hello");
		assert_int_equal(room_counts(r).joined, 2);
	}
}

struct preset_row {
	enum preset preset;
	const char *join_rule, *history, *guest;
};

static const struct preset_row presets[] = {
	{ PRESET_PRIVATE, "invite", "shared", "can_join" },
	{ PRESET_TRUSTED, "invite", "shared", "can_join" },
	{ PRESET_PUBLIC, "public", "shared", "forbidden" },
};

static void
test_presets(void **state)
{
	struct ctx *alice = as("alice");

	(void)state;
	for (size_t i = 0; i < LEN(presets); i++) {
		struct room *r = new_room(alice, "11", presets[i].preset);

		assert_str(state_word(alice, r, "m.room.join_rules",
		    "join_rule"), str_c(presets[i].join_rule));
		assert_str(state_word(alice, r, "m.room.history_visibility",
		    "history_visibility"), str_c(presets[i].history));
		assert_str(state_word(alice, r, "m.room.guest_access",
		    "guest_access"), str_c(presets[i].guest));
	}
}

static void
test_order(void **state)
{
	static const char *const want[] = { "m.room.create", "m.room.member",
		"m.room.power_levels", "m.room.canonical_alias",
		"m.room.join_rules", "m.room.history_visibility",
		"m.room.guest_access", "org.example", "m.room.name",
		"m.room.topic", "m.room.member" };
	struct ctx *alice = as("alice");
	struct json initial = obj(alice, "[{\"type\":\"org.example\","
	    "\"content\":{}}]");
	struct str invite = S("@bob:test");
	struct create cr = { .v = room_version(S("11")), .name = S("N"),
	    .topic = S("T"), .alias = S("#a:test"), .initial_state = &initial,
	    .invite = &invite, .ninvite = 1, .is_direct = true };
	const struct sev **ev;
	struct room *r;
	size_t n;

	(void)state;
	OK(alice, room_create(alice, &cr, &r));
	OK(alice, room_range(alice, r, 1, 100, false, 100, &ev, &n));
	assert_int_equal(n, LEN(want));
	for (size_t i = 0; i < n; i++) {
		assert_str(ev[i]->ev.type, str_c(want[i]));
		assert_int_equal(ev[i]->seq, i + 1);
		assert_int_equal(ev[i]->ev.depth, i + 1);
	}
	assert_str(ev[n - 1]->ev.state_key, invite);
	assert_true(json_is(json_get(ev[n - 1]->ev.content, S("is_direct")),
	    JSON_BOOL));
	assert_str(state_word(alice, r, "m.room.topic", "topic"), S("T"));
}

static void
test_options_win_over_the_preset(void **state)
{
	struct ctx *alice = as("alice");
	struct json initial = obj(alice, "[{\"type\":\"m.room.join_rules\","
	    "\"content\":{\"join_rule\":\"knock\"}},"
	    "{\"type\":\"m.room.name\",\"content\":{\"name\":\"first\"}}]");
	struct json power = obj(alice, "{\"events_default\":30}");
	struct json creation = obj(alice, "{\"m.federate\":false,"
	    "\"creator\":\"@eve:test\",\"room_version\":\"1\","
	    "\"type\":\"m.space\"}");
	struct create cr = { .v = room_version(S("11")), .name = S("wins"),
	    .initial_state = &initial, .power_override = &power,
	    .creation_content = &creation };
	struct power p;
	struct room *r;

	(void)state;
	OK(alice, room_create(alice, &cr, &r));
	assert_str(state_word(alice, r, "m.room.join_rules", "join_rule"),
	    S("knock"));
	assert_str(state_word(alice, r, "m.room.name", "name"), S("wins"));
	assert_str(state_word(alice, r, "m.room.create", "type"),
	    S("m.space"));
	assert_str(state_word(alice, r, "m.room.create", "room_version"),
	    S("11"));
	assert_null(json_get(room_create_event(r)->content, S("creator")));
	OK(alice, room_power(alice, r, &p));
	assert_int_equal(power_needed(&p, S("m.room.message"), false), 30);
	assert_int_equal(power_of(&p, alice->who.user), 100);
}

static void
test_trusted(void **state)
{
	struct ctx *alice = as("alice");
	struct str invite[] = { S("@bob:test"), S("@carol:test") };
	struct create cr = { .v = room_version(S("11")),
	    .preset = PRESET_TRUSTED, .invite = invite, .ninvite = 2 };
	struct power p;
	struct room *r;

	(void)state;
	OK(alice, room_create(alice, &cr, &r));
	OK(alice, room_power(alice, r, &p));
	assert_int_equal(power_of(&p, invite[0]), 100);
	assert_int_equal(power_of(&p, invite[1]), 100);
	cr.v = room_version(S("12"));
	OK(alice, room_create(alice, &cr, &r));
	OK(alice, room_power(alice, r, &p));
	assert_true(power_of(&p, invite[0]) == POWER_INFINITE);
	assert_true(power_of(&p, alice->who.user) == POWER_INFINITE);
	assert_int_equal(power_of(&p, S("@eve:test")), 0);
	cr.preset = PRESET_PRIVATE;
	OK(alice, room_create(alice, &cr, &r));
	OK(alice, room_power(alice, r, &p));
	assert_int_equal(power_of(&p, invite[0]), 0);
}

struct refusal {
	const char *what;
	const char *initial, *power, *creation;
	const char *invite;
	enum errcode want;
};

static const struct refusal refusals[] = {
	{ "a create event in initial_state",
	    "[{\"type\":\"m.room.create\",\"content\":{}}]", NULL, NULL, NULL,
	    M_INVALID_ROOM_STATE },
	{ "a member in initial_state",
	    "[{\"type\":\"m.room.member\",\"state_key\":\"@bob:test\","
	    "\"content\":{\"membership\":\"join\"}}]", NULL, NULL, NULL,
	    M_INVALID_ROOM_STATE },
	{ "initial_state without content", "[{\"type\":\"a\"}]", NULL, NULL,
	    NULL, M_BAD_JSON },
	{ "initial_state without type", "[{\"content\":{}}]", NULL, NULL,
	    NULL, M_BAD_JSON },
	{ "an entry that is no object", "[7]", NULL, NULL, NULL, M_BAD_JSON },
	{ "power levels that are no numbers", NULL, "{\"ban\":\"50\"}", NULL,
	    NULL, M_FORBIDDEN },
	{ "power taken from oneself",
	    "[{\"type\":\"m.room.name\",\"content\":{}}]",
	    "{\"users\":{},\"state_default\":50}", NULL, NULL, M_FORBIDDEN },
	{ "an invitation of oneself", NULL, NULL, NULL, "@alice:test",
	    M_FORBIDDEN },
};

static void
test_refusals(void **state)
{
	struct ctx *alice = as("alice");

	(void)state;
	for (size_t i = 0; i < LEN(refusals); i++) {
		const struct refusal *t = &refusals[i];
		struct json initial, power, creation;
		struct str invite = str_c(t->invite);
		struct create cr = { .v = room_version(S("11")),
		    .alias = S("#free:test") };
		struct user_membership *m;
		struct alias_row row;
		struct room *r;
		bool found;
		size_t n;

		if (t->initial != NULL) {
			initial = obj(alice, t->initial);
			cr.initial_state = &initial;
		}
		if (t->power != NULL) {
			power = obj(alice, t->power);
			cr.power_override = &power;
		}
		if (t->creation != NULL) {
			creation = obj(alice, t->creation);
			cr.creation_content = &creation;
		}
		if (t->invite != NULL) {
			cr.invite = &invite;
			cr.ninvite = 1;
		}
		if (room_create(alice, &cr, &r) || alice->err.code != t->want)
			fail_msg("%s: %s %s", t->what,
			    err_name(alice->err.code), alice->err.text);
		err_clear(&alice->err);
		/* Nothing of it is left. */
		OK(alice, memberships_of_user(alice->db, alice->a,
		    alice->who.user, ~0U, &m, &n, &alice->err));
		assert_int_equal(n, 0);
		OK(alice, alias_find(alice->db, alice->a, S("#free:test"),
		    &row, &found, &alice->err));
		assert_false(found);
	}
}

static void
test_alias_and_listing(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct create cr = { .v = room_version(S("12")), .published = true,
	    .alias = S("#one:test"), .preset = PRESET_PUBLIC };
	struct room *r, *found;
	bool listed;

	(void)state;
	OK(alice, room_create(alice, &cr, &r));
	OK(bob, alias_resolve(bob, S("#one:test"), &found));
	assert_ptr_equal(found, r);
	assert_str(state_word(alice, r, "m.room.canonical_alias", "alias"),
	    S("#one:test"));
	OK(alice, room_is_published(alice, r, &listed));
	assert_true(listed);
	REFUSED(bob, M_ROOM_IN_USE, room_create(bob, &cr, &r));
	cr.alias = S("");
	cr.published = false;
	OK(bob, room_create(bob, &cr, &r));
	OK(bob, room_is_published(bob, r, &listed));
	assert_false(listed);
}

/* Rooms of version 12 are named by their create events: equal ones too. */
static void
test_twins(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r[20];

	(void)state;
	for (size_t i = 0; i < LEN(r); i++) {
		r[i] = new_room(alice, "12", PRESET_PRIVATE);
		for (size_t k = 0; k < i; k++)
			assert_false(str_eq(room_id(r[k]), room_id(r[i])));
	}
}

static void
test_version_12_creators(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct json creation = obj(alice,
	    "{\"additional_creators\":[\"@bob:test\"]}");
	struct json bad = obj(alice, "{\"additional_creators\":\"@bob:test\"}");
	struct create cr = { .v = room_version(S("12")),
	    .preset = PRESET_PUBLIC, .creation_content = &creation };
	struct send s;
	struct room *r;

	(void)state;
	OK(alice, room_create(alice, &cr, &r));
	join(bob, r);
	set_state(bob, r, "m.room.name", "{\"name\":\"Bob may\"}");
	/* Nobody takes a creator's power. */
	s = state_of(alice, "m.room.power_levels", "",
	    "{\"users\":{\"@bob:test\":0}}");
	REFUSED(alice, M_FORBIDDEN, send_event(alice, r, &s,
	    &(const struct sev *){ NULL }));
	REFUSED(alice, M_FORBIDDEN, member_kick(alice, r, bob->who.user,
	    S("")));
	cr.creation_content = &bad;
	REFUSED(alice, M_FORBIDDEN, room_create(alice, &cr, &r));
}

/* Aliases and the directory */

static void
test_aliases(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob"), *eve = as("eve");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC), *got;

	(void)state;
	join(bob, r);
	OK(bob, alias_create(bob, r, S("#x:test")));
	REFUSED(alice, M_UNKNOWN, alias_create(alice, r, S("#x:test")));
	REFUSED(alice, M_INVALID_PARAM, alias_create(alice, r,
	    S("#x:elsewhere")));
	REFUSED(alice, M_INVALID_PARAM, alias_create(alice, r, S("x")));
	OK(eve, room_by_name(eve, S("#x:test"), &got));
	assert_ptr_equal(got, r);
	REFUSED(eve, M_NOT_FOUND, room_by_name(eve, S("#y:test"), &got));
	REFUSED(eve, M_INVALID_PARAM, room_by_name(eve, S("x"), &got));
	REFUSED(eve, M_FORBIDDEN, alias_remove(eve, S("#x:test")));
	OK(alice, alias_remove(alice, S("#x:test")));
	REFUSED(alice, M_NOT_FOUND, alias_remove(alice, S("#x:test")));
	OK(bob, alias_create(bob, r, S("#x:test")));
	OK(bob, alias_remove(bob, S("#x:test")));
}

struct canonical {
	const char *content;
	enum errcode want;
};

static const struct canonical canonicals[] = {
	{ "{}", M_OK },
	{ "{\"alias\":null}", M_OK },
	{ "{\"alias\":\"#mine:test\"}", M_OK },
	{ "{\"alias\":\"#mine:test\",\"alt_aliases\":[\"#mine:test\"]}",
	    M_OK },
	{ "{\"alias\":\"#other:test\"}", M_BAD_ALIAS },
	{ "{\"alias\":\"#none:test\"}", M_BAD_ALIAS },
	{ "{\"alt_aliases\":[\"#mine:test\",\"#none:test\"]}", M_BAD_ALIAS },
	{ "{\"alias\":7}", M_INVALID_PARAM },
	{ "{\"alias\":\"mine\"}", M_INVALID_PARAM },
	{ "{\"alt_aliases\":\"#mine:test\"}", M_BAD_JSON },
	{ "{\"alt_aliases\":[7]}", M_INVALID_PARAM },
	{ "{\"alias\":\"#gone:test\"}", M_OK },
};

static void
test_canonical(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	struct room *other = new_room(alice, "11", PRESET_PUBLIC);
	struct json old = obj(alice, "{\"alias\":\"#gone:test\"}");

	(void)state;
	OK(alice, alias_create(alice, r, S("#mine:test")));
	OK(alice, alias_create(alice, other, S("#other:test")));
	for (size_t i = 0; i < LEN(canonicals); i++) {
		struct json content = obj(alice, canonicals[i].content);
		bool ok = alias_check_canonical(alice, r, &content, &old);

		if (ok != (canonicals[i].want == M_OK) ||
		    alice->err.code != canonicals[i].want)
			fail_msg("%s: %s", canonicals[i].content,
			    err_name(alice->err.code));
		err_clear(&alice->err);
	}
}

static void
test_directory(void **state)
{
	struct ctx *alice = as("alice");
	struct json types = obj(alice, "[\"m.space\"]");
	struct json none = obj(alice, "[null]");
	struct json space = obj(alice, "{\"type\":\"m.space\"}");
	struct public_ask ask = { .limit = 100 };
	struct create cr = { .v = room_version(S("11")), .published = true,
	    .preset = PRESET_PUBLIC, .name = S("\xc3\x89" "cole") };
	struct room_chunk *at;
	struct room *r;
	int64_t total;
	size_t n;

	(void)state;
	OK(alice, room_create(alice, &cr, &r));
	join(as("bob"), r);
	cr.name = S("Espace");
	cr.creation_content = &space;
	OK(alice, room_create(alice, &cr, &r));
	cr.published = false;
	OK(alice, room_create(alice, &cr, &r));
	OK(alice, rooms_public(alice, &ask, &at, &n, &total));
	assert_int_equal(n, 2);
	assert_int_equal(total, 2);
	assert_int_equal(at[0].members, 2);
	assert_str(at[1].room_type, S("m.space"));
	ask.types = &types;
	OK(alice, rooms_public(alice, &ask, &at, &n, &total));
	assert_int_equal(n, 1);
	assert_str(at[0].name, S("Espace"));
	ask.types = &none;
	OK(alice, rooms_public(alice, &ask, &at, &n, &total));
	assert_int_equal(n, 1);
	ask = (struct public_ask){ .limit = 100,
	    .term = S("\xc3\xa9" "COLE") };
	OK(alice, rooms_public(alice, &ask, &at, &n, &total));
	assert_int_equal(n, 1);
	ask = (struct public_ask){ .limit = 1 };
	OK(alice, rooms_public(alice, &ask, &at, &n, &total));
	assert_int_equal(n, 1);
	assert_int_equal(total, 2);
	ask.from = 5;
	OK(alice, rooms_public(alice, &ask, &at, &n, &total));
	assert_int_equal(n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_version), TEST(test_presets),
		TEST(test_order), TEST(test_options_win_over_the_preset),
		TEST(test_trusted), TEST(test_refusals),
		TEST(test_alias_and_listing), TEST(test_twins),
		TEST(test_version_12_creators), TEST(test_aliases),
		TEST(test_canonical), TEST(test_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
