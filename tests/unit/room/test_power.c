/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Power levels and their defaults. spec: client-server, "m.room.power_levels"; rooms/ v1,
 * v10, v12.
 */
#include "unit.h"

#include "fixture.h"
#include "room/power.h"

static const struct {
	const char *what, *value;
	bool v5, v9, v10;		/* is it a level in that version? */
	int64_t level;
} values[] = {
	{ "an integer", "50", true, true, true, 50 },
	{ "a negative integer", "-1", true, true, true, -1 },
	{ "the largest", "9007199254740991", true, true, true,
	    INT64_C(9007199254740991) },
	{ "text", "\"50\"", true, true, false, 50 },
	{ "text with a plus", "\"+50\"", true, true, false, 50 },
	{ "text with a minus", "\"-50\"", true, true, false, -50 },
	{ "text with zeros before", "\"00050\"", true, true, false, 50 },
	{ "text with spaces around", "\"  +050\\t \"", true, true, false, 50 },
	{ "empty text", "\"\"", false, false, false, 0 },
	{ "spaces", "\"  \"", false, false, false, 0 },
	{ "a sign alone", "\"+\"", false, false, false, 0 },
	{ "two signs", "\"+-5\"", false, false, false, 0 },
	{ "two other signs", "\"--5\"", false, false, false, 0 },
	{ "a space after the sign", "\"+ 5\"", false, false, false, 0 },
	{ "text with a point", "\"5.0\"", false, false, false, 0 },
	{ "hexadecimal text", "\"0x10\"", false, false, false, 0 },
	{ "text with letters after", "\"50a\"", false, false, false, 0 },
	{ "text with other spaces around", "\"\\u000b50\\f\\r\\n\"", true, true,
	    false, 50 },
	{ "text with more zeros than digits fit",
	    "\"-0000000000000000000000000000050\"", true, true, false, -50 },
	{ "text of the largest that fits", "\"9223372036854775807\"", true,
	    true, false, INT64_MAX },
	{ "text of the smallest that fits", "\"-9223372036854775808\"", true,
	    true, false, INT64_MIN },
	{ "text past 64 bits", "\"99999999999999999999\"", true, true, false,
	    INT64_MAX },
	{ "text past 64 bits below", "\" -99999999999999999999\"", true, true,
	    false, INT64_MIN },
	{ "text past 64 bits with letters after", "\"99999999999999999999x\"",
	    false, false, false, 0 },
	{ "text with a no-break space", "\"\\u00a050\"", false, false, false,
	    0 },
	{ "text with a NUL", "\"50\\u0000\"", false, false, false, 0 },
	{ "null", "null", false, false, false, 0 },
	{ "true", "true", false, false, false, 0 },
	{ "a list", "[50]", false, false, false, 0 },
};

/* Floats exist only where canonical JSON is not enforced, versions 1 to 5. */
static const struct {
	const char *what, *value;
	bool ok;
	int64_t level;
} floats[] = {
	{ "a float is cut at its point", "50.57", true, 50 },
	{ "a float with an exponent", "5.114698E4", true, 51146 },
	{ "a negative float is cut toward zero", "-50.9", true, -50 },
	{ "less than one", "0.9", true, 0 },
	{ "a small exponent", "5e-1", true, 0 },
	{ "a very small number", "1e-400", true, 0 },
	{ "an integer past 2^53", "9007199254740993", true,
	    INT64_C(9007199254740993) },
	{ "the largest 64-bit integer", "9223372036854775807", true,
	    INT64_MAX },
	{ "an integer past 64 bits is the nearest that fits",
	    "9223372036854775808", true, INT64_MAX },
	{ "an integer past 64 bits below", "-9223372036854775809", true,
	    INT64_MIN },
	{ "a float past 64 bits is the nearest that fits", "1e300", true,
	    INT64_MAX },
	{ "a float past 64 bits below", "-1e300", true, INT64_MIN },
	{ "a float just past 64 bits", "9223372036854775808.5", true,
	    INT64_MAX },
	{ "a float just within 64 bits", "4611686018427387904.5", true,
	    INT64_C(1) << 62 },
	{ "past the range of a double", "1e309", false, 0 },
	{ "past it on the other side", "-1e309", false, 0 },
};

static void
test_level(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(values); i++) {
		struct json v = parse(str_c(values[i].value));
		int64_t l5 = 0, l9 = 0, l10 = 0;

		if (power_level(version_n(5), &v, &l5) != values[i].v5 ||
		    power_level(version_n(9), &v, &l9) != values[i].v9 ||
		    power_level(version_n(10), &v, &l10) != values[i].v10)
			fail_msg("%s", values[i].what);
		assert_true(!values[i].v5 || l5 == values[i].level);
		assert_true(!values[i].v9 || l9 == values[i].level);
		assert_true(!values[i].v10 || l10 == values[i].level);
	}
	for (size_t i = 0; i < LEN(floats); i++) {
		struct json v = parse(str_c(floats[i].value));
		int64_t l = 0;

		if (power_level(version_n(5), &v, &l) != floats[i].ok ||
		    (floats[i].ok && l != floats[i].level))
			fail_msg("%s", floats[i].what);
		assert_false(power_level(version_n(10), &v, &l));
	}
	assert_false(power_level(version_n(5), NULL, &(int64_t){ 0 }));
}

/* A float can be written with as many digits as an event has room for. */
static void
test_long_floats(void **state)
{
	struct buf b;
	struct json v;
	int64_t l = 0;

	(void)state;
	buf_init(&b, a, SIZE_MAX);
	buf_c(&b, "50.");
	while (b.n < 400)
		buf_char(&b, '3');
	v = parse(str_dup(a, buf_view(&b)));
	assert_true(power_level(version_n(5), &v, &l));
	assert_int_equal(l, 50);
	buf_char(&b, '3');
	v = parse(buf_view(&b));
	assert_false(power_level(version_n(5), &v, &l));
}

static struct event
event_with(int version, const char *sender, const char *content)
{
	struct json *c = arena_make(a, struct json);

	*c = parse(str_c(content));
	return (struct event){ .v = version_n(version), .content = c,
		.sender = str_c(sender) };
}

/* The levels of a room created by @c:d; levels NULL: there is no such event. */
static struct power
power_with(int version, const char *create, const char *levels)
{
	struct event *ev = arena_array(a, struct event, 2);
	struct power p;

	ev[0] = event_with(version, "@c:d", create);
	if (levels != NULL)
		ev[1] = event_with(version, "@c:d", levels);
	power_init(&p, &ev[0], levels != NULL ? &ev[1] : NULL);
	return p;
}

static void
test_defaults(void **state)
{
	struct power none = power_with(11, "{}", NULL);
	struct power empty = power_with(11, "{}", "{}");

	(void)state;
	assert_int_equal(power_of(&none, S("@c:d")), 100);
	assert_int_equal(power_of(&none, S("@u:d")), 0);
	assert_int_equal(power_needed(&none, S("x"), true), 0);
	assert_int_equal(power_needed(&none, S("x"), false), 0);
	assert_int_equal(power_of(&empty, S("@c:d")), 0);
	assert_int_equal(power_of(&empty, S("@u:d")), 0);
	assert_int_equal(power_needed(&empty, S("x"), true), 50);
	assert_int_equal(power_needed(&empty, S("x"), false), 0);
	for (int i = 0; i < 2; i++) {
		const struct power *p = i == 0 ? &none : &empty;

		assert_int_equal(power_for(p, POWER_INVITE), 0);
		assert_int_equal(power_for(p, POWER_KICK), 50);
		assert_int_equal(power_for(p, POWER_BAN), 50);
		assert_int_equal(power_for(p, POWER_REDACT), 50);
		assert_int_equal(power_notification(p, S("room")), 50);
	}
}

#define LEVELS "{\"ban\":11,\"events\":{\"m.a\":12,\"m.bad\":\"x\"}," \
	"\"events_default\":13,\"invite\":14,\"kick\":15," \
	"\"notifications\":{\"room\":16},\"redact\":17," \
	"\"state_default\":18,\"users\":{\"@u:d\":19,\"@bad:d\":\"x\"}," \
	"\"users_default\":10}"

static void
test_given(void **state)
{
	struct power p = power_with(11, "{}", LEVELS);

	(void)state;
	assert_int_equal(power_of(&p, S("@u:d")), 19);
	assert_int_equal(power_of(&p, S("@other:d")), 10);
	assert_int_equal(power_of(&p, S("@bad:d")), 10);
	assert_int_equal(power_of(&p, S("@c:d")), 10);
	assert_int_equal(power_needed(&p, S("m.a"), true), 12);
	assert_int_equal(power_needed(&p, S("m.a"), false), 12);
	assert_int_equal(power_needed(&p, S("m.b"), true), 18);
	assert_int_equal(power_needed(&p, S("m.bad"), false), 13);
	assert_int_equal(power_for(&p, POWER_BAN), 11);
	assert_int_equal(power_for(&p, POWER_INVITE), 14);
	assert_int_equal(power_for(&p, POWER_KICK), 15);
	assert_int_equal(power_for(&p, POWER_REDACT), 17);
	assert_int_equal(power_notification(&p, S("room")), 16);
	assert_int_equal(power_notification(&p, S("other")), 50);
	assert_true(power_may_send(&p, S("@u:d"), S("x"), true));
	p = power_with(11, "{}", "{\"events_default\":1,\"users\":"
	    "{\"@u:d\":1}}");
	assert_true(power_may_send(&p, S("@u:d"), S("x"), false));
	assert_false(power_may_send(&p, S("@o:d"), S("x"), true));
	assert_false(power_may_send(&p, S("@o:d"), S("x"), false));
}

static void
test_strings(void **state)
{
	const char *levels = "{\"ban\":\"11\",\"users\":{\"@u:d\":\"100\"}}";
	struct power p;

	(void)state;
	for (int v = 1; v <= 12; v++) {
		p = power_with(v, "{\"creator\":\"@c:d\"}", levels);
		assert_int_equal(power_for(&p, POWER_BAN), v < 10 ? 11 : 50);
		assert_int_equal(power_of(&p, S("@u:d")), v < 10 ? 100 : 0);
	}
}

static void
test_wrong_types(void **state)
{
	struct power p = power_with(11, "{}", "{\"users\":[],\"events\":1,"
	    "\"notifications\":\"x\",\"users_default\":{},\"ban\":null}");

	(void)state;
	assert_int_equal(power_of(&p, S("@u:d")), 0);
	assert_int_equal(power_needed(&p, S("x"), true), 50);
	assert_int_equal(power_for(&p, POWER_BAN), 50);
	assert_int_equal(power_notification(&p, S("room")), 50);
}

static const struct {
	const char *what, *create, *user;
	int from, until;		/* versions in which the user is a creator */
} creators[] = {
	{ "the sender, who is named", "{\"creator\":\"@c:d\"}", "@c:d", 1, 12 },
	{ "the sender, who is not named", "{}", "@c:d", 11, 12 },
	{ "another who is named", "{\"creator\":\"@n:d\"}", "@n:d", 1, 10 },
	{ "an additional creator", "{\"creator\":\"@c:d\","
	    "\"additional_creators\":[\"@x:d\",\"@y:d\"]}", "@y:d", 12, 12 },
	{ "nobody of a wrong type", "{\"additional_creators\":\"@y:d\"}",
	    "@y:d", 13, 13 },
	{ "somebody else", "{\"creator\":\"@c:d\"}", "@cc:d", 13, 13 },
};

static void
test_creators(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(creators); i++)
		for (int v = 1; v <= 12; v++) {
			struct power p = power_with(v, creators[i].create,
			    NULL);
			bool is = v >= creators[i].from &&
			    v <= creators[i].until;
			struct str user = str_c(creators[i].user);

			if (power_is_creator(&p, user) != is)
				fail_msg("version %d: %s", v, creators[i].what);
			assert_int_equal(power_of(&p, user), !is ? 0 :
			    v < 12 ? 100 : POWER_INFINITE);
		}
}

/* In version 12 no event can take a creator's power. */
static void
test_infinite(void **state)
{
	const char *levels = "{\"users\":{\"@c:d\":1,\"@x:d\":1},\"ban\":200}";
	const char *create = "{\"additional_creators\":[\"@x:d\"]}";
	struct power p = power_with(12, create, levels);

	(void)state;
	assert_int_equal(power_of(&p, S("@c:d")), POWER_INFINITE);
	assert_int_equal(power_of(&p, S("@x:d")), POWER_INFINITE);
	p = power_with(11, create, levels);
	assert_int_equal(power_of(&p, S("@c:d")), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_long_floats),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_creators),
		cmocka_unit_test(test_infinite),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
