/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The JSON parser, trees and canonical form. The accept and refuse tables
 * follow the cases of RFC 8259 that parsers are known to differ on.
 * spec: appendices, "Canonical JSON" for its examples.
 */
#include "arena_fixture.h"

#include <string.h>

#include "base/json.h"

static struct json
parse(struct str text)
{
	struct json v;
	struct err e = { 0 };

	if (!json_parse(a, text, JSON_ANY, &v, &e))
		fail_msg(STR_FMT ": %s", STR_ARG(text), e.text);
	return v;
}

static enum errcode
code_of(struct str text, enum json_mode mode)
{
	struct json v = { .type = JSON_INT, .i = 4711 };
	struct err e = { 0 };
	/* A copy of the exact size, so that reading past it is seen. */
	char *copy = text.n == 0 ? NULL : test_malloc(text.n);

	if (copy != NULL)
		memcpy(copy, text.p, text.n);
	if (json_parse(a, str_n(copy, text.n), mode, &v, &e))
		e.code = M_OK;
	else
		assert_true(v.type == JSON_INT && v.i == 4711);
	if (copy != NULL)
		test_free(copy);
	return e.code;
}

#define OK M_OK
#define NJ M_NOT_JSON
#define BJ M_BAD_JSON

static const struct {
	const char *name;
	struct str text;
	enum errcode strict, any;
} cases[] = {
	/* structure */
	{ "an empty object", S_INIT("{}"), OK, OK },
	{ "an empty array", S_INIT("[]"), OK, OK },
	{ "spaces everywhere",
	    S_INIT(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"), OK, OK },
	{ "a lone string", S_INIT("\"a\""), OK, OK },
	{ "a lone number", S_INIT("42"), OK, OK },
	{ "lone words", S_INIT("[true,false,null]"), OK, OK },
	{ "nothing", S_INIT(""), NJ, NJ },
	{ "only spaces", S_INIT("  \n"), NJ, NJ },
	{ "a byte order mark", S_INIT("\xef\xbb\xbf{}"), NJ, NJ },
	{ "a form feed for a space", S_INIT("[\f1]"), NJ, NJ },
	{ "a no-break space", S_INIT("[\xc2\xa0" "1]"), NJ, NJ },
	{ "two values", S_INIT("1 2"), NJ, NJ },
	{ "something after", S_INIT("{}x"), NJ, NJ },
	{ "a NUL after", S_INIT("{}\0"), NJ, NJ },
	{ "a NUL between", S_INIT("[1,\0" "2]"), NJ, NJ },
	{ "a closing bracket after", S_INIT("[]]"), NJ, NJ },
	{ "an array without an end", S_INIT("[1"), NJ, NJ },
	{ "an array that ends after a comma", S_INIT("[1,"), NJ, NJ },
	{ "a bare bracket", S_INIT("["), NJ, NJ },
	{ "a bare brace", S_INIT("{"), NJ, NJ },
	{ "a trailing comma", S_INIT("[1,]"), NJ, NJ },
	{ "a leading comma", S_INIT("[,1]"), NJ, NJ },
	{ "two commas", S_INIT("[1,,2]"), NJ, NJ },
	{ "no comma", S_INIT("[1 2]"), NJ, NJ },
	{ "a colon in an array", S_INIT("[1:2]"), NJ, NJ },
	{ "the wrong bracket", S_INIT("[1}"), NJ, NJ },
	{ "the wrong brace", S_INIT("{\"a\":1]"), NJ, NJ },
	{ "a trailing comma in an object", S_INIT("{\"a\":1,}"), NJ, NJ },
	{ "a leading comma in an object", S_INIT("{,\"a\":1}"), NJ, NJ },
	{ "a name without quotes", S_INIT("{a:1}"), NJ, NJ },
	{ "single quotes", S_INIT("{'a':1}"), NJ, NJ },
	{ "a number for a name", S_INIT("{1:1}"), NJ, NJ },
	{ "no colon", S_INIT("{\"a\" 1}"), NJ, NJ },
	{ "no value", S_INIT("{\"a\":}"), NJ, NJ },
	{ "a name alone", S_INIT("{\"a\"}"), NJ, NJ },
	{ "an end after a name", S_INIT("{\"a\""), NJ, NJ },
	{ "an end after a colon", S_INIT("{\"a\":"), NJ, NJ },
	{ "a comment", S_INIT("[1/*x*/]"), NJ, NJ },
	{ "a line comment", S_INIT("1//x"), NJ, NJ },
	{ "a capital word", S_INIT("True"), NJ, NJ },
	{ "half a word", S_INIT("tru"), NJ, NJ },
	{ "a word too long", S_INIT("nulll"), NJ, NJ },
	{ "undefined", S_INIT("undefined"), NJ, NJ },
	/* duplicate names */
	{ "a name twice", S_INIT("{\"a\":1,\"a\":1}"), NJ, NJ },
	{ "a name twice, apart", S_INIT("{\"b\":1,\"a\":2,\"b\":3}"), NJ, NJ },
	{ "a name twice, once escaped",
	    S_INIT("{\"a\":1,\"\\u0061\":2}"), NJ, NJ },
	{ "an empty name twice", S_INIT("{\"\":1,\"\":2}"), NJ, NJ },
	{ "a long name twice", S_INIT("{\"org.example.long\":1,\"a\":0,"
	    "\"org.example.long\":1}"), NJ, NJ },
	{ "names apart by a NUL", S_INIT("{\"a\":1,\"a\\u0000\":2}"), OK, OK },
	{ "NUL first and sorted wrong",
	    S_INIT("{\"a\\u0000\":1,\"a\":2}"), OK, OK },
	{ "names apart in the ninth byte",
	    S_INIT("{\"12345678b\":1,\"12345678a\":2,\"12345678\":3}"), OK, OK },
	{ "an empty name", S_INIT("{\"\":1}"), OK, OK },
	{ "the same name in two levels", S_INIT("{\"a\":{\"a\":1}}"), OK, OK },
	/* numbers; a number not allowed is seen before what follows it */
	{ "zero", S_INIT("0"), OK, OK },
	{ "minus one", S_INIT("-1"), OK, OK },
	{ "2^53 - 1", S_INIT("9007199254740991"), OK, OK },
	{ "-(2^53 - 1)", S_INIT("-9007199254740991"), OK, OK },
	{ "2^53", S_INIT("9007199254740992"), BJ, OK },
	{ "-2^53", S_INIT("-9007199254740992"), BJ, OK },
	{ "2^64", S_INIT("18446744073709551616"), BJ, OK },
	{ "10^30", S_INIT("1000000000000000000000000000000"), BJ, OK },
	{ "-0", S_INIT("-0"), BJ, OK },
	{ "1.0", S_INIT("1.0"), BJ, OK },
	{ "-0.0", S_INIT("-0.0"), BJ, OK },
	{ "1e3", S_INIT("1e3"), BJ, OK },
	{ "1E+2", S_INIT("1E+2"), BJ, OK },
	{ "1e-2", S_INIT("[1e-2]"), BJ, OK },
	{ "0e0", S_INIT("0e0"), BJ, OK },
	{ "1.5e300", S_INIT("{\"a\":1.5e300}"), BJ, OK },
	{ "1e99999", S_INIT("1e99999"), BJ, OK },
	{ "a leading zero", S_INIT("01"), NJ, NJ },
	{ "two zeros", S_INIT("00"), NJ, NJ },
	{ "a negative leading zero", S_INIT("-01"), NJ, NJ },
	{ "a plus", S_INIT("+1"), NJ, NJ },
	{ "a bare minus", S_INIT("-"), NJ, NJ },
	{ "a minus and a word", S_INIT("-a"), NJ, NJ },
	{ "two minuses", S_INIT("--1"), NJ, NJ },
	{ "no fraction", S_INIT("1."), NJ, NJ },
	{ "no fraction but an exponent", S_INIT("1.e1"), NJ, NJ },
	{ "no integer", S_INIT(".5"), NJ, NJ },
	{ "no exponent", S_INIT("1e"), NJ, NJ },
	{ "a signed nothing exponent", S_INIT("1e+"), NJ, NJ },
	{ "two fractions", S_INIT("1.2.3"), BJ, NJ },
	{ "two exponents", S_INIT("1e2e3"), BJ, NJ },
	{ "hex", S_INIT("0x1"), NJ, NJ },
	{ "NaN", S_INIT("NaN"), NJ, NJ },
	{ "-Infinity", S_INIT("-Infinity"), NJ, NJ },
	{ "a full-width digit", S_INIT("\xef\xbc\x91"), NJ, NJ },
	/* strings */
	{ "all escapes",
	    S_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""), OK, OK },
	{ "a NUL escape", S_INIT("\"\\u0000\""), OK, OK },
	{ "a NUL escape in a name", S_INIT("{\"\\u0000\":1}"), OK, OK },
	{ "DEL", S_INIT("\"\x7f\""), OK, OK },
	{ "U+2028", S_INIT("\"\xe2\x80\xa8\""), OK, OK },
	{ "U+FFFF", S_INIT("\"\xef\xbf\xbf\""), OK, OK },
	{ "U+10FFFF", S_INIT("\"\xf4\x8f\xbf\xbf\""), OK, OK },
	{ "a surrogate pair", S_INIT("\"\\ud83d\\uDE00\""), OK, OK },
	{ "a lone high half", S_INIT("\"\\ud800\""), NJ, NJ },
	{ "a lone low half", S_INIT("\"\\udc00\""), NJ, NJ },
	{ "two high halves", S_INIT("\"\\ud800\\ud800\""), NJ, NJ },
	{ "a high half and a letter", S_INIT("\"\\ud800abcdef\""), NJ, NJ },
	{ "a high half and no hex", S_INIT("\"\\ud800\\uzzzz\""), NJ, NJ },
	{ "a high half and a newline", S_INIT("\"\\ud800\\n\\n\\n\""), NJ, NJ },
	{ "halves swapped", S_INIT("\"\\ude00\\ud83d\""), NJ, NJ },
	{ "short hex", S_INIT("\"\\u12\""), NJ, NJ },
	{ "short hex at the end", S_INIT("\"\\u12"), NJ, NJ },
	{ "bad hex", S_INIT("\"\\u12g4\""), NJ, NJ },
	{ "a sign in hex", S_INIT("\"\\u+123\""), NJ, NJ },
	{ "an unknown escape", S_INIT("\"\\x41\""), NJ, NJ },
	{ "a capital U escape", S_INIT("\"\\U0041\""), NJ, NJ },
	{ "an escaped NUL byte", S_INIT("\"\\\0\""), NJ, NJ },
	{ "an escaped quote's end", S_INIT("\"\\\""), NJ, NJ },
	{ "an end after a backslash", S_INIT("\"\\"), NJ, NJ },
	{ "a string without an end", S_INIT("\"abc"), NJ, NJ },
	{ "a long one without an end", S_INIT("\"abcdefghijklmnop"), NJ, NJ },
	{ "a quote alone", S_INIT("\""), NJ, NJ },
	{ "a raw newline", S_INIT("\"a\nb\""), NJ, NJ },
	{ "a raw tab", S_INIT("\"a\tb\""), NJ, NJ },
	{ "a raw NUL", S_INIT("\"a\0b\""), NJ, NJ },
	{ "a raw U+001F", S_INIT("\"\x1f\""), NJ, NJ },
	{ "a raw control late in a word",
	    S_INIT("\"abcdefghi\x01jklmn\""), NJ, NJ },
	{ "a raw control after an escape", S_INIT("\"\\n\x01\""), NJ, NJ },
	{ "bad UTF-8", S_INIT("\"\xff\""), NJ, NJ },
	{ "bad UTF-8 in a name", S_INIT("{\"\xe9\":1}"), NJ, NJ },
	{ "overlong", S_INIT("\"\xc0\xaf\""), NJ, NJ },
	{ "a raw surrogate", S_INIT("\"\xed\xa0\x80\""), NJ, NJ },
	{ "over U+10FFFF", S_INIT("\"\xf4\x90\x80\x80\""), NJ, NJ },
	{ "a cut sequence", S_INIT("\"\xe2\x82\""), NJ, NJ },
	{ "a sequence cut by the end", S_INIT("\"\xf0\x9f"), NJ, NJ },
	{ "bad UTF-8 after an escape", S_INIT("\"\\n\xff\""), NJ, NJ },
	{ "bad UTF-8 after a good one", S_INIT("\"\xc3\xa9\xff\""), NJ, NJ },
	{ "UTF-16", S_INIT("[\0\"\0\xe9\0\"\0]\0"), NJ, NJ },
};

static void
test_accept_and_refuse(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		enum errcode strict = code_of(cases[i].text, JSON_STRICT);
		enum errcode any = code_of(cases[i].text, JSON_ANY);

		if (strict != cases[i].strict || any != cases[i].any)
			fail_msg("%s: %s and %s", cases[i].name,
			    err_name(strict), err_name(any));
	}
}

/* A plain byte, a special one and a closing quote at every place of a word. */
static void
test_strings_of_every_length(void **state)
{
	static const char *const special[] = {
		"", "\\n", "\\\"", "\xc3\xa9", "\\u00e9", "\xf0\x9f\x98\x80",
	};
	static const char *const is[] = {
		"", "\n", "\"", "\xc3\xa9", "\xc3\xa9", "\xf0\x9f\x98\x80",
	};

	(void)state;
	for (int k = 0; k < (int)LEN(special); k++)
		for (int before = 0; before < 20; before++)
			for (int after = 0; after < 20; after++) {
				struct str t = str_fmt(a, "\"%.*s%s%.*s\"",
				    before, "abcdefghijklmnopqrstuvwxyz",
				    special[k], after,
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
				struct str want = str_fmt(a, "%.*s%s%.*s",
				    before, "abcdefghijklmnopqrstuvwxyz",
				    is[k], after,
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
				struct json v = parse(t);

				assert_true(str_eq(v.s, want));
				assert_true(str_eq(v.src, t));
			}
}

static void
test_values(void **state)
{
	struct str text = S(" { \"s\" : \"a\\u00e9\\ud83d\\ude00\\/\" , "
	    "\"i\": -12 ,\"r\":1.50 , \"t\":true,\"f\":false,\"n\":null,"
	    "\"arr\":[ 1, [ ] ,{}],\"big\":9007199254740992}  ");
	struct json v = parse(text);
	const struct json *arr = json_get_arr(&v, S("arr"));
	int64_t i = 0;
	bool b = false;

	(void)state;
	assert_int_equal(v.type, JSON_OBJ);
	assert_int_equal(v.n, 8);
	assert_true(str_eq(v.src, str_trim(text)));
	assert_true(str_eq(json_str(&v, S("s")),
	    S("a\xc3\xa9\xf0\x9f\x98\x80/")));
	assert_true(str_eq(json_get(&v, S("s"))->src,
	    S("\"a\\u00e9\\ud83d\\ude00\\/\"")));
	assert_true(json_get_int(&v, S("i"), &i) && i == -12);
	assert_true(json_is(json_get(&v, S("r")), JSON_REAL));
	assert_true(str_eq(json_get(&v, S("r"))->src, S("1.50")));
	assert_true(json_is(json_get(&v, S("big")), JSON_REAL));
	assert_true(json_get_bool(&v, S("t"), &b) && b);
	assert_true(json_get_bool(&v, S("f"), &b) && !b);
	assert_true(json_is(json_get(&v, S("n")), JSON_NULL));
	assert_int_equal(arr->n, 3);
	assert_true(str_eq(arr->src, S("[ 1, [ ] ,{}]")));
	assert_int_equal(json_at(arr, 0)->i, 1);
	assert_true(str_eq(json_at(arr, 1)->src, S("[ ]")));
	assert_int_equal(json_at(arr, 1)->n, 0);
	assert_true(json_is(json_at(arr, 2), JSON_OBJ));
	assert_null(json_at(arr, 3));
}

/* Strings without escapes are slices of the text. */
static void
test_slices(void **state)
{
	struct str text = S("{\"key\":\"caf\xc3\xa9\"}");
	struct json v = parse(text);

	(void)state;
	assert_ptr_equal(v.m[0].key.p, text.p + 2);
	assert_ptr_equal(v.m[0].val.s.p, text.p + 8);
	assert_ptr_equal(v.m[0].val.src.p, text.p + 7);
}

static void
test_readers_take_anything(void **state)
{
	struct json v = parse(S("{\"a\":{\"b\":{\"c\":7}},\"s\":\"x\"}"));
	struct json nothing = parse(S("null"));
	const struct json *wrong[3] = { NULL, &nothing, json_get(&v, S("s")) };
	struct str s = S("kept");
	int64_t i = 5;
	bool b = true;

	(void)state;
	for (size_t k = 0; k < LEN(wrong); k++) {
		assert_null(json_get(wrong[k], S("a")));
		assert_null(json_get_obj(wrong[k], S("a")));
		assert_null(json_get_arr(wrong[k], S("a")));
		assert_null(json_at(wrong[k], 0));
		assert_false(json_get_str(wrong[k], S("a"), &s));
		assert_false(json_get_int(wrong[k], S("a"), &i));
		assert_false(json_get_bool(wrong[k], S("a"), &b));
		assert_int_equal(json_str(wrong[k], S("a")).n, 0);
		assert_null(json_path(wrong[k], 1, "a"));
	}
	assert_true(str_eq(s, S("kept")) && i == 5 && b);
	assert_null(json_get_arr(&v, S("a")));
	assert_null(json_get_obj(&v, S("s")));
	assert_null(json_get(&v, S("missing")));
	assert_false(json_get_int(&v, S("s"), &i));
	assert_int_equal(json_path(&v, 3, "a", "b", "c")->i, 7);
	assert_null(json_path(&v, 4, "a", "b", "c", "d"));
	assert_null(json_path(&v, 2, "x", "b"));
	assert_ptr_equal(json_path(&v, 0), &v);
	assert_false(json_is(NULL, JSON_NULL));
}

static struct str
nested(size_t depth, const char *open, const char *close)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	for (size_t i = 0; i < depth; i++)
		buf_c(&b, open);
	buf_c(&b, "1");
	for (size_t i = 0; i < depth; i++)
		buf_c(&b, close);
	return buf_view(&b);
}

static void
test_depth(void **state)
{
	(void)state;
	assert_int_equal(code_of(nested(100, "[", "]"), JSON_STRICT), M_OK);
	assert_int_equal(code_of(nested(101, "[", "]"), JSON_STRICT), NJ);
	assert_int_equal(code_of(nested(100, "{\"a\":", "}"), JSON_STRICT), M_OK);
	assert_int_equal(code_of(nested(101, "{\"a\":", "}"), JSON_STRICT), NJ);
	assert_int_equal(code_of(nested(50, "[{\"a\":", "}]"), JSON_STRICT), M_OK);
	assert_int_equal(code_of(nested(51, "[{\"a\":", "}]"), JSON_STRICT), NJ);
	assert_int_equal(code_of(nested(1000000, "[", ""), JSON_STRICT), NJ);
	assert_int_equal(code_of(nested(200000, "{\"a\":", ""), JSON_STRICT), NJ);
	/* Levels side by side do not add up. */
	assert_int_equal(code_of(nested(1, "[[],[],[],[[]],[[[]]],", "]"),
	    JSON_STRICT), M_OK);
}

/*
 * spec: appendices, "Canonical JSON", its examples; then what they leave out.
 */
static const struct {
	struct str text, want;
} canon[] = {
	{ S_INIT("{}"), S_INIT("{}") },
	{ S_INIT("{ \"one\": 1, \"two\": \"Two\" }"),
	    S_INIT("{\"one\":1,\"two\":\"Two\"}") },
	{ S_INIT("{ \"b\": \"2\", \"a\": \"1\" }"),
	    S_INIT("{\"a\":\"1\",\"b\":\"2\"}") },
	{ S_INIT("{\"b\":\"2\",\"a\":\"1\"}"), S_INIT("{\"a\":\"1\",\"b\":\"2\"}") },
	{ S_INIT("{\"auth\": {\"success\": true, \"mxid\":"
	    " \"@john.doe:example.com\", \"profile\": {\"display_name\":"
	    " \"John Doe\", \"three_pids\": [{\"medium\": \"email\","
	    " \"address\": \"john.doe@example.org\"}, {\"medium\": \"msisdn\","
	    " \"address\": \"123456789\"}]}}}"),
	    S_INIT("{\"auth\":{\"mxid\":\"@john.doe:example.com\",\"profile\":"
	    "{\"display_name\":\"John Doe\",\"three_pids\":[{\"address\":"
	    "\"john.doe@example.org\",\"medium\":\"email\"},{\"address\":"
	    "\"123456789\",\"medium\":\"msisdn\"}]},\"success\":true}}") },
	{ S_INIT("{\"a\": \"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"}"),
	    S_INIT("{\"a\":\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"}") },
	{ S_INIT("{\"\xe6\x9c\xac\": 2, \"\xe6\x97\xa5\": 1}"),
	    S_INIT("{\"\xe6\x97\xa5\":1,\"\xe6\x9c\xac\":2}") },
	{ S_INIT("{\"a\": \"\\u65E5\"}"), S_INIT("{\"a\":\"\xe6\x97\xa5\"}") },
	{ S_INIT("{\"a\": null}"), S_INIT("{\"a\":null}") },
	{ S_INIT("[ true , false ,[], {} ]"), S_INIT("[true,false,[],{}]") },
	{ S_INIT("\"\\u0000\\u0001\\u0008\\u0009\\u000a\\u000b\\u000c\\u000d"
	    "\\u000e\\u001F\\u0022\\u005c\\u002f\\u007F\""),
	    S_INIT("\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r"
	    "\\u000e\\u001f\\\"\\\\/\x7f\"") },
	{ S_INIT("\"\\/\\u2028<>&\""), S_INIT("\"/\xe2\x80\xa8<>&\"") },
	{ S_INIT("\"\\ud83d\\ude00\""), S_INIT("\"\xf0\x9f\x98\x80\"") },
	{ S_INIT("[-9007199254740991,9007199254740991,0]"),
	    S_INIT("[-9007199254740991,9007199254740991,0]") },
	{ S_INIT("[1.50, 1e3, -0, 10000000000000000000]"),
	    S_INIT("[1.50,1e3,-0,10000000000000000000]") },
	/* By code point: U+FFFF before U+1F600, not as in UTF-16. */
	{ S_INIT("{\"\xf0\x9f\x98\x80\":1,\"\xef\xbf\xbf\":2,\"z\":3,\"\":4}"),
	    S_INIT("{\"\":4,\"z\":3,\"\xef\xbf\xbf\":2,\"\xf0\x9f\x98\x80\":1}") },
	/* Escapes in names are undone before sorting. */
	{ S_INIT("{\"b\":1,\"\\u0061\":2}"), S_INIT("{\"a\":2,\"b\":1}") },
	{ S_INIT("{\"12345678b\":1,\"12345678a\":2,\"12345678\":3,"
	    "\"1234567\":4}"), S_INIT("{\"1234567\":4,\"12345678\":3,"
	    "\"12345678a\":2,\"12345678b\":1}") },
	{ S_INIT("{\"a\\u0000\":1,\"a\":2,\"A\":3}"),
	    S_INIT("{\"A\":3,\"a\":2,\"a\\u0000\":1}") },
	{ S_INIT("{\"\x7f\":1,\"~\":2,\"\xc3\xa9\":3}"),
	    S_INIT("{\"~\":2,\"\x7f\":1,\"\xc3\xa9\":3}") },
};

static void
test_canonical(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(canon); i++) {
		struct json v = parse(canon[i].text);
		struct str got = json_text(a, &v), again;

		if (!str_eq(got, canon[i].want))
			fail_msg(STR_FMT " is not " STR_FMT, STR_ARG(got),
			    STR_ARG(canon[i].want));
		v = parse(got);
		again = json_text(a, &v);
		assert_true(str_eq(got, again));
	}
}

/* n members in an order that is neither sorted nor reversed. */
static struct str
big_object(size_t n, const char *prefix, bool twice)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	buf_char(&b, '{');
	for (size_t i = 0; i < n; i++)
		buf_fmt(&b, "%s\"%s%06zu\":%zu", i == 0 ? "" : ",", prefix,
		    i * 7919 % n, i);
	if (twice)
		buf_fmt(&b, ",\"%s%06zu\":0", prefix, n / 2);
	buf_char(&b, '}');
	return buf_view(&b);
}

/* 7919 is a prime that divides none of these. */
static const size_t sizes[] = { 2, 3, 31, 32, 33, 64, 65, 1000, 100000 };

static void
test_sorting(void **state)
{
	static const char *const prefix[] = { "", "a.prefix.of.more.than.8." };

	(void)state;
	for (size_t i = 0; i < LEN(sizes) * 2; i++) {
		const char *pre = prefix[i % 2];
		size_t n = sizes[i / 2];
		struct json v = parse(big_object(n, pre, false));

		assert_int_equal(v.n, n);
		for (size_t k = 0; k < n; k++) {
			struct arena_mark m = arena_mark(a);
			struct str key = str_fmt(a, "%s%06zu", pre, k);

			assert_true(str_eq(v.m[k].key, key));
			assert_int_equal((size_t)v.m[k].val.i * 7919 % n, k);
			arena_release(a, m);
		}
		assert_int_equal(code_of(big_object(n, pre, true), JSON_ANY), NJ);
	}
}

static void
test_arena_cap(void **state)
{
	struct arena *small = arena_new(10000);
	struct err e = { 0 };
	struct json v;
	struct buf b;

	(void)state;
	assert_true(json_parse(small, S("[1,2,3]"), JSON_STRICT, &v, &e));
	for (int kind = 0; kind < 4; kind++) {
		static const char *const part[] = {
			"0,", "[],", "{\"a\":[0]},", "\"\\n123456\","
		};

		arena_reset(small);
		buf_init(&b, a, SIZE_MAX);
		buf_char(&b, '[');
		for (int i = 0; i < 100000; i++)
			buf_c(&b, part[kind]);
		buf_c(&b, "0]");
		err_clear(&e);
		assert_false(json_parse(small, buf_view(&b), JSON_STRICT, &v,
		    &e));
		assert_int_equal(e.code, M_TOO_LARGE);
		/* It gave up early, not after building it all. */
		assert_true(arena_used(small) < 100000);
	}
	arena_free(small);
}

static void
test_text_is_whole_over_the_cap(void **state)
{
	struct arena *small = arena_new(100);
	struct json v = parse(big_object(1000, "", false));

	(void)state;
	assert_true(str_eq(json_text(small, &v), json_text(a, &v)));
	assert_true(arena_over(small));
	arena_free(small);
}

static void
test_building(void **state)
{
	struct json obj = json_new_obj(), arr = json_new_arr();

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct str key = str_fmt(a, "%03d", i * 37 % 200);

		json_set(a, &obj, key, json_of_int(i));
		json_push(a, &arr, json_of_int(i));
	}
	assert_int_equal(obj.n, 200);
	for (size_t i = 0; i < 200; i++) {
		assert_int_equal(json_at(&arr, i)->i, i);
		assert_true(str_eq(obj.m[i].key, str_fmt(a, "%03zu", i)));
	}
	json_set(a, &obj, S("007"), json_of_str(S("new")));
	assert_int_equal(obj.n, 200);
	assert_true(str_eq(json_str(&obj, S("007")), S("new")));
	assert_false(json_del(&obj, S("nope")));
	for (int i = 0; i < 200; i += 2)
		assert_true(json_del(&obj, str_fmt(a, "%03d", i)));
	assert_int_equal(obj.n, 100);
	assert_null(json_get(&obj, S("008")));
	assert_non_null(json_get(&obj, S("009")));
	for (int i = 0; i < 50; i++)
		json_set(a, &obj, str_fmt(a, "x%d", i), json_of_bool(true));
	assert_int_equal(obj.n, 150);
}

static void
test_built_text(void **state)
{
	struct json obj = json_new_obj(), arr = json_new_arr();

	(void)state;
	assert_true(str_eq(json_text(a, &obj), S("{}")));
	json_push(a, &arr, json_of_bool(false));
	json_push(a, &arr, json_of_str(S("\x1f\"")));
	json_push(a, &arr, (struct json){ .type = JSON_NULL });
	json_set(a, &obj, S("b"), arr);
	json_set(a, &obj, S("a"), json_of_int(-5));
	assert_true(str_eq(json_text(a, &obj),
	    S("{\"a\":-5,\"b\":[false,\"\\u001f\\\"\",null]}")));
}

static void
test_copy(void **state)
{
	struct str text = S("{\"a\":1,\"b\":[1,2],\"c\":{\"d\":1}}");
	struct json v = parse(text), copy = json_copy(a, &v);
	struct json arr = json_copy(a, json_get(&v, S("b")));

	(void)state;
	assert_int_equal(copy.src.n, 0);
	assert_true(json_equal(&v, &copy));
	assert_true(json_del(&copy, S("a")));
	json_set(a, &copy, S("z"), json_of_int(9));
	json_push(a, &arr, json_of_int(3));
	json_set(a, &copy, S("b"), arr);
	assert_true(str_eq(json_text(a, &v), text));
	assert_true(str_eq(json_text(a, &copy),
	    S("{\"b\":[1,2,3],\"c\":{\"d\":1},\"z\":9}")));
	/* Every size grows well after a copy. */
	for (size_t n = 0; n < 70; n++) {
		struct json from = parse(big_object(n, "", false));
		struct json to = json_copy(a, &from);

		for (int i = 0; i < 70; i++)
			json_set(a, &to, str_fmt(a, "k%d", i), json_of_int(i));
		assert_int_equal(to.n, n + 70);
	}
}

static void
test_dup(void **state)
{
	char text[] = "{\"key\":[\"str\\n\",1.5,{\"in\":null}],\"n\":7}";
	struct arena *other = arena_new(SIZE_MAX);
	struct err e = { 0 };
	struct json v, dup;

	(void)state;
	assert_true(json_parse(other, str_c(text), JSON_ANY, &v, &e));
	dup = json_dup(a, &v);
	assert_true(json_equal(&v, &dup));
	memset(text, '#', sizeof(text) - 1);
	arena_free(other);
	assert_true(str_eq(json_text(a, &dup),
	    S("{\"key\":[\"str\\n\",1.5,{\"in\":null}],\"n\":7}")));
}

static const struct {
	struct str x, y;
	bool equal;
} equals[] = {
	{ S_INIT("{\"a\":1,\"b\":[2]}"), S_INIT("{ \"b\":[2], \"a\":1 }"), true },
	{ S_INIT("\"\\u0061\""), S_INIT("\"a\""), true },
	{ S_INIT("null"), S_INIT("null"), true },
	{ S_INIT("1.0"), S_INIT("1.0"), true },
	{ S_INIT("1.0"), S_INIT("1"), false },
	{ S_INIT("null"), S_INIT("false"), false },
	{ S_INIT("0"), S_INIT("false"), false },
	{ S_INIT("true"), S_INIT("false"), false },
	{ S_INIT("1"), S_INIT("2"), false },
	{ S_INIT("\"1\""), S_INIT("1"), false },
	{ S_INIT("[1,2]"), S_INIT("[2,1]"), false },
	{ S_INIT("[1,2]"), S_INIT("[1]"), false },
	{ S_INIT("[]"), S_INIT("{}"), false },
	{ S_INIT("{\"a\":1}"), S_INIT("{\"a\":2}"), false },
	{ S_INIT("{\"a\":1}"), S_INIT("{\"b\":1}"), false },
	{ S_INIT("{\"a\":1}"), S_INIT("{\"a\":1,\"b\":1}"), false },
};

static void
test_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(equals); i++) {
		struct json x = parse(equals[i].x), y = parse(equals[i].y);

		if (json_equal(&x, &y) != equals[i].equal ||
		    json_equal(&y, &x) != equals[i].equal)
			fail_msg(STR_FMT " and " STR_FMT, STR_ARG(equals[i].x),
			    STR_ARG(equals[i].y));
		assert_false(json_equal(&x, NULL));
	}
	assert_true(json_equal(NULL, NULL));
}

/* A refusal says where. */
static void
test_error_text(void **state)
{
	struct err e = { 0 };
	struct json v;

	(void)state;
	assert_false(json_parse(a, S("{\"a\":1,}"), JSON_ANY, &v, &e));
	assert_non_null(strstr(e.text, "byte 7"));
	err_clear(&e);
	assert_false(json_parse(a, S("[1.5]"), JSON_STRICT, &v, &e));
	assert_non_null(strstr(e.text, "byte 1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept_and_refuse),
		cmocka_unit_test(test_strings_of_every_length),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_readers_take_anything),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_sorting),
		cmocka_unit_test(test_arena_cap),
		cmocka_unit_test(test_text_is_whole_over_the_cap),
		cmocka_unit_test(test_building),
		cmocka_unit_test(test_built_text),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_dup),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_error_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
