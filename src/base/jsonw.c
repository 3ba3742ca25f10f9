/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The streaming JSON writer: commas, quotes and nesting. It keeps two bits a
 * level and asserts that keys come in objects and only there.
 */
#include "base/jsonw.h"

#include <assert.h>

#define LEVELS 128

static bool
bit_get(const uint64_t bits[2], unsigned level)
{
	return (bits[level / 64] >> (level % 64) & 1) != 0;
}

static void
bit_set(uint64_t bits[2], unsigned level, bool on)
{
	uint64_t bit = UINT64_C(1) << (level % 64);

	if (on)
		bits[level / 64] |= bit;
	else
		bits[level / 64] &= ~bit;
}

void
jsonw_init(struct jsonw *w, struct buf *b)
{
	*w = (struct jsonw){ .b = b };
}

static void
write_key(struct jsonw *w, struct str key)
{
	json_write_str(w->b, key);
	buf_char(w->b, ':');
}

/* The comma before the next item of this level, if one is due. */
static void
comma(struct jsonw *w)
{
	if (bit_get(w->has_item, w->depth)) {
		assert(w->depth > 0);	/* one value a text */
		buf_char(w->b, ',');
	}
	bit_set(w->has_item, w->depth, true);
}

/* What comes before every value. */
static void
before(struct jsonw *w, const char *key)
{
	bool in_obj = w->depth > 0 && !bit_get(w->is_arr, w->depth);

	assert(in_obj == (key != NULL || w->after_key));
	assert(key == NULL || !w->after_key);
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	comma(w);
	if (key != NULL)
		write_key(w, str_c(key));
}

static void
open_level(struct jsonw *w, const char *key, bool arr)
{
	before(w, key);
	assert(w->depth + 1 < LEVELS);
	w->depth++;
	bit_set(w->has_item, w->depth, false);
	bit_set(w->is_arr, w->depth, arr);
	buf_char(w->b, arr ? '[' : '{');
}

static void
close_level(struct jsonw *w, bool arr)
{
	assert(w->depth > 0 && !w->after_key);
	assert(bit_get(w->is_arr, w->depth) == arr);
	w->depth--;
	buf_char(w->b, arr ? ']' : '}');
}

void
jsonw_obj(struct jsonw *w, const char *key)
{
	open_level(w, key, false);
}

void
jsonw_obj_end(struct jsonw *w)
{
	close_level(w, false);
}

void
jsonw_arr(struct jsonw *w, const char *key)
{
	open_level(w, key, true);
}

void
jsonw_arr_end(struct jsonw *w)
{
	close_level(w, true);
}

void
jsonw_key(struct jsonw *w, struct str key)
{
	assert(w->depth > 0 && !bit_get(w->is_arr, w->depth));
	assert(!w->after_key);
	comma(w);
	write_key(w, key);
	w->after_key = true;
}

void
jsonw_str(struct jsonw *w, const char *key, struct str s)
{
	before(w, key);
	json_write_str(w->b, s);
}

void
jsonw_strs(struct jsonw *w, const char *key, const struct str *at, size_t n)
{
	jsonw_arr(w, key);
	for (size_t i = 0; i < n; i++)
		jsonw_str(w, NULL, at[i]);
	jsonw_arr_end(w);
}

void
jsonw_cstr(struct jsonw *w, const char *key, const char *s)
{
	jsonw_str(w, key, str_c(s));
}

void
jsonw_int(struct jsonw *w, const char *key, int64_t v)
{
	before(w, key);
	buf_i64(w->b, v);
}

void
jsonw_bool(struct jsonw *w, const char *key, bool v)
{
	before(w, key);
	buf_str(w->b, v ? S("true") : S("false"));
}

void
jsonw_null(struct jsonw *w, const char *key)
{
	before(w, key);
	buf_str(w->b, S("null"));
}

void
jsonw_raw(struct jsonw *w, const char *key, struct str text)
{
	assert(text.n > 0);
	before(w, key);
	buf_str(w->b, text);
}

void
jsonw_json(struct jsonw *w, const char *key, const struct json *v)
{
	before(w, key);
	json_write(w->b, v);
}

void
jsonw_splice(struct jsonw *w, const char *key)
{
	before(w, key);
}
