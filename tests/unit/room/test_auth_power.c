/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The authorization rules of m.room.power_levels. spec: rooms/ v1, v6, v10, v12, rule 10. */
#include "unit.h"

#include "auth_fixture.h"

/* The current levels in short, and a change of them by @m:d, who has 50. */
#define NOW(content) { LEVELS, "", "@c:d", \
	"{\"users\":{\"@a:d\":100,\"@m:d\":50,\"@m2:d\":50,\"@l:d\":10}" \
	content "}" }
#define NEW(content) { LEVELS, "", "@m:d", \
	"{\"users\":{\"@a:d\":100,\"@m:d\":50,\"@m2:d\":50,\"@l:d\":10}" \
	content "}" }
#define USERS(users) { LEVELS, "", "@m:d", "{\"users\":{" users "}}" }
#define FIRST(content) { LEVELS, "", "@c:d", content }
#define NO_LEVELS { LEVELS, "", "@c:d", NULL }

static const struct auth_case forms[] = {
	{ "nothing in it", { NO_LEVELS }, FIRST("{}"), ALWAYS },
	{ "integers", { NO_LEVELS }, FIRST("{\"ban\":1,\"users\":"
	    "{\"@x:d\":1},\"events\":{\"a\":1},\"notifications\":"
	    "{\"room\":1}}"), ALWAYS },
	{ "any level at first", { NO_LEVELS },
	    FIRST("{\"users\":{\"@x:d\":1000000},\"ban\":1000000}"), ALWAYS },
	{ "text as a level", { NO_LEVELS }, FIRST("{\"ban\":\"1\"}"), 1, 9 },
	{ "text as a user's level", { NO_LEVELS },
	    FIRST("{\"users\":{\"@x:d\":\"1\"}}"), 1, 9 },
	{ "text as a type's level", { NO_LEVELS },
	    FIRST("{\"events\":{\"a\":\"1\"}}"), 1, 9 },
	{ "text as a notification's level", { NO_LEVELS },
	    FIRST("{\"notifications\":{\"room\":\"1\"}}"), 1, 9 },
	{ "text that is no number as a user's level", { NO_LEVELS },
	    FIRST("{\"users\":{\"@x:d\":\"high\"}}"), NEVER },
	{ "null as a user's level", { NO_LEVELS },
	    FIRST("{\"users\":{\"@x:d\":null}}"), NEVER },
	{ "users that are a list", { NO_LEVELS }, FIRST("{\"users\":[]}"),
	    NEVER },
	{ "users that are null", { NO_LEVELS }, FIRST("{\"users\":null}"),
	    NEVER },
	{ "a user who is none", { NO_LEVELS },
	    FIRST("{\"users\":{\"x\":1}}"), NEVER },
	{ "a user without a server", { NO_LEVELS },
	    FIRST("{\"users\":{\"@x\":1}}"), NEVER },
	{ "null as a level", { NO_LEVELS }, FIRST("{\"kick\":null}"), 1, 9 },
	{ "events that are a list", { NO_LEVELS }, FIRST("{\"events\":[]}"),
	    1, 9 },
	{ "notifications that are a number", { NO_LEVELS },
	    FIRST("{\"notifications\":1}"), 1, 9 },
	{ "a level of no meaning", { NO_LEVELS }, FIRST("{\"x\":\"y\"}"),
	    ALWAYS },
	{ "the creator listed", { NO_LEVELS },
	    FIRST("{\"users\":{\"@c:d\":100}}"), 1, 11 },
	{ "an additional creator listed", { NO_LEVELS, { CREATE, "", "@c:d",
	    "{\"creator\":\"@c:d\",\"additional_creators\":[\"@x:d\"]}" } },
	    FIRST("{\"users\":{\"@x:d\":100}}"), 1, 11 },
	{ "the same without a state_key, which is no state", { { 0 } },
	    { LEVELS, NULL, "@c:d", "{\"users\":[]}" }, NEVER },
};

/* Each of the seven levels is checked, so each is a row. */
#define LEVEL(name) \
	{ name " within reach", { NOW("") }, NEW(",\"" name "\":50"), \
	    ALWAYS }, \
	{ name " set out of reach", { NOW("") }, NEW(",\"" name "\":51"), \
	    NEVER }, \
	{ name " lowered from out of reach", { NOW(",\"" name "\":51") }, \
	    NEW(",\"" name "\":1,\"events\":{\"" LEVELS "\":50}"), NEVER }, \
	{ name " removed from out of reach", { NOW(",\"" name "\":51") }, \
	    NEW(""), NEVER }, \
	{ name " removed within reach", { NOW(",\"" name "\":50") }, NEW(""), \
	    ALWAYS }

static const struct auth_case levels[] = {
	LEVEL("users_default"), LEVEL("events_default"), LEVEL("ban"),
	LEVEL("redact"), LEVEL("kick"), LEVEL("invite"),
	{ "state_default within reach", { NOW("") },
	    NEW(",\"state_default\":50"), ALWAYS },
	{ "state_default set out of reach", { NOW("") },
	    NEW(",\"state_default\":51"), NEVER },
	{ "out of reach and left alone", { NOW(",\"ban\":99") },
	    NEW(",\"ban\":99"), ALWAYS },
	{ "the same number as text", { NOW(",\"ban\":99") },
	    NEW(",\"ban\":\"99\""), 1, 9 },
	{ "without the power to send it",
	    { NOW(",\"events\":{\"" LEVELS "\":51}") }, NEW(""), NEVER },
	{ "by a user with none", { NOW("") }, { LEVELS, "", "@j:d",
	    "{\"users\":{\"@a:d\":100,\"@m:d\":50,\"@m2:d\":50,"
	    "\"@l:d\":10}}" }, NEVER },
	{ "by a creator, as high as one likes", { NOW(",\"ban\":99") },
	    { LEVELS, "", "@c:d", "{\"ban\":9007199254740991}" }, 12, 12 },
};

static const struct auth_case entries[] = {
	{ "a type added within reach", { NOW("") },
	    NEW(",\"events\":{\"a\":50}"), ALWAYS },
	{ "a type added out of reach", { NOW("") },
	    NEW(",\"events\":{\"a\":51}"), NEVER },
	{ "a type raised out of reach", { NOW(",\"events\":{\"a\":50}") },
	    NEW(",\"events\":{\"a\":51}"), NEVER },
	{ "a type lowered from out of reach",
	    { NOW(",\"events\":{\"a\":51}") }, NEW(",\"events\":{\"a\":1}"),
	    NEVER },
	{ "a type removed from out of reach",
	    { NOW(",\"events\":{\"a\":51}") }, NEW(",\"events\":{}"), NEVER },
	{ "all types removed, one out of reach",
	    { NOW(",\"events\":{\"a\":51}") }, NEW(""), NEVER },
	{ "a type removed within reach", { NOW(",\"events\":{\"a\":50}") },
	    NEW(""), ALWAYS },
	{ "a type out of reach left alone", { NOW(",\"events\":{\"a\":51}") },
	    NEW(",\"events\":{\"a\":51}"), ALWAYS },
	{ "a notification within reach", { NOW("") },
	    NEW(",\"notifications\":{\"room\":50}"), ALWAYS },
	{ "a notification out of reach", { NOW("") },
	    NEW(",\"notifications\":{\"room\":51}"), 1, 5 },
	{ "a notification lowered from out of reach",
	    { NOW(",\"notifications\":{\"room\":51}") },
	    NEW(",\"notifications\":{\"room\":1}"), 1, 5 },
	{ "a notification removed from out of reach",
	    { NOW(",\"notifications\":{\"room\":51}") }, NEW(""), 1, 5 },
	{ "a notification out of reach left alone",
	    { NOW(",\"notifications\":{\"room\":51}") },
	    NEW(",\"notifications\":{\"room\":51}"), ALWAYS },
};

#define A "\"@a:d\":100"
#define M "\"@m:d\":50"
#define M2 "\"@m2:d\":50"
#define L "\"@l:d\":10"

static const struct auth_case users[] = {
	{ "nobody changed", { NOW("") }, USERS(A "," M "," M2 "," L), ALWAYS },
	{ "somebody raised to one's own level", { NOW("") },
	    USERS(A "," M "," M2 ",\"@l:d\":50"), ALWAYS },
	{ "somebody raised above oneself", { NOW("") },
	    USERS(A "," M "," M2 ",\"@l:d\":51"), NEVER },
	{ "somebody new", { NOW("") },
	    USERS(A "," M "," M2 "," L ",\"@x:d\":50"), ALWAYS },
	{ "somebody new above oneself", { NOW("") },
	    USERS(A "," M "," M2 "," L ",\"@x:d\":51"), NEVER },
	{ "somebody below removed", { NOW("") }, USERS(A "," M "," M2),
	    ALWAYS },
	{ "an equal lowered", { NOW("") },
	    USERS(A "," M ",\"@m2:d\":49," L), NEVER },
	{ "an equal removed", { NOW("") }, USERS(A "," M "," L), NEVER },
	{ "one above lowered", { NOW("") },
	    USERS("\"@a:d\":99," M "," M2 "," L), NEVER },
	{ "one above removed", { NOW("") }, USERS(M "," M2 "," L), NEVER },
	{ "everybody removed", { NOW("") }, USERS(""), NEVER },
	{ "stepping down", { NOW("") },
	    USERS(A ",\"@m:d\":0," M2 "," L), ALWAYS },
	{ "removing oneself", { NOW("") }, USERS(A "," M2 "," L), ALWAYS },
	{ "raising oneself", { NOW("") },
	    USERS(A ",\"@m:d\":51," M2 "," L), NEVER },
	{ "the same level as text", { NOW("") },
	    USERS("\"@a:d\":\"+0100\"," M "," M2 "," L), 1, 9 },
	{ "another level as text, above oneself", { NOW("") },
	    USERS("\"@a:d\":\"99\"," M "," M2 "," L), NEVER },
	{ "an admin lowered by a creator", { NOW("") }, { LEVELS, "", "@c:d",
	    "{\"users\":{" M "," M2 "," L "}}" }, 12, 12 },
};

static void
test_forms(void **state)
{
	(void)state;
	check_cases(forms, LEN(forms));
}

static void
test_levels(void **state)
{
	(void)state;
	check_cases(levels, LEN(levels));
}

static void
test_entries(void **state)
{
	(void)state;
	check_cases(entries, LEN(entries));
}

static void
test_users(void **state)
{
	(void)state;
	check_cases(users, LEN(users));
}

/* Floats, which only versions 1 to 5 can hold: cut, then compared. */
static const struct {
	const char *what;
	struct fact ev;
	bool ok;
} floats[] = {
	{ "the same level as a float", USERS("\"@a:d\":100.9," M "," M2 "," L),
	    true },
	{ "another level as a float", USERS("\"@a:d\":99.9," M "," M2 "," L),
	    false },
	{ "a float within reach", NEW(",\"ban\":50.5"), true },
	{ "a float out of reach", NEW(",\"ban\":5.1e1"), false },
	{ "a user's, past a double",
	    USERS(A "," M "," M2 "," L ",\"@x:d\":-1e999"), false },
	{ "a named level, past a double", NEW(",\"ban\":-1e999"), false },
	{ "the last named level, past a double", NEW(",\"invite\":1e999"),
	    false },
	{ "a type's, past a double", NEW(",\"events\":{\"a\":-1e999}"),
	    false },
	{ "a notification's, past a double",
	    NEW(",\"notifications\":{\"room\":-1e999}"), false },
	{ "what is no level, past a double", NEW(",\"x\":1e999"), true },
	{ "what is no number is no float", NEW(",\"ban\":\"high\","
	    "\"events\":{\"a\":null}"), true },
};

static void
test_floats(void **state)
{
	const struct fact now[OVER_MAX] = { NOW("") };

	(void)state;
	for (size_t i = 0; i < LEN(floats); i++)
		for (int v = 1; v <= 5; v++) {
			struct err e = { .code = M_OK };

			if (allowed(v, now, event_of(version_n(v),
			    &floats[i].ev), &e) != floats[i].ok)
				fail_msg("version %d: %s", v, floats[i].what);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_floats),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
