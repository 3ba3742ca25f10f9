/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Push rules: the first line is a user's stored rules, the second a rule as a
 * client puts it, the rest an event. Whatever is stored can be compiled and
 * shown; a rule that was taken is found again, decides as it was when switched
 * off, and is gone when deleted; nobody is told of what they wrote themselves.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "room/pushrule.h"

#define MUST(x) ((x) ? (void)0 : abort())

static const struct str me = S_INIT("@me:d");
static const struct str id = S_INIT("mine");

static void
evaluate(struct arena *a, const struct json *stored, const struct event *ev)
{
	struct pushrules *r = pushrules_compile(a, me, stored);
	struct event create = *ev;
	struct power power;
	struct push_ask ask = { .ev = ev, .user_id = me,
	    .display_name = S("Me"), .member_count = 2, .power = &power };
	struct push_result once, twice;

	create.type = S("m.room.create");
	power_init(&power, &create, NULL);
	push_evaluate(r, &ask, &once);
	push_evaluate(r, &ask, &twice);
	MUST(once.notify == twice.notify && once.highlight ==
	    twice.highlight && str_eq(once.rule_id, twice.rule_id));
	MUST(once.notify || !once.highlight);
}

/* As the API shows them: an object with the five kinds. */
static void
check_shown(struct arena *a, const struct json *stored)
{
	struct err e = { .code = M_OK };
	const struct json *global;
	struct json v;
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	pushrules_write(&b, me, stored);
	MUST(json_parse(a, buf_view(&b), JSON_ANY, &v, &e));
	global = json_get_obj(&v, S("global"));
	MUST(global != NULL);
	for (int k = 0; k < PUSH_NKINDS; k++)
		MUST(json_get_arr(global, push_kind_name((enum push_kind)k))
		    != NULL);
}

static void
check_put(struct arena *a, const struct json *stored, const struct json *body,
    const struct event *ev)
{
	struct str none = { NULL, 0 };
	struct err e = { .code = M_OK };

	for (int i = 0; i < PUSH_NKINDS; i++) {
		enum push_kind k = (enum push_kind)i;
		struct json put, off, gone, found;

		err_clear(&e);
		if (!pushrules_put(a, stored, k, id, body, none, none, &put,
		    &e)) {
			MUST(e.code != M_OK && e.code != M_UNKNOWN);
			continue;
		}
		MUST(pushrules_find(a, me, &put, k, id, &found));
		check_shown(a, &put);
		evaluate(a, &put, ev);
		MUST(pushrules_enable(a, &put, k, id, false, &off, &e));
		evaluate(a, &off, ev);
		MUST(pushrules_delete(a, &off, k, id, &gone, &e));
		MUST(!pushrules_find(a, me, &gone, k, id, &found));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str text = str_n((const char *)data, size), one, two, rest;
	struct err e = { .code = M_OK };
	struct json stored, body, v, empty = json_new_obj();
	struct event ev = { .v = room_version(S("11")), .content = &empty };
	const struct json *content;

	if (!str_cut(text, '\n', &one, &rest) ||
	    !str_cut(rest, '\n', &two, &rest) ||
	    !json_parse(a, one, JSON_ANY, &stored, &e) ||
	    !json_parse(a, two, JSON_ANY, &body, &e) ||
	    !json_parse(a, rest, JSON_ANY, &v, &e) || v.type != JSON_OBJ ||
	    stored.type != JSON_OBJ || body.type != JSON_OBJ)
		goto end;
	ev.json = v;
	ev.type = json_str(&v, S("type"));
	ev.sender = json_str(&v, S("sender"));
	ev.room = json_str(&v, S("room_id"));
	ev.is_state = json_get_str(&v, S("state_key"), &ev.state_key);
	content = json_get_obj(&v, S("content"));
	if (content != NULL)
		ev.content = content;
	check_shown(a, &stored);
	evaluate(a, &stored, &ev);
	check_put(a, &stored, &body, &ev);
end:
	arena_free(a);
	return 0;
}
