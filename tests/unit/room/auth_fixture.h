/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A room in a few lines, for the tests of the authorization rules: created by
 * @c:d, with @a:d (power 100), @m:d (50), @m2:d (50), @j:d and @f:far (0)
 * joined, and @i:d, @k:d, @l:d, @b:d invited, knocking, gone and banned.
 */
#ifndef ROOM_AUTH_FIXTURE_H
#define ROOM_AUTH_FIXTURE_H

#include "fixture.h"
#include "room/auth.h"

#define CREATE "m.room.create"
#define MEMBER "m.room.member"
#define LEVELS "m.room.power_levels"
#define RULES "m.room.join_rules"
#define IS(membership) "{\"membership\":\"" membership "\"}"
#define RULE(rule) "{\"join_rule\":\"" rule "\"}"

/* An event in short; key NULL: no state event. */
struct fact {
	const char *type, *key, *sender, *content;
};

static const struct fact base_state[] = {
	{ CREATE, "", "@c:d", "{\"creator\":\"@c:d\"}" },
	{ LEVELS, "", "@c:d", "{\"users\":{\"@a:d\":100,\"@m:d\":50,"
	    "\"@m2:d\":50},\"invite\":50,\"events\":{\"m.high\":75,"
	    "\"m.low\":25},\"notifications\":{\"room\":75}}" },
	{ RULES, "", "@c:d", RULE("invite") },
	{ MEMBER, "@c:d", "@c:d", IS("join") },
	{ MEMBER, "@a:d", "@a:d", IS("join") },
	{ MEMBER, "@m:d", "@m:d", IS("join") },
	{ MEMBER, "@m2:d", "@m2:d", IS("join") },
	{ MEMBER, "@j:d", "@j:d", IS("join") },
	{ MEMBER, "@f:far", "@f:far", IS("join") },
	{ MEMBER, "@i:d", "@m:d", IS("invite") },
	{ MEMBER, "@k:d", "@k:d", IS("knock") },
	{ MEMBER, "@l:d", "@l:d", IS("leave") },
	{ MEMBER, "@b:d", "@m:d", IS("ban") },
};

#define OVER_MAX 2

/* The state of one check: facts of the case before those of the room. */
struct room_now {
	const struct room_version *v;
	const struct fact *over;	/* content NULL: that place is empty */
};

static inline const struct event *
event_of(const struct room_version *v, const struct fact *f)
{
	struct event *ev = arena_make(a, struct event);
	struct json *content = arena_make(a, struct json);

	*content = parse(str_c(f->content));
	*ev = (struct event){ .v = v, .id = S("$event:d"), .room = S("!r:d"),
		.type = str_c(f->type), .sender = str_c(f->sender),
		.is_state = f->key != NULL, .state_key = str_c(f->key),
		.content = content };
	if (str_eq(ev->type, S(CREATE)))
		ev->id = S("$create:d");
	return ev;
}

static inline const struct event *
state_get(void *arg, struct str type, struct str key)
{
	const struct room_now *now = arg;

	for (size_t i = 0; i < OVER_MAX; i++) {
		const struct fact *f = &now->over[i];

		if (f->type != NULL && str_eq_c(type, f->type) &&
		    str_eq_c(key, f->key))
			return f->content != NULL ? event_of(now->v, f) : NULL;
	}
	for (size_t i = 0; i < LEN(base_state); i++)
		if (str_eq_c(type, base_state[i].type) &&
		    str_eq_c(key, base_state[i].key))
			return event_of(now->v, &base_state[i]);
	return NULL;
}

/* Is the event allowed in the room with those differences? */
static inline bool
allowed(int version, const struct fact *over, const struct event *ev,
    struct err *e)
{
	struct room_now now = { version_n(version), over };
	struct auth_state st = { state_get, &now };
	const struct event *create = state_get(&now, S(CREATE), S(""));

	return auth_check(a, ev, create, &st, e);
}

/* A case: allowed in the versions from..until, refused in all others from `first` on. */
struct auth_case {
	const char *what;
	struct fact over[OVER_MAX];
	struct fact ev;
	int from, until;
};

#define ALWAYS 1, 12
#define NEVER 13, 13

static inline void
check_cases(const struct auth_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int v = 1; v <= 12; v++) {
			struct err e = { .code = M_OK };
			bool want = v >= c[i].from && v <= c[i].until;

			if (allowed(v, c[i].over, event_of(version_n(v),
			    &c[i].ev), &e) != want)
				fail_msg("version %d: %s: %s", v, c[i].what,
				    e.text);
			assert_int_equal(e.code, want ? M_OK : M_FORBIDDEN);
			assert_true(want || e.text[0] != '\0');
		}
}

#endif
