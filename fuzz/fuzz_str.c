/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Slices against slow but plain definitions: globs by a table of all
 * prefixes, UTF-8 by decoding and encoding again, searching by trying every
 * place. The input's first zero byte parts pattern and text.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define GLOB_MAX 64

static bool
fits(char pattern, char c, bool nocase)
{
	return pattern == '?' || (nocase
	    ? str_eq_nocase(str_n(&pattern, 1), str_n(&c, 1)) : pattern == c);
}

/* yes[i][j]: the first i bytes of the pattern match the first j of s. */
static bool
slow_glob(struct str pattern, struct str s, bool nocase)
{
	static bool yes[GLOB_MAX + 1][GLOB_MAX + 1];

	memset(yes, 0, sizeof(yes));
	yes[0][0] = true;
	for (size_t i = 1; i <= pattern.n; i++)
		for (size_t j = 0; j <= s.n; j++) {
			char p = pattern.p[i - 1];

			if (p == '*')
				yes[i][j] = yes[i - 1][j] ||
				    (j > 0 && yes[i][j - 1]);
			else
				yes[i][j] = j > 0 && yes[i - 1][j - 1] &&
				    fits(p, s.p[j - 1], nocase);
		}
	return yes[pattern.n][s.n];
}

/* The code point at p by the bit patterns alone, and its length; 0: none. */
static size_t
slow_step(struct str s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = s.n == 0 ? 0xFF : (unsigned char)s.p[0];
	size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 :
	    c >> 3 == 30 ? 4 : 0;

	if (n == 0 || n > s.n)
		return 0;
	c = n == 1 ? c : c & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s.p[i] & 0x3F);
	}
	if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	return n;
}

static void
check_utf8(struct str s)
{
	size_t at = 0, len = 0, step;

	while (at < s.n && (step = slow_step(str_from(s, at))) > 0) {
		MUST(str_utf8_step(s.p + at, s.p + s.n) == step);
		at += step;
		len++;
	}
	MUST(str_utf8_ok(s) == (at == s.n));
	if (at < s.n) {
		MUST(str_utf8_step(s.p + at, s.p + s.n) == 0);
		return;
	}
	MUST(str_utf8_len(s) == len);
	for (size_t max = 0; max <= s.n && max < 16; max++) {
		struct str clip = str_utf8_clip(s, max);

		MUST(clip.n <= max && clip.n + 3 >= max && str_utf8_ok(clip));
	}
}

static void
check_find(struct str s, struct str needle)
{
	ptrdiff_t at = -1;

	for (size_t i = 0; at < 0 && i + needle.n <= s.n; i++)
		if (str_eq(str_sub(s, i, needle.n), needle))
			at = (ptrdiff_t)i;
	MUST(str_find_str(s, needle) == at);
}

/* What is read as a number is written as the same, less leading zeros. */
static void
check_number(struct str s)
{
	struct buf b;
	int64_t v;

	if (!str_i64(s, &v))
		return;
	buf_init(&b, NULL, 32);
	buf_i64(&b, v);
	MUST(v == 0 || str_ends(s, str_from(buf_view(&b), v < 0)));
	MUST(v >= 0 || s.p[0] == '-');
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_n(size == 0 ? "" : (const char *)data, size);
	struct str pattern, s;

	str_cut(all, '\0', &pattern, &s);
	check_utf8(all);
	check_find(s, pattern);
	check_number(all);
	if (pattern.n > GLOB_MAX || s.n > GLOB_MAX)
		return 0;
	MUST(str_glob(pattern, s, false) == slow_glob(pattern, s, false));
	MUST(str_glob(pattern, s, true) == slow_glob(pattern, s, true));
	return 0;
}
