/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * State resolution, rule by rule, in rooms of three people. Against another
 * implementation: tests/differential/resolve.py.
 */
#include "unit.h"

#include "crypto/digest.h"
#include "room/resolve.h"
#include "room/fixture.h"

#include <stdio.h>
#include <string.h>

#define EVENTS_MAX 32
/* "$c" in rooms whose id is the hash of their create event. */
#define HASH "ccccccccccccccccccccccccccccccccccccccccccc"
#define CREATE "$" HASH
#define ROOM ",\"room_id\":\"!" HASH "\""

static struct {
	const struct room_version *v;
	struct event ev[EVENTS_MAX];
	bool rejected[EVENTS_MAX];
	size_t n;
} room;

static int
index_of(struct str id)
{
	if (str_eq(id, S("$c")))
		return 0;
	for (size_t i = 0; i < room.n; i++)
		if (str_eq(room.ev[i].id, id))
			return (int)i;
	return -1;
}

static const struct event *
get_event(void *arg, struct str id)
{
	int i = index_of(id);

	(void)arg;
	return i < 0 ? NULL : &room.ev[i];
}

static bool
get_rejected(void *arg, struct str id)
{
	(void)arg;
	return room.rejected[index_of(id)];
}

/* auth: names with spaces between. In rooms of version 12 the create event is never one. */
static void
add(const char *id, const char *sender, const char *type, const char *key,
    const char *content, const char *auth, int ts)
{
	struct str rest = str_c(auth), one, list = S("");
	struct err e = { .code = M_OK };
	bool old = room.v->event_ids == EVENT_ID_GIVEN;
	bool first = strcmp(id, "$c") == 0;
	const char *place = ",\"room_id\":\"!r:d\"";

	while (rest.n > 0) {
		(void)str_cut(rest, ' ', &one, &rest);
		if (room.v->room_id_is_create_hash && str_eq(one, S("$c")))
			continue;
		list = str_fmt(a, old ? STR_FMT "%s[\"" STR_FMT "\",{}]"
		    : STR_FMT "%s\"" STR_FMT "\"", STR_ARG(list),
		    list.n > 0 ? "," : "", STR_ARG(one));
	}
	assert_true(room.n < EVENTS_MAX);
	if (first && room.v->room_id_is_create_hash)
		id = CREATE;
	if (room.v->room_id_is_create_hash)
		place = first ? "" : ROOM;
	if (!event_load(a, room.v, str_c(id), str_fmt(a,
	    "{\"type\":\"%s\",\"sender\":\"%s\",\"state_key\":\"%s\","
	    "\"content\":%s,\"auth_events\":[" STR_FMT "],\"prev_events\":[%s],"
	    "\"depth\":%d,\"origin_server_ts\":%d%s}", type, sender, key,
	    content, STR_ARG(list), first ? "" : old ? "[\"$c\",{}]"
	    : "\"$c\"", ts, ts, place), &room.ev[room.n], &e))
		fail_msg("%s: %s", id, e.text);
	room.rejected[room.n++] = false;
}

/* @a made the room; @b has 50, @m nothing. */
static void
begin(const char *version)
{
	bool creators;

	memset(&room, 0, sizeof(room));
	room.v = room_version(str_c(version));
	creators = room.v->creators_have_infinite_power;
	add("$c", "@a:d", "m.room.create", "", room.v->implicit_creator ? "{}"
	    : "{\"creator\":\"@a:d\"}", "", 1);
	add("$a", "@a:d", "m.room.member", "@a:d", "{\"membership\":\"join\"}",
	    "$c", 2);
	add("$p", "@a:d", "m.room.power_levels", "", creators
	    ? "{\"users\":{\"@b:d\":50}}"
	    : "{\"users\":{\"@a:d\":100,\"@b:d\":50}}", "$c $a", 3);
	add("$j", "@a:d", "m.room.join_rules", "",
	    "{\"join_rule\":\"public\"}", "$c $a $p", 4);
	add("$b", "@b:d", "m.room.member", "@b:d", "{\"membership\":\"join\"}",
	    "$c $p $j", 5);
	add("$m", "@m:d", "m.room.member", "@m:d", "{\"membership\":\"join\"}",
	    "$c $p $j", 6);
}

/* A state from the names of its events. */
static struct state_set
state_of(const char *names)
{
	struct str rest = str_c(names), one;
	struct state_entry *at = arena_array(a, struct state_entry, EVENTS_MAX);
	size_t n = 0;

	while (rest.n > 0) {
		const struct event *ev;

		(void)str_cut(rest, ' ', &one, &rest);
		ev = get_event(NULL, one);
		assert_non_null(ev);
		at[n++] = (struct state_entry){ { ev->type, ev->state_key },
		    ev->id };
	}
	return (struct state_set){ at, n };
}

static bool
resolve(const struct state_set *sets, size_t n, struct state_entry **out,
    size_t *nout, struct err *e)
{
	struct resolve_io io = { get_event, get_rejected, NULL };

	*e = (struct err){ .code = M_OK };
	return resolve_state(a, room.v, sets, n, &io, out, nout, e);
}

/* Both ways round, the states give what is wanted, names in the order of the events. */
static void
gives(const char *one, const char *two, const char *want)
{
	struct state_set set[2] = { state_of(one), state_of(two) };
	struct state_set turned[2] = { set[1], set[0] };
	char got[256];

	for (int turn = 0; turn < 2; turn++) {
		struct state_entry *out;
		struct err e;
		size_t n, at = 0;

		assert_true(resolve(turn == 0 ? set : turned, 2, &out, &n,
		    &e));
		got[0] = '\0';
		for (size_t i = 0; i < room.n; i++)
			for (size_t k = 0; k < n; k++)
				if (str_eq(out[k].event_id, room.ev[i].id))
					at += (size_t)snprintf(got + at,
					    sizeof(got) - at, "%s" STR_FMT,
					    at > 0 ? " " : "",
					    STR_ARG(i == 0 ? S("$c")
					    : room.ev[i].id));
		assert_string_equal(got, want);
	}
}

#define BASE "$c $a $p $j $b $m"
#define EACH(v) for (const char *const *v = versions; *v != NULL; v++)
static const char *const versions[] = { "1", "2", "6", "10", "11", "12", NULL };
static const char *const newer[] = { "2", "5", "11", "12", NULL };

static void
test_what_agrees_stays(void **state)
{
	(void)state;
	EACH(v) {
		begin(*v);
		gives(BASE, BASE, BASE);
	}
}

static void
test_what_only_one_branch_has_is_let_in(void **state)
{
	(void)state;
	EACH(v) {
		begin(*v);
		add("$t", "@a:d", "m.room.topic", "", "{}", "$c $a $p", 7);
		gives(BASE, BASE " $t", BASE " $t");
	}
}

static void
test_a_ban_undoes_what_was_done_beside_it(void **state)
{
	(void)state;
	for (const char *const *v = newer; *v != NULL; v++) {
		begin(*v);
		add("$ban", "@a:d", "m.room.member", "@b:d",
		    "{\"membership\":\"ban\"}", "$c $a $p $b", 9);
		add("$t", "@b:d", "m.room.topic", "", "{}", "$c $b $p", 7);
		add("$q", "@b:d", "m.room.power_levels", "",
		    "{\"users\":{\"@a:d\":100,\"@b:d\":50,\"@m:d\":50}}",
		    "$c $b $p", 8);
		gives("$c $a $p $j $ban $m", "$c $a $q $j $b $m $t",
		    "$c $a $p $j $m $ban");
	}
}

static void
test_the_more_powerful_wins_a_fight(void **state)
{
	(void)state;
	for (const char *const *v = newer; *v != NULL; v++) {
		begin(*v);
		add("$q", "@b:d", "m.room.power_levels", "",
		    room.v->creators_have_infinite_power
		    ? "{\"users\":{\"@b:d\":50,\"@m:d\":50}}"
		    : "{\"users\":{\"@a:d\":100,\"@b:d\":50,\"@m:d\":50}}",
		    "$c $b $p", 7);
		add("$r", "@a:d", "m.room.power_levels", "",
		    room.v->creators_have_infinite_power ? "{\"users\":{}}"
		    : "{\"users\":{\"@a:d\":100}}", "$c $a $p", 20);
		gives("$c $a $q $j $b $m", "$c $a $r $j $b $m",
		    "$c $a $j $b $m $r");
	}
}

static void
test_of_equals_the_later_stands(void **state)
{
	(void)state;
	for (const char *const *v = newer; *v != NULL; v++) {
		begin(*v);
		add("$x", "@b:d", "m.room.topic", "", "{}", "$c $b $p", 9);
		add("$y", "@a:d", "m.room.topic", "", "{}", "$c $a $p", 8);
		gives(BASE " $x", BASE " $y", BASE " $x");
		begin(*v);
		add("$x", "@b:d", "m.room.topic", "", "{}", "$c $b $p", 9);
		add("$y", "@a:d", "m.room.topic", "", "{}", "$c $a $p", 9);
		gives(BASE " $x", BASE " $y", BASE " $y");
	}
}

/* In version 1 the deeper one does. */
static void
test_version_1_takes_the_deepest(void **state)
{
	(void)state;
	begin("1");
	add("$x", "@b:d", "m.room.topic", "", "{}", "$c $b $p", 9);
	add("$y", "@a:d", "m.room.topic", "", "{}", "$c $a $p", 8);
	gives(BASE " $x", BASE " $y", BASE " $x");
}

/* CVE-2022-39374 */
static void
test_a_rejected_event_never_enters(void **state)
{
	(void)state;
	EACH(v) {
		begin(*v);
		add("$t", "@a:d", "m.room.topic", "", "{}", "$c $a $p", 7);
		add("$u", "@a:d", "m.room.topic", "", "{}", "$c $a $p", 9);
		room.rejected[room.n - 1] = true;
		gives(BASE " $t", BASE " $u", BASE " $t");
	}
}

/* A chain of power levels that nobody may have set does not carry what rests on it. */
static void
test_rejected_power_lifts_nobody(void **state)
{
	(void)state;
	for (const char *const *v = newer; *v != NULL; v++) {
		begin(*v);
		add("$q", "@m:d", "m.room.power_levels", "",
		    "{\"users\":{\"@m:d\":100}}", "$c $m $p", 7);
		room.rejected[room.n - 1] = true;
		add("$t", "@m:d", "m.room.topic", "", "{}", "$c $m $q", 8);
		gives(BASE, "$c $a $q $j $b $m $t", BASE);
	}
}

static void
test_what_is_missing_or_circular_is_said(void **state)
{
	struct state_entry *out;
	struct state_set set[2];
	struct err e;
	size_t n;

	(void)state;
	begin("11");
	add("$t", "@a:d", "m.room.topic", "", "{}", "$c $a $gone", 7);
	set[0] = state_of(BASE);
	set[1] = state_of(BASE " $t");
	assert_false(resolve(set, 2, &out, &n, &e));
	assert_non_null(strstr(e.text, "$gone"));
	begin("11");
	add("$x", "@a:d", "m.room.power_levels", "", "{}", "$c $a $y", 7);
	add("$y", "@a:d", "m.room.power_levels", "", "{}", "$c $a $x", 8);
	set[0] = state_of("$c $a $x $j $b $m");
	set[1] = state_of("$c $a $y $j $b $m");
	assert_false(resolve(set, 2, &out, &n, &e));
	assert_non_null(strstr(e.text, "circle"));
	set[0] = state_of("$a $p");
	set[1] = state_of("$a");
	assert_false(resolve(set, 2, &out, &n, &e));
	assert_non_null(strstr(e.text, "create"));
	assert_true(resolve(set, 0, &out, &n, &e) || e.code == M_UNKNOWN);
}

/* A join that rests on a rule since changed is judged by what the fight left. */
static void
test_version_12_starts_from_nothing(void **state)
{
	(void)state;
	begin("12");
	add("$k", "@a:d", "m.room.join_rules", "",
	    "{\"join_rule\":\"invite\"}", "$a $p", 10);
	add("$n", "@n:d", "m.room.member", "@n:d", "{\"membership\":\"join\"}",
	    "$p $j", 11);
	gives("$c $a $p $k $b $m", "$c $a $p $j $b $m $n",
	    "$c $a $p $b $m $k");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_agrees_stays),
		cmocka_unit_test(test_what_only_one_branch_has_is_let_in),
		cmocka_unit_test(test_a_ban_undoes_what_was_done_beside_it),
		cmocka_unit_test(test_the_more_powerful_wins_a_fight),
		cmocka_unit_test(test_of_equals_the_later_stands),
		cmocka_unit_test(test_version_1_takes_the_deepest),
		cmocka_unit_test(test_a_rejected_event_never_enters),
		cmocka_unit_test(test_rejected_power_lifts_nobody),
		cmocka_unit_test(test_what_is_missing_or_circular_is_said),
		cmocka_unit_test(test_version_12_starts_from_nothing),
	};

	crypto_start();
	return cmocka_run_group_tests(tests, setup, teardown);
}
