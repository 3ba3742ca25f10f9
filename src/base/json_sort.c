/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sorts the members of a JSON object by key. What moves about is an index
 * with the key's first eight bytes as a number, not the member.
 */
#include "base/json_sort.h"

#define SORT_SMALL 32

/* One member on its way to its place: comparing heads is nearly always enough. */
struct order {
	uint64_t head;
	size_t at;
};

static int
order_cmp(const struct json_item *item, const struct order *x,
    const struct order *y)
{
	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	return str_cmp(item[x->at].m.key, item[y->at].m.key);
}

static void
sort_small(const struct json_item *item, struct order *o, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct order x = o[i];
		size_t k = i;

		for (; k > 0 && order_cmp(item, &x, &o[k - 1]) < 0; k--)
			o[k] = o[k - 1];
		o[k] = x;
	}
}

/* Merges [0, mid) and [mid, n) of `from` into `to`. */
static void
merge(const struct json_item *item, const struct order *from, size_t mid,
    size_t n, struct order *to)
{
	size_t i = 0, j = mid;

	for (size_t k = 0; k < n; k++) {
		if (j == n || (i < mid &&
		    order_cmp(item, &from[i], &from[j]) <= 0))
			to[k] = from[i++];
		else
			to[k] = from[j++];
	}
}

/* A merge sort from small runs up: a peer chooses the keys, so O(n log n). */
static struct order *
sort_large(const struct json_item *item, struct order *o,
    struct order *other, size_t n)
{
	for (size_t i = 0; i < n; i += SORT_SMALL)
		sort_small(item, o + i,
		    n - i < SORT_SMALL ? n - i : SORT_SMALL);
	for (size_t run = SORT_SMALL; run < n; run *= 2) {
		struct order *t;

		for (size_t i = 0; i < n; i += 2 * run) {
			size_t len = n - i < 2 * run ? n - i : 2 * run;

			merge(item, o + i, len < run ? len : run, len,
			    other + i);
		}
		t = o;
		o = other;
		other = t;
	}
	return o;
}

bool
json_sort(struct arena *a, const struct json_item *item, size_t n,
    struct json_member *m)
{
	struct arena_mark mark = arena_mark(a);
	struct order few[SORT_SMALL], *o = few;
	bool unique = true;

	if (n > SORT_SMALL)
		o = arena_alloc_raw(a, 2 * n * sizeof(*o));
	for (size_t i = 0; i < n; i++)
		o[i] = (struct order){ item[i].head, i };
	if (n > SORT_SMALL)
		o = sort_large(item, o, o + n, n);
	else
		sort_small(item, o, n);
	for (size_t i = 0; i < n; i++) {
		m[i] = item[o[i].at].m;
		if (i > 0 && o[i].head == o[i - 1].head &&
		    str_eq(m[i].key, m[i - 1].key))
			unique = false;
	}
	arena_release(a, mark);
	return unique;
}
