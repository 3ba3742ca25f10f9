/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Writes JSON text into a buffer, in the order of the calls. `key` is a C
 * string, or NULL for an array's item or after jsonw_key(). Unbalanced calls
 * are bugs (assert). Look at the buffer's `over` at the end.
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/json.h"

struct jsonw {
	struct buf *b;
	uint8_t depth;
	bool after_key;			/* jsonw_key() was the last call */
	uint64_t has_item[2];		/* a bit a level: a comma is due */
	uint64_t is_arr[2];
};

void jsonw_init(struct jsonw *w, struct buf *b);
void jsonw_obj(struct jsonw *w, const char *key);
void jsonw_obj_end(struct jsonw *w);
void jsonw_arr(struct jsonw *w, const char *key);
void jsonw_arr_end(struct jsonw *w);
void jsonw_key(struct jsonw *w, struct str key);
void jsonw_str(struct jsonw *w, const char *key, struct str s);
void jsonw_strs(struct jsonw *w, const char *key, const struct str *at, size_t n);	/* an array of strings */
void jsonw_cstr(struct jsonw *w, const char *key, const char *s);
void jsonw_int(struct jsonw *w, const char *key, int64_t v);
void jsonw_bool(struct jsonw *w, const char *key, bool v);
void jsonw_null(struct jsonw *w, const char *key);
/* text must be one whole JSON value. */
void jsonw_raw(struct jsonw *w, const char *key, struct str text);
/* Begins a value that the caller writes to the buffer himself: one whole JSON value. */
void jsonw_splice(struct jsonw *w, const char *key);
void jsonw_json(struct jsonw *w, const char *key, const struct json *v);

#endif
