/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See words.h. */
#include "core/words.h"

#include "base/enc.h"
#include "core/unicode.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <utf8proc.h>

#define WORD_BYTES_MAX 64

struct split {
	struct arena *a;
	struct sb_stemmer *french, *english;
	struct word *word;
	size_t n, max;
};

/* Scripts that are written without spaces. */
static bool
stands_alone(utf8proc_int32_t c)
{
	return (c >= 0x0e00 && c <= 0x0eff) || (c >= 0x1000 && c <= 0x109f) ||
	    (c >= 0x1780 && c <= 0x17ff) || (c >= 0x3040 && c <= 0x30ff) ||
	    (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
	    (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x2ffff);
}

static bool
is_letter(utf8proc_int32_t c)
{
	int k = (int)utf8proc_category(c);

	return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO);
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static struct str
snowball(struct split *s, struct sb_stemmer *by, struct str word)
{
	const sb_symbol *out;

	if (by == NULL)
		return word;
	out = sb_stemmer_stem(by, (const sb_symbol *)word.p, (int)word.n);
	if (out == NULL)
		return word;
	return str_dup(s->a, str_n((const char *)out,
	    (size_t)sb_stemmer_length(by)));
}

/* French writes oe and ae as one letter or as two. */
static struct str
two_letters(struct split *s, struct str word)
{
	struct buf b;

	buf_init(&b, s->a, word.n + 8);
	for (size_t i = 0; i < word.n; i++) {
		struct str rest = str_from(word, i);

		if (str_starts(rest, S("\xc5\x93")) ||
		    str_starts(rest, S("\xc3\xa6"))) {
			buf_c(&b, rest.p[0] == '\xc5' ? "oe" : "ae");
			i++;
		} else {
			buf_char(&b, word.p[i]);
		}
	}
	return buf_view(&b);
}

/* Without accents, and in letters that both databases take as they are. */
static struct str
plain(struct split *s, struct str word)
{
	if (is_ascii(word))
		return word;
	word = two_letters(s, unicode_fold(s->a, word));
	return is_ascii(word) ? word
	    : str_cat(s->a, S("x"), hex_encode(s->a, word));
}

static void
add_stem(struct word *w, struct str stem)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->stem[i], stem))
			return;
	if (stem.n > 0)
		w->stem[w->n++] = stem;
}

static void
add_word(struct split *s, struct str text)
{
	struct word *w = &s->word[s->n];
	struct str bare;

	if (text.n == 0 || s->n == s->max)
		return;
	text = str_utf8_clip(text, WORD_BYTES_MAX);
	bare = plain(s, text);
	if (bare.n == 0)
		return;
	*w = (struct word){ .text = text };
	s->n++;
	add_stem(w, plain(s, snowball(s, s->french, text)));
	if (is_ascii(text)) {
		add_stem(w, snowball(s, s->english, bare));
		return;
	}
	add_stem(w, snowball(s, s->french, bare));
	add_stem(w, snowball(s, s->english, bare));
}

static void
split(struct split *s, struct str text)
{
	size_t from = 0, at = 0;
	utf8proc_int32_t c;

	while (at < text.n && s->n < s->max) {
		utf8proc_ssize_t n = utf8proc_iterate((const
		    utf8proc_uint8_t *)text.p + at,
		    (utf8proc_ssize_t)(text.n - at), &c);

		if (n <= 0)
			break;
		if (!is_letter(c) || stands_alone(c)) {
			add_word(s, str_sub(text, from, at - from));
			from = at + (size_t)n;
			if (is_letter(c))
				add_word(s, str_sub(text, at, (size_t)n));
		}
		at += (size_t)n;
	}
	add_word(s, str_sub(text, from, at - from));
}

void
words_of(struct arena *a, struct str text, size_t max, struct word **out,
    size_t *n)
{
	struct str folded = unicode_lower(a, text);
	struct split s = { .a = a, .max = max,
	    .french = sb_stemmer_new("french", NULL),
	    .english = sb_stemmer_new("english", NULL) };

	if (max > folded.n)
		s.max = folded.n;
	s.word = arena_array(a, struct word, s.max + 1);
	split(&s, folded);
	sb_stemmer_delete(s.french);
	sb_stemmer_delete(s.english);
	*out = s.word;
	*n = s.n;
}

bool
words_meet(const struct word *x, const struct word *y)
{
	for (size_t i = 0; i < x->n; i++)
		for (size_t k = 0; k < y->n; k++)
			if (str_eq(x->stem[i], y->stem[k]))
				return true;
	return false;
}
