/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What was read once, by a key: bounded, and never what was true before a
 * change. Who reads takes the number of changes first; what was read is kept
 * only if there was none meanwhile.
 * threads: all, under the memo's lock.
 */
#ifndef BASE_MEMO_H
#define BASE_MEMO_H

#include "base/arena.h"
#include "base/map.h"

#include <pthread.h>

struct memo {
	pthread_mutex_t lock;
	struct map by_key;
	size_t bytes;			/* of all entries */
	uint64_t forgets;		/* calls of memo_forget */
	size_t bytes_max;		/* when full it begins anew */
};
/* static struct memo m = MEMO_INIT(32 << 20); */
#define MEMO_INIT(max) { .lock = PTHREAD_MUTEX_INITIALIZER, .bytes_max = (max) }

/* False: not there. *forgets is for memo_put in either case. The value is copied. */
bool memo_get(struct memo *m, struct arena *a, struct str key, struct str *value, uint64_t *forgets);
void memo_put(struct memo *m, struct str key, struct str value, uint64_t forgets);
/* After a change was committed. */
void memo_forget(struct memo *m, struct str key);
void memo_clear(struct memo *m);

#endif
