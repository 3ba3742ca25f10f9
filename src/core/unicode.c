/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See unicode.h. */
#include "core/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

static struct str
mapped(struct arena *a, struct str s, utf8proc_option_t how)
{
	utf8proc_uint8_t *to = NULL;
	utf8proc_ssize_t n;
	struct str out;

	if (s.n == 0)
		return s;
	n = utf8proc_map((const utf8proc_uint8_t *)s.p,
	    (utf8proc_ssize_t)s.n, &to, how);
	if (n < 0)
		return str_lower(a, s);
	out = str_dup(a, str_n((char *)to, (size_t)n));
	free(to);
	return out;
}

struct str
unicode_fold(struct arena *a, struct str s)
{
	return mapped(a, s, UTF8PROC_STABLE | UTF8PROC_COMPAT |
	    UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_CASEFOLD |
	    UTF8PROC_IGNORE);
}

struct str
unicode_lower(struct arena *a, struct str s)
{
	return mapped(a, s, UTF8PROC_STABLE | UTF8PROC_COMPAT |
	    UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
}
