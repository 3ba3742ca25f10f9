/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Writes JSON trees in canonical form. Members are sorted in the tree, so
 * this is a walk; the recursion is as deep as the tree, which the parser
 * bounds.
 * spec: appendices, "Canonical JSON".
 */
#include <assert.h>
#include <string.h>

#include "base/json.h"

/* Bytes at the start of s that stand for themselves inside quotes. */
static size_t
plain_run(struct str s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	size_t i = 0;

	while (s.n - i >= 8) {
		uint64_t x, quote, slash, hit;

		memcpy(&x, s.p + i, sizeof(x));
		quote = x ^ (ones * '"');
		slash = x ^ (ones * '\\');
		hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
		    ((x - ones * 0x20) & ~x);
		if ((hit & (ones * 0x80)) != 0)
			break;
		i += 8;
	}
	while (i < s.n && (unsigned char)s.p[i] >= 0x20 && s.p[i] != '"' &&
	    s.p[i] != '\\')
		i++;
	return i;
}

static void
write_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letter[] = "btn\0fr";	/* of 0x08 to 0x0d */
	char to[6] = { '\\', 'u', '0', '0', 0, 0 };

	if (c == '"' || c == '\\') {
		to[1] = (char)c;
		buf_add(b, to, 2);
	} else if (c >= 0x08 && c <= 0x0D && letter[c - 0x08] != '\0') {
		to[1] = letter[c - 0x08];
		buf_add(b, to, 2);
	} else {
		to[4] = hex[c >> 4];
		to[5] = hex[c & 15];
		buf_add(b, to, 6);
	}
}

void
json_write_str(struct buf *b, struct str s)
{
	size_t run = plain_run(s);

	if (run == s.n) {
		char *to = s.n > SIZE_MAX - 2 ? NULL : buf_room(b, s.n + 2);

		if (to == NULL)
			return;
		to[0] = '"';
		if (s.n > 0)
			memcpy(to + 1, s.p, s.n);
		to[s.n + 1] = '"';
		b->n += s.n + 2;
		return;
	}
	buf_char(b, '"');
	for (;;) {
		buf_add(b, s.p, run);
		if (run == s.n)
			break;
		write_escape(b, (unsigned char)s.p[run]);
		s = str_from(s, run + 1);
		run = plain_run(s);
	}
	buf_char(b, '"');
}

/* buf_char() without its call where there is room, as nearly always. */
static void
put_char(struct buf *b, char c)
{
	if (!b->over && b->n < b->cap)
		b->p[b->n++] = c;
	else
		buf_char(b, c);
}

static void
write_items(struct buf *b, const struct json *v)
{
	put_char(b, '[');
	for (size_t i = 0; i < v->n; i++) {
		if (i > 0)
			put_char(b, ',');
		json_write(b, &v->at[i]);
	}
	put_char(b, ']');
}

static void
write_members(struct buf *b, const struct json *v)
{
	put_char(b, '{');
	for (size_t i = 0; i < v->n; i++) {
		if (i > 0)
			put_char(b, ',');
		json_write_str(b, v->m[i].key);
		put_char(b, ':');
		json_write(b, &v->m[i].val);
	}
	put_char(b, '}');
}

void
json_write(struct buf *b, const struct json *v)
{
	switch (v->type) {
	case JSON_NULL:
		buf_add(b, "null", 4);
		break;
	case JSON_BOOL:
		buf_str(b, v->b ? S("true") : S("false"));
		break;
	case JSON_INT:
		buf_i64(b, v->i);
		break;
	case JSON_REAL:
		buf_str(b, v->src);
		break;
	case JSON_STR:
		json_write_str(b, v->s);
		break;
	case JSON_ARR:
		write_items(b, v);
		break;
	case JSON_OBJ:
		write_members(b, v);
		break;
	}
}

/* Whole even past the arena's cap: a signature over half would be worse. */
struct str
json_text(struct arena *a, const struct json *v)
{
	struct buf b;
	struct str text;

	buf_init(&b, a, SIZE_MAX / 2);
	json_write(&b, v);
	if (!b.over)
		return buf_view(&b);
	buf_init(&b, NULL, SIZE_MAX / 2);
	json_write(&b, v);
	text = str_dup(a, buf_view(&b));
	buf_free(&b);
	return text;
}
