/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See ranges.h. */
#include "guard/ranges.h"

#include <stdlib.h>

#define SLACK 1024			/* ranges out of order before they are put in order */

static int
by_first(const void *x, const void *y)
{
	int64_t a = ((const struct seen_range *)x)->first;
	int64_t b = ((const struct seen_range *)y)->first;

	return (a > b) - (a < b);
}

void
ranges_tidy(struct ranges *s)
{
	size_t n = 0;

	if (s->n == 0)
		return;
	qsort(s->at, s->n, sizeof(*s->at), by_first);
	for (size_t i = 1; i < s->n; i++) {
		struct seen_range *last = &s->at[n];

		if (s->at[i].first <= last->last + 1) {
			if (s->at[i].last > last->last)
				last->last = s->at[i].last;
		} else {
			s->at[++n] = s->at[i];
		}
	}
	s->n = s->tidy = n + 1;
}

void
ranges_add(struct arena *a, struct ranges *s, struct seen_range x)
{
	struct seen_range *last = s->n > 0 ? &s->at[s->n - 1] : NULL;

	if (last != NULL && x.first >= last->first &&
	    x.first <= last->last + 1) {
		if (x.last > last->last)
			last->last = x.last;
		return;
	}
	if (s->n >= 2 * s->tidy + SLACK)
		ranges_tidy(s);
	s->at = arena_more(a, s->at, s->n, &s->cap, sizeof(*s->at));
	s->at[s->n++] = x;
}

bool
ranges_has(const struct ranges *s, int64_t x)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->at[mid].last < x)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->at[low].first <= x;
}

int64_t
ranges_count(const struct ranges *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->at[i].last - s->at[i].first + 1;
	return n;
}
