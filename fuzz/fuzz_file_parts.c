/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A file that another server gives: what is found lies inside of the answer. */
#include "fuzz.h"

#include <stdlib.h>

#include "core/file_parts.h"

#define MUST(x) ((x) ? (void)0 : abort())

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str type, s, all = str_n((const char *)data, size);
	struct arena *a = arena_new(1 << 20);
	struct file_parts p;

	/* The first line is the Content-Type. */
	if (str_cut(all, '\n', &type, &s) && file_parts_read(a, type,
	    str_sub(s, 0, FILE_PARTS_HEAD), s.n > FILE_PARTS_END
	    ? str_from(s, s.n - FILE_PARTS_END) : s, (int64_t)s.n, &p)) {
		MUST(p.from > 0 && p.n >= 0 && p.from + p.n < (int64_t)s.n);
		MUST(p.type.n <= 127 && p.name.n <= 255);
	}
	arena_free(a);
	return 0;
}
