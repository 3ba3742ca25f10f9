/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Filters: the first line is a filter of /sync, the rest an event as a client
 * has it. What is let through by a stricter filter must be by a laxer one, and
 * event_fields may take away but never invent.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "room/filter.h"

#define MUST(x) ((x) ? (void)0 : abort())

/* Every member of part is one of whole, as it was or with less in it. */
static void
check_part(const struct json *part, const struct json *whole)
{
	MUST(part->type == JSON_OBJ && whole->type == JSON_OBJ);
	for (uint32_t i = 0; i < part->n; i++) {
		const struct json *v = json_get(whole, part->m[i].key);

		MUST(v != NULL);
		if (json_equal(v, &part->m[i].val))
			continue;
		check_part(&part->m[i].val, v);
	}
}

static void
check_event(const struct event_filter *f,
    const struct event *ev)
{
	static const struct str star = S_INIT("*");
	struct event_filter wide, none = *f, shut = *f;
	bool in = filter_event(f, ev);

	filter_init_event(&wide);
	MUST(filter_all(&wide) && filter_event(&wide, ev));
	if (filter_all(f))
		MUST(in);
	if (in)
		MUST(filter_type_sender(f, ev->type, ev->sender) &&
		    filter_type_maybe(f, ev->type) &&
		    filter_room(&f->rooms, &f->not_rooms, ev->room));
	none.types = (struct filter_list){ NULL, 0, true };
	shut.not_types = (struct filter_list){ &star, 1, true };
	MUST(!filter_event(&none, ev) && !filter_event(&shut, ev));
	MUST(f->limit >= -1 && f->types.n <= FILTER_LIST_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str text = str_n((const char *)data, size), head, rest;
	struct err e = { .code = M_OK };
	struct json j, v, empty = json_new_obj(), fields;
	const struct json *content;
	struct sync_filter f;
	struct event ev = { .content = &empty };

	if (!str_cut(text, '\n', &head, &rest) ||
	    !json_parse(a, head, JSON_ANY, &j, &e) ||
	    !json_parse(a, rest, JSON_ANY, &v, &e) || v.type != JSON_OBJ)
		goto end;
	if (!filter_read_sync(a, &j, &f, &e)) {
		MUST(e.code == M_BAD_JSON);
		goto end;
	}
	ev.type = json_str(&v, S("type"));
	ev.sender = json_str(&v, S("sender"));
	ev.room = json_str(&v, S("room_id"));
	content = json_get_obj(&v, S("content"));
	if (content != NULL)
		ev.content = content;
	check_event(&f.timeline, &ev);
	check_event(&f.state, &ev);
	check_event(&f.presence, &ev);
	fields = filter_fields(a, &f.fields, &v);
	check_part(&fields, &v);
end:
	arena_free(a);
	return 0;
}
