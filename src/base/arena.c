/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Arenas. Small allocations are cut from chained blocks that grow from 16 to
 * 256 kB; one of 64 kB or more has a malloc() of its own, noted in the list
 * of hooks, so that the rest of the current block is not lost. Under
 * AddressSanitizer what is not handed out is poisoned, with a gap after each
 * allocation. Out of memory aborts: what a peer can make us allocate is
 * bounded by the cap, which callers look at.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(ARENA_ASAN)
#define ARENA_ASAN 1
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define GAP 16
#else
#define GAP 0
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define BLOCK_FIRST ((size_t)16 << 10)
#define BLOCK_MAX ((size_t)256 << 10)
#define OWN_MIN ((size_t)64 << 10)
#define ABORT_SLACK ((size_t)64 << 20)

struct block {
	struct block *prev;
	size_t size;
	size_t used;
	size_t pad;		/* keeps data 16-aligned */
	char data[];
};

/* Something to do at the end; fn NULL: p has its own malloc(). */
struct hook {
	struct hook *prev;
	void (*fn)(void *p);
	void *p;
};

struct arena {
	struct block *top;	/* the newest block, or NULL */
	struct hook *hooks;	/* the newest */
	char *last;		/* the latest small allocation, or NULL */
	size_t cap, total;
	size_t first;		/* size of the first block */
};

static void
no_memory(const char *why)
{
	fprintf(stderr, "beffroi: %s\n", why);
	abort();
}

static void *
get_memory(size_t n)
{
	void *p = malloc(n);

	if (p == NULL)
		no_memory("out of memory");
	return p;
}

struct arena *
arena_new_sized(size_t cap, size_t first)
{
	struct arena *a = get_memory(sizeof(*a));

	*a = (struct arena){ .cap = cap, .first = first };
	return a;
}

struct arena *
arena_new(size_t cap)
{
	return arena_new_sized(cap, BLOCK_FIRST);
}

bool
arena_over(const struct arena *a)
{
	return a->total > a->cap;
}

size_t
arena_used(const struct arena *a)
{
	return a->total;
}

static void
block_push(struct arena *a, size_t need)
{
	size_t size = a->top == NULL ? a->first : a->top->size * 2;
	struct block *b;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < need)
		size = need;
	b = get_memory(sizeof(*b) + size);
	*b = (struct block){ .prev = a->top, .size = size };
	ASAN_POISON_MEMORY_REGION(b->data, b->size);
	a->top = b;
}

static void
block_pop(struct arena *a)
{
	struct block *b = a->top;

	a->top = b->prev;
	ASAN_UNPOISON_MEMORY_REGION(b->data, b->size);
	free(b);
}

/* Counts n more bytes; the limit of the header's contract is here. */
static void
count(struct arena *a, size_t n)
{
	size_t limit;

	if (n > SIZE_MAX / 8 - a->total)
		no_memory("an allocation larger than memory");
	a->total += n;
	if (a->total <= a->cap || a->cap >= SIZE_MAX / 8)
		return;
	limit = a->cap * 4 + ABORT_SLACK;
	if (a->total > limit)
		no_memory("an arena far over its cap: a check is missing");
}

static void *
cut(struct arena *a, size_t n, size_t align)
{
	size_t at;

	if (a->top == NULL)
		block_push(a, n + GAP);
	at = (a->top->used + align - 1) & ~(align - 1);
	if (at > a->top->size || a->top->size - at < n + GAP) {
		block_push(a, n + GAP);
		at = 0;
	}
	a->top->used = at + n + GAP;
	a->last = a->top->data + at;
	ASAN_UNPOISON_MEMORY_REGION(a->last, n);
	return a->last;
}

static void
hook_push(struct arena *a, void (*fn)(void *p), void *p)
{
	struct hook *h = cut(a, sizeof(*h), 16);

	*h = (struct hook){ a->hooks, fn, p };
	a->hooks = h;
	a->last = NULL;
}

static void *
take(struct arena *a, size_t n, size_t align)
{
	void *p;

	count(a, n);
	if (n < OWN_MIN)
		return cut(a, n, align);
	p = get_memory(n);
	hook_push(a, NULL, p);
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return memset(take(a, n, 16), 0, n);
}

void *
arena_alloc_raw(struct arena *a, size_t n)
{
	return take(a, n, 8);
}

void *
arena_calloc(struct arena *a, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		no_memory("an array larger than memory");
	return arena_alloc(a, n * size);
}

/* Grows what has its own malloc(): realloc moves pages, not bytes. */
static void *
grow_own(struct arena *a, void *p, size_t old, size_t n)
{
	struct hook *h = a->hooks;

	while (h != NULL && (h->fn != NULL || h->p != p))
		h = h->prev;
	assert(h != NULL);
	count(a, n - old);
	h->p = realloc(p, n);
	if (h->p == NULL)
		no_memory("out of memory");
	return h->p;
}

void *
arena_grow(struct arena *a, void *p, size_t old, size_t n)
{
	void *to;

	assert(n >= old);
	if (p == NULL)
		return arena_alloc_raw(a, n);
	if (old >= OWN_MIN)
		return grow_own(a, p, old, n);
	if (p == a->last && n < OWN_MIN) {
		size_t at = (size_t)(a->last - a->top->data);

		if (a->top->size - at >= n + GAP) {
			count(a, n - old);
			a->top->used = at + n + GAP;
			ASAN_UNPOISON_MEMORY_REGION(p, n);
			return p;
		}
	}
	to = arena_alloc_raw(a, n);
	if (old > 0)
		memcpy(to, p, old);
	return to;
}

void *
arena_more(struct arena *a, void *p, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap > 0 ? *cap * 2 : 16;

	if (n < *cap)
		return p;
	p = arena_grow(a, p, *cap * size, more * size);
	*cap = more;
	return p;
}

struct arena_mark
arena_mark(struct arena *a)
{
	return (struct arena_mark){
		.block = a->top,
		.used = a->top == NULL ? 0 : a->top->used,
		.total = a->total,
		.hooks = a->hooks,
	};
}

/* Calls what was added since `until`; memory goes only when all have run. */
static void
hooks_run(struct arena *a, struct hook *until)
{
	for (struct hook *h = a->hooks; h != until; h = h->prev)
		if (h->fn != NULL)
			h->fn(h->p);
	for (struct hook *h = a->hooks; h != until; h = h->prev)
		if (h->fn == NULL)
			free(h->p);
	a->hooks = until;
}

void
arena_release(struct arena *a, struct arena_mark m)
{
	hooks_run(a, m.hooks);
	while (a->top != m.block)
		block_pop(a);
	if (a->top != NULL) {
		ASAN_POISON_MEMORY_REGION(a->top->data + m.used,
		    a->top->size - m.used);
		a->top->used = m.used;
	}
	a->last = NULL;
	a->total = m.total;
}

void
arena_reset(struct arena *a)
{
	hooks_run(a, NULL);
	while (a->top != NULL && a->top->prev != NULL)
		block_pop(a);
	if (a->top != NULL) {
		a->top->used = 0;
		ASAN_POISON_MEMORY_REGION(a->top->data, a->top->size);
	}
	a->last = NULL;
	a->total = 0;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	hooks_run(a, NULL);
	while (a->top != NULL)
		block_pop(a);
	free(a);
}

void
arena_at_end(struct arena *a, void (*fn)(void *p), void *p)
{
	assert(fn != NULL);
	hook_push(a, fn, p);
}
