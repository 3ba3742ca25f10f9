/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any text to words: bounded, and no stem has a letter that an expression of the index knows. */
#include "fuzz.h"

#include <stdlib.h>

#include "core/words.h"

#define WORDS_MAX 500

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct word *w;
	size_t n;

	words_of(a, str_n((const char *)data, size), WORDS_MAX, &w, &n);
	if (n > WORDS_MAX)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (w[i].n == 0 || w[i].n > WORD_STEMS_MAX ||
		    !words_meet(&w[i], &w[i]))
			abort();
		for (size_t k = 0; k < w[i].n; k++)
			for (size_t p = 0; p < w[i].stem[k].n; p++) {
				char c = w[i].stem[k].p[p];

				if (!((c >= 'a' && c <= 'z') ||
				    (c >= '0' && c <= '9')))
					abort();
			}
	}
	arena_free(a);
	return 0;
}
