/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the tests of this layer share: texts to trees and events. */
#ifndef ROOM_FIXTURE_H
#define ROOM_FIXTURE_H

#include "room/event.h"

static struct arena *a;

static int
setup(void **state)
{
	(void)state;
	a = arena_new(SIZE_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

static inline const struct room_version *
version_n(int n)
{
	const struct room_version *v = room_version_at((size_t)n - 1);

	assert_non_null(v);
	return v;
}

static inline struct json
parse(struct str text)
{
	struct json v;
	struct err e = { .code = M_OK };

	if (!json_parse(a, text, JSON_ANY, &v, &e))
		fail_msg("%s: " STR_FMT, e.text, STR_ARG(text));
	return v;
}

#endif
