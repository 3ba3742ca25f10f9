/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Base64, hex, percent coding and query strings. */
#include "arena_fixture.h"

#include <string.h>

#include "base/enc.h"

/* spec: appendices, "Unpadded Base64", the list of RFC 4648, and more. */
static const struct {
	struct str bytes;
	const char *std, *url;
} b64s[] = {
	{ { NULL, 0 }, "", "" },
	{ S_INIT("f"), "Zg", "Zg" },
	{ S_INIT("fo"), "Zm8", "Zm8" },
	{ S_INIT("foo"), "Zm9v", "Zm9v" },
	{ S_INIT("foob"), "Zm9vYg", "Zm9vYg" },
	{ S_INIT("fooba"), "Zm9vYmE", "Zm9vYmE" },
	{ S_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy" },
	{ S_INIT("\0"), "AA", "AA" },
	{ S_INIT("\xff\xff\xff"), "////", "____" },
	{ S_INIT("\xfb\xef\xbe"), "++++", "----" },
	{ S_INIT("\x14\xfb\x9c\x03\xd9\x7e"), "FPucA9l+", "FPucA9l-" },
};

static void
test_b64(void **state)
{
	struct buf b;
	struct str got;

	(void)state;
	for (size_t i = 0; i < LEN(b64s); i++) {
		got = b64_encode(a, B64_STD, b64s[i].bytes);
		assert_true(str_eq_c(got, b64s[i].std));
		got = b64_encode(a, B64_URL, b64s[i].bytes);
		assert_true(str_eq_c(got, b64s[i].url));
		buf_init(&b, a, SIZE_MAX);
		buf_char(&b, '<');
		b64_encode_to(&b, B64_STD, b64s[i].bytes);
		assert_true(str_eq(str_from(buf_view(&b), 1), str_c(b64s[i].std)));
		assert_true(b64_decode(a, B64_STD, str_c(b64s[i].std), &got));
		assert_true(str_eq(got, b64s[i].bytes));
		assert_true(b64_decode(a, B64_URL, str_c(b64s[i].url), &got));
		assert_true(str_eq(got, b64s[i].bytes));
	}
	buf_init(&b, NULL, 3);
	b64_encode_to(&b, B64_STD, S("foo"));
	assert_true(b.over && b.n == 0);
	buf_free(&b);
}

static const struct {
	const char *name;
	struct str text;
	enum b64 alphabet;
	bool ok;
} b64_texts[] = {
	{ "padding of one", S_INIT("Zm8="), B64_STD, true },
	{ "padding of two", S_INIT("Zg=="), B64_STD, true },
	{ "padding in the other alphabet", S_INIT("Zg=="), B64_URL, true },
	{ "trailing bits", S_INIT("Zh"), B64_STD, true },
	{ "one letter", S_INIT("Z"), B64_STD, false },
	{ "five letters", S_INIT("Zm9vY"), B64_STD, false },
	{ "too short padding", S_INIT("Zg="), B64_STD, false },
	{ "too long padding", S_INIT("Z==="), B64_STD, false },
	{ "padding alone", S_INIT("===="), B64_STD, false },
	{ "two paddings alone", S_INIT("=="), B64_STD, false },
	{ "padding after a whole", S_INIT("Zm9v="), B64_STD, false },
	{ "padding in the middle", S_INIT("Zg==Zm9v"), B64_STD, false },
	{ "a newline", S_INIT("Zm9v\nYg"), B64_STD, false },
	{ "a space", S_INIT("Zm 8"), B64_STD, false },
	{ "a NUL", S_INIT("Zm\0v"), B64_STD, false },
	{ "minus in the standard one", S_INIT("--__"), B64_STD, false },
	{ "plus in the URL one", S_INIT("++//"), B64_URL, false },
	{ "a high byte", S_INIT("Zm\xc3v"), B64_STD, false },
};

static void
test_b64_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(b64_texts); i++) {
		struct str got = S("untouched");
		bool ok = b64_decode(a, b64_texts[i].alphabet,
		    b64_texts[i].text, &got);

		if (ok != b64_texts[i].ok)
			fail_msg("base64: %s", b64_texts[i].name);
		if (!ok)
			assert_true(str_eq(got, S("untouched")));
	}
}

static void
test_b64_all_lengths(void **state)
{
	char bytes[100];
	struct str got;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 151 + 7);
	for (size_t n = 0; n <= sizeof(bytes); n++)
		for (int url = 0; url < 2; url++) {
			enum b64 al = url ? B64_URL : B64_STD;
			struct str t = b64_encode(a, al, str_n(bytes, n));

			assert_int_equal(t.n, (n * 4 + 2) / 3);
			assert_true(b64_decode(a, al, t, &got));
			assert_true(str_eq(got, str_n(bytes, n)));
		}
}

static void
test_hex(void **state)
{
	struct str got = S("untouched");

	(void)state;
	assert_true(str_eq(hex_encode(a, S("\0\x7f\x80\xff")), S("007f80ff")));
	assert_int_equal(hex_encode(a, (struct str){ NULL, 0 }).n, 0);
	assert_false(hex_decode(a, S("0"), &got));
	assert_false(hex_decode(a, S("0g"), &got));
	assert_false(hex_decode(a, S(" 1"), &got));
	assert_false(hex_decode(a, S("0x"), &got));
	assert_true(str_eq(got, S("untouched")));
	assert_true(hex_decode(a, S("007F80ff"), &got));
	assert_true(str_eq(got, S("\0\x7f\x80\xff")));
	assert_true(hex_decode(a, S(""), &got));
	assert_int_equal(got.n, 0);
}

static const struct {
	const char *name, *text, *plain, *plus;	/* plain NULL: refused */
} pcts[] = {
	{ "nothing", "", "", "" },
	{ "no escapes", "abc", "abc", "abc" },
	{ "a room id", "%21a%3Ab.org", "!a:b.org", "!a:b.org" },
	{ "lower case digits", "%3a%2f", ":/", ":/" },
	{ "a plus", "a+b%2B", "a+b+", "a b+" },
	{ "decoded once only", "%2541", "%41", "%41" },
	{ "UTF-8", "%C3%A9", "\xc3\xa9", "\xc3\xa9" },
	{ "a cut escape", "a%4", NULL, NULL },
	{ "a bare percent", "100%", NULL, NULL },
	{ "no digits", "%zz", NULL, NULL },
	{ "a sign for a digit", "%+1", NULL, NULL },
	{ "a NUL", "a%00b", NULL, NULL },
	{ "bad UTF-8", "%C3", NULL, NULL },
	{ "bad raw UTF-8", "\xc3z", NULL, NULL },
	{ "a surrogate", "%ED%A0%80", NULL, NULL },
	{ "an overlong slash", "%C0%AF", NULL, NULL },
};

static void
test_pct(void **state)
{
	struct str got;

	(void)state;
	for (size_t i = 0; i < LEN(pcts); i++)
		for (int plus = 0; plus < 2; plus++) {
			const char *want = plus ? pcts[i].plus : pcts[i].plain;
			bool ok = pct_decode(a, str_c(pcts[i].text), plus, &got);

			if (ok != (want != NULL) ||
			    (ok && !str_eq_c(got, want)))
				fail_msg("percent coding: %s", pcts[i].name);
		}
	assert_true(str_eq(pct_encode(a, S("!a:b/c d~-._Z9\xc3\xa9")),
	    S("%21a%3Ab%2Fc%20d~-._Z9%C3%A9")));
	assert_int_equal(pct_encode(a, (struct str){ NULL, 0 }).n, 0);
	for (int c = 1; c < 128; c++) {		/* there and back */
		char one = (char)c;
		struct str there = pct_encode(a, str_n(&one, 1));

		assert_true(pct_decode(a, there, true, &got));
		assert_true(str_eq(got, str_n(&one, 1)));
	}
}

static const struct {
	const char *name, *query;
	int n;			/* -1: refused */
	const char *flat;	/* key>val; of each */
} queries[] = {
	{ "nothing", "", 0, "" },
	{ "one", "a=1", 1, "a>1;" },
	{ "two", "a=1&b=2", 2, "a>1;b>2;" },
	{ "no value", "a&b=", 2, "a>;b>;" },
	{ "no key", "=1", 1, ">1;" },
	{ "an equals sign in the value", "a=b=c", 1, "a>b=c;" },
	{ "empty parts", "&&a=1&&b=2&", 2, "a>1;b>2;" },
	{ "the same key twice", "a=1&a=2", 2, "a>1;a>2;" },
	{ "escapes", "a%3Db=c%26d+e", 1, "a=b>c&d e;" },
	{ "as many as allowed", "a&b&c&d", 4, "a>;b>;c>;d>;" },
	{ "one too many", "a&b&c&d&e", -1, "" },
	{ "a bad escape in a key", "a=1&%x=2", -1, "" },
	{ "a bad escape in a value", "a=%", -1, "" },
};

static void
test_queries(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(queries); i++) {
		struct param *param = NULL;
		size_t n = 99;
		struct buf b;
		bool ok = params_parse(a, str_c(queries[i].query), 4, &param, &n);

		buf_init(&b, a, SIZE_MAX);
		for (size_t k = 0; ok && k < n; k++)
			buf_fmt(&b, STR_FMT ">" STR_FMT ";",
			    STR_ARG(param[k].key), STR_ARG(param[k].val));
		if (ok != (queries[i].n >= 0) ||
		    (ok && n != (size_t)queries[i].n) ||
		    !str_eq_c(buf_view(&b), queries[i].flat))
			fail_msg("query: %s", queries[i].name);
	}
	struct param *none;
	size_t n;
	assert_true(params_parse(a, S(""), 0, &none, &n));
	assert_false(params_parse(a, S("a"), 0, &none, &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b64),
		cmocka_unit_test(test_b64_bad),
		cmocka_unit_test(test_b64_all_lengths),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_pct),
		cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
