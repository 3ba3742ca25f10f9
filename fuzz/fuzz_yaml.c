/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* YAML: any bytes give a tree within its bounds, or an error with a text. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/yaml.h"

static size_t
count(const struct yaml *y, int depth)
{
	size_t n = 1;

	if (depth > YAML_DEPTH_MAX)
		abort();
	for (const struct yaml *m = y->first; m != NULL; m = m->next)
		n += count(m, depth + 1);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new((size_t)64 * 1024 * 1024);
	struct str source = str_n((const char *)data, size);
	struct yaml *root = NULL;
	struct err e = { .code = M_OK };

	if (yaml_parse(a, "x", source, &root, &e)) {
		if (root != NULL && count(root, 1) > YAML_NODES_MAX)
			abort();
	} else if (e.code == M_OK || e.text[0] == '\0') {
		abort();
	}
	arena_free(a);
	return 0;
}
