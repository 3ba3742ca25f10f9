/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words and stems: what meets what, and what the index is given. */
#include "arena_fixture.h"

#include <string.h>

#include "core/words.h"

static const struct {
	const char *name, *text, *want;	/* words, each "text:stem,stem" */
} splits[] = {
	{ "nothing", "", "" },
	{ "signs alone are no words", " ... !? - ", "" },
	{ "an elision is two words", "l'eau", "l:l eau:eau" },
	{ "French and English stems, each once", "nations",
	    "nations:nation" },
	{ "where they part, both", "running", "running:running,run" },
	{ "with and without accents", "\xc3\xa9lev\xc3\xa9""es",
	    "\xc3\xa9lev\xc3\xa9""es:elev,eleve" },
	{ "ligatures are two letters", "c\xc5\x93ur", "c\xc5\x93ur:coeur" },
	{ "digits are letters", "A380", "a380:a380" },
	{ "a letter of a script without spaces is a word",
	    "\xe6\x9d\xb1\xe4\xba\xac",
	    "\xe6\x9d\xb1:xe69db1 \xe4\xba\xac:xe4baac" },
	{ "other letters are in hex", "\xd0\x94\xd0\x90",
	    "\xd0\xb4\xd0\xb0:xd0b4d0b0" },
	{ "marks of the index cannot be written", "_r12 _kb",
	    "r12:r12 kb:kb" },
};

static struct str
shown(const struct word *w, size_t n)
{
	struct buf b;

	buf_init(&b, a, SIZE_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_fmt(&b, "%s" STR_FMT, i > 0 ? " " : "",
		    STR_ARG(w[i].text));
		for (size_t k = 0; k < w[i].n; k++)
			buf_fmt(&b, "%c" STR_FMT, k > 0 ? ',' : ':',
			    STR_ARG(w[i].stem[k]));
	}
	return buf_view(&b);
}

static void
words_have_their_stems(void **state)
{
	struct word *w;
	size_t n;

	(void)state;
	for (size_t i = 0; i < LEN(splits); i++) {
		struct str got;

		words_of(a, str_c(splits[i].text), 100, &w, &n);
		got = shown(w, n);
		if (!str_eq_c(got, splits[i].want))
			fail_msg("%s: \"" STR_FMT "\", wanted \"%s\"",
			    splits[i].name, STR_ARG(got), splits[i].want);
	}
}

static void
words_are_bounded_in_number_and_length(void **state)
{
	char text[4096];
	struct word *w;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? ' ' : 'x';
	words_of(a, str_n(text, sizeof(text)), 7, &w, &n);
	assert_int_equal(n, 7);
	memset(text, 'y', sizeof(text));
	words_of(a, str_n(text, sizeof(text)), 7, &w, &n);
	assert_int_equal(n, 1);
	assert_true(w[0].text.n <= 64);
}

/* Whatever the text, a stem is of a-z and 0-9. */
static void
no_byte_gets_through_that_an_expression_knows(void **state)
{
	(void)state;
	for (unsigned x = 1; x < 256; x++)
		for (unsigned y = 1; y < 256; y++) {
			char text[] = { 'a', (char)x, (char)y, 'b' };
			struct word *w;
			size_t n;

			words_of(a, str_n(text, sizeof(text)), 10, &w, &n);
			for (size_t i = 0; i < n; i++)
				for (size_t k = 0; k < w[i].n; k++)
					for (size_t p = 0;
					    p < w[i].stem[k].n; p++)
						assert_non_null(strchr(
						    "abcdefghijklmnopqrstuvwxyz"
						    "0123456789",
						    w[i].stem[k].p[p]));
			arena_reset(a);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_have_their_stems),
		cmocka_unit_test(words_are_bounded_in_number_and_length),
		cmocka_unit_test(no_byte_gets_through_that_an_expression_knows),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
