/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The JSON parser: one pass, by recursion bounded by JSON_DEPTH_MAX. Members
 * and items gather on one stack shared by all levels and move to an array of
 * the exact size when their container closes; members are sorted then, unless
 * they came sorted, as canonical JSON does. Bytes are looked at eight at a
 * time inside strings. Reading trees is json_tree.c, writing json_write.c.
 * spec: RFC 8259; appendices, "Canonical JSON".
 */
#include "base/json.h"

#include <string.h>

#include "base/enc.h"
#include "base/json_sort.h"

#define STACK_FIRST 32

struct parser {
	const char *p, *end, *text;
	struct arena *a;
	struct err *e;
	enum json_mode mode;
	int depth;
	struct json_item *stack;
	size_t n, cap;
};

static bool value(struct parser *ps, struct json *v);

static bool
bad(struct parser *ps, const char *what)
{
	return fail(ps->e, M_NOT_JSON, "Not JSON: %s at byte %zu", what,
	    (size_t)(ps->p - ps->text));
}

static void
skip_space(struct parser *ps)
{
	const char *p = ps->p;

	while (p < ps->end &&
	    (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	ps->p = p;
}

/* The next byte after spaces; NUL at the end, and for a NUL, never valid. */
static char
peek(struct parser *ps)
{
	if (ps->p < ps->end && (unsigned char)*ps->p > ' ')
		return *ps->p;
	skip_space(ps);
	return ps->p < ps->end ? *ps->p : '\0';
}

/* The high bit of each byte of x that is zero; exact up to the first such. */
static uint64_t
zero_bytes(uint64_t x)
{
	return (x - UINT64_C(0x0101010101010101)) & ~x;
}

/* Skips plain ASCII: stops at a quote, backslash, control or byte >= 0x80. */
static const char *
skip_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t x, hit;

	while (end - p >= 8) {
		memcpy(&x, p, sizeof(x));
		hit = zero_bytes(x ^ (ones * '"')) |
		    zero_bytes(x ^ (ones * '\\')) |
		    ((x - ones * 0x20) & ~x) | x;
		hit &= ones * 0x80;
		if (hit != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			return p + (__builtin_ctzll(hit) >> 3);
#else
			break;
#endif
		}
		p += 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 &&
	    (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Reads the XXXX of \uXXXX at ps->p; -1 if they are not there. */
static int32_t
hex4(struct parser *ps)
{
	int32_t v = 0;

	if (ps->end - ps->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_value(ps->p[i]);

		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	ps->p += 4;
	return v;
}

static char *
put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xC0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*to++ = (char)(0xE0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
		*to++ = (char)(0x80 | (c & 0x3F));
	} else {
		*to++ = (char)(0xF0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3F));
		*to++ = (char)(0x80 | (c >> 6 & 0x3F));
		*to++ = (char)(0x80 | (c & 0x3F));
	}
	return to;
}

/* What follows "\u": one code unit, or both halves of a surrogate pair. */
static bool
unicode_escape(struct parser *ps, char **to)
{
	int32_t c = hex4(ps), low;

	if (c < 0)
		return bad(ps, "a bad \\u escape");
	if (c >= 0xDC00 && c <= 0xDFFF)
		return bad(ps, "half a surrogate pair");
	if (c >= 0xD800 && c <= 0xDBFF) {
		if (ps->end - ps->p < 6 || ps->p[0] != '\\' ||
		    ps->p[1] != 'u')
			return bad(ps, "half a surrogate pair");
		ps->p += 2;
		low = hex4(ps);
		if (low < 0xDC00 || low > 0xDFFF)
			return bad(ps, "half a surrogate pair");
		c = 0x10000 + (c - 0xD800) * 0x400 + (low - 0xDC00);
	}
	*to = put_utf8(*to, (uint32_t)c);
	return true;
}

/* ps->p is after a backslash. */
static bool
escape(struct parser *ps, char **to)
{
	static const char from[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (ps->p >= ps->end)
		return bad(ps, "a string without an end");
	if (*ps->p == 'u') {
		ps->p++;
		return unicode_escape(ps, to);
	}
	at = memchr(from, *ps->p, sizeof(from) - 1);
	if (at == NULL)
		return bad(ps, "an unknown escape");
	*(*to)++ = is[at - from];
	ps->p++;
	return true;
}

/* Moves over what needs no unescaping; stops at a quote or backslash. */
static bool
string_run(struct parser *ps)
{
	for (;;) {
		size_t step;

		ps->p = skip_plain(ps->p, ps->end);
		if (ps->p >= ps->end)
			return bad(ps, "a string without an end");
		if (*ps->p == '"' || *ps->p == '\\')
			return true;
		if ((unsigned char)*ps->p < 0x20)
			return bad(ps, "a control character in a string");
		step = str_utf8_step(ps->p, ps->end);
		if (step == 0)
			return bad(ps, "bad UTF-8");
		ps->p += step;
	}
}

/* Bytes up to the closing quote or the end: the string has no more. */
static size_t
raw_length(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p != '"')
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	return (size_t)(p - from);
}

/* A string with escapes: `from` is its first byte, ps->p its first backslash. */
static bool
string_escaped(struct parser *ps, const char *from, struct str *out)
{
	size_t plain = (size_t)(ps->p - from);
	char *start, *to;

	start = arena_alloc_raw(ps->a, plain + raw_length(ps->p, ps->end));
	to = start;
	for (;;) {
		if (plain > 0)
			memcpy(to, from, plain);
		to += plain;
		if (*ps->p == '"')
			break;
		ps->p++;
		if (!escape(ps, &to))
			return false;
		from = ps->p;
		if (!string_run(ps))
			return false;
		plain = (size_t)(ps->p - from);
	}
	ps->p++;
	*out = str_n(start, (size_t)(to - start));
	return true;
}

/* ps->p is at the opening quote. */
static bool
string(struct parser *ps, struct str *out)
{
	const char *from = ++ps->p;

	if (!string_run(ps))
		return false;
	if (*ps->p == '\\')
		return string_escaped(ps, from, out);
	*out = str_n(from, (size_t)(ps->p - from));
	ps->p++;
	return true;
}

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* The fraction and exponent of a number; false: not a number. */
static bool
number_tail(struct parser *ps)
{
	const char *p = ps->p, *from;

	if (p < ps->end && *p == '.') {
		from = ++p;
		p = skip_digits(p, ps->end);
		if (p == from)
			return bad(ps, "a number without its fraction");
	}
	if (p < ps->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < ps->end && (*p == '+' || *p == '-'))
			p++;
		from = p;
		p = skip_digits(p, ps->end);
		if (p == from)
			return bad(ps, "a number without its exponent");
	}
	ps->p = p;
	return true;
}

static bool
number(struct parser *ps, struct json *v)
{
	const char *from = ps->p, *digits;
	bool minus = *from == '-';
	int64_t i = 0;
	size_t n;

	digits = from + minus;
	ps->p = skip_digits(digits, ps->end);
	n = (size_t)(ps->p - digits);
	if (n == 0 || (n > 1 && *digits == '0'))
		return bad(ps, "a bad number");
	if (ps->p < ps->end &&
	    (*ps->p == '.' || *ps->p == 'e' || *ps->p == 'E')) {
		if (!number_tail(ps))
			return false;
		n = SIZE_MAX;
	}
	if (n <= 16) {		/* 2^53 has 16 digits */
		for (size_t k = 0; k < n; k++)
			i = i * 10 + (digits[k] - '0');
		if (i <= JSON_INT_MAX && !(minus && i == 0)) {
			v->type = JSON_INT;
			v->i = minus ? -i : i;
			return true;
		}
	}
	if (ps->mode == JSON_STRICT)
		return fail(ps->e, M_BAD_JSON, "Numbers here must be integers "
		    "within 2^53 (byte %zu)", (size_t)(from - ps->text));
	v->type = JSON_REAL;
	return true;
}

static bool
literal(struct parser *ps, const char *word, size_t n)
{
	if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, word, n) != 0)
		return bad(ps, "an unknown word");
	ps->p += n;
	return true;
}

/*
 * A slot on top of the stack. Growing moves the stack, so a value is parsed
 * into a local and put here when complete.
 */
static struct json_item *
stack_push(struct parser *ps)
{
	if (ps->n == ps->cap) {
		size_t old = ps->cap * sizeof(*ps->stack);

		if (ps->cap == STACK_FIRST) {	/* still the C stack's */
			struct json_item *to = arena_alloc_raw(ps->a, old * 4);

			memcpy(to, ps->stack, old);
			ps->stack = to;
			ps->cap *= 4;
		} else {
			ps->stack = arena_grow(ps->a, ps->stack, old, old * 2);
			ps->cap *= 2;
		}
	}
	return &ps->stack[ps->n++];
}

static bool
too_large(struct parser *ps)
{
	return fail(ps->e, M_TOO_LARGE, "The JSON has too many values");
}

static bool
deeper(struct parser *ps)
{
	if (++ps->depth > JSON_DEPTH_MAX)
		return bad(ps, "more than 100 levels");
	ps->p++;
	return true;
}

static bool
array_close(struct parser *ps, size_t base, struct json *v)
{
	size_t n = ps->n - base;

	v->n = (uint32_t)n;
	v->at = NULL;
	if (n > 0) {
		v->at = arena_alloc_raw(ps->a, n * sizeof(*v->at));
		for (size_t i = 0; i < n; i++)
			v->at[i] = ps->stack[base + i].m.val;
	}
	ps->n = base;
	ps->depth--;
	ps->p++;
	return !arena_over(ps->a) || too_large(ps);
}

static bool
array(struct parser *ps, struct json *v)
{
	size_t base = ps->n;
	char c;

	v->type = JSON_ARR;
	if (!deeper(ps))
		return false;
	if (peek(ps) == ']')
		return array_close(ps, base, v);
	for (;;) {
		struct json item = { .type = JSON_NULL };

		if (!value(ps, &item))
			return false;
		stack_push(ps)->m.val = item;
		c = peek(ps);
		if (c == ']')
			return array_close(ps, base, v);
		if (c != ',')
			return bad(ps, "no ',' or ']'");
		ps->p++;
		if (arena_over(ps->a))
			return too_large(ps);
	}
}

/*
 * The first eight bytes of a key as a big-endian number, zeros after its end:
 * of two keys with different heads the one with the smaller comes first.
 */
static uint64_t
key_head(const struct parser *ps, struct str key)
{
	const char *from = key.p;
	char few[8] = { 0 };
	uint64_t v = 0;

	if (key.n < 8) {
		bool slice = key.p >= ps->text && key.p < ps->end;

		if (slice && ps->end - key.p >= 8) {
			memcpy(few, key.p, 8);
			memset(few + key.n, 0, 8 - key.n);
		} else if (key.n > 0) {
			memcpy(few, key.p, key.n);
		}
		from = few;
	}
	for (int i = 0; i < 8; i++)
		v = v << 8 | (unsigned char)from[i];
	return v;
}

static bool
object_close(struct parser *ps, size_t base, bool sorted, struct json *v)
{
	const struct json_item *item = ps->stack + base;
	size_t n = ps->n - base;

	v->n = (uint32_t)n;
	v->m = NULL;
	if (n > 0) {
		v->m = arena_alloc_raw(ps->a, n * sizeof(*v->m));
		if (sorted) {
			for (size_t i = 0; i < n; i++)
				v->m[i] = item[i].m;
		} else if (!json_sort(ps->a, item, n, v->m)) {
			return bad(ps, "two members with the same name");
		}
	}
	ps->n = base;
	ps->depth--;
	ps->p++;
	return !arena_over(ps->a) || too_large(ps);
}

/* "key" : value */
static bool
member(struct parser *ps, struct json_member *m)
{
	if (peek(ps) != '"')
		return bad(ps, "no member name");
	if (!string(ps, &m->key))
		return false;
	if (peek(ps) != ':')
		return bad(ps, "no ':'");
	ps->p++;
	return value(ps, &m->val);
}

static bool
object(struct parser *ps, struct json *v)
{
	size_t base = ps->n;
	uint64_t before = 0;
	bool sorted = true;
	char c;

	v->type = JSON_OBJ;
	if (!deeper(ps))
		return false;
	if (peek(ps) == '}')
		return object_close(ps, base, true, v);
	for (;;) {
		struct json_member m = { .key = { NULL, 0 } };
		uint64_t head;

		if (!member(ps, &m))
			return false;
		head = key_head(ps, m.key);
		if (ps->n > base && head <= before && (head < before ||
		    str_cmp(ps->stack[ps->n - 1].m.key, m.key) >= 0))
			sorted = false;
		before = head;
		*stack_push(ps) = (struct json_item){ head, m };
		c = peek(ps);
		if (c == '}')
			return object_close(ps, base, sorted, v);
		if (c != ',')
			return bad(ps, "no ',' or '}'");
		ps->p++;
		if (arena_over(ps->a))
			return too_large(ps);
	}
}

static bool
value_any(struct parser *ps, char first, struct json *v)
{
	switch (first) {
	case '{':
		return object(ps, v);
	case '[':
		return array(ps, v);
	case '"':
		v->type = JSON_STR;
		return string(ps, &v->s);
	case 't':
		v->type = JSON_BOOL;
		v->b = true;
		return literal(ps, "true", 4);
	case 'f':
		v->type = JSON_BOOL;
		return literal(ps, "false", 5);
	case 'n':
		return literal(ps, "null", 4);
	case '-':
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return number(ps, v);
	default:
		return bad(ps, ps->p == ps->end ? "the text ends early"
		    : "no value");
	}
}

/* v comes in as a null with a zero payload. */
static bool
value(struct parser *ps, struct json *v)
{
	char first = peek(ps);
	const char *from = ps->p;

	if (!value_any(ps, first, v))
		return false;
	v->src = str_n(from, (size_t)(ps->p - from));
	return true;
}

bool
json_parse(struct arena *a, struct str text, enum json_mode mode,
    struct json *out, struct err *e)
{
	struct json_item first[STACK_FIRST];
	struct parser ps = {
		.p = text.n == 0 ? "" : text.p, .a = a, .e = e, .mode = mode,
		.stack = first, .cap = STACK_FIRST,
	};
	struct json v = { .type = JSON_NULL };

	if (text.n >= UINT32_MAX)
		return fail(e, M_TOO_LARGE, "The JSON is too large");
	ps.text = ps.p;
	ps.end = ps.p + text.n;
	if (!value(&ps, &v))
		return false;
	skip_space(&ps);
	if (ps.p < ps.end)
		return bad(&ps, "something after the value");
	if (arena_over(a))
		return too_large(&ps);
	*out = v;
	return true;
}
