/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Growing buffers (declared in str.h): doubling, in an arena or on the heap,
 * with an error that sticks: who writes looks at `over` once, at the end.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

#define BUF_FIRST 256

void
buf_init(struct buf *b, struct arena *a, size_t max)
{
	*b = (struct buf){ .a = a, .max = max };
}

void
buf_free(struct buf *b)
{
	if (b->a == NULL)
		free(b->p);
	buf_init(b, b->a, b->max);
}

void
buf_reset(struct buf *b)
{
	b->n = 0;
	b->over = false;
}

static bool
grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap > b->max)
		cap = b->max;
	if (b->a != NULL) {
		b->p = arena_grow(b->a, b->p, b->cap, cap);
		b->cap = cap;
		return !arena_over(b->a);
	}
	b->p = realloc(b->p, cap);
	if (b->p == NULL) {
		fputs("beffroi: out of memory\n", stderr);
		abort();
	}
	b->cap = cap;
	return true;
}

char *
buf_room(struct buf *b, size_t n)
{
	static char nothing;

	if (b->over)
		return NULL;
	if (n <= b->cap - b->n)
		return b->p == NULL ? &nothing : b->p + b->n;
	if (n > b->max || b->n > b->max - n || !grow(b, b->n + n)) {
		b->over = true;
		return NULL;
	}
	return b->p + b->n;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, p, n);
	b->n += n;
}

void
buf_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void
buf_c(struct buf *b, const char *cstr)
{
	buf_str(b, str_c(cstr));
}

void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void
buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n < sizeof(small)) {
		buf_add(b, small, (size_t)n);
		return;
	}
	to = buf_room(b, (size_t)n + 1);	/* vsnprintf adds a NUL */
	if (to == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

struct str
buf_view(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}
