/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * ledger verify: every record against the tree's entries, every entry against
 * the hashes above it, their root against the signed checkpoint. What is past
 * the checkpoint is checked by its batch alone. Reads files only; the server
 * may write meanwhile.
 */
#include "guard/ledger.h"

#include "base/enc.h"
#include "guard/checkpoint.h"
#include "guard/leaf.h"
#include "guard/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define WORK_BYTES ((size_t)256 << 20)

struct gap {
	int64_t first, end;
	struct str path;		/* of what comes after it */
};

struct check {
	struct arena *a, *work;
	struct str dir;
	struct checkpoint signed_tree;
	struct ledger_check *out;
	struct buf scratch;
	struct tree tree;		/* made again from the entries, in memory only */
	int64_t next;			/* the leaf that must come */
	uint8_t row[TILE_WIDTH][SHA256_BYTES];	/* the entries of one tile */
	int64_t row_index;
	struct gap *gap;
	size_t ngaps, cap_gaps;
	struct seen_range *erased;
	size_t nerased, cap_erased;
};

static void
found(struct check *c, int64_t leaf, struct str file, const char *why)
{
	if (c->out->bad_record != 0 && c->out->bad_record <= leaf + 1)
		return;
	c->out->bad_record = leaf + 1;
	c->out->bad_file = str_dup(c->a, file);
	c->out->why = why;
}

static struct str
read_small(struct arena *a, struct str path)
{
	char *to = arena_alloc_raw(a, CHECKPOINT_MAX);
	int fd = open(str_cz(a, path), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, to, CHECKPOINT_MAX) : 0;

	if (fd >= 0)
		close(fd);
	return str_n(to, n > 0 ? (size_t)n : 0);
}

/* The checkpoint, and whether the key that stands beside it made it. */
static bool
read_checkpoint(struct check *c)
{
	struct str path = str_cat(c->a, c->dir, S("/checkpoint"));
	struct str note = read_small(c->a, path), name;
	struct str vkey = read_small(c->a, str_cat(c->a, c->dir, S("/vkey")));
	uint8_t key[SIGN_PUBLIC_BYTES];

	if (note.n == 0 && errno == ENOENT)
		return true;
	if (!checkpoint_read(c->a, note, &c->signed_tree) ||
	    !checkpoint_read_vkey(c->a, vkey, &name, key) ||
	    !checkpoint_is_by(c->a, &c->signed_tree, name, key)) {
		c->signed_tree.size = 0;
		found(c, 0, path, "the checkpoint or its key was changed");
		return false;
	}
	return true;
}

/* One tile of entries against the hashes over it. */
static bool
check_tile(struct check *c, int64_t index, size_t *w)
{
	uint8_t hash[TILE_WIDTH][SHA256_BYTES], is[SHA256_BYTES];
	struct str path = tree_path(c->work, c->dir, 0, index, TILE_WIDTH);

	if (!tree_read(c->work, c->dir, -1, index, c->signed_tree.size,
	    c->row, w) || !tree_read(c->work, c->dir, 0, index,
	    c->signed_tree.size, hash, w)) {
		found(c, index * TILE_WIDTH, path,
		    "a file of the tree is missing or cut");
		return false;
	}
	for (size_t i = 0; i < *w; i++) {
		tree_leaf_hash(c->row[i], is);
		if (memcmp(is, hash[i], sizeof(is)) != 0)
			found(c, index * TILE_WIDTH + (int64_t)i, path,
			    "the tree was changed");
		tree_hash_only(&c->tree, c->row[i]);
	}
	return true;
}

/* The tiles above, made again from the entries. */
static void
check_levels(struct check *c)
{
	int64_t size = c->signed_tree.size;

	for (int level = 1; level < TREE_LEVELS && size >> (8 * level) > 0;
	    level++) {
		uint8_t row[TILE_WIDTH][SHA256_BYTES];
		int64_t last = (size >> (8 * level)) / TILE_WIDTH;
		size_t w;

		if (tree_read(c->work, c->dir, level, last, size, row, &w) &&
		    memcmp(row, c->tree.edge[level], w * SHA256_BYTES) == 0)
			continue;
		if ((size >> (8 * level)) % TILE_WIDTH > 0)
			found(c, last << (8 * (level + 1)), tree_path(c->work,
			    c->dir, level, last, TILE_WIDTH),
			    "the tree was changed");
	}
}

/* Every file of the tree against those above, up to the checkpoint's root. */
static void
check_tree(struct check *c)
{
	uint8_t is[SHA256_BYTES];
	size_t w;

	while (c->tree.size < c->signed_tree.size) {
		arena_reset(c->work);
		if (!check_tile(c, c->tree.size / TILE_WIDTH, &w))
			return;
	}
	check_levels(c);
	tree_root(&c->tree, is);
	if (c->tree.size > 0 && memcmp(is, c->signed_tree.root,
	    sizeof(is)) != 0)
		found(c, c->tree.size - 1, S("checkpoint"),
		    "the tree is not the one that was signed");
}

static bool
entry_is(struct check *c, int64_t leaf, const uint8_t want[SHA256_BYTES])
{
	int64_t index = leaf / TILE_WIDTH;
	size_t w;

	if (index != c->row_index && !tree_read(c->work, c->dir, -1, index,
	    c->signed_tree.size, c->row, &w))
		return false;
	c->row_index = index;
	return memcmp(c->row[leaf % TILE_WIDTH], want, SHA256_BYTES) == 0;
}

/* Records that aren't there: a later one must say that retention erased them. */
static void
note_gap(struct check *c, int64_t end, struct str path)
{
	c->gap = arena_more(c->a, c->gap, c->ngaps, &c->cap_gaps,
	    sizeof(*c->gap));
	c->gap[c->ngaps++] = (struct gap){ c->next, end, str_dup(c->a, path) };
}

static void
note_erased(struct check *c, const struct record *r)
{
	for (size_t i = 0; i < r->nparts; i++)
		for (size_t k = 0; k < r->part[i].nrange; k++) {
			c->erased = arena_more(c->a, c->erased, c->nerased,
			    &c->cap_erased, sizeof(*c->erased));
			c->erased[c->nerased++] = r->part[i].range[k];
		}
}

/* Erased ranges come in order: each takes off a gap's beginning. */
static void
check_gaps(struct check *c)
{
	for (size_t i = 0; i < c->ngaps; i++) {
		struct gap *g = &c->gap[i];

		for (size_t k = 0; k < c->nerased; k++)
			if (c->erased[k].first <= g->first &&
			    c->erased[k].last >= g->first)
				g->first = c->erased[k].last + 1;
		if (g->first < g->end)
			found(c, g->first, g->path, "it is missing");
	}
}

static void
check_record(struct check *c, struct segment *s, struct intervals *iv,
    const struct record *r, struct str path)
{
	uint8_t entry[SHA256_BYTES];

	arena_reset(c->work);
	intervals_take(iv, r);
	if (r->type == RECORD_ERASED)
		note_erased(c, r);
	if (r->leaf > c->next)
		note_gap(c, r->leaf, path);
	if (r->leaf < c->next)
		found(c, r->leaf, path, "it comes again, or out of order");
	else if (!leaf_entry(iv, s->seed, r, &c->scratch, entry) ||
	    (r->leaf < c->signed_tree.size && !entry_is(c, r->leaf, entry)))
		found(c, r->leaf, path, "it is not what was signed");
	else
		c->out->records++;
	c->next = r->leaf + 1;
}

static bool
check_segment(struct check *c, int64_t number, struct err *e)
{
	struct str path = segment_path(c->a, c->dir, number);
	struct intervals iv;
	struct segment s;
	struct record r;

	if (!segment_open(&s, path, e))
		return false;
	intervals_init(&iv, s.a);
	while (segment_next(&s, &r))
		check_record(c, &s, &iv, &r, path);
	if (s.damaged)
		found(c, c->next, path, "it cannot be read");
	/* A cut at the end is a crash's, or the server is writing; but not of what was signed. */
	if (s.cut && c->next < c->signed_tree.size)
		found(c, c->next, path, "its bytes were changed or cut off");
	segment_close(&s);
	return true;
}

bool
ledger_verify(struct arena *a, struct str dir, struct ledger_check *out,
    struct err *e)
{
	struct check c = { .a = a, .dir = dir, .out = out };
	int64_t *file;
	size_t n;
	bool ok = true;

	*out = (struct ledger_check){ .records = 0 };
	c.work = arena_new(WORK_BYTES);
	buf_init(&c.scratch, NULL, 2 * RECORD_MAX);
	tree_empty(&c.tree, dir);
	if (read_checkpoint(&c))
		check_tree(&c);
	c.row_index = -1;
	ok = segment_list(a, dir, &file, &n, e);
	for (size_t i = 0; ok && i < n; i++)
		ok = check_segment(&c, file[i], e);
	check_gaps(&c);
	if (ok && c.next < c.signed_tree.size)
		found(&c, c.next, segment_path(a, dir, n > 0 ? file[n - 1]
		    : 1), "it is missing");
	out->signed_records = c.signed_tree.size;
	out->root = b64_encode(a, B64_STD, str_n((const char *)
	    c.signed_tree.root, SHA256_BYTES));
	buf_free(&c.scratch);
	arena_free(c.work);
	return ok;
}
