/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Filters. spec: client-server, "Filtering". */
#include "unit.h"

#include "fixture.h"
#include "room/filter.h"

/* Of an event that @a:d sent in !r:d, with that type and content. */
static const struct {
	const char *what, *filter, *type, *content;
	bool in;
} events[] = {
	{ "an empty filter takes all", "{}", "m.x", "{}", true },
	{ "a type that is listed", "{\"types\":[\"m.x\"]}", "m.x", "{}", true },
	{ "a type that is not listed", "{\"types\":[\"m.y\"]}", "m.x", "{}",
	    false },
	{ "an empty list takes nothing", "{\"types\":[]}", "m.x", "{}", false },
	{ "a type by its beginning", "{\"types\":[\"m.*\"]}", "m.x", "{}",
	    true },
	{ "a beginning that does not fit", "{\"types\":[\"n.*\"]}", "m.x",
	    "{}", false },
	{ "a star alone", "{\"types\":[\"*\"]}", "m.x", "{}", true },
	{ "a star in the middle", "{\"types\":[\"m.*.z\"]}", "m.x.y.z", "{}",
	    true },
	{ "a star in the middle that does not fit", "{\"types\":[\"m.*.z\"]}",
	    "m.x.y", "{}", false },
	{ "a star in front", "{\"types\":[\"*.x\"]}", "m.x", "{}", true },
	{ "a star in front of another", "{\"types\":[\"*.x\"]}", "m.y", "{}",
	    false },
	{ "case counts", "{\"types\":[\"M.X\"]}", "m.x", "{}", false },
	{ "one of two types", "{\"types\":[\"m.y\",\"m.x\"]}", "m.x", "{}",
	    true },
	{ "a type that is not wanted", "{\"not_types\":[\"m.x\"]}", "m.x",
	    "{}", false },
	{ "another type is not wanted", "{\"not_types\":[\"m.y\"]}", "m.x",
	    "{}", true },
	{ "no types are unwanted", "{\"not_types\":[]}", "m.x", "{}", true },
	{ "unwanted wins", "{\"types\":[\"m.x\"],\"not_types\":[\"m.*\"]}",
	    "m.x", "{}", false },
	{ "a sender that is listed", "{\"senders\":[\"@a:d\"]}", "m.x", "{}",
	    true },
	{ "a sender that is not listed", "{\"senders\":[\"@b:d\"]}", "m.x",
	    "{}", false },
	{ "no sender", "{\"senders\":[]}", "m.x", "{}", false },
	{ "a sender that is not wanted", "{\"not_senders\":[\"@a:d\"]}", "m.x",
	    "{}", false },
	{ "another sender is not wanted", "{\"not_senders\":[\"@b:d\"]}",
	    "m.x", "{}", true },
	{ "an unwanted sender wins", "{\"senders\":[\"@a:d\"],"
	    "\"not_senders\":[\"@a:d\"]}", "m.x", "{}", false },
	{ "a room that is listed", "{\"rooms\":[\"!r:d\"]}", "m.x", "{}",
	    true },
	{ "a room that is not listed", "{\"rooms\":[\"!s:d\"]}", "m.x", "{}",
	    false },
	{ "no room", "{\"rooms\":[]}", "m.x", "{}", false },
	{ "a room that is not wanted", "{\"not_rooms\":[\"!r:d\"]}", "m.x",
	    "{}", false },
	{ "another room is not wanted", "{\"not_rooms\":[\"!s:d\"]}", "m.x",
	    "{}", true },
	{ "an unwanted room wins", "{\"rooms\":[\"!r:d\"],"
	    "\"not_rooms\":[\"!r:d\"]}", "m.x", "{}", false },
	{ "with a url", "{\"contains_url\":true}", "m.x", "{\"url\":\"x\"}",
	    true },
	{ "with a url, there is none", "{\"contains_url\":true}", "m.x", "{}",
	    false },
	{ "a url that is no text is none", "{\"contains_url\":true}", "m.x",
	    "{\"url\":1}", false },
	{ "without a url", "{\"contains_url\":false}", "m.x", "{}", true },
	{ "without a url, there is one", "{\"contains_url\":false}", "m.x",
	    "{\"url\":\"x\"}", false },
	{ "members not known count for nothing", "{\"x\":[1]}", "m.x", "{}",
	    true },
};

static struct event_filter
read_filter(const char *text)
{
	struct json *j = arena_make(a, struct json);
	struct event_filter f;
	struct err e = { .code = M_OK };

	*j = parse(str_c(text));
	if (!filter_read_event(a, j, &f, &e))
		fail_msg("%s: %s", text, e.text);
	return f;
}

static void
test_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(events); i++) {
		struct event_filter f = read_filter(events[i].filter);
		struct json content = parse(str_c(events[i].content));
		struct event ev = { .type = str_c(events[i].type),
			.sender = S("@a:d"), .room = S("!r:d"),
			.content = &content };

		if (filter_event(&f, &ev) != events[i].in)
			fail_msg("%s", events[i].what);
	}
}

/* Each member alone makes a filter that does not take all. */
static void
test_all(void **state)
{
	static const char *const some[] = { "{\"types\":[]}",
	    "{\"not_types\":[]}", "{\"senders\":[]}", "{\"not_senders\":[]}",
	    "{\"rooms\":[]}", "{\"not_rooms\":[]}", "{\"contains_url\":true}",
	    "{\"contains_url\":false}" };
	struct event_filter f;

	(void)state;
	filter_init_event(&f);
	assert_true(filter_all(&f));
	f = read_filter("{\"limit\":5,\"lazy_load_members\":true}");
	assert_true(filter_all(&f));
	for (size_t i = 0; i < LEN(some); i++) {
		f = read_filter(some[i]);
		if (filter_all(&f))
			fail_msg("%s", some[i]);
	}
}

/* Types alone say less than types and senders, and those less than all. */
static void
test_parts(void **state)
{
	struct event_filter f = read_filter("{\"types\":[\"m.x\"],"
	    "\"senders\":[\"@a:d\"],\"rooms\":[\"!s:d\"]}");

	(void)state;
	assert_true(filter_type_maybe(&f, S("m.x")));
	assert_false(filter_type_maybe(&f, S("m.y")));
	assert_true(filter_type_sender(&f, S("m.x"), S("@a:d")));
	assert_false(filter_type_sender(&f, S("m.x"), S("@b:d")));
	assert_false(filter_type_sender(&f, S("m.y"), S("@a:d")));
	assert_true(filter_room(&f.rooms, &f.not_rooms, S("!s:d")));
	assert_false(filter_room(&f.rooms, &f.not_rooms, S("!r:d")));
}

static void
test_numbers_and_flags(void **state)
{
	struct event_filter f = read_filter("{}");

	(void)state;
	assert_int_equal(f.limit, -1);
	assert_int_equal(f.contains_url, -1);
	assert_false(f.lazy_members || f.redundant_members || f.unread_thread);
	f = read_filter("{\"limit\":0,\"lazy_load_members\":true}");
	assert_int_equal(f.limit, 0);
	assert_true(f.lazy_members);
	assert_false(f.redundant_members || f.unread_thread);
	f = read_filter("{\"include_redundant_members\":true}");
	assert_true(f.redundant_members);
	f = read_filter("{\"unread_thread_notifications\":true}");
	assert_true(f.unread_thread);
	f = read_filter("{\"contains_url\":false}");
	assert_int_equal(f.contains_url, 0);
}

static const char *const bad[] = {
	"[]", "\"x\"", "{\"limit\":-1}", "{\"limit\":\"1\"}", "{\"limit\":1.5}",
	"{\"limit\":null}", "{\"types\":\"m.x\"}", "{\"types\":[1]}",
	"{\"types\":{}}", "{\"types\":null}", "{\"not_types\":[null]}",
	"{\"senders\":[\"a\"]}", "{\"senders\":1}", "{\"not_senders\":[\"a\"]}",
	"{\"rooms\":[\"#a:d\"]}", "{\"not_rooms\":[\"r\"]}",
	"{\"contains_url\":1}", "{\"contains_url\":null}",
	"{\"lazy_load_members\":\"true\"}", "{\"include_redundant_members\":0}",
	"{\"unread_thread_notifications\":[]}",
};

/* Wherever it stands, a wrong part makes the whole filter wrong. */
static const char *const within[] = {
	"{\"presence\":%s}", "{\"account_data\":%s}", "{\"room\":{\"state\":%s}}",
	"{\"room\":{\"timeline\":%s}}", "{\"room\":{\"ephemeral\":%s}}",
	"{\"room\":{\"account_data\":%s}}",
};

static bool
sync_ok(struct str text, struct sync_filter *f)
{
	struct json *j = arena_make(a, struct json);
	struct err e = { .code = M_OK };
	bool ok;

	*j = parse(text);
	ok = filter_read_sync(a, j, f, &e);
	assert_int_equal(e.code, ok ? M_OK : M_BAD_JSON);
	return ok;
}

static struct str
put_in(const char *frame, const char *part)
{
	struct str before, after;
	bool cut = str_cut(str_c(frame), '%', &before, &after);

	assert_true(cut);
	return str_cat(a, str_cat(a, before, str_c(part)), str_from(after, 1));
}

static void
test_bad(void **state)
{
	struct sync_filter f;

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct json j = parse(str_c(bad[i]));
		struct event_filter one;
		struct err e = { .code = M_OK };

		if (filter_read_event(a, &j, &one, &e) || e.code != M_BAD_JSON)
			fail_msg("%s", bad[i]);
		for (size_t k = 0; k < LEN(within); k++)
			if (sync_ok(put_in(within[k], bad[i]), &f))
				fail_msg("%s in %s", bad[i], within[k]);
	}
	for (size_t k = 0; k < LEN(within); k++)
		assert_true(sync_ok(put_in(within[k], "{}"), &f));
}

static const char *const bad_sync[] = {
	"[]", "{\"room\":[]}", "{\"room\":null}", "{\"event_fields\":\"x\"}",
	"{\"event_fields\":[1]}", "{\"event_format\":\"x\"}",
	"{\"event_format\":1}", "{\"room\":{\"rooms\":[\"x\"]}}",
	"{\"room\":{\"not_rooms\":{}}}", "{\"room\":{\"include_leave\":1}}",
};

static void
test_sync(void **state)
{
	struct sync_filter f;

	(void)state;
	for (size_t i = 0; i < LEN(bad_sync); i++)
		if (sync_ok(str_c(bad_sync[i]), &f))
			fail_msg("%s", bad_sync[i]);
	assert_true(sync_ok(S("{}"), &f));
	assert_false(f.include_leave || f.federation_format || f.fields.given ||
	    f.rooms.given || f.not_rooms.given);
	assert_int_equal(f.timeline.limit, -1);
	assert_true(sync_ok(S("{\"event_format\":\"federation\","
	    "\"event_fields\":[\"type\"],\"presence\":{\"limit\":1},"
	    "\"account_data\":{\"limit\":2},\"room\":{\"rooms\":[\"!a:d\"],"
	    "\"not_rooms\":[\"!b:d\",\"!c:d\"],\"include_leave\":true,"
	    "\"state\":{\"limit\":3},\"timeline\":{\"limit\":4},"
	    "\"ephemeral\":{\"limit\":5},\"account_data\":{\"limit\":6}}}"),
	    &f));
	assert_true(f.include_leave && f.federation_format && f.fields.given);
	assert_int_equal(f.rooms.n, 1);
	assert_int_equal(f.not_rooms.n, 2);
	assert_int_equal(f.presence.limit, 1);
	assert_int_equal(f.account_data.limit, 2);
	assert_int_equal(f.state.limit, 3);
	assert_int_equal(f.timeline.limit, 4);
	assert_int_equal(f.ephemeral.limit, 5);
	assert_int_equal(f.room_account_data.limit, 6);
	assert_true(sync_ok(S("{\"event_format\":\"client\"}"), &f));
	assert_false(f.federation_format);
}

/* As many as the list may have, and one more. */
static void
test_long_list(void **state)
{
	struct json j = json_new_obj(), list = json_new_arr();
	struct event_filter f;
	struct err e = { .code = M_OK };

	(void)state;
	for (int i = 0; i < FILTER_LIST_MAX; i++)
		json_push(a, &list, json_of_str(S("m.x")));
	json_set(a, &j, S("types"), list);
	assert_true(filter_read_event(a, &j, &f, &e));
	assert_int_equal(f.types.n, FILTER_LIST_MAX);
	json_push(a, &list, json_of_str(S("m.x")));
	json_set(a, &j, S("types"), list);
	assert_false(filter_read_event(a, &j, &f, &e));
	assert_int_equal(e.code, M_BAD_JSON);
}

#define EVENT "{\"content\":{\"a.b\":1,\"c\":{\"d\":2,\"e\":3},\"f\\\\g\":4," \
	"\"h\":[5]},\"sender\":\"@a:d\",\"type\":\"m.x\"}"

static const struct {
	const char *what, *fields, *left;
} fields[] = {
	{ "none", "[]", "{}" },
	{ "one at the top", "[\"type\"]", "{\"type\":\"m.x\"}" },
	{ "two", "[\"type\",\"sender\"]",
	    "{\"sender\":\"@a:d\",\"type\":\"m.x\"}" },
	{ "one twice", "[\"type\",\"type\"]", "{\"type\":\"m.x\"}" },
	{ "one that is not there", "[\"x\"]", "{}" },
	{ "one below", "[\"content.c.d\"]", "{\"content\":{\"c\":{\"d\":2}}}" },
	{ "two below one another", "[\"content.c.d\",\"content.c.e\"]",
	    "{\"content\":{\"c\":{\"d\":2,\"e\":3}}}" },
	{ "a whole and a part of it", "[\"content.c\",\"content.c.d\"]",
	    "{\"content\":{\"c\":{\"d\":2,\"e\":3}}}" },
	{ "a part and the whole of it", "[\"content.c.d\",\"content.c\"]",
	    "{\"content\":{\"c\":{\"d\":2,\"e\":3}}}" },
	{ "a dot in a name", "[\"content.a\\\\.b\"]",
	    "{\"content\":{\"a.b\":1}}" },
	{ "a dot that parts", "[\"content.a.b\"]", "{}" },
	{ "a backslash in a name", "[\"content.f\\\\\\\\g\"]",
	    "{\"content\":{\"f\\\\g\":4}}" },
	{ "a backslash that hides nothing", "[\"content.f\\\\g\"]",
	    "{\"content\":{\"f\\\\g\":4}}" },
	{ "below a list", "[\"content.h.0\"]", "{}" },
	{ "below a text", "[\"type.x\"]", "{}" },
	{ "below what is not there", "[\"content.x.y\"]", "{}" },
	{ "an empty name", "[\"\"]", "{}" },
	{ "a dot at the end", "[\"content.\"]", "{}" },
};

static void
test_fields(void **state)
{
	struct json event = parse(S(EVENT));

	(void)state;
	for (size_t i = 0; i < LEN(fields); i++) {
		struct sync_filter f;
		struct json left;

		assert_true(sync_ok(put_in("{\"event_fields\":%s}",
		    fields[i].fields), &f));
		left = filter_fields(a, &f.fields, &event);
		if (!str_eq_c(json_text(a, &left), fields[i].left))
			fail_msg("%s: " STR_FMT, fields[i].what,
			    STR_ARG(json_text(a, &left)));
	}
	assert_true(str_eq(json_text(a, &event), S(EVENT)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_numbers_and_flags),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
