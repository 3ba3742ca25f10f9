/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Base64 (RFC 4648, both alphabets), hex, percent coding and query strings.
 * Not for secrets whose bytes must not show in timing: tables are used.
 * spec: appendices, "Unpadded Base64".
 */
#include "base/enc.h"

#include <assert.h>
#include <string.h>

static const char alphabets[2][65] = {
	[B64_STD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/",
	[B64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_",
};

static size_t
b64_length(size_t n)
{
	assert(n < SIZE_MAX / 4);
	return n / 3 * 4 + (n % 3 == 0 ? 0 : n % 3 + 1);
}

static void
b64_put(char *to, const char *letter, struct str bytes)
{
	const unsigned char *u = (const unsigned char *)bytes.p;
	size_t i = 0;

	for (; bytes.n - i >= 3; i += 3) {
		*to++ = letter[u[i] >> 2];
		*to++ = letter[(u[i] & 3) << 4 | u[i + 1] >> 4];
		*to++ = letter[(u[i + 1] & 15) << 2 | u[i + 2] >> 6];
		*to++ = letter[u[i + 2] & 63];
	}
	if (bytes.n - i == 1) {
		*to++ = letter[u[i] >> 2];
		*to++ = letter[(u[i] & 3) << 4];
	} else if (bytes.n - i == 2) {
		*to++ = letter[u[i] >> 2];
		*to++ = letter[(u[i] & 3) << 4 | u[i + 1] >> 4];
		*to++ = letter[(u[i + 1] & 15) << 2];
	}
}

struct str
b64_encode(struct arena *a, enum b64 alphabet, struct str bytes)
{
	size_t n = b64_length(bytes.n);
	char *to = arena_alloc_raw(a, n);

	b64_put(to, alphabets[alphabet], bytes);
	return str_n(to, n);
}

void
b64_encode_to(struct buf *b, enum b64 alphabet, struct str bytes)
{
	size_t n = b64_length(bytes.n);
	char *to = buf_room(b, n);

	if (to == NULL)
		return;
	b64_put(to, alphabets[alphabet], bytes);
	b->n += n;
}

/* The six bits of a letter, or -1. */
static int
b64_value(enum b64 alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabets[alphabet][62])
		return 62;
	if (c == alphabets[alphabet][63])
		return 63;
	return -1;
}

bool
b64_decode(struct arena *a, enum b64 alphabet, struct str text,
    struct str *out)
{
	unsigned have = 0;
	uint32_t bits = 0;
	char *start, *to;

	if (text.n > 0 && text.n % 4 == 0) {	/* padding fills the last four */
		for (int i = 0; i < 2 && text.p[text.n - 1] == '='; i++)
			text.n--;
	}
	if (text.n % 4 == 1)
		return false;
	start = to = arena_alloc_raw(a, text.n / 4 * 3 + 3);
	for (size_t i = 0; i < text.n; i++) {
		int v = b64_value(alphabet, text.p[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*to++ = (char)(bits >> have & 0xFF);
		}
	}
	*out = str_n(start, (size_t)(to - start));
	return true;
}

struct str
hex_encode(struct arena *a, struct str bytes)
{
	static const char digit[] = "0123456789abcdef";
	char *to;

	assert(bytes.n < SIZE_MAX / 2);
	to = arena_alloc_raw(a, bytes.n * 2);
	for (size_t i = 0; i < bytes.n; i++) {
		to[2 * i] = digit[(unsigned char)bytes.p[i] >> 4];
		to[2 * i + 1] = digit[bytes.p[i] & 15];
	}
	return str_n(to, bytes.n * 2);
}

int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* The byte of two hex digits, or -1. */
static int
hex_byte(const char *p)
{
	int high = hex_value(p[0]), low = hex_value(p[1]);

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool
hex_decode(struct arena *a, struct str text, struct str *out)
{
	char *to;

	if (text.n % 2 != 0)
		return false;
	to = arena_alloc_raw(a, text.n / 2);
	for (size_t i = 0; i < text.n / 2; i++) {
		int v = hex_byte(text.p + 2 * i);

		if (v < 0)
			return false;
		to[i] = (char)v;
	}
	*out = str_n(to, text.n / 2);
	return true;
}

bool
pct_decode(struct arena *a, struct str text, bool plus, struct str *out)
{
	char *to = arena_alloc_raw(a, text.n);
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%') {
			int v = text.n - i < 3 ? -1 : hex_byte(text.p + i + 1);

			if (v < 0)
				return false;
			c = (char)v;
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == '\0')
			return false;
		to[n++] = c;
	}
	if (!str_utf8_ok(str_n(to, n)))
		return false;
	*out = str_n(to, n);
	return true;
}

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') ||
	    c == '-' || c == '.' || c == '_' || c == '~';
}

struct str
pct_encode(struct arena *a, struct str s)
{
	static const char digit[] = "0123456789ABCDEF";
	size_t n = 0;
	char *to;

	assert(s.n < SIZE_MAX / 3);
	for (size_t i = 0; i < s.n; i++)
		n += is_unreserved(s.p[i]) ? 1 : 3;
	to = arena_alloc_raw(a, n);
	n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (is_unreserved(s.p[i])) {
			to[n++] = s.p[i];
			continue;
		}
		to[n++] = '%';
		to[n++] = digit[(unsigned char)s.p[i] >> 4];
		to[n++] = digit[s.p[i] & 15];
	}
	return str_n(to, n);
}

bool
params_parse(struct arena *a, struct str query, size_t max,
    struct param **out, size_t *n)
{
	struct str rest = query, pair, key, val;
	struct param *param;
	size_t room = 1, count = 0;

	for (size_t i = 0; i < query.n && room <= max; i++)
		room += query.p[i] == '&';
	param = arena_array(a, struct param, room < max ? room : max);
	while (rest.n > 0) {
		str_cut(rest, '&', &pair, &rest);
		if (pair.n == 0)
			continue;
		if (count == max)
			return false;
		str_cut(pair, '=', &key, &val);
		if (!pct_decode(a, key, true, &param[count].key) ||
		    !pct_decode(a, val, true, &param[count].val))
			return false;
		count++;
	}
	*out = param;
	*n = count;
	return true;
}
