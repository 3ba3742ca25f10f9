/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What push rules decide. spec: client-server, "Push Rules", "Predefined Rules". */
#include "unit.h"

#include "fixture.h"
#include "room/pushrule.h"

static const struct str me = S_INIT("@me:d");

/* The reader, called "Mona", gets an event of @you:d in a room of so many. */
static struct push_result
result_of(const char *stored, const char *event, int64_t members)
{
	struct json tree, rules = json_new_obj(), create_content, levels;
	struct event create = { .v = version_n(11), .sender = S("@c:d"),
		.content = &create_content },
	    power_levels = { .v = version_n(11), .content = &levels };
	struct event ev = { .v = version_n(11), .room = S("!r:d") };
	struct power power;
	struct push_ask ask = { .ev = &ev, .user_id = me,
		.display_name = S("Mona"), .member_count = members,
		.power = &power };
	struct push_result out;

	create_content = parse(S("{}"));
	levels = parse(S("{\"users\":{\"@mod:d\":50},"
	    "\"notifications\":{\"other\":20}}"));
	power_init(&power, &create, &power_levels);
	tree = parse(str_c(event));
	if (stored != NULL)
		rules = parse(str_c(stored));
	ev.json = tree;
	ev.type = json_str(&tree, S("type"));
	ev.sender = json_get(&tree, S("sender")) != NULL ?
	    json_str(&tree, S("sender")) : S("@you:d");
	ev.content = json_get(&tree, S("content"));
	push_evaluate(pushrules_compile(a, me, stored != NULL ? &rules : NULL),
	    &ask, &out);
	return out;
}

struct decision {
	const char *what, *event;
	int64_t members;
	const char *rule;		/* that decides; "": none */
	bool notify, highlight;
	const char *sound;
};

#define TEXT(body) "{\"type\":\"m.room.message\",\"content\":{\"body\":\"" body "\"}}"
#define TEXT_FROM(who, body) "{\"sender\":\"" who "\",\"type\":" \
	"\"m.room.message\",\"content\":{\"body\":\"" body "\"}}"
#define MENTION(what) "{\"type\":\"m.room.message\",\"content\":{" \
	"\"m.mentions\":" what "}}"
#define MENTION_BY_MOD(what) "{\"sender\":\"@mod:d\",\"type\":" \
	"\"m.room.message\",\"content\":{\"m.mentions\":" what "}}"
#define STATE(type, key, content) "{\"type\":\"" type "\",\"state_key\":\"" \
	key "\",\"content\":" content "}"

static const struct decision defaults[] = {
	{ "a message among many", TEXT("hi"), 3, ".m.rule.message", true,
	    false, "" },
	{ "a message of two", TEXT("hi"), 2, ".m.rule.room_one_to_one", true,
	    false, "default" },
	{ "a message to oneself", TEXT("hi"), 1, ".m.rule.message", true,
	    false, "" },
	{ "one's own message", TEXT_FROM("@me:d", "hi"), 3, "", false, false,
	    "" },
	{ "an encrypted one among many",
	    "{\"type\":\"m.room.encrypted\",\"content\":{}}", 3,
	    ".m.rule.encrypted", true, false, "" },
	{ "an encrypted one of two",
	    "{\"type\":\"m.room.encrypted\",\"content\":{}}", 2,
	    ".m.rule.encrypted_room_one_to_one", true, false, "default" },
	{ "a notice", "{\"type\":\"m.room.message\",\"content\":{\"msgtype\":"
	    "\"m.notice\"}}", 2, ".m.rule.suppress_notices", false, false, "" },
	{ "an invite for me", STATE("m.room.member", "@me:d",
	    "{\"membership\":\"invite\"}"), 3, ".m.rule.invite_for_me", true,
	    false, "default" },
	{ "an invite for another", STATE("m.room.member", "@x:d",
	    "{\"membership\":\"invite\"}"), 3, ".m.rule.member_event", false,
	    false, "" },
	{ "a join of mine", STATE("m.room.member", "@me:d",
	    "{\"membership\":\"join\"}"), 3, ".m.rule.member_event", false,
	    false, "" },
	{ "a mention of me", MENTION("{\"user_ids\":[\"@x:d\",\"@me:d\"]}"), 3,
	    ".m.rule.is_user_mention", true, true, "default" },
	{ "a mention of another", MENTION("{\"user_ids\":[\"@x:d\"]}"), 3,
	    ".m.rule.message", true, false, "" },
	{ "a mention that is no list", MENTION("{\"user_ids\":\"@me:d\"}"), 3,
	    ".m.rule.message", true, false, "" },
	{ "a mention of the room by one who may",
	    MENTION_BY_MOD("{\"room\":true}"), 3, ".m.rule.is_room_mention",
	    true, true, "" },
	{ "a mention of the room by one who may not",
	    MENTION("{\"room\":true}"), 3, ".m.rule.message", true, false,
	    "" },
	{ "no mention of the room", MENTION_BY_MOD("{\"room\":false}"), 3,
	    ".m.rule.message", true, false, "" },
	{ "a mention of the room as text", MENTION_BY_MOD("{\"room\":\"true\"}"),
	    3, ".m.rule.message", true, false, "" },
	{ "a tombstone", STATE("m.room.tombstone", "", "{}"), 3,
	    ".m.rule.tombstone", true, true, "" },
	{ "a tombstone with a key", STATE("m.room.tombstone", "x", "{}"), 3,
	    "", false, false, "" },
	{ "a reaction", "{\"type\":\"m.reaction\",\"content\":{}}", 2,
	    ".m.rule.reaction", false, false, "" },
	{ "a server ACL", STATE("m.room.server_acl", "", "{}"), 2,
	    ".m.rule.room.server_acl", false, false, "" },
	{ "an edit", "{\"type\":\"m.room.message\",\"content\":{"
	    "\"m.relates_to\":{\"rel_type\":\"m.replace\"}}}", 2,
	    ".m.rule.suppress_edits", false, false, "" },
	{ "a call", "{\"type\":\"m.call.invite\",\"content\":{}}", 3,
	    ".m.rule.call", true, false, "ring" },
	{ "something else", "{\"type\":\"m.x\",\"content\":{}}", 2, "", false,
	    false, "" },
};

static void
check(const struct decision *d, const char *stored)
{
	struct push_result r = result_of(stored, d->event, d->members);

	if (!str_eq_c(r.rule_id, d->rule) || r.notify != d->notify ||
	    r.highlight != d->highlight || !str_eq_c(r.sound, d->sound))
		fail_msg("%s: rule \"" STR_FMT "\", notify %d, highlight %d, "
		    "sound \"" STR_FMT "\"", d->what, STR_ARG(r.rule_id),
		    r.notify, r.highlight, STR_ARG(r.sound));
}

static void
test_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(defaults); i++) {
		check(&defaults[i], NULL);
		check(&defaults[i], "{}");
	}
}

#define ONE(conditions) "{\"rules\":{\"override\":[{\"rule_id\":\"x\"," \
	"\"actions\":[\"notify\"],\"conditions\":[" conditions "]}]}}"
#define MATCH(key, pattern) "{\"kind\":\"event_match\",\"key\":\"" key \
	"\",\"pattern\":\"" pattern "\"}"
#define COUNT(is) "{\"kind\":\"room_member_count\",\"is\":\"" is "\"}"
#define PROPERTY(kind, key, value) "{\"kind\":\"event_property_" kind \
	"\",\"key\":\"" key "\",\"value\":" value "}"
#define NAME "{\"kind\":\"contains_display_name\"}"
#define MAY(key) "{\"kind\":\"sender_notification_permission\",\"key\":\"" key "\"}"
#define VALUE(v) "{\"type\":\"m.x\",\"content\":{\"k\":" v "}}"

/* Does a rule of those conditions hold? The room has 5 members. */
static const struct {
	const char *what, *stored, *event;
	bool holds;
} conditions[] = {
	{ "no condition", ONE(""), VALUE("1"), true },
	{ "two that hold", ONE(COUNT("5") "," MATCH("type", "m.x")),
	    VALUE("1"), true },
	{ "one of two", ONE(COUNT("5") "," MATCH("type", "m.y")), VALUE("1"),
	    false },
	{ "an unknown one", ONE("{\"kind\":\"org.example\"}"), VALUE("1"),
	    false },
	{ "one without a kind", ONE("{}"), VALUE("1"), false },
	{ "the type", ONE(MATCH("type", "m.x")), VALUE("1"), true },
	{ "another case", ONE(MATCH("type", "M.X")), VALUE("1"), true },
	{ "a part of the type", ONE(MATCH("type", "m.")), VALUE("1"), false },
	{ "a glob of the type", ONE(MATCH("type", "m.*")), VALUE("1"), true },
	{ "one letter of the type", ONE(MATCH("type", "m.?")), VALUE("1"),
	    true },
	{ "the room", ONE(MATCH("room_id", "!r:d")), VALUE("1"), true },
	{ "another room", ONE(MATCH("room_id", "!s:d")), VALUE("1"), false },
	{ "a text in content", ONE(MATCH("content.k", "abc")),
	    VALUE("\"abc\""), true },
	{ "the whole text, not a word", ONE(MATCH("content.k", "abc")),
	    VALUE("\"abc def\""), false },
	{ "a number is no text", ONE(MATCH("content.k", "1")), VALUE("1"),
	    false },
	{ "a member that is not there", ONE(MATCH("content.x", "*")),
	    VALUE("1"), false },
	{ "a member below", ONE(MATCH("content.k.l", "x")),
	    VALUE("{\"l\":\"x\"}"), true },
	{ "a dot in a name", ONE(MATCH("content.k\\\\.l", "x")),
	    "{\"type\":\"m.x\",\"content\":{\"k.l\":\"x\"}}", true },
	{ "a pattern that is missing", ONE("{\"kind\":\"event_match\","
	    "\"key\":\"type\"}"), VALUE("1"), false },
	{ "a key that is missing", ONE("{\"kind\":\"event_match\","
	    "\"pattern\":\"*\"}"), VALUE("1"), false },
	{ "a path as long as may be", ONE(MATCH("content.1.2.3.4.5.6.7", "x")),
	    "{\"type\":\"m.x\",\"content\":{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":"
	    "{\"6\":{\"7\":\"x\"}}}}}}}}", true },
	{ "a path that is too long",
	    ONE(MATCH("content.1.2.3.4.5.6.7.8", "x")),
	    "{\"type\":\"m.x\",\"content\":{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":"
	    "{\"6\":{\"7\":{\"8\":\"x\"}}}}}}}}}", false },
	{ "a word of the body", ONE(MATCH("content.body", "cake")),
	    TEXT("have some Cake, now"), true },
	{ "a part of a word", ONE(MATCH("content.body", "cake")),
	    TEXT("cakes"), false },
	{ "the end of a word", ONE(MATCH("content.body", "cake")),
	    TEXT("pancake"), false },
	{ "a word beside a low line", ONE(MATCH("content.body", "cake")),
	    TEXT("_cake"), false },
	{ "the first word", ONE(MATCH("content.body", "cake")), TEXT("cake?"),
	    true },
	{ "the last word", ONE(MATCH("content.body", "cake")), TEXT("a cake"),
	    true },
	{ "a part, then the word", ONE(MATCH("content.body", "cake")),
	    TEXT("cakes and cake"), true },
	{ "a glob of a word", ONE(MATCH("content.body", "cak?")),
	    TEXT("have cake"), true },
	{ "a glob within a word", ONE(MATCH("content.body", "cak?")),
	    TEXT("cakes"), false },
	{ "a glob with a star", ONE(MATCH("content.body", "ca*s")),
	    TEXT("have cakes now"), true },
	{ "== of the count", ONE(COUNT("==5")), VALUE("1"), true },
	{ "== of another", ONE(COUNT("==4")), VALUE("1"), false },
	{ "a bare count", ONE(COUNT("5")), VALUE("1"), true },
	{ "a bare count of another", ONE(COUNT("4")), VALUE("1"), false },
	{ "less", ONE(COUNT("<6")), VALUE("1"), true },
	{ "not less", ONE(COUNT("<5")), VALUE("1"), false },
	{ "more", ONE(COUNT(">4")), VALUE("1"), true },
	{ "not more", ONE(COUNT(">5")), VALUE("1"), false },
	{ "at most", ONE(COUNT("<=5")), VALUE("1"), true },
	{ "not at most", ONE(COUNT("<=4")), VALUE("1"), false },
	{ "at least", ONE(COUNT(">=5")), VALUE("1"), true },
	{ "not at least", ONE(COUNT(">=6")), VALUE("1"), false },
	{ "a count that is none", ONE(COUNT("=>5")), VALUE("1"), false },
	{ "an empty count", ONE(COUNT("")), VALUE("1"), false },
	{ "a value", ONE(PROPERTY("is", "content.k", "1")), VALUE("1"), true },
	{ "another value", ONE(PROPERTY("is", "content.k", "1")), VALUE("2"),
	    false },
	{ "a value of another type", ONE(PROPERTY("is", "content.k", "1")),
	    VALUE("\"1\""), false },
	{ "true", ONE(PROPERTY("is", "content.k", "true")), VALUE("true"),
	    true },
	{ "null", ONE(PROPERTY("is", "content.k", "null")), VALUE("null"),
	    true },
	{ "null that is not there", ONE(PROPERTY("is", "content.x", "null")),
	    VALUE("null"), false },
	{ "the case of a value counts",
	    ONE(PROPERTY("is", "content.k", "\"a\"")), VALUE("\"A\""), false },
	{ "a list is no value", ONE(PROPERTY("is", "content.k", "[]")),
	    VALUE("[]"), false },
	{ "a value in a list", ONE(PROPERTY("contains", "content.k", "1")),
	    VALUE("[0,1]"), true },
	{ "a value not in a list", ONE(PROPERTY("contains", "content.k", "1")),
	    VALUE("[0,\"1\"]"), false },
	{ "an empty list", ONE(PROPERTY("contains", "content.k", "1")),
	    VALUE("[]"), false },
	{ "no list", ONE(PROPERTY("contains", "content.k", "1")), VALUE("1"),
	    false },
	{ "an object in a list", ONE(PROPERTY("contains", "content.k", "{}")),
	    VALUE("[{}]"), false },
	{ "my name", ONE(NAME), TEXT("ask Mona."), true },
	{ "my name in small letters", ONE(NAME), TEXT("ask mona"), true },
	{ "my name in a word", ONE(NAME), TEXT("monarch"), false },
	{ "no name", ONE(NAME), TEXT("ask"), false },
	{ "the sender may notify", ONE(MAY("other")),
	    TEXT_FROM("@mod:d", "x"), true },
	{ "the sender may not", ONE(MAY("other")), TEXT("x"), false },
	{ "the sender may by the default of 50", ONE(MAY("none")),
	    TEXT_FROM("@mod:d", "x"), true },
};

static void
test_conditions(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(conditions); i++) {
		struct push_result r = result_of(conditions[i].stored,
		    conditions[i].event, 5);

		if (str_eq(r.rule_id, S("x")) != conditions[i].holds)
			fail_msg("%s", conditions[i].what);
	}
}

#define RULE_ID(id, actions, more) "{\"rule_id\":\"" id "\",\"actions\":" \
	actions more "}"
#define NOTIFY "[\"notify\"]"
#define OWN(kind, rules) "\"" kind "\":[" rules "]"

/* Which of the user's own rules decides a message "a cake" of @you:d in !r:d among three. */
static const struct {
	const char *what, *stored, *rule;
	bool notify;
} orders[] = {
	{ "override before content", "{\"rules\":{"
	    OWN("content", RULE_ID("c", NOTIFY, ",\"pattern\":\"cake\"")) ","
	    OWN("override", RULE_ID("o", "[]", ",\"conditions\":[]")) "}}",
	    "o", false },
	{ "content before room", "{\"rules\":{"
	    OWN("room", RULE_ID("!r:d", "[]", "")) ","
	    OWN("content", RULE_ID("c", NOTIFY, ",\"pattern\":\"cake\""))
	    "}}", "c", true },
	{ "room before sender", "{\"rules\":{"
	    OWN("sender", RULE_ID("@you:d", NOTIFY, "")) ","
	    OWN("room", RULE_ID("!r:d", "[]", "")) "}}", "!r:d", false },
	{ "sender before underride", "{\"rules\":{"
	    OWN("underride", RULE_ID("u", NOTIFY, ",\"conditions\":[]")) ","
	    OWN("sender", RULE_ID("@you:d", "[]", "")) "}}", "@you:d", false },
	{ "one's own underride before the defaults", "{\"rules\":{"
	    OWN("underride", RULE_ID("u", "[]", ",\"conditions\":[]")) "}}",
	    "u", false },
	{ "the first of a kind", "{\"rules\":{"
	    OWN("override", RULE_ID("1", "[]", "") ","
	    RULE_ID("2", NOTIFY, "")) "}}", "1", false },
	{ "the first of a kind is off", "{\"rules\":{"
	    OWN("override", RULE_ID("1", "[]", ",\"enabled\":false") ","
	    RULE_ID("2", NOTIFY, "")) "}}", "2", true },
	{ "another room", "{\"rules\":{"
	    OWN("room", RULE_ID("!s:d", "[]", "")) "}}", ".m.rule.message",
	    true },
	{ "a room rule is no glob", "{\"rules\":{"
	    OWN("room", RULE_ID("*", "[]", "")) "}}", ".m.rule.message",
	    true },
	{ "another sender", "{\"rules\":{"
	    OWN("sender", RULE_ID("@x:d", "[]", "")) "}}", ".m.rule.message",
	    true },
	{ "another word", "{\"rules\":{"
	    OWN("content", RULE_ID("c", "[]", ",\"pattern\":\"pie\"")) "}}",
	    ".m.rule.message", true },
	{ "the master rule before all", "{\"defaults\":{\".m.rule.master\":"
	    "{\"enabled\":true}},\"rules\":{"
	    OWN("override", RULE_ID("o", NOTIFY, "")) "}}", ".m.rule.master",
	    false },
	{ "a default that is off", "{\"defaults\":{\".m.rule.message\":"
	    "{\"enabled\":false}}}", "", false },
	{ "a default with other actions", "{\"defaults\":{\".m.rule.message\":"
	    "{\"actions\":[]}}}", ".m.rule.message", false },
	{ "damaged rules are passed over", "{\"rules\":{"
	    OWN("override", "1,{},{\"actions\":[\"notify\"]}") "}}",
	    ".m.rule.message", true },
	{ "dont_notify", "{\"rules\":{"
	    OWN("override", RULE_ID("o", "[\"dont_notify\"]", "")) "}}", "o",
	    false },
};

static void
test_orders(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(orders); i++) {
		struct push_result r = result_of(orders[i].stored,
		    TEXT_FROM("@you:d", "a cake"), 3);

		if (!str_eq_c(r.rule_id, orders[i].rule) ||
		    r.notify != orders[i].notify)
			fail_msg("%s: \"" STR_FMT "\", notify %d",
			    orders[i].what, STR_ARG(r.rule_id), r.notify);
	}
}

static const struct {
	const char *actions;
	bool notify, highlight;
	const char *sound;
} tweaks[] = {
	{ "[\"notify\",{\"set_tweak\":\"highlight\"}]", true, true, "" },
	{ "[\"notify\",{\"set_tweak\":\"highlight\",\"value\":false}]", true,
	    false, "" },
	{ "[\"notify\",{\"set_tweak\":\"highlight\",\"value\":true}]", true,
	    true, "" },
	{ "[\"notify\",{\"set_tweak\":\"highlight\",\"value\":0}]", true,
	    true, "" },
	{ "[{\"set_tweak\":\"highlight\"}]", false, false, "" },
	{ "[\"notify\",{\"set_tweak\":\"sound\",\"value\":\"gong\"}]", true,
	    false, "gong" },
	{ "[\"notify\",{\"set_tweak\":\"sound\",\"value\":1}]", true, false,
	    "" },
	{ "[\"notify\",{\"set_tweak\":\"other\",\"value\":\"x\"}]", true,
	    false, "" },
};

static void
test_tweaks(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(tweaks); i++) {
		struct decision d = { tweaks[i].actions, TEXT("x"), 3, "o",
			tweaks[i].notify, tweaks[i].highlight,
			tweaks[i].sound };

		check(&d, str_cz(a, str_fmt(a, "{\"rules\":{\"override\":["
		    "{\"rule_id\":\"o\",\"actions\":%s}]}}",
		    tweaks[i].actions)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_tweaks),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
