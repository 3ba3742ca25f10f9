/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An arena for the cases of a program: setup and teardown of its group. */
#ifndef UNIT_ARENA_FIXTURE_H
#define UNIT_ARENA_FIXTURE_H

#include "unit.h"

#include "base/arena.h"

static struct arena *a;

static inline int
setup(void **state)
{
	(void)state;
	a = arena_new(SIZE_MAX);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	arena_free(a);
	return 0;
}

#endif
