/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reading and building JSON trees. A container that was built has room for
 * the next power of two of its n, at least four, so that adding one at a time
 * costs O(1); a parsed one has none, and is told apart by its src.
 */
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"

#define ROOM_FIRST 4

/* Index of the first member whose key is not before `key`. */
static size_t
lower_bound(const struct json *obj, struct str key)
{
	size_t low = 0, high = obj->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (str_cmp(obj->m[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Where `key` is or, when false, would be. */
static bool
find(const struct json *obj, struct str key, size_t *at)
{
	*at = lower_bound(obj, key);
	return *at < obj->n && str_eq(obj->m[*at].key, key);
}

bool
json_is(const struct json *v, enum json_type t)
{
	return v != NULL && v->type == t;
}

const struct json *
json_get(const struct json *obj, struct str key)
{
	size_t at;

	if (!json_is(obj, JSON_OBJ) || !find(obj, key, &at))
		return NULL;
	return &obj->m[at].val;
}

const struct json *
json_at(const struct json *arr, size_t i)
{
	return json_is(arr, JSON_ARR) && i < arr->n ? &arr->at[i] : NULL;
}

static const struct json *
get_typed(const struct json *obj, struct str key, enum json_type t)
{
	const struct json *v = json_get(obj, key);

	return json_is(v, t) ? v : NULL;
}

const struct json *
json_get_obj(const struct json *obj, struct str key)
{
	return get_typed(obj, key, JSON_OBJ);
}

const struct json *
json_get_arr(const struct json *obj, struct str key)
{
	return get_typed(obj, key, JSON_ARR);
}

bool
json_get_str(const struct json *obj, struct str key, struct str *out)
{
	const struct json *v = get_typed(obj, key, JSON_STR);

	if (v == NULL)
		return false;
	*out = v->s;
	return true;
}

bool
json_get_int(const struct json *obj, struct str key, int64_t *out)
{
	const struct json *v = get_typed(obj, key, JSON_INT);

	if (v == NULL)
		return false;
	*out = v->i;
	return true;
}

bool
json_get_bool(const struct json *obj, struct str key, bool *out)
{
	const struct json *v = get_typed(obj, key, JSON_BOOL);

	if (v == NULL)
		return false;
	*out = v->b;
	return true;
}

struct str
json_str(const struct json *obj, struct str key)
{
	struct str s = { NULL, 0 };

	return json_get_str(obj, key, &s) ? s : (struct str){ NULL, 0 };
}

const struct json *
json_path(const struct json *v, int n, ...)
{
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < n; i++)
		v = json_get(v, str_c(va_arg(ap, const char *)));
	va_end(ap);
	return v;
}

static bool
members_equal(const struct json *x, const struct json *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (!str_eq(x->m[i].key, y->m[i].key) ||
		    !json_equal(&x->m[i].val, &y->m[i].val))
			return false;
	return true;
}

static bool
items_equal(const struct json *x, const struct json *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (!json_equal(&x->at[i], &y->at[i]))
			return false;
	return true;
}

bool
json_equal(const struct json *x, const struct json *y)
{
	if (x == NULL || y == NULL)
		return x == y;
	if (x->type != y->type)
		return false;
	switch (x->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return x->b == y->b;
	case JSON_INT:
		return x->i == y->i;
	case JSON_REAL:
		return str_eq(x->src, y->src);
	case JSON_STR:
		return str_eq(x->s, y->s);
	case JSON_ARR:
		return items_equal(x, y);
	case JSON_OBJ:
		return members_equal(x, y);
	}
	return false;
}

struct json
json_new_obj(void)
{
	return (struct json){ .type = JSON_OBJ };
}

struct json
json_new_arr(void)
{
	return (struct json){ .type = JSON_ARR };
}

struct json
json_of_str(struct str s)
{
	return (struct json){ .type = JSON_STR, .s = s };
}

struct json
json_of_int(int64_t i)
{
	assert(i >= -JSON_INT_MAX && i <= JSON_INT_MAX);
	return (struct json){ .type = JSON_INT, .i = i };
}

struct json
json_of_bool(bool b)
{
	return (struct json){ .type = JSON_BOOL, .b = b };
}

/* The room that a built container of n has. */
static size_t
room_of(size_t n)
{
	size_t room = ROOM_FIRST;

	while (room < n)
		room *= 2;
	return room;
}

/* True when a built container of n must grow before one more is added. */
static bool
is_full(size_t n)
{
	return n == 0 || (n >= ROOM_FIRST && (n & (n - 1)) == 0);
}

/* The members of v in an array with room for one more at least. */
static struct json_member *
more_members(struct arena *a, const struct json *v)
{
	struct json_member *m;

	m = arena_alloc_raw(a, room_of(v->n + (size_t)1) * sizeof(*m));
	if (v->n > 0)
		memcpy(m, v->m, v->n * sizeof(*m));
	return m;
}

static struct json *
more_items(struct arena *a, const struct json *v)
{
	struct json *at;

	at = arena_alloc_raw(a, room_of(v->n + (size_t)1) * sizeof(*at));
	if (v->n > 0)
		memcpy(at, v->at, v->n * sizeof(*at));
	return at;
}

void
json_set(struct arena *a, struct json *obj, struct str key, struct json val)
{
	size_t at;

	assert(obj->type == JSON_OBJ && obj->src.n == 0);
	if (find(obj, key, &at)) {
		obj->m[at].val = val;
		return;
	}
	if (is_full(obj->n))
		obj->m = more_members(a, obj);
	memmove(&obj->m[at + 1], &obj->m[at],
	    (obj->n - at) * sizeof(*obj->m));
	obj->m[at] = (struct json_member){ key, val };
	obj->n++;
}

bool
json_del(struct json *obj, struct str key)
{
	size_t at;

	assert(obj->type == JSON_OBJ && obj->src.n == 0);
	if (!find(obj, key, &at))
		return false;
	memmove(&obj->m[at], &obj->m[at + 1],
	    (obj->n - at - 1) * sizeof(*obj->m));
	obj->n--;
	return true;
}

void
json_push(struct arena *a, struct json *arr, struct json val)
{
	assert(arr->type == JSON_ARR && arr->src.n == 0);
	if (is_full(arr->n))
		arr->at = more_items(a, arr);
	arr->at[arr->n++] = val;
}

struct json
json_copy(struct arena *a, const struct json *v)
{
	struct json copy = *v;

	if (v->type == JSON_OBJ)
		copy.m = more_members(a, v);
	else if (v->type == JSON_ARR)
		copy.at = more_items(a, v);
	if (v->type != JSON_REAL)
		copy.src = (struct str){ NULL, 0 };
	return copy;
}

struct json
json_dup(struct arena *a, const struct json *v)
{
	struct json copy = json_copy(a, v);

	if (v->type == JSON_STR)
		copy.s = str_dup(a, v->s);
	if (v->type == JSON_REAL)
		copy.src = str_dup(a, v->src);
	for (size_t i = 0; v->type == JSON_ARR && i < v->n; i++)
		copy.at[i] = json_dup(a, &v->at[i]);
	for (size_t i = 0; v->type == JSON_OBJ && i < v->n; i++) {
		copy.m[i].key = str_dup(a, v->m[i].key);
		copy.m[i].val = json_dup(a, &v->m[i].val);
	}
	return copy;
}
