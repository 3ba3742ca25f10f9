/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Slices and growing buffers. A slice never promises a NUL and never owns its
 * bytes; whoever keeps one longer than its arena copies it with str_dup().
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* p may be NULL when n is 0. */
struct str {
	const char *p;
	size_t n;
};

/* A literal as a slice; in static initialisers use S_INIT. */
#define S(lit) ((struct str){ "" lit, sizeof(lit) - 1 })
#define S_INIT(lit) { "" lit, sizeof(lit) - 1 }
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : ""

struct str str_c(const char *cstr);		/* NULL gives the empty slice */
struct str str_n(const char *p, size_t n);
bool str_eq(struct str x, struct str y);
bool str_eq_c(struct str x, const char *cstr);
bool str_eq_nocase(struct str x, struct str y);	/* ASCII letters only */
bool str_eq_secret(struct str x, struct str y);	/* time depends on lengths only */
int str_cmp(struct str x, struct str y);		/* bytes, then length */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Index of the first such byte or slice, or -1. */
ptrdiff_t str_find(struct str s, char c);
ptrdiff_t str_rfind(struct str s, char c);
ptrdiff_t str_find_str(struct str s, struct str needle);
/* Bytes [from, from + n), clipped to s. */
struct str str_sub(struct str s, size_t from, size_t n);
struct str str_from(struct str s, size_t from);
/* Splits at the first sep: *rest is what follows it. False and head = s without one. */
bool str_cut(struct str s, char sep, struct str *head, struct str *rest);
struct str str_trim(struct str s);			/* ASCII space, tab, CR, LF */
/* The whole slice as a decimal number, no sign but '-', no spaces; false leaves *out. */
bool str_i64(struct str s, int64_t *out) MUST_CHECK;
bool str_u64(struct str s, uint64_t *out) MUST_CHECK;
/* Strict UTF-8: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool str_utf8_ok(struct str s);
/* Bytes of the one code point at p, checked as strictly; 0 if there is none before end. */
size_t str_utf8_step(const char *p, const char *end);
/* Unicode code points in valid UTF-8. */
size_t str_utf8_len(struct str s);
/* Longest prefix of at most max bytes that does not split a code point. */
struct str str_utf8_clip(struct str s, size_t max);
/* Glob with * and ? over bytes, linear time; nocase folds ASCII letters. */
bool str_glob(struct str pattern, struct str s, bool nocase);

/* Copies into the arena; str_cz adds a NUL that n does not count. */
struct str str_dup(struct arena *a, struct str s);
char *str_cz(struct arena *a, struct str s);
struct str str_lower(struct arena *a, struct str s);	/* ASCII */
struct str str_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str str_cat(struct arena *a, struct str x, struct str y);

/*
 * A growing run of bytes: in an arena, or on the heap when a is NULL (then
 * buf_free ends it). Past max bytes, or over the arena's cap, `over` is set,
 * what was added is dropped, and every later addition does nothing: callers
 * look once, at the end.
 */
struct buf {
	char *p;
	size_t n, cap, max;
	struct arena *a;
	bool over;
};

void buf_init(struct buf *b, struct arena *a, size_t max);
void buf_free(struct buf *b);				/* heap buffers; then empty and usable */
void buf_reset(struct buf *b);				/* n = 0, over = false, memory kept */
/* n writable bytes at the end, or NULL when over. Who writes k of them adds k to b->n. */
char *buf_room(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_c(struct buf *b, const char *cstr);
void buf_char(struct buf *b, char c);
void buf_i64(struct buf *b, int64_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str buf_view(const struct buf *b);		/* valid until the next change */

#endif
