/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See tree.h. */
#include "guard/tree.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_BYTES (2 + SHA256_BYTES)	/* in a bundle: its length before it */

static void
hash_node(const uint8_t left[SHA256_BYTES], const uint8_t right[SHA256_BYTES],
    uint8_t out[SHA256_BYTES])
{
	char both[1 + 2 * SHA256_BYTES];

	both[0] = 1;
	memcpy(both + 1, left, SHA256_BYTES);
	memcpy(both + 1 + SHA256_BYTES, right, SHA256_BYTES);
	sha256(str_n(both, sizeof(both)), out);
}

void
tree_leaf_hash(const uint8_t entry[SHA256_BYTES], uint8_t out[SHA256_BYTES])
{
	char leaf[1 + SHA256_BYTES];

	leaf[0] = 0;
	memcpy(leaf + 1, entry, SHA256_BYTES);
	sha256(str_n(leaf, sizeof(leaf)), out);
}

/* The hash over n (a power of two) hashes of one tile. */
static void
hash_perfect(const uint8_t (*h)[SHA256_BYTES], size_t n,
    uint8_t out[SHA256_BYTES])
{
	uint8_t row[TILE_WIDTH][SHA256_BYTES];

	memcpy(row, h, n * SHA256_BYTES);
	for (; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			hash_node(row[2 * i], row[2 * i + 1], row[i]);
	memcpy(out, row[0], SHA256_BYTES);
}

/* How many hashes stand in the last tile of a level. */
static size_t
width(int64_t size, int level)
{
	return (size_t)((size >> (8 * level)) & (TILE_WIDTH - 1));
}

struct str
tree_path(struct arena *a, struct str dir, int level, int64_t index, int w)
{
	struct str name = str_fmt(a, "%03lld", (long long)(index % 1000));
	struct str top = level < 0 ? S("entries") : str_fmt(a, "%d", level);

	while ((index /= 1000) > 0)
		name = str_fmt(a, "x%03lld/" STR_FMT,
		    (long long)(index % 1000), STR_ARG(name));
	if (w == TILE_WIDTH)
		return str_fmt(a, STR_FMT "/tile/" STR_FMT "/" STR_FMT,
		    STR_ARG(dir), STR_ARG(top), STR_ARG(name));
	return str_fmt(a, STR_FMT "/tile/" STR_FMT "/" STR_FMT ".p/%d",
	    STR_ARG(dir), STR_ARG(top), STR_ARG(name), w);
}

/* Makes the folders that lead to a file of the tree. */
static void
make_folders(char *path, size_t from)
{
	for (char *p = path + from; (p = strchr(p + 1, '/')) != NULL;) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
}

/* Whole or not at all: by another name first. */
static bool
write_tile(const struct tree *t, struct arena *a, int level, int64_t index,
    int w, struct str bytes)
{
	char *path = str_cz(a, tree_path(a, t->dir, level, index, w));
	char *part = str_cz(a, str_fmt(a, "%s.new", path));
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0 && errno == ENOENT) {
		make_folders(part, t->dir.n);
		fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0600);
	}
	if (fd < 0)
		return false;
	ok = file_write_all(fd, bytes);
	return close(fd) == 0 && ok && rename(part, path) == 0;
}

static struct str
bundle(struct arena *a, const uint8_t (*entry)[SHA256_BYTES], size_t n)
{
	char *to = arena_alloc_raw(a, n * ENTRY_BYTES + 1);

	for (size_t i = 0; i < n; i++) {
		to[i * ENTRY_BYTES] = 0;
		to[i * ENTRY_BYTES + 1] = SHA256_BYTES;
		memcpy(to + i * ENTRY_BYTES + 2, entry[i], SHA256_BYTES);
	}
	return str_n(to, n * ENTRY_BYTES);
}

/* A hash more on a level; a full tile goes to its file (a not NULL), and its hash up. */
static void
add_hash(struct tree *t, struct arena *a, int level, int64_t at,
    const uint8_t hash[SHA256_BYTES])
{
	uint8_t up[SHA256_BYTES];

	memcpy(t->edge[level][at % TILE_WIDTH], hash, SHA256_BYTES);
	if (at % TILE_WIDTH != TILE_WIDTH - 1 || level + 1 == TREE_LEVELS)
		return;
	if (a != NULL)
		t->failed |= !write_tile(t, a, level, at / TILE_WIDTH,
		    TILE_WIDTH, str_n((const char *)t->edge[level],
		    sizeof(t->edge[level])));
	hash_perfect((const uint8_t (*)[SHA256_BYTES])t->edge[level],
	    TILE_WIDTH, up);
	add_hash(t, a, level + 1, at / TILE_WIDTH, up);
}

void
tree_add(struct tree *t, struct arena *a, const uint8_t entry[SHA256_BYTES])
{
	struct arena_mark m = arena_mark(a);
	uint8_t hash[SHA256_BYTES];
	size_t at = width(t->size, 0);

	memcpy(t->entry[at], entry, SHA256_BYTES);
	if (at == TILE_WIDTH - 1)
		t->failed |= !write_tile(t, a, -1, t->size / TILE_WIDTH,
		    TILE_WIDTH, bundle(a, (const uint8_t (*)[SHA256_BYTES])
		    t->entry, TILE_WIDTH));
	tree_leaf_hash(entry, hash);
	add_hash(t, a, 0, t->size, hash);
	t->size++;
	arena_release(a, m);
}

void
tree_hash_only(struct tree *t, const uint8_t entry[SHA256_BYTES])
{
	uint8_t hash[SHA256_BYTES];

	tree_leaf_hash(entry, hash);
	add_hash(t, NULL, 0, t->size, hash);
	t->size++;
}

/* The partial tiles of a tree that was of `size` once: nobody asks for them any more. */
static void
drop_partials(const struct tree *t, struct arena *a, int64_t size)
{
	for (int level = -1; level < TREE_LEVELS; level++) {
		int real = level < 0 ? 0 : level;
		size_t w = width(size, real);

		if (w == 0 || (size >> (8 * real)) == (t->size >> (8 * real)))
			continue;
		unlink(str_cz(a, tree_path(a, t->dir, level, size >> (8 *
		    (real + 1)), (int)w)));
	}
}

bool
tree_flush(struct tree *t, struct arena *a)
{
	struct arena_mark m = arena_mark(a);
	bool ok = !t->failed;

	if (t->size == t->flushed)
		return ok;
	for (int level = -1; ok && level < TREE_LEVELS; level++) {
		int real = level < 0 ? 0 : level;
		size_t w = width(t->size, real);

		if (w == 0)
			continue;
		ok = write_tile(t, a, level, t->size >> (8 * (real + 1)),
		    (int)w, level < 0 ? bundle(a, (const uint8_t (*)
		    [SHA256_BYTES])t->entry, w) : str_n((const char *)
		    t->edge[real], w * SHA256_BYTES));
	}
	if (ok) {
		if (t->before > 0)
			drop_partials(t, a, t->before);
		t->before = t->flushed;
		t->flushed = t->size;
	}
	arena_release(a, m);
	return ok;
}

/*
 * The largest perfect subtrees, left to right, are those of each level's last
 * tile from the highest level down; the root folds them from the right.
 */
void
tree_root(const struct tree *t, uint8_t out[SHA256_BYTES])
{
	bool any = false;

	if (t->size == 0) {
		sha256(S(""), out);
		return;
	}
	for (int level = 0; level < TREE_LEVELS; level++) {
		size_t w = width(t->size, level), end = w;

		/* The rightmost has the size of the lowest bit. */
		while (end > 0) {
			size_t n = end & (~end + 1);
			uint8_t part[SHA256_BYTES];

			hash_perfect((const uint8_t (*)[SHA256_BYTES])
			    &t->edge[level][end - n], n, part);
			if (any)
				hash_node(part, out, out);
			else
				memcpy(out, part, SHA256_BYTES);
			any = true;
			end -= n;
		}
	}
}

void
tree_empty(struct tree *t, struct str dir)
{
	memset(t, 0, sizeof(*t));
	t->dir = dir;
}

/* A file of exactly so many bytes. */
static bool
read_tile(struct arena *a, struct str path, char *to, size_t n)
{
	int fd = open(str_cz(a, path), O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t k = 0;
	char more;

	if (fd < 0)
		return false;
	while (got < n && (k = read(fd, to + got, n - got)) > 0)
		got += (size_t)k;
	k = read(fd, &more, 1);
	close(fd);
	return got == n && k == 0;
}

static bool
read_bundle(struct arena *a, struct str path, size_t n,
    uint8_t (*entry)[SHA256_BYTES])
{
	char *bytes = arena_alloc_raw(a, n * ENTRY_BYTES + 1);

	if (!read_tile(a, path, bytes, n * ENTRY_BYTES))
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *p = bytes + i * ENTRY_BYTES;

		if (p[0] != 0 || p[1] != SHA256_BYTES)
			return false;
		memcpy(entry[i], p + 2, SHA256_BYTES);
	}
	return true;
}

bool
tree_open(struct tree *t, struct arena *a, struct str dir, int64_t size)
{
	bool ok = true;

	tree_empty(t, dir);
	for (int level = -1; ok && level < TREE_LEVELS; level++) {
		int real = level < 0 ? 0 : level;
		size_t w = width(size, real);
		struct str path = tree_path(a, dir, level, size >> (8 *
		    (real + 1)), (int)w);

		if (w == 0)
			continue;
		ok = level < 0 ? read_bundle(a, path, w, t->entry)
		    : read_tile(a, path, (char *)t->edge[real],
		    w * SHA256_BYTES);
	}
	t->size = t->flushed = size;
	return ok;
}

bool
tree_read(struct arena *a, struct str dir, int level, int64_t index,
    int64_t size, uint8_t (*row)[SHA256_BYTES], size_t *w)
{
	int64_t n = size >> (8 * (level < 0 ? 0 : level));
	struct str path;

	*w = n / TILE_WIDTH > index ? TILE_WIDTH : (size_t)(n % TILE_WIDTH);
	if (index < 0 || index > n / TILE_WIDTH || *w == 0)
		return false;
	path = tree_path(a, dir, level, index, (int)*w);
	return level < 0 ? read_bundle(a, path, *w, row)
	    : read_tile(a, path, (char *)row, *w * SHA256_BYTES);
}
