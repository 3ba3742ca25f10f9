/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Text to words, and words to the stems that the search index keeps: French
 * and English (libstemmer), and the word without accents, so that "réunions",
 * "réunion" and "reunion" meet. Stems are a-z and 0-9; other letters in hex.
 * Of scripts without spaces each letter is a word. No state: any thread.
 */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include "base/arena.h"
#include "base/str.h"

#define WORD_STEMS_MAX 4

struct word {
	struct str text;		/* case folded */
	struct str stem[WORD_STEMS_MAX];	/* each once */
	size_t n;
};

/* At most max words of the text. */
void words_of(struct arena *a, struct str text, size_t max, struct word **out, size_t *n);
/* Have they a stem in common? */
bool words_meet(const struct word *x, const struct word *y);

#endif
