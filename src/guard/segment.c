/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See segment.h. */
#include "guard/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "beffroi ledger 1\n"
#define MAGIC_BYTES (sizeof(MAGIC) - 1)
#define HEAD_BYTES (MAGIC_BYTES + SEGMENT_SEED + 8)
#define FRAME_BYTES 8
#define CHECK_BYTES 4
#define SALT_BYTES 16
#define READER_BYTES ((size_t)256 << 20)

static int
ascending(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

static void
little(char *to, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (char)(uint8_t)(v >> (8 * i));
}

static uint64_t
from_little(const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)(uint8_t)p[i] << (8 * i);
	return v;
}

bool
segment_list(struct arena *a, struct str dir, int64_t **out, size_t *n,
    struct err *e)
{
	struct str path = str_cat(a, dir, S("/data"));
	DIR *d = opendir(str_cz(a, path));
	struct dirent *x;
	int64_t *at = NULL;
	size_t cap = 0, count = 0;

	if (d == NULL)
		return fail(e, M_NOT_FOUND, "Cannot read the folder "
		    STR_FMT ": %s", STR_ARG(path), strerror(errno));
	while ((x = readdir(d)) != NULL) {
		struct str name = str_c(x->d_name), head, rest;
		int64_t number;

		if (!str_cut(name, '.', &head, &rest) ||
		    !str_eq(rest, S("seg")) || !str_i64(head, &number))
			continue;
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = number;
	}
	closedir(d);
	if (count > 1)
		qsort(at, count, sizeof(*at), ascending);
	*out = at;
	*n = count;
	return true;
}

struct str
segment_path(struct arena *a, struct str dir, int64_t number)
{
	return str_fmt(a, STR_FMT "/data/%06lld.seg", STR_ARG(dir),
	    (long long)number);
}

void
segment_put_head(struct buf *b, const uint8_t seed[SEGMENT_SEED],
    int64_t first_leaf)
{
	char n[8];

	buf_add(b, MAGIC, MAGIC_BYTES);
	buf_add(b, seed, SEGMENT_SEED);
	little(n, (uint64_t)first_leaf, sizeof(n));
	buf_add(b, n, sizeof(n));
}

void
segment_put_batch(struct buf *b, int64_t first_leaf, int64_t base_ms, size_t n,
    struct str records)
{
	static const char none[FRAME_BYTES] = { 0 };
	uint8_t hash[SHA256_BYTES];
	size_t from = b->n;

	buf_add(b, none, FRAME_BYTES);
	varint_put(b, (uint64_t)first_leaf);
	varint_put(b, (uint64_t)base_ms);
	varint_put(b, n);
	buf_str(b, records);
	if (b->over)
		return;
	sha256(str_n(b->p + from + FRAME_BYTES, b->n - from - FRAME_BYTES),
	    hash);
	little(b->p + from, b->n - from - FRAME_BYTES, 4);
	memcpy(b->p + from + 4, hash, CHECK_BYTES);
}

/* Exactly n bytes at the place; false: the file ends before. */
static bool
read_at(struct segment *s, int64_t at, char *to, size_t n)
{
	while (n > 0) {
		ssize_t k = pread(s->fd, to, n, at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		to += k;
		at += k;
		n -= (size_t)k;
	}
	return true;
}

bool
segment_open(struct segment *s, struct str path, struct err *e)
{
	char head[HEAD_BYTES];

	*s = (struct segment){ .a = arena_new(READER_BYTES) };
	s->fd = open(str_cz(s->a, path), O_RDONLY | O_CLOEXEC);
	if (s->fd < 0) {
		arena_free(s->a);
		return fail(e, errno == ENOENT ? M_NOT_FOUND : M_UNKNOWN,
		    "Cannot read " STR_FMT ": %s", STR_ARG(path),
		    strerror(errno));
	}
	s->batch_a = arena_new(READER_BYTES);
	dict_init(&s->dict, s->a);
	if (!read_at(s, 0, head, HEAD_BYTES)) {
		s->cut = true;
		return true;
	}
	s->damaged = memcmp(head, MAGIC, MAGIC_BYTES) != 0;
	memcpy(s->seed, head + MAGIC_BYTES, SEGMENT_SEED);
	s->first_leaf = (int64_t)(from_little(head + MAGIC_BYTES +
	    SEGMENT_SEED, 8) & INT64_MAX);
	s->at = (int64_t)HEAD_BYTES;
	return true;
}

bool
segment_peek(struct str path, int64_t *first_leaf, int64_t *from_ms)
{
	struct segment s;
	struct err e;
	char head[FRAME_BYTES + 20];
	struct str rest = { head + FRAME_BYTES, 20 };
	uint64_t leaf, base;
	bool ok;

	if (!segment_open(&s, path, &e))
		return false;
	ok = !s.cut && !s.damaged && read_at(&s, s.at, head, sizeof(head)) &&
	    varint_take(&rest, &leaf) && varint_take(&rest, &base) &&
	    base <= INT64_MAX;
	if (ok) {
		*first_leaf = s.first_leaf;
		*from_ms = (int64_t)base;
	}
	segment_close(&s);
	return ok;
}

void
segment_close(struct segment *s)
{
	close(s->fd);
	dict_done(&s->dict);
	arena_free(s->batch_a);
	arena_free(s->a);
}

/* Reads the batch at s->at whole. False: there is none, or it is cut. */
static bool
read_batch(struct segment *s)
{
	uint8_t hash[SHA256_BYTES];
	char frame[FRAME_BYTES], *p;
	uint64_t leaf, base, count;
	size_t n;

	arena_reset(s->batch_a);
	if (!read_at(s, s->at, frame, 1))
		return false;
	if (!read_at(s, s->at, frame, FRAME_BYTES)) {
		s->cut = true;
		return false;
	}
	n = (size_t)from_little(frame, 4);
	p = n > 0 && n <= SEGMENT_BATCH_MAX ? arena_alloc_raw(s->batch_a, n)
	    : NULL;
	if (p == NULL || !read_at(s, s->at + FRAME_BYTES, p, n)) {
		s->cut = true;
		return false;
	}
	sha256(str_n(p, n), hash);
	if (memcmp(hash, frame + 4, CHECK_BYTES) != 0) {
		s->cut = true;
		return false;
	}
	s->rest = str_n(p, n);
	if (!varint_take(&s->rest, &leaf) || !varint_take(&s->rest, &base) ||
	    !varint_take(&s->rest, &count) || count == 0 || leaf > INT64_MAX ||
	    base > INT64_MAX || count > s->rest.n) {
		s->damaged = true;
		return false;
	}
	s->leaf = (int64_t)leaf;
	s->base_ms = (int64_t)base;
	s->left = (size_t)count;
	s->at += FRAME_BYTES + (int64_t)n;
	return true;
}

bool
segment_next(struct segment *s, struct record *out)
{
	uint64_t n;

	if (s->cut || s->damaged || (s->left == 0 && !read_batch(s)))
		return false;
	if (!varint_take(&s->rest, &n) || n > s->rest.n ||
	    !record_unpack(s->batch_a, &s->dict, s->base_ms,
	    str_sub(s->rest, 0, (size_t)n), out)) {
		s->damaged = true;
		return false;
	}
	s->rest = str_from(s->rest, (size_t)n);
	s->left--;
	out->leaf = s->leaf++;
	return true;
}

void
segment_commit(const uint8_t seed[SEGMENT_SEED], int64_t leaf, size_t part,
    struct str spelled, uint8_t out[SHA256_BYTES])
{
	char place[SEGMENT_SEED + 12], salted[512];
	uint8_t salt[SHA256_BYTES];
	struct buf b = { salted, 0, sizeof(salted), sizeof(salted), NULL,
	    false };
	struct buf heap;

	memcpy(place, seed, SEGMENT_SEED);
	little(place + SEGMENT_SEED, (uint64_t)leaf, 8);
	little(place + SEGMENT_SEED + 8, part, 4);
	sha256(str_n(place, sizeof(place)), salt);
	buf_add(&b, salt, SALT_BYTES);
	buf_str(&b, spelled);
	if (!b.over) {
		sha256(buf_view(&b), out);
		return;
	}
	buf_init(&heap, NULL, SALT_BYTES + spelled.n);
	buf_add(&heap, salt, SALT_BYTES);
	buf_str(&heap, spelled);
	sha256(buf_view(&heap), out);
	buf_free(&heap);
}
