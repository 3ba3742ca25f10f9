/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Slices: comparing, searching, cutting, numbers, UTF-8, globs, copies into
 * an arena. Nothing here knows a locale: letters are ASCII letters.
 */
#include "base/str.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

struct str
str_c(const char *cstr)
{
	return (struct str){ cstr, cstr == NULL ? 0 : strlen(cstr) };
}

struct str
str_n(const char *p, size_t n)
{
	return (struct str){ p, n };
}

bool
str_eq(struct str x, struct str y)
{
	return x.n == y.n && (x.n == 0 || memcmp(x.p, y.p, x.n) == 0);
}

bool
str_eq_c(struct str x, const char *cstr)
{
	return str_eq(x, str_c(cstr));
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
str_eq_nocase(struct str x, struct str y)
{
	if (x.n != y.n)
		return false;
	for (size_t i = 0; i < x.n; i++)
		if (lower(x.p[i]) != lower(y.p[i]))
			return false;
	return true;
}

bool
str_eq_secret(struct str x, struct str y)
{
	volatile unsigned char differ = 0;

	if (x.n != y.n)
		return false;
	for (size_t i = 0; i < x.n; i++)
		differ = (unsigned char)(differ | (x.p[i] ^ y.p[i]));
	return differ == 0;
}

int
str_cmp(struct str x, struct str y)
{
	size_t n = x.n < y.n ? x.n : y.n;
	int d = n == 0 ? 0 : memcmp(x.p, y.p, n);

	if (d != 0)
		return d;
	return (x.n > y.n) - (x.n < y.n);
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

ptrdiff_t
str_find(struct str s, char c)
{
	const char *hit = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	return hit == NULL ? -1 : hit - s.p;
}

ptrdiff_t
str_rfind(struct str s, char c)
{
	for (size_t i = s.n; i > 0; i--)
		if (s.p[i - 1] == c)
			return (ptrdiff_t)i - 1;
	return -1;
}

ptrdiff_t
str_find_str(struct str s, struct str needle)
{
	size_t at = 0;

	if (needle.n == 0)
		return 0;
	while (s.n - at >= needle.n) {
		ptrdiff_t hit = str_find(
		    str_n(s.p + at, s.n - at - needle.n + 1), needle.p[0]);

		if (hit < 0)
			return -1;
		at += (size_t)hit;
		if (memcmp(s.p + at, needle.p, needle.n) == 0)
			return (ptrdiff_t)at;
		at++;
	}
	return -1;
}

struct str
str_sub(struct str s, size_t from, size_t n)
{
	if (s.n == 0)
		return s;
	if (from > s.n)
		from = s.n;
	if (n > s.n - from)
		n = s.n - from;
	return (struct str){ s.p + from, n };
}

struct str
str_from(struct str s, size_t from)
{
	return str_sub(s, from, s.n);
}

bool
str_cut(struct str s, char sep, struct str *head, struct str *rest)
{
	ptrdiff_t at = str_find(s, sep);

	if (at < 0) {
		*head = s;
		*rest = str_from(s, s.n);
		return false;
	}
	*head = str_sub(s, 0, (size_t)at);
	*rest = str_from(s, (size_t)at + 1);
	return true;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	return s;
}

bool
str_u64(struct str s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool
str_i64(struct str s, int64_t *out)
{
	bool minus = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (!str_u64(minus ? str_from(s, 1) : s, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + (minus ? 1 : 0))
		return false;
	if (!minus)
		*out = (int64_t)v;
	else
		*out = v == 0 ? 0 : -(int64_t)(v - 1) - 1;
	return true;
}

size_t
str_utf8_step(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	ptrdiff_t left = end - p;

	if (left < 1)
		return 0;
	if (u[0] < 0x80)
		return 1;
	if (left < 2 || u[0] < 0xC2 || (u[1] & 0xC0) != 0x80)
		return 0;
	if (u[0] < 0xE0)
		return 2;
	if (left < 3 || (u[2] & 0xC0) != 0x80)
		return 0;
	if (u[0] < 0xF0) {
		if ((u[0] == 0xE0 && u[1] < 0xA0) ||	/* overlong */
		    (u[0] == 0xED && u[1] > 0x9F))	/* surrogate */
			return 0;
		return 3;
	}
	if (left < 4 || u[0] > 0xF4 || (u[3] & 0xC0) != 0x80)
		return 0;
	if ((u[0] == 0xF0 && u[1] < 0x90) || (u[0] == 0xF4 && u[1] > 0x8F))
		return 0;
	return 4;
}

bool
str_utf8_ok(struct str s)
{
	size_t i = 0;

	while (i < s.n) {
		uint64_t word;
		size_t step;

		while (s.n - i >= sizeof(word)) {
			memcpy(&word, s.p + i, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) != 0)
				break;
			i += sizeof(word);
		}
		if (i == s.n)
			break;
		step = str_utf8_step(s.p + i, s.p + s.n);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

size_t
str_utf8_len(struct str s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.n; i++)
		len += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return len;
}

struct str
str_utf8_clip(struct str s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && ((unsigned char)s.p[max] & 0xC0) == 0x80)
		max--;
	return str_sub(s, 0, max);
}

/*
 * After a mismatch only the latest star needs another try: what an earlier
 * one could take, the latest can as well. So the cost is bounded by the
 * product of the lengths and there is no recursion.
 */
bool
str_glob(struct str pattern, struct str s, bool nocase)
{
	size_t i = 0, j = 0, star = SIZE_MAX, from = 0;

	while (i < s.n) {
		char c = j < pattern.n ? pattern.p[j] : '\0';
		bool more = j < pattern.n;

		if (more && c == '*') {
			star = j++;
			from = i;
		} else if (more && (c == '?' || c == s.p[i] ||
		    (nocase && lower(c) == lower(s.p[i])))) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			j = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (j < pattern.n && pattern.p[j] == '*')
		j++;
	return j == pattern.n;
}

struct str
str_dup(struct arena *a, struct str s)
{
	char *p = arena_alloc_raw(a, s.n);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}

char *
str_cz(struct arena *a, struct str s)
{
	char *p = arena_alloc_raw(a, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

struct str
str_lower(struct arena *a, struct str s)
{
	char *p = arena_alloc_raw(a, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = lower(s.p[i]);
	return (struct str){ p, s.n };
}

struct str
str_fmt(struct arena *a, const char *fmt, ...)
{
	char small[128];
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	assert(n >= 0);
	p = arena_alloc_raw(a, (size_t)n + 1);
	if ((size_t)n < sizeof(small)) {
		memcpy(p, small, (size_t)n + 1);
	} else {
		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	return (struct str){ p, (size_t)n };
}

struct str
str_cat(struct arena *a, struct str x, struct str y)
{
	char *p = arena_alloc_raw(a, x.n + y.n);

	if (x.n > 0)
		memcpy(p, x.p, x.n);
	if (y.n > 0)
		memcpy(p + x.n, y.p, y.n);
	return (struct str){ p, x.n + y.n };
}
