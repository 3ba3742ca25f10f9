/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The parser's own: an object's members on their way from text to tree. */
#ifndef BASE_JSON_SORT_H
#define BASE_JSON_SORT_H

#include "base/json.h"

struct json_item {
	uint64_t head;	/* the key's first 8 bytes, big-endian, zeros after its end */
	struct json_member m;
};

/*
 * Writes the n members of `item` to m in order; false: two have one key.
 *
 * cost    O(n log n); 32 n bytes of `a` meanwhile when n is over 32
 */
bool json_sort(struct arena *a, const struct json_item *item, size_t n,
    struct json_member *m);

#endif
