/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See sliding_ask.h. */
#include "core/sliding_ask.h"

static bool
bad(struct err *e, struct str key, const char *what)
{
	return fail(e, M_BAD_JSON, "The member " STR_FMT " must be %s",
	    STR_ARG(key), what);
}

static bool
read_int(const struct json *obj, struct str key, int64_t max, int64_t *out,
    struct err *e)
{
	const struct json *v = json_get(obj, key);

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_INT || v->i < 0)
		return bad(e, key, "a number from 0 on");
	*out = v->i < max ? v->i : max;
	return true;
}

static bool
read_text(const struct json *obj, struct str key, size_t max, struct str *out,
    struct err *e)
{
	const struct json *v = json_get(obj, key);

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_STR)
		return bad(e, key, "a string");
	if (v->s.n > max)
		return fail(e, M_INVALID_PARAM, "The member " STR_FMT
		    " takes at most %zu bytes", STR_ARG(key), max);
	*out = v->s;
	return true;
}

/* true, false or not given (-1). */
static bool
read_flag(const struct json *obj, struct str key, int *out, struct err *e)
{
	const struct json *v = json_get(obj, key);

	*out = -1;
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_BOOL)
		return bad(e, key, "true or false");
	*out = v->b;
	return true;
}

/* An array of strings (and nulls). */
static bool
read_names(const struct json *obj, struct str key, bool nulls,
    const struct json **out, struct err *e)
{
	const struct json *v = json_get(obj, key);

	*out = NULL;
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_ARR || v->n > SLIDING_NAMES_MAX)
		return bad(e, key, "an array of at most 100 strings");
	for (uint32_t i = 0; i < v->n; i++)
		if (v->at[i].type != JSON_STR &&
		    !(nulls && v->at[i].type == JSON_NULL))
			return bad(e, key, "an array of strings");
	*out = v;
	return true;
}

/* A member that is an object with at most max members, or NULL. */
static bool
read_obj(const struct json *obj, struct str key, size_t max,
    const struct json **out, struct err *e)
{
	const struct json *v = json_get(obj, key);

	*out = NULL;
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_OBJ)
		return bad(e, key, "an object");
	if (v->n > max)
		return fail(e, M_INVALID_PARAM, "The member " STR_FMT
		    " takes at most %zu entries", STR_ARG(key), max);
	*out = v;
	return true;
}

static bool
read_need(struct arena *a, const struct json *obj, struct str user,
    struct sliding_need *out, struct err *e)
{
	const struct json *v = json_get(obj, S("required_state"));

	*out = (struct sliding_need){ NULL, 0, false };
	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_ARR || v->n > SLIDING_NEED_MAX)
		return bad(e, S("required_state"),
		    "an array of at most 200 pairs");
	out->at = arena_array(a, struct sliding_pair, v->n);
	for (uint32_t i = 0; i < v->n; i++) {
		const struct json *p = &v->at[i];
		struct sliding_pair x;

		if (p->type != JSON_ARR || p->n != 2 ||
		    p->at[0].type != JSON_STR || p->at[1].type != JSON_STR)
			return bad(e, S("required_state"),
			    "an array of pairs of type and state key");
		x = (struct sliding_pair){ p->at[0].s, p->at[1].s };
		if (str_eq(x.key, S("$LAZY"))) {
			out->lazy = out->lazy ||
			    str_eq(x.type, S("m.room.member"));
			continue;
		}
		if (str_eq(x.key, S("$ME")))
			x.key = user;
		out->at[out->n++] = x;
	}
	return true;
}

static bool
read_want(struct arena *a, const struct json *obj, struct str user,
    struct sliding_want *out, struct err *e)
{
	*out = (struct sliding_want){ .limit = 0 };
	return read_int(obj, S("timeline_limit"), SLIDING_LIMIT_MAX,
	    &out->limit, e) && read_need(a, obj, user, &out->need, e);
}

static bool
read_ranges(const struct json *obj, struct sliding_list *out, struct err *e)
{
	const struct json *v = json_get(obj, S("ranges"));

	if (v == NULL || v->type == JSON_NULL)
		return true;
	if (v->type != JSON_ARR || v->n > SLIDING_RANGES_MAX)
		return bad(e, S("ranges"), "an array of at most 20 pairs");
	for (uint32_t i = 0; i < v->n; i++) {
		const struct json *p = &v->at[i];

		if (p->type != JSON_ARR || p->n != 2 ||
		    p->at[0].type != JSON_INT || p->at[1].type != JSON_INT)
			return bad(e, S("ranges"), "an array of pairs of "
			    "numbers");
		if (p->at[0].i < 0 || p->at[1].i < p->at[0].i)
			return fail(e, M_INVALID_PARAM,
			    "A range ends before it begins");
		out->range[out->nranges++] = (struct sliding_range){
			p->at[0].i, p->at[1].i };
	}
	return true;
}

static bool
read_filter(const struct json *list, struct sliding_filter *f, struct err *e)
{
	const struct json *obj;

	*f = (struct sliding_filter){ .is_dm = -1, .is_encrypted = -1,
	    .is_invite = -1 };
	if (!read_obj(list, S("filters"), SLIDING_NAMES_MAX, &obj, e))
		return false;
	if (obj == NULL)
		return true;
	return read_flag(obj, S("is_dm"), &f->is_dm, e) &&
	    read_flag(obj, S("is_encrypted"), &f->is_encrypted, e) &&
	    read_flag(obj, S("is_invite"), &f->is_invite, e) &&
	    read_names(obj, S("room_types"), true, &f->types, e) &&
	    read_names(obj, S("not_room_types"), true, &f->not_types, e) &&
	    read_names(obj, S("tags"), false, &f->tags, e) &&
	    read_names(obj, S("not_tags"), false, &f->not_tags, e) &&
	    read_names(obj, S("spaces"), false, &f->spaces, e) &&
	    read_text(obj, S("room_name_like"), 255, &f->name_like, e);
}

static bool
read_lists(struct arena *a, const struct json *body, struct str user,
    struct sliding_ask *out, struct err *e)
{
	const struct json *obj;

	if (!read_obj(body, S("lists"), SLIDING_LISTS_MAX, &obj, e))
		return false;
	if (obj == NULL)
		return true;
	out->list = arena_array(a, struct sliding_list, obj->n);
	for (uint32_t i = 0; i < obj->n; i++) {
		struct sliding_list *x = &out->list[out->nlists++];

		*x = (struct sliding_list){ .name = obj->m[i].key };
		if (obj->m[i].val.type != JSON_OBJ)
			return bad(e, S("lists"), "an object of objects");
		if (!read_ranges(&obj->m[i].val, x, e) ||
		    !read_want(a, &obj->m[i].val, user, &x->want, e) ||
		    !read_filter(&obj->m[i].val, &x->filter, e))
			return false;
	}
	return true;
}

static bool
read_rooms(struct arena *a, const struct json *body, struct str user,
    struct sliding_ask *out, struct err *e)
{
	const struct json *obj;

	if (!read_obj(body, S("room_subscriptions"), SLIDING_ROOMS_MAX, &obj,
	    e))
		return false;
	if (obj == NULL)
		return true;
	out->room = arena_array(a, struct sliding_room_ask, obj->n);
	for (uint32_t i = 0; i < obj->n; i++) {
		struct sliding_room_ask *x = &out->room[out->nrooms++];

		x->room_id = obj->m[i].key;
		if (obj->m[i].val.type != JSON_OBJ)
			return bad(e, S("room_subscriptions"),
			    "an object of objects");
		if (!read_want(a, &obj->m[i].val, user, &x->want, e))
			return false;
	}
	return true;
}

static bool
read_ext(const struct json *all, struct str key, struct sliding_ext *out,
    struct err *e)
{
	const struct json *obj;
	int on;

	*out = (struct sliding_ext){ .on = false };
	if (!read_obj(all, key, SLIDING_NAMES_MAX, &obj, e))
		return false;
	if (obj == NULL)
		return true;
	if (!read_flag(obj, S("enabled"), &on, e) ||
	    !read_names(obj, S("lists"), false, &out->lists, e) ||
	    !read_names(obj, S("rooms"), false, &out->rooms, e))
		return false;
	out->on = on == 1;
	return true;
}

static bool
read_extensions(const struct json *body, struct sliding_ask *out,
    struct err *e)
{
	const struct json *all, *obj;
	int on;

	out->to_device_limit = 100;
	if (!read_obj(body, S("extensions"), SLIDING_NAMES_MAX, &all, e))
		return false;
	if (all == NULL)
		return true;
	if (!read_ext(all, S("account_data"), &out->account_data, e) ||
	    !read_ext(all, S("receipts"), &out->receipts, e) ||
	    !read_ext(all, S("typing"), &out->typing, e) ||
	    !read_obj(all, S("e2ee"), SLIDING_NAMES_MAX, &obj, e) ||
	    !read_flag(obj, S("enabled"), &on, e))
		return false;
	out->e2ee = on == 1;
	if (!read_obj(all, S("to_device"), SLIDING_NAMES_MAX, &obj, e) ||
	    !read_flag(obj, S("enabled"), &on, e) ||
	    !read_text(obj, S("since"), 64, &out->to_device_since, e) ||
	    !read_int(obj, S("limit"), 1000, &out->to_device_limit, e))
		return false;
	out->to_device = on == 1;
	if (!read_obj(all, S("org.matrix.msc4354.sticky_events"),
	    SLIDING_NAMES_MAX, &obj, e) ||
	    !read_flag(obj, S("enabled"), &on, e) ||
	    !read_text(obj, S("since"), 64, &out->sticky_since, e))
		return false;
	out->sticky = on == 1;
	if (out->to_device_limit == 0)
		out->to_device_limit = 1;
	return true;
}

static uint64_t
mark_of(struct arena *a, const struct json *body)
{
	static const struct str keys[] = { S_INIT("lists"),
	    S_INIT("room_subscriptions") };
	struct json part = json_new_obj();
	uint64_t mark = 1469598103934665603u;
	struct str text;

	for (size_t i = 0; i < LEN(keys); i++) {
		const struct json *v = json_get(body, keys[i]);

		if (v != NULL)
			json_set(a, &part, keys[i], *v);
	}
	text = json_text(a, &part);
	/* FNV-1a: kept in the store, where the process's own hash would not do. */
	for (size_t i = 0; i < text.n; i++)
		mark = (mark ^ (uint8_t)text.p[i]) * 1099511628211u;
	return mark;
}

bool
sliding_read(struct arena *a, const struct json *body, struct str user,
    struct sliding_ask *out, struct err *e)
{
	*out = (struct sliding_ask){ .nlists = 0 };
	if (!read_text(body, S("conn_id"), 16, &out->conn, e) ||
	    !read_text(body, S("txn_id"), 255, &out->txn, e) ||
	    !read_lists(a, body, user, out, e) ||
	    !read_rooms(a, body, user, out, e) ||
	    !read_extensions(body, out, e))
		return false;
	out->mark = mark_of(a, body);
	return true;
}

static bool
same(const struct sliding_pair *x, const struct sliding_pair *y)
{
	return str_eq(x->type, y->type) && str_eq(x->key, y->key);
}

struct sliding_want
sliding_widest(struct arena *a, const struct sliding_want *x,
    const struct sliding_want *y)
{
	struct sliding_want out = *x;

	if (y->limit > out.limit)
		out.limit = y->limit;
	out.need.lazy = x->need.lazy || y->need.lazy;
	out.need.at = arena_array(a, struct sliding_pair,
	    x->need.n + y->need.n);
	for (size_t i = 0; i < x->need.n; i++)
		out.need.at[i] = x->need.at[i];
	for (size_t i = 0; i < y->need.n; i++) {
		bool there = false;

		for (size_t k = 0; k < x->need.n && !there; k++)
			there = same(&x->need.at[k], &y->need.at[i]);
		if (!there)
			out.need.at[out.need.n++] = y->need.at[i];
	}
	return out;
}

bool
sliding_needs(const struct sliding_need *need, struct str type,
    struct str key)
{
	for (size_t i = 0; i < need->n; i++) {
		const struct sliding_pair *x = &need->at[i];

		if ((str_eq(x->type, S("*")) || str_eq(x->type, type)) &&
		    (str_eq(x->key, S("*")) || str_eq(x->key, key)))
			return true;
	}
	return false;
}

struct str
sliding_need_text(struct arena *a, const struct sliding_need *need)
{
	struct json all = json_new_arr(), lazy;

	for (size_t i = 0; i < need->n; i++) {
		struct json pair = json_new_arr();

		json_push(a, &pair, json_of_str(need->at[i].type));
		json_push(a, &pair, json_of_str(need->at[i].key));
		json_push(a, &all, pair);
	}
	if (need->lazy) {
		lazy = json_new_arr();
		json_push(a, &all, lazy);
	}
	return json_text(a, &all);
}
