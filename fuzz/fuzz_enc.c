/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Encodings: what is encoded decodes to itself, what decodes is bounded, and
 * libsodium agrees on base64 and hex, except that it refuses trailing bits
 * and (1.0.18) takes some bytes over 0x7f for letters of base64.
 */
#include "fuzz.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/enc.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define PARAMS 8

static const int variants[2][2] = {
	[B64_STD] = { sodium_base64_VARIANT_ORIGINAL,
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING },
	[B64_URL] = { sodium_base64_VARIANT_URLSAFE,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING },
};

static bool
sodium_decodes(struct arena *a, int variant, struct str text, struct str *out)
{
	unsigned char *bytes = arena_alloc_raw(a, text.n + 1);
	const char *end;
	size_t n;

	if (sodium_base642bin(bytes, text.n + 1, text.p, text.n, NULL, &n,
	    &end, variant) != 0 || end != text.p + text.n)
		return false;
	*out = str_n((char *)bytes, n);
	return true;
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] > 0x7F)
			return false;
	return true;
}

static void
check_b64(struct arena *a, enum b64 alphabet, struct str s)
{
	struct str text = b64_encode(a, alphabet, s), got, theirs;
	bool ok;

	MUST(b64_decode(a, alphabet, text, &got) && str_eq(got, s));
	ok = b64_decode(a, alphabet, s, &got);
	MUST(!ok || is_ascii(s));
	for (int i = 0; i < 2 && is_ascii(s); i++)
		if (sodium_decodes(a, variants[alphabet][i], s, &theirs))
			MUST(ok && str_eq(got, theirs));
	if (!ok)
		return;
	MUST(got.n <= s.n / 4 * 3 + 2);
	text = b64_encode(a, alphabet, got);	/* without trailing bits */
	MUST(sodium_decodes(a, variants[alphabet][1], text, &theirs));
	MUST(str_eq(theirs, got));
}

static void
check_hex(struct arena *a, struct str s)
{
	struct str text = hex_encode(a, s), got;
	unsigned char *bytes = arena_alloc_raw(a, s.n + 1);
	const char *end;
	size_t n;
	bool ok;

	MUST(hex_decode(a, text, &got) && str_eq(got, s));
	ok = sodium_hex2bin(bytes, s.n + 1, s.p, s.n, NULL, &n, &end) == 0 &&
	    end == s.p + s.n;
	MUST(hex_decode(a, s, &got) == ok);
	if (ok)
		MUST(str_eq(got, str_n((char *)bytes, n)));
}

static void
check_pct(struct arena *a, struct str s)
{
	struct str text = pct_encode(a, s), got;
	bool ok = pct_decode(a, text, true, &got);

	MUST(ok == (str_utf8_ok(s) && str_find(s, '\0') < 0));
	MUST(!ok || str_eq(got, s));
	if (pct_decode(a, s, false, &got)) {
		MUST(str_utf8_ok(got) && str_find(got, '\0') < 0);
		MUST(got.n <= s.n);
	}
}

static void
check_params(struct arena *a, struct str s)
{
	struct str rest = s, part;
	struct param *param;
	size_t n, parts = 0;

	if (!params_parse(a, s, PARAMS, &param, &n))
		return;
	while (rest.n > 0) {
		str_cut(rest, '&', &part, &rest);
		parts += part.n > 0;
	}
	MUST(n == parts && n <= PARAMS);
	for (size_t i = 0; i < n; i++)
		MUST(str_utf8_ok(param[i].key) && str_utf8_ok(param[i].val));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct str s = str_n(size == 0 ? "" : (const char *)data, size);

	check_b64(a, B64_STD, s);
	check_b64(a, B64_URL, s);
	check_hex(a, s);
	check_pct(a, s);
	check_params(a, s);
	arena_free(a);
	return 0;
}
