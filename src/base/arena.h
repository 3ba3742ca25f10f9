/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Arenas: memory that dies together, in chained blocks. A request, a job and
 * a transaction body each have one; nothing in it is freed alone.
 * threads: an arena belongs to one thread at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A place to come back to: everything allocated after it can be released. */
struct arena_mark {
	void *block;
	size_t used, total;
	void *hooks;
};

/*
 * cap   bytes; past it allocations still succeed and arena_over() turns true,
 *       so whoever allocates by a peer's count (parser, row loop, buffer) looks
 *       at it and fails with M_TOO_LARGE. At four times the cap plus 64 MiB the
 *       process aborts: that is a missing check.
 */
struct arena *arena_new(size_t cap);
/* The same with a first block of that many bytes, for things kept by the thousand. */
struct arena *arena_new_sized(size_t cap, size_t first);
void arena_free(struct arena *a);			/* NULL is fine; runs the hooks */
void arena_reset(struct arena *a);			/* runs the hooks; keeps one block */
bool arena_over(const struct arena *a);
size_t arena_used(const struct arena *a);

void *arena_alloc(struct arena *a, size_t n);		/* zeroed, 16-aligned, never NULL */
void *arena_alloc_raw(struct arena *a, size_t n);	/* not zeroed, 8-aligned, never NULL */
void *arena_calloc(struct arena *a, size_t n, size_t size);	/* overflow aborts */
/* Grows p from old to n bytes, in place if p was the last allocation. */
void *arena_grow(struct arena *a, void *p, size_t old, size_t n);
/* An array with room for one more than n: p, or it with its capacity doubled. */
void *arena_more(struct arena *a, void *p, size_t n, size_t *cap, size_t size);

#define arena_make(a, type) ((type *)arena_alloc(a, sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_calloc(a, n, sizeof(type)))

struct arena_mark arena_mark(struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);	/* runs hooks added since */

/* Calls fn(p) when the arena is reset, freed, or released past this point; last in, first out. */
void arena_at_end(struct arena *a, void (*fn)(void *p), void *p);

#endif
