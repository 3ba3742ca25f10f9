/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Slices: comparing, searching, cutting, numbers, UTF-8, globs, copies. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"

#define NONE ((struct str){ NULL, 0 })

static const struct {
	struct str x, y;
	int cmp;		/* sign */
	bool eq, nocase;
} pairs[] = {
	{ S_INIT(""), S_INIT(""), 0, true, true },
	{ { NULL, 0 }, S_INIT(""), 0, true, true },
	{ { NULL, 0 }, S_INIT("a"), -1, false, false },
	{ S_INIT("a"), S_INIT("a"), 0, true, true },
	{ S_INIT("a"), S_INIT("A"), 1, false, true },
	{ S_INIT("a"), S_INIT("ab"), -1, false, false },
	{ S_INIT("b"), S_INIT("ab"), 1, false, false },
	{ S_INIT("a\0b"), S_INIT("a\0c"), -1, false, false },
	{ S_INIT("a\0"), S_INIT("a"), 1, false, false },
	{ S_INIT("\x7f"), S_INIT("\x80"), -1, false, false },
	{ S_INIT("@Z`"), S_INIT("@z`"), -1, false, true },
	{ S_INIT("["), S_INIT("{"), -1, false, false },
	{ S_INIT("\xc3\x89"), S_INIT("\xc3\xa9"), -1, false, false },
};

static int
sign(int x)
{
	return (x > 0) - (x < 0);
}

static void
test_compare(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(pairs); i++) {
		struct str x = pairs[i].x, y = pairs[i].y;

		if (sign(str_cmp(x, y)) != pairs[i].cmp ||
		    sign(str_cmp(y, x)) != -pairs[i].cmp)
			fail_msg("order of pair %zu", i);
		if (str_eq(x, y) != pairs[i].eq ||
		    str_eq_secret(x, y) != pairs[i].eq)
			fail_msg("equality of pair %zu", i);
		if (str_eq_nocase(x, y) != pairs[i].nocase)
			fail_msg("caseless equality of pair %zu", i);
	}
	assert_true(str_eq_c(S("abc"), "abc"));
	assert_false(str_eq_c(S("abc"), "abcd"));
	assert_true(str_eq_c(NONE, NULL));
	assert_int_equal(str_c(NULL).n, 0);
	assert_int_equal(str_n("abc", 2).n, 2);
}

static const struct {
	struct str s, part;
	ptrdiff_t at;
	bool starts, ends;
} parts[] = {
	{ S_INIT("room"), S_INIT(""), 0, true, true },
	{ { NULL, 0 }, { NULL, 0 }, 0, true, true },
	{ { NULL, 0 }, S_INIT("x"), -1, false, false },
	{ S_INIT("room"), S_INIT("room"), 0, true, true },
	{ S_INIT("room"), S_INIT("rooms"), -1, false, false },
	{ S_INIT("room"), S_INIT("ro"), 0, true, false },
	{ S_INIT("room"), S_INIT("om"), 2, false, true },
	{ S_INIT("room"), S_INIT("o"), 1, false, false },
	{ S_INIT("aaab"), S_INIT("aab"), 1, false, true },
	{ S_INIT("aaaa"), S_INIT("b"), -1, false, false },
	{ S_INIT("a\0b\0c"), S_INIT("\0c"), 3, false, true },
};

static void
test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(parts); i++) {
		struct str s = parts[i].s, p = parts[i].part;

		if (str_find_str(s, p) != parts[i].at)
			fail_msg("place of " STR_FMT " in " STR_FMT,
			    STR_ARG(p), STR_ARG(s));
		if (str_starts(s, p) != parts[i].starts ||
		    str_ends(s, p) != parts[i].ends)
			fail_msg("ends of " STR_FMT, STR_ARG(s));
	}
	assert_int_equal(str_find(S("@a:b:c"), ':'), 2);
	assert_int_equal(str_rfind(S("@a:b:c"), ':'), 4);
	assert_int_equal(str_find(S("abc"), 'x'), -1);
	assert_int_equal(str_rfind(S("abc"), 'x'), -1);
	assert_int_equal(str_find(NONE, 'x'), -1);
	assert_int_equal(str_rfind(NONE, 'x'), -1);
	assert_int_equal(str_rfind(S("x"), 'x'), 0);
}

static void
test_cutting(void **state)
{
	struct str head, rest;

	(void)state;
	assert_true(str_eq(str_sub(S("abcdef"), 2, 3), S("cde")));
	assert_true(str_eq(str_sub(S("abcdef"), 4, 30), S("ef")));
	assert_true(str_eq(str_sub(S("abcdef"), 4, SIZE_MAX), S("ef")));
	assert_int_equal(str_sub(S("abc"), 3, 1).n, 0);
	assert_int_equal(str_sub(S("abc"), 9, 1).n, 0);
	assert_int_equal(str_sub(NONE, 9, 1).n, 0);
	assert_true(str_eq(str_from(S("abc"), 1), S("bc")));
	assert_int_equal(str_from(NONE, 1).n, 0);

	assert_true(str_cut(S("a=b=c"), '=', &head, &rest));
	assert_true(str_eq(head, S("a")) && str_eq(rest, S("b=c")));
	assert_true(str_cut(S("="), '=', &head, &rest));
	assert_true(head.n == 0 && rest.n == 0);
	assert_false(str_cut(S("abc"), '=', &head, &rest));
	assert_true(str_eq(head, S("abc")) && rest.n == 0);
	assert_false(str_cut(NONE, '=', &head, &rest));
	assert_true(head.n == 0 && rest.n == 0);

	assert_true(str_eq(str_trim(S(" \t\r\na b\n ")), S("a b")));
	assert_int_equal(str_trim(S("  \n")).n, 0);
	assert_int_equal(str_trim(NONE).n, 0);
	assert_true(str_eq(str_trim(S("\va")), S("\va")));
}

static const struct {
	const char *text;
	bool ok;
	int64_t v;
} ints[] = {
	{ "0", true, 0 },
	{ "-0", true, 0 },
	{ "007", true, 7 },
	{ "42", true, 42 },
	{ "-42", true, -42 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN },
	{ "9223372036854775808", false, 0 },
	{ "-9223372036854775809", false, 0 },
	{ "99999999999999999999999", false, 0 },
	{ "", false, 0 }, { "-", false, 0 }, { "+1", false, 0 },
	{ " 1", false, 0 }, { "1 ", false, 0 }, { "--1", false, 0 },
	{ "1.0", false, 0 }, { "1e3", false, 0 }, { "0x10", false, 0 },
	{ "1_000", false, 0 }, { "\xd9\xa1", false, 0 },
};

static void
test_numbers(void **state)
{
	uint64_t u = 7;

	(void)state;
	for (size_t i = 0; i < LEN(ints); i++) {
		int64_t v = 77;
		bool ok = str_i64(str_c(ints[i].text), &v);

		if (ok != ints[i].ok || v != (ok ? ints[i].v : 77))
			fail_msg("the number \"%s\"", ints[i].text);
	}
	assert_true(str_u64(S("18446744073709551615"), &u));
	assert_true(u == UINT64_MAX);
	assert_false(str_u64(S("18446744073709551616"), &u));
	assert_false(str_u64(S("-1"), &u));
	assert_true(u == UINT64_MAX);
}

static const struct {
	const char *name;
	struct str s;
	bool ok;
	size_t len;
} utf8[] = {
	{ "nothing", { NULL, 0 }, true, 0 },
	{ "ASCII", S_INIT("abcdefghijklmnopq"), true, 17 },
	{ "a NUL", S_INIT("\0"), true, 1 },
	{ "two bytes", S_INIT("\xc3\xa9"), true, 1 },
	{ "the first of two bytes", S_INIT("\xc2\x80"), true, 1 },
	{ "three bytes", S_INIT("\xe2\x82\xac"), true, 1 },
	{ "the first of three bytes", S_INIT("\xe0\xa0\x80"), true, 1 },
	{ "four bytes", S_INIT("\xf0\x9f\x98\x80"), true, 1 },
	{ "the first of four bytes", S_INIT("\xf0\x90\x80\x80"), true, 1 },
	{ "U+10FFFF", S_INIT("\xf4\x8f\xbf\xbf"), true, 1 },
	{ "U+FFFF", S_INIT("\xef\xbf\xbf"), true, 1 },
	{ "U+D7FF", S_INIT("\xed\x9f\xbf"), true, 1 },
	{ "U+E000", S_INIT("\xee\x80\x80"), true, 1 },
	{ "after eight ASCII", S_INIT("abcdefgh\xc3\xa9z"), true, 10 },
	{ "astride a word", S_INIT("abcdefg\xc3\xa9z"), true, 9 },
	{ "a lone continuation", S_INIT("\x80"), false, 0 },
	{ "a lone continuation late", S_INIT("abcdefgh\xbf"), false, 0 },
	{ "overlong in two", S_INIT("\xc0\xaf"), false, 0 },
	{ "overlong in two, higher", S_INIT("\xc1\xbf"), false, 0 },
	{ "overlong in three", S_INIT("\xe0\x9f\xbf"), false, 0 },
	{ "overlong in four", S_INIT("\xf0\x8f\xbf\xbf"), false, 0 },
	{ "overlong NUL", S_INIT("\xc0\x80"), false, 0 },
	{ "a high surrogate", S_INIT("\xed\xa0\x80"), false, 0 },
	{ "a low surrogate", S_INIT("\xed\xbf\xbf"), false, 0 },
	{ "U+110000", S_INIT("\xf4\x90\x80\x80"), false, 0 },
	{ "a byte F5", S_INIT("\xf5\x80\x80\x80"), false, 0 },
	{ "a byte FF", S_INIT("\xff"), false, 0 },
	{ "two bytes cut", S_INIT("\xc3"), false, 0 },
	{ "three bytes cut", S_INIT("\xe2\x82"), false, 0 },
	{ "four bytes cut", S_INIT("\xf0\x9f\x98"), false, 0 },
	{ "a start instead of the second", S_INIT("\xc3\xc3"), false, 0 },
	{ "ASCII instead of the third", S_INIT("\xe2\x82z"), false, 0 },
	{ "ASCII instead of the fourth", S_INIT("\xf0\x9f\x98z"), false, 0 },
	{ "Latin-1 in the middle", S_INIT("caf\xe9 noir et blanc"), false, 0 },
};

static void
test_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(utf8); i++) {
		if (str_utf8_ok(utf8[i].s) != utf8[i].ok)
			fail_msg("UTF-8: %s", utf8[i].name);
		if (utf8[i].ok && str_utf8_len(utf8[i].s) != utf8[i].len)
			fail_msg("length of UTF-8: %s", utf8[i].name);
	}
}

static void
test_utf8_clip(void **state)
{
	struct str s = S("a\xc3\xa9\xf0\x9f\x98\x80z");
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8, 8 };

	(void)state;
	for (size_t max = 0; max < LEN(want); max++)
		assert_int_equal(str_utf8_clip(s, max).n, want[max]);
	assert_int_equal(str_utf8_clip(NONE, 0).n, 0);
}

static const struct {
	const char *pattern, *s;
	bool yes, nocase;
} globs[] = {
	{ "", "", true, true },
	{ "", "a", false, false },
	{ "*", "", true, true },
	{ "**", "anything", true, true },
	{ "?", "", false, false },
	{ "?", "a", true, true },
	{ "?", "ab", false, false },
	{ "abc", "abc", true, true },
	{ "abc", "ABC", false, true },
	{ "a*c", "abbbc", true, true },
	{ "a*c", "abbb", false, false },
	{ "a*c", "ac", true, true },
	{ "*.example.org", "a.b.example.org", true, true },
	{ "*.example.org", "example.org", false, false },
	{ "*.example.org", "evil.example.org.net", false, false },
	{ "m.room.*", "m.room.message", true, true },
	{ "m.room.*", "m.roommessage", false, false },
	{ "*a*b*c*", "xxaxxbxxcxx", true, true },
	{ "*a*b*c*", "xxaxxcxxbxx", false, false },
	{ "a?c*", "abcdef", true, true },
	{ "*?", "", false, false },
	{ "*?", "x", true, true },
	{ "[ab]", "a", false, false },
	{ "[ab]", "[ab]", true, true },
	{ "*ab", "aab", true, true },
	{ "*aab*", "aaaab", true, true },
	{ "\\*", "\\x", true, true },
};

static void
test_globs(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	char *many = arena_alloc(a, 20000), *stars = arena_alloc(a, 200);

	(void)state;
	for (size_t i = 0; i < LEN(globs); i++) {
		struct str p = str_c(globs[i].pattern), s = str_c(globs[i].s);

		if (str_glob(p, s, false) != globs[i].yes ||
		    str_glob(p, s, true) != globs[i].nocase)
			fail_msg("glob %s on %s", globs[i].pattern, globs[i].s);
	}
	/* What takes a naive matcher for ever must not here. */
	memset(many, 'a', 20000);
	for (size_t i = 0; i < 200; i += 2)
		memcpy(stars + i, "a*", 2);
	stars[199] = 'b';
	assert_false(str_glob(str_n(stars, 200), str_n(many, 20000), true));
	arena_free(a);
}

static void
test_copies(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	char word[] = "Room";
	struct str s = str_dup(a, str_c(word)), long_one;
	char *z = str_cz(a, str_c(word));

	(void)state;
	word[0] = 'x';
	assert_true(str_eq(s, S("Room")));
	assert_string_equal(z, "Room");
	assert_string_equal(str_cz(a, NONE), "");
	assert_int_equal(str_dup(a, NONE).n, 0);
	assert_true(str_eq(str_lower(a, S("@Ab:EXAMPLE.org\xc3\x89")),
	    S("@ab:example.org\xc3\x89")));
	assert_true(str_eq(str_cat(a, S("ab"), S("cd")), S("abcd")));
	assert_int_equal(str_cat(a, NONE, NONE).n, 0);
	assert_true(str_eq(str_fmt(a, "%d-%s", 4, "x"), S("4-x")));
	assert_int_equal(str_fmt(a, "%s", "").n, 0);
	assert_true(str_eq(str_fmt(a, STR_FMT, STR_ARG(NONE)), S("")));
	long_one = str_fmt(a, "%0*d", 1000, 1);
	assert_int_equal(long_one.n, 1000);
	assert_true(long_one.p[0] == '0' && long_one.p[999] == '1');
	assert_int_equal(str_fmt(a, "%0*d", 127, 1).n, 127);
	assert_int_equal(str_fmt(a, "%0*d", 128, 1).n, 128);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_cutting),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_clip),
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
