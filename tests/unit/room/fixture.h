/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the tests of this layer share: texts to trees and events. */
#ifndef ROOM_FIXTURE_H
#define ROOM_FIXTURE_H

#include "arena_fixture.h"
#include "room/event.h"

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
