/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A set of numbers that mostly follow each other, kept as ranges: what one
 * account was shown of a room, however often. Memory goes with the number of
 * ranges that remain, not with how many were added. Pure.
 */
#ifndef GUARD_RANGES_H
#define GUARD_RANGES_H

#include "guard/seen.h"

/* Zeroed: empty. After ranges_tidy ascending and apart. */
struct ranges {
	struct seen_range *at;
	size_t n, cap;
	size_t tidy;			/* n when it was last in order */
};

void ranges_add(struct arena *a, struct ranges *s, struct seen_range x);
void ranges_tidy(struct ranges *s);
/* These need it tidy. */
bool ranges_has(const struct ranges *s, int64_t x);
int64_t ranges_count(const struct ranges *s);

#endif
