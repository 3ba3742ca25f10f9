/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * JSON: text to a tree in an arena, and back in canonical form. Strict UTF-8,
 * no duplicate keys, bounded depth. Strings without escapes and every value's
 * `src` are slices of the text, so the text must live as long as the tree.
 * Object members are sorted by key bytes at parse: lookup is a binary search
 * and canonical form a walk.
 * spec: appendices, "Canonical JSON".
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define JSON_DEPTH_MAX 100
#define JSON_INT_MAX INT64_C(9007199254740991)	/* 2^53 - 1 */

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STR, JSON_ARR, JSON_OBJ };

enum json_mode {
	JSON_STRICT,	/* integers within +-(2^53-1) only: events, keys, signed things */
	JSON_ANY	/* other numbers are JSON_REAL, kept as text in src: account data, filters, old room versions */
};

struct json_member;

struct json {
	enum json_type type;
	uint32_t n;			/* items or members */
	union {
		bool b;
		int64_t i;
		struct str s;		/* unescaped */
		struct json *at;	/* items */
		struct json_member *m;	/* members, sorted by key */
	};
	struct str src;			/* its text as it came; empty in built values */
};

struct json_member {
	struct str key;			/* unescaped */
	struct json val;
};

/*
 * Parses a whole text; spaces around it are allowed, anything else is not.
 *
 * errors  M_NOT_JSON 400  not JSON, bad UTF-8, a duplicate key, too deep
 *         M_BAD_JSON 400  JSON_STRICT and a number it does not allow
 *         M_TOO_LARGE 413 over the arena's cap
 */
bool json_parse(struct arena *a, struct str text, enum json_mode mode,
    struct json *out, struct err *e) MUST_CHECK;

/* Readers. All accept NULL and values of any type. */
const struct json *json_get(const struct json *obj, struct str key);	/* NULL if not there */
const struct json *json_at(const struct json *arr, size_t i);
/* The member if it has that type, else NULL. */
const struct json *json_get_obj(const struct json *obj, struct str key);
const struct json *json_get_arr(const struct json *obj, struct str key);
bool json_get_str(const struct json *obj, struct str key, struct str *out);	/* false leaves *out */
bool json_get_int(const struct json *obj, struct str key, int64_t *out);
bool json_get_bool(const struct json *obj, struct str key, bool *out);
struct str json_str(const struct json *obj, struct str key);	/* empty if not a string */
bool json_is(const struct json *v, enum json_type t);
bool json_equal(const struct json *x, const struct json *y);
/* Walks nested objects: json_path(ev, 2, "content", "membership"). C strings. */
const struct json *json_path(const struct json *v, int n, ...);

/* Building. Values are copied shallowly; strings are not copied. */
struct json json_new_obj(void);
struct json json_new_arr(void);
struct json json_of_str(struct str s);
struct json json_of_int(int64_t i);
struct json json_of_bool(bool b);
/* Sets or replaces a member, keeping order. obj must have been built or copied by json_copy. */
void json_set(struct arena *a, struct json *obj, struct str key, struct json val);
bool json_del(struct json *obj, struct str key);	/* of such an object too; false: was not there */
void json_push(struct arena *a, struct json *arr, struct json val);
/* A copy whose own members or items can be changed; those below are shared. */
struct json json_copy(struct arena *a, const struct json *v);
/* A copy in another arena, strings and all; src is not kept. */
struct json json_dup(struct arena *a, const struct json *v);

/* Canonical JSON: sorted keys, no spaces, shortest escapes. JSON_REAL is written as it came. */
void json_write(struct buf *b, const struct json *v);
/* The whole text, even past the arena's cap. */
struct str json_text(struct arena *a, const struct json *v);
/* A string with its quotes, escaped as canonical JSON has it. s must be valid UTF-8. */
void json_write_str(struct buf *b, struct str s);

#endif
