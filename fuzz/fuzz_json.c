/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * JSON, against jansson: the same texts accepted, with the same values; then
 * canonical form parses to an equal tree and to the same bytes. Where the two
 * differ by design the comparison ends: our depth of 100, its refusal of
 * numbers past a double and of NUL in names; and it loses a NUL byte after a
 * number, where no text with one is JSON.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* jansson's names that are ours too. */
#define JSON_NULL JANSSON_NULL
#define JSON_REAL JANSSON_REAL
#define json_copy jansson_copy
#define json_equal jansson_equal
#include <jansson.h>
#undef JSON_NULL
#undef JSON_REAL
#undef JSON_STRICT
#undef json_copy
#undef json_equal

#include "base/jsonw.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define SRC_MAX 512	/* every value's src is parsed again up to this size */

/* INT_AS_REAL: or integers past 64 bits are refused. */
#define JANSSON_FLAGS \
	(JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | \
	    JSON_DECODE_INT_AS_REAL)

static void compare(const struct json *v, const json_t *j);

static double
as_double(struct str s)
{
	char *z = strndup(s.p, s.n);
	double d;

	MUST(z != NULL);
	d = strtod(z, NULL);
	free(z);
	return d;
}

static void
compare_members(const struct json *v, const json_t *j)
{
	MUST(json_object_size(j) == v->n);
	for (size_t i = 0; i < v->n; i++) {
		struct str key = v->m[i].key;
		char *z = strndup(key.n == 0 ? "" : key.p, key.n);

		MUST(z != NULL);
		MUST(i == 0 || str_cmp(v->m[i - 1].key, key) < 0);
		MUST(json_get(v, key) == &v->m[i].val);
		compare(&v->m[i].val, json_object_get(j, z));
		free(z);
	}
}

static void
compare(const struct json *v, const json_t *j)
{
	MUST(j != NULL);
	switch (v->type) {
	case JSON_NULL:
		MUST(json_typeof(j) == JANSSON_NULL);
		break;
	case JSON_BOOL:
		MUST(v->b ? json_is_true(j) : json_is_false(j));
		break;
	case JSON_INT:
		MUST(json_typeof(j) == JANSSON_REAL);
		MUST(json_real_value(j) == (double)v->i);
		break;
	case JSON_REAL:
		MUST(json_typeof(j) == JANSSON_REAL);
		MUST(json_real_value(j) == as_double(v->src));
		break;
	case JSON_STR:
		MUST(json_is_string(j));
		MUST(str_eq(v->s, str_n(json_string_value(j),
		    json_string_length(j))));
		break;
	case JSON_ARR:
		MUST(json_is_array(j) && json_array_size(j) == v->n);
		for (size_t i = 0; i < v->n; i++)
			compare(&v->at[i], json_array_get(j, i));
		break;
	case JSON_OBJ:
		MUST(json_is_object(j));
		compare_members(v, j);
		break;
	}
}

static bool
has_real(const struct json *v)
{
	for (size_t i = 0; v->type == JSON_ARR && i < v->n; i++)
		if (has_real(&v->at[i]))
			return true;
	for (size_t i = 0; v->type == JSON_OBJ && i < v->n; i++)
		if (has_real(&v->m[i].val))
			return true;
	return v->type == JSON_REAL;
}

/* Every value's src lies in the text and is that value. */
static void
check_src(struct arena *a, const struct json *v, struct str text)
{
	struct err e = { .code = M_OK };
	struct json again;

	MUST(v->src.p >= text.p && v->src.n > 0);
	MUST(v->src.p + v->src.n <= text.p + text.n);
	MUST(json_parse(a, v->src, JSON_ANY, &again, &e));
	MUST(json_equal(v, &again) && str_eq(v->src, again.src));
	for (size_t i = 0; v->type == JSON_ARR && i < v->n; i++)
		check_src(a, &v->at[i], v->src);
	for (size_t i = 0; v->type == JSON_OBJ && i < v->n; i++)
		check_src(a, &v->m[i].val, v->src);
}

static void
check_canonical(struct arena *a, const struct json *v, enum json_mode mode)
{
	struct str text = json_text(a, v);
	struct err e = { .code = M_OK };
	struct json again, dup;
	struct jsonw w;
	struct buf b;

	MUST(str_utf8_ok(text));
	MUST(json_parse(a, text, mode, &again, &e));
	MUST(json_equal(v, &again));
	MUST(str_eq(json_text(a, &again), text));
	dup = json_dup(a, v);
	MUST(json_equal(v, &dup));
	buf_init(&b, NULL, SIZE_MAX);
	jsonw_init(&w, &b);
	jsonw_json(&w, NULL, &dup);
	MUST(str_eq(buf_view(&b), text));
	buf_free(&b);
}

/* Does jansson's refusal say nothing about the rest of the text? */
static bool
is_theirs(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_numeric_overflow ||
	    code == json_error_null_byte_in_key;
}

static void
against_jansson(struct str text, const struct json *v, const struct err *e)
{
	json_error_t error;
	json_t *j = json_loadb(text.p, text.n, JANSSON_FLAGS, &error);

	if (e->code == M_OK) {
		if (j != NULL)
			compare(v, j);
		else
			MUST(is_theirs(&error));
	} else if (j != NULL) {
		MUST(strstr(e->text, "100 levels") != NULL);
	}
	json_decref(j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str text = str_n((const char *)data, size);
	struct err any = { .code = M_OK }, strict = { .code = M_OK };
	struct json v = { .type = JSON_NULL }, s;

	if (json_parse(a, text, JSON_ANY, &v, &any)) {
		check_canonical(a, &v, JSON_ANY);
		if (size <= SRC_MAX)
			check_src(a, &v, text);
	} else {
		MUST(any.code == M_NOT_JSON);
	}
	if (json_parse(a, text, JSON_STRICT, &s, &strict)) {
		MUST(any.code == M_OK && !has_real(&v));
		MUST(json_equal(&v, &s));
		check_canonical(a, &s, JSON_STRICT);
	} else if (any.code == M_OK) {
		MUST(strict.code == M_BAD_JSON && has_real(&v));
	}
	if (str_find(text, '\0') >= 0)
		MUST(any.code == M_NOT_JSON);
	else
		against_jansson(text, &v, &any);
	arena_free(a);
	return 0;
}
