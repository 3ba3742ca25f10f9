/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See filter.h. */
#include "room/filter.h"

#include "room/ids.h"

static bool
bad(struct err *e, struct str key, const char *what)
{
	return fail(e, M_BAD_JSON, "Filter: " STR_FMT " must be %s",
	    STR_ARG(key), what);
}

static bool
read_list(struct arena *a, const struct json *j, struct str key,
    struct filter_list *out, struct err *e)
{
	const struct json *v = json_get(j, key);
	struct str *at;

	if (v == NULL)
		return true;
	if (v->type != JSON_ARR || v->n > FILTER_LIST_MAX)
		return bad(e, key, "an array of at most 1000 strings");
	at = arena_array(a, struct str, v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		if (v->at[i].type != JSON_STR)
			return bad(e, key, "an array of strings");
		at[i] = v->at[i].s;
	}
	*out = (struct filter_list){ at, v->n, true };
	return true;
}

/* A list of identifiers, each of which fits. */
static bool
read_ids(struct arena *a, const struct json *j, struct str key,
    bool (*fits)(struct str), struct filter_list *out, struct err *e)
{
	if (!read_list(a, j, key, out, e))
		return false;
	for (size_t i = 0; i < out->n; i++)
		if (!fits(out->at[i]))
			return bad(e, key, "an array of identifiers");
	return true;
}

static bool
read_flag(const struct json *j, struct str key, bool *out, struct err *e)
{
	const struct json *v = json_get(j, key);

	if (v == NULL)
		return true;
	if (v->type != JSON_BOOL)
		return bad(e, key, "true or false");
	*out = v->b;
	return true;
}

void
filter_init_event(struct event_filter *f)
{
	*f = (struct event_filter){ .limit = -1, .contains_url = -1 };
}

void
filter_init_sync(struct sync_filter *f)
{
	*f = (struct sync_filter){ .include_leave = false };
	filter_init_event(&f->presence);
	filter_init_event(&f->account_data);
	filter_init_event(&f->state);
	filter_init_event(&f->timeline);
	filter_init_event(&f->ephemeral);
	filter_init_event(&f->room_account_data);
}

bool
filter_read_event(struct arena *a, const struct json *j,
    struct event_filter *f, struct err *e)
{
	const struct json *limit = json_get(j, S("limit"));
	bool url = false, given = json_get(j, S("contains_url")) != NULL;

	filter_init_event(f);
	if (!json_is(j, JSON_OBJ))
		return fail(e, M_BAD_JSON, "A filter must be an object");
	if (limit != NULL && (limit->type != JSON_INT || limit->i < 0))
		return bad(e, S("limit"), "a number from 0 on");
	f->limit = limit != NULL ? limit->i : -1;
	if (!read_list(a, j, S("types"), &f->types, e) ||
	    !read_list(a, j, S("not_types"), &f->not_types, e) ||
	    !read_ids(a, j, S("senders"), id_user_ok, &f->senders, e) ||
	    !read_ids(a, j, S("not_senders"), id_user_ok, &f->not_senders, e) ||
	    !read_ids(a, j, S("rooms"), id_room_ok, &f->rooms, e) ||
	    !read_ids(a, j, S("not_rooms"), id_room_ok, &f->not_rooms, e) ||
	    !read_flag(j, S("contains_url"), &url, e) ||
	    !read_flag(j, S("lazy_load_members"), &f->lazy_members, e) ||
	    !read_flag(j, S("include_redundant_members"),
	    &f->redundant_members, e) ||
	    !read_flag(j, S("unread_thread_notifications"),
	    &f->unread_thread, e))
		return false;
	f->contains_url = given ? url : -1;
	return true;
}

static bool
read_part(struct arena *a, const struct json *j, struct str key,
    struct event_filter *f, struct err *e)
{
	const struct json *part = json_get(j, key);

	return part == NULL || filter_read_event(a, part, f, e);
}

static bool
read_room_part(struct arena *a, const struct json *room,
    struct sync_filter *f, struct err *e)
{
	if (!json_is(room, JSON_OBJ))
		return bad(e, S("room"), "an object");
	return read_ids(a, room, S("rooms"), id_room_ok, &f->rooms, e) &&
	    read_ids(a, room, S("not_rooms"), id_room_ok, &f->not_rooms,
	    e) &&
	    read_flag(room, S("include_leave"), &f->include_leave, e) &&
	    read_part(a, room, S("state"), &f->state, e) &&
	    read_part(a, room, S("timeline"), &f->timeline, e) &&
	    read_part(a, room, S("ephemeral"), &f->ephemeral, e) &&
	    read_part(a, room, S("account_data"), &f->room_account_data, e);
}

bool
filter_read_sync(struct arena *a, const struct json *j, struct sync_filter *f,
    struct err *e)
{
	const struct json *room, *format;

	filter_init_sync(f);
	if (!json_is(j, JSON_OBJ))
		return fail(e, M_BAD_JSON, "A filter must be an object");
	format = json_get(j, S("event_format"));
	if (format != NULL && (format->type != JSON_STR ||
	    (!str_eq(format->s, S("client")) &&
	    !str_eq(format->s, S("federation")))))
		return bad(e, S("event_format"), "client or federation");
	f->federation_format = format != NULL &&
	    str_eq(format->s, S("federation"));
	room = json_get(j, S("room"));
	return read_list(a, j, S("event_fields"), &f->fields, e) &&
	    read_part(a, j, S("presence"), &f->presence, e) &&
	    read_part(a, j, S("account_data"), &f->account_data, e) &&
	    (room == NULL || read_room_part(a, room, f, e));
}

bool
filter_all(const struct event_filter *f)
{
	return !f->types.given && !f->not_types.given && !f->senders.given &&
	    !f->not_senders.given && !f->rooms.given && !f->not_rooms.given &&
	    f->contains_url < 0;
}

static bool
list_has(const struct filter_list *l, struct str s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->at[i], s))
			return true;
	return false;
}

/* A type pattern: only * is special. */
static bool
type_matches(struct str pattern, struct str type)
{
	ptrdiff_t star = str_find(pattern, '*');

	if (star < 0)
		return str_eq(pattern, type);
	if ((size_t)star + 1 == pattern.n)
		return str_starts(type, str_sub(pattern, 0, (size_t)star));
	return str_glob(pattern, type, false);
}

static bool
types_have(const struct filter_list *l, struct str type)
{
	for (size_t i = 0; i < l->n; i++)
		if (type_matches(l->at[i], type))
			return true;
	return false;
}

bool
filter_room(const struct filter_list *rooms, const struct filter_list *not,
    struct str room)
{
	if (not->given && list_has(not, room))
		return false;
	return !rooms->given || list_has(rooms, room);
}

bool
filter_type_maybe(const struct event_filter *f, struct str type)
{
	if (f->not_types.given && types_have(&f->not_types, type))
		return false;
	return !f->types.given || types_have(&f->types, type);
}

bool
filter_type_sender(const struct event_filter *f, struct str type,
    struct str sender)
{
	if (f->not_senders.given && list_has(&f->not_senders, sender))
		return false;
	if (f->senders.given && !list_has(&f->senders, sender))
		return false;
	return filter_type_maybe(f, type);
}

bool
filter_event(const struct event_filter *f, const struct event *ev)
{
	const struct json *url;

	if (!filter_type_sender(f, ev->type, ev->sender) ||
	    !filter_room(&f->rooms, &f->not_rooms, ev->room))
		return false;
	if (f->contains_url < 0)
		return true;
	url = json_get(ev->content, S("url"));
	return json_is(url, JSON_STR) == (f->contains_url == 1);
}

/* Splits off the first part of "content.body"; "\." is a dot within a part. */
static bool
field_part(struct arena *a, struct str *rest, struct str *part)
{
	struct buf b;
	size_t i;

	buf_init(&b, a, rest->n + 1);
	for (i = 0; i < rest->n && rest->p[i] != '.'; i++) {
		if (rest->p[i] == '\\' && i + 1 < rest->n &&
		    (rest->p[i + 1] == '.' || rest->p[i + 1] == '\\'))
			i++;
		buf_char(&b, rest->p[i]);
	}
	*part = buf_view(&b);
	if (i >= rest->n) {
		*rest = (struct str){ NULL, 0 };
		return false;
	}
	*rest = str_from(*rest, i + 1);
	return true;
}

static void
copy_field(struct arena *a, struct str path, const struct json *from,
    struct json *to, int depth)
{
	struct str part;
	bool more = field_part(a, &path, &part);
	const struct json *v = json_get(from, part);
	const struct json *old;
	struct json inner;

	if (v == NULL || depth > 16)
		return;
	if (!more) {
		json_set(a, to, part, *v);
		return;
	}
	if (v->type != JSON_OBJ)
		return;
	old = json_get_obj(to, part);
	inner = old != NULL ? json_copy(a, old) : json_new_obj();
	copy_field(a, path, v, &inner, depth + 1);
	if (inner.n > 0)
		json_set(a, to, part, inner);
}

struct json
filter_fields(struct arena *a, const struct filter_list *fields,
    const struct json *event)
{
	struct json out = json_new_obj();

	for (size_t i = 0; i < fields->n; i++)
		copy_field(a, fields->at[i], event, &out, 0);
	return out;
}
