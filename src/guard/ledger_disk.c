/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See ledger_disk.h. */
#include "guard/ledger_disk.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "guard/checkpoint.h"
#include "guard/ledger_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_BYTES_MAX (64 << 20)
#define DICT_BYTES_MAX ((size_t)16 << 20)
#define INTERVALS_MAX 262144
#define DAY_MS 86400000

static bool
cannot(struct err *e, struct str path)
{
	return fail(e, M_UNKNOWN, "Cannot write " STR_FMT ": %s",
	    STR_ARG(path), strerror(errno));
}

static struct str
in_dir(struct disk *d, const char *name)
{
	return str_fmt(d->a, STR_FMT "/%s", STR_ARG(d->conf.dir), name);
}

static bool
make_folder(struct disk *d, const char *name, struct err *e)
{
	struct str path = in_dir(d, name);

	return mkdir(str_cz(d->a, path), 0700) == 0 || errno == EEXIST ||
	    cannot(e, path);
}

/* A small file, whole or not at all. */
static bool
put_file(struct disk *d, const char *name, struct str text)
{
	struct arena_mark m = arena_mark(d->a);
	char *path = str_cz(d->a, in_dir(d, name));
	char *part = str_cz(d->a, str_fmt(d->a, "%s.new", path));
	int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && file_write_all(fd, text);

	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	ok = ok && rename(part, path) == 0;
	arena_release(d->a, m);
	return ok;
}

/* Opens segment `number`, which must not be there yet. */
static bool
open_segment(struct disk *d, int64_t number)
{
	struct arena_mark m = arena_mark(d->a);
	uint8_t seed[SEGMENT_SEED];
	struct str path = segment_path(d->a, d->conf.dir, number);
	int fd = open(str_cz(d->a, path), O_WRONLY | O_CREAT | O_EXCL |
	    O_APPEND | O_CLOEXEC, 0600);
	struct buf head;
	bool ok;

	random_fill(seed, sizeof(seed));
	buf_init(&head, d->a, 4096);
	segment_put_head(&head, seed, d->leaf);
	ok = fd >= 0 && file_write_all(fd, buf_view(&head)) && (!d->conf.sync ||
	    (fdatasync(fd) == 0 && file_sync_parent(path)));
	if (!ok) {
		if (fd >= 0)
			close(fd);
		if (fd >= 0)
			unlink(str_cz(d->a, path));
		arena_release(d->a, m);
		return false;
	}
	if (d->fd >= 0)
		close(d->fd);
	d->fd = fd;
	d->number = number;
	d->bytes = (int64_t)head.n;
	d->began_ms = clock_now_ms();
	d->first_leaf = d->leaf;
	memcpy(d->seed, seed, sizeof(seed));
	arena_release(d->a, m);
	dict_done(&d->dict);
	arena_reset(d->seg_a);
	dict_init(&d->dict, d->seg_a);
	intervals_init(&d->intervals, d->seg_a);
	return true;
}

bool
disk_rotate(struct disk *d)
{
	return open_segment(d, d->number + 1);
}

bool
disk_is_full(const struct disk *d, int64_t now_ms)
{
	return d->bytes > SEGMENT_BYTES_MAX ||
	    (now_ms / DAY_MS != d->began_ms / DAY_MS &&
	    d->leaf > d->first_leaf) ||
	    d->dict.bytes > DICT_BYTES_MAX || d->intervals.n > INTERVALS_MAX;
}

void
disk_begin(struct disk *d, int64_t now_ms)
{
	arena_reset(d->work);
	buf_reset(&d->records);
	d->n = 0;
	d->base_ms = now_ms;
	d->was_dict = d->dict.n;
	d->was_intervals = d->intervals.n;
	d->cap_entry = 64;
	d->entry = arena_calloc(d->work, d->cap_entry, SHA256_BYTES);
}

/* What points into the request's memory must point into the dictionary's. */
static void
take_interval(struct disk *d, const struct record *r)
{
	size_t from = d->intervals.n;
	struct actor who = r->who;
	struct str operation;

	intervals_take(&d->intervals, r);
	if (d->intervals.n == from)
		return;
	who.user = str_dup(d->seg_a, who.user);
	who.device = str_dup(d->seg_a, who.device);
	who.address = str_dup(d->seg_a, who.address);
	who.agent = str_dup(d->seg_a, who.agent);
	operation = str_dup(d->seg_a, r->operation);
	for (size_t i = from; i < d->intervals.n; i++) {
		struct interval *x = &d->intervals.at[i];

		x->who = who;
		x->operation = operation;
		x->room = str_dup(d->seg_a, x->room);
	}
}

void
disk_add(struct disk *d, struct record *r)
{
	r->leaf = d->leaf + (int64_t)d->n;
	if (d->n == d->cap_entry) {
		d->entry = arena_grow(d->work, d->entry, d->cap_entry *
		    SHA256_BYTES, 2 * d->cap_entry * SHA256_BYTES);
		d->cap_entry *= 2;
	}
	buf_reset(&d->batch);
	record_pack(&d->batch, &d->dict, d->base_ms, r);
	varint_put(&d->records, d->batch.n);
	buf_str(&d->records, buf_view(&d->batch));
	d->records.over = d->records.over || d->batch.over;
	take_interval(d, r);
	if (!leaf_entry(&d->intervals, d->seed, r, &d->scratch,
	    d->entry[d->n++]))
		d->records.over = true;
}

/* A write that failed half-way is taken back; if even that fails, a new segment begins. */
static void
take_back(struct disk *d)
{
	dict_cut(&d->dict, d->was_dict);
	d->intervals.n = d->was_intervals;
	if (d->fd >= 0 && ftruncate(d->fd, d->bytes) == 0)
		return;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

bool
disk_write(struct disk *d)
{
	if (d->n == 0)
		return true;
	buf_reset(&d->batch);
	segment_put_batch(&d->batch, d->leaf, d->base_ms, d->n,
	    buf_view(&d->records));
	if (d->fd < 0 || d->records.over || d->batch.over ||
	    !file_write_all(d->fd, buf_view(&d->batch)) ||
	    (d->conf.sync && fdatasync(d->fd) != 0)) {
		take_back(d);
		return false;
	}
	d->bytes += (int64_t)d->batch.n;
	for (size_t i = 0; i < d->n; i++)
		tree_add(&d->tree, d->work, d->entry[i]);
	d->leaf += (int64_t)d->n;
	return true;
}

bool
disk_sign(struct disk *d)
{
	uint8_t root[SHA256_BYTES];

	if (d->tree.size == d->tree.flushed)
		return true;
	arena_reset(d->work);
	if (!tree_flush(&d->tree, d->work))
		return false;
	tree_root(&d->tree, root);
	return put_file(d, "checkpoint", checkpoint_make(d->work,
	    d->conf.origin, d->tree.size, root, &d->key));
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

static bool
erase_one(struct disk *d, int64_t number, int64_t first, int64_t end,
    int64_t now_ms)
{
	struct seen_range leaves = { first, end - 1 };
	struct record_part part = { number, &leaves, 1 };
	struct record r = { .type = RECORD_ERASED, .at_ms = now_ms,
	    .part = &part, .nparts = 1 };
	struct str path;

	disk_begin(d, now_ms);
	path = segment_path(d->work, d->conf.dir, number);
	disk_add(d, &r);
	if (!disk_write(d))
		return false;
	log_info("ledger", "retention erases records", LS("file", path),
	    LI("records", end - first));
	return unlink(str_cz(d->work, path)) == 0 && file_sync_parent(path);
}

/* A segment with a record of an account that is under legal hold stays. */
static bool
is_held(struct disk *d, int64_t number)
{
	struct map known = { .n = 0 };
	struct segment s;
	struct record r;
	struct err e;
	bool held = false;

	if (d->conf.is_held == NULL || !segment_open(&s, segment_path(d->a,
	    d->conf.dir, number), &e))
		return false;
	while (!held && segment_next(&s, &r)) {
		if (r.type != RECORD_SHOWN || map_get(&known, r.who.user))
			continue;
		/* It points into the dictionary, which lives on. */
		map_put(&known, r.who.user, &s);
		held = d->conf.is_held(d->conf.arg, r.who.user);
	}
	map_done(&known);
	segment_close(&s);
	return held;
}

bool
disk_erase(struct disk *d, int64_t before_ms, int64_t now_ms)
{
	struct arena_mark m = arena_mark(d->a);
	int64_t *file, first, next, from_ms;
	struct err e;
	bool ok = true;
	size_t n;

	if (!segment_list(d->a, d->conf.dir, &file, &n, &e))
		return false;
	for (size_t i = 0; ok && i + 1 < n; i++) {
		if (!segment_peek(segment_path(d->a, d->conf.dir, file[i]),
		    &first, &from_ms) || !segment_peek(segment_path(d->a,
		    d->conf.dir, file[i + 1]), &next, &from_ms) ||
		    from_ms >= before_ms || next <= first)
			break;
		if (is_held(d, file[i]))
			continue;
		ok = erase_one(d, file[i], first, next, now_ms);
	}
	arena_release(d->a, m);
	return ok;
}

/* The tree of the checkpoint, if its files are there and give its root; else an empty one. */
static void
open_tree(struct disk *d)
{
	struct str note = read_small(d->work, in_dir(d, "checkpoint"));
	struct checkpoint c;
	uint8_t root[SHA256_BYTES];

	tree_empty(&d->tree, d->conf.dir);
	if (note.n == 0)
		return;
	if (checkpoint_read(d->work, note, &c) && checkpoint_is_by(d->work,
	    &c, d->conf.origin, d->key.public_key) &&
	    tree_open(&d->tree, d->work, d->conf.dir, c.size)) {
		tree_root(&d->tree, root);
		if (memcmp(root, c.root, sizeof(root)) == 0)
			return;
	}
	log_error("ledger", "the tree does not fit its checkpoint: it is "
	    "made again from the records");
	rename(str_cz(d->a, in_dir(d, "checkpoint")), str_cz(d->a,
	    str_fmt(d->a, STR_FMT ".%lld", STR_ARG(in_dir(d, "checkpoint")),
	    (long long)clock_now_ms())));
	tree_empty(&d->tree, d->conf.dir);
}

/* Moves what comes after the whole batches of a segment into a file beside it. */
static bool
set_aside(struct disk *d, int64_t number, int64_t from, struct err *e)
{
	struct str path = segment_path(d->a, d->conf.dir, number);
	struct str to = str_fmt(d->a, STR_FMT "/data/%06lld.cut",
	    STR_ARG(d->conf.dir), (long long)number);
	int in = open(str_cz(d->a, path), O_RDWR | O_CLOEXEC);
	int out = open(str_cz(d->a, to), O_WRONLY | O_CREAT | O_APPEND |
	    O_CLOEXEC, 0600);
	char piece[16384];
	int64_t at = from;
	ssize_t n = 0;
	bool ok = in >= 0 && out >= 0;

	while (ok && (n = pread(in, piece, sizeof(piece), at)) > 0) {
		ok = write(out, piece, (size_t)n) == n;
		at += n;
	}
	ok = ok && n == 0 && fsync(out) == 0 && ftruncate(in, from) == 0 &&
	    fsync(in) == 0;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (ok)
		log_warn("ledger", "a batch that a crash cut was set aside",
		    LS("file", to), LI("bytes", at - from));
	return ok || cannot(e, to);
}

/* What an interval that nobody closed may have shown: all up to the room's last event. */
static void
add_left(struct disk *d, const struct intervals *s, struct disk_left *left)
{
	left->rec = arena_array(d->a, struct record, s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct interval *x = &s->at[i];
		struct record *r = &left->rec[left->n];
		int64_t last = 0;

		if (s->last_ms - x->at_ms >= INTERVAL_IDLE_MS ||
		    d->conf.room_last == NULL ||
		    !d->conf.room_last(d->conf.arg, x->room, &last) ||
		    last <= x->last)
			continue;
		r->type = RECORD_SHOWN;
		r->assumed = true;
		r->at_ms = clock_now_ms();
		r->who = x->who;
		r->who.user = str_dup(d->a, x->who.user);
		r->who.device = str_dup(d->a, x->who.device);
		r->who.address = str_dup(d->a, x->who.address);
		r->who.agent = str_dup(d->a, x->who.agent);
		r->operation = str_dup(d->a, x->operation);
		r->n = 1;
		r->item = arena_make(d->a, struct seen_item);
		r->item->range = arena_make(d->a, struct seen_range);
		r->item->range[0] = (struct seen_range){ x->last + 1, last };
		r->item->nrange = 1;
		r->item->kind = SEEN_EVENTS;
		r->item->object = str_dup(d->a, x->room);
		r->item->count = last - x->last;
		left->n++;
	}
}

/* Walks one segment: what the tree doesn't have yet is added to it. */
static void
catch_up(struct disk *d, struct segment *s, struct intervals *iv)
{
	uint8_t entry[SHA256_BYTES];
	struct record r;

	while (segment_next(s, &r)) {
		arena_reset(d->work);
		intervals_take(iv, &r);
		while (d->tree.size < r.leaf) {
			static const uint8_t none[SHA256_BYTES];

			tree_add(&d->tree, d->work, none);
		}
		if (r.leaf == d->tree.size && leaf_entry(iv, s->seed, &r,
		    &d->scratch, entry))
			tree_add(&d->tree, d->work, entry);
		d->leaf = r.leaf + 1;
	}
}

static void
alarm_of(const struct segment *s, struct str path, bool behind)
{
	if (s->damaged || behind)
		log_error("ledger", "the record is damaged: run beffroi "
		    "ledger verify", LS("file", path), LI("byte", s->at));
}

/* Takes up segment i of n; only what the tree doesn't have, and the last, need be read. */
static bool
take_segment(struct disk *d, int64_t number, bool last,
    struct disk_left *left, struct err *e)
{
	struct str path = segment_path(d->a, d->conf.dir, number);
	struct intervals iv;
	struct segment s;
	bool ok = true, behind;
	int64_t signed_size = d->tree.size;

	if (!segment_open(&s, path, e))
		return false;
	intervals_init(&iv, s.a);
	catch_up(d, &s, &iv);
	/* What was signed is cut: no crash did that. */
	behind = last && d->leaf < signed_size;
	alarm_of(&s, path, behind || (s.cut && !last));
	if (last && s.cut && !behind)
		ok = set_aside(d, number, s.at, e);
	if (last && !iv.ended)
		add_left(d, &iv, left);
	segment_close(&s);
	return ok;
}

/* Without a batch a segment is what a crash left of a beginning: the one before was the last. */
static bool
is_bare(struct disk *d, int64_t number)
{
	struct segment s;
	struct record r;
	struct err e;
	bool any;

	if (!segment_open(&s, segment_path(d->a, d->conf.dir, number), &e))
		return false;
	any = segment_next(&s, &r) || s.damaged ||
	    s.first_leaf < d->tree.size;
	segment_close(&s);
	return !any;
}

/* What it has of a batch was never acted on, and is kept all the same. */
static bool
drop_bare(struct disk *d, int64_t number, struct err *e)
{
	struct str path = segment_path(d->a, d->conf.dir, number);
	struct segment s;
	bool ok;

	if (!segment_open(&s, path, e))
		return false;
	ok = !s.cut || set_aside(d, number, 0, e);
	segment_close(&s);
	return ok && (unlink(str_cz(d->a, path)) == 0 || cannot(e, path));
}

static bool
recover(struct disk *d, struct disk_left *left, struct err *e)
{
	int64_t *file;
	size_t n, last;

	if (!segment_list(d->a, d->conf.dir, &file, &n, e))
		return false;
	d->number = n > 0 ? file[n - 1] : 0;
	for (last = n; last > 0 && is_bare(d, file[last - 1]); last--)
		if (!drop_bare(d, file[last - 1], e))
			return false;
	for (size_t i = 0; i < last; i++) {
		struct segment next;
		bool known = false;

		/* The tree has all of it when it has the next one's first. */
		if (i + 1 < last && segment_open(&next, segment_path(d->a,
		    d->conf.dir, file[i + 1]), e)) {
			known = !next.cut && next.first_leaf <= d->tree.size;
			segment_close(&next);
		}
		if (!known && !take_segment(d, file[i], i + 1 == last, left,
		    e))
			return false;
	}
	if (d->leaf < d->tree.size)
		d->leaf = d->tree.size;
	return true;
}

static bool
open_key(struct disk *d, struct err *e)
{
	char *path = str_cz(d->a, in_dir(d, "key"));

	if (!sign_key_read(d->a, path, &d->key, e)) {
		if (e->code != M_NOT_FOUND)
			return false;
		err_clear(e);
		sign_key_new(d->a, &d->key);
		if (!sign_key_write(path, &d->key, e))
			return false;
	}
	return put_file(d, "vkey", str_cat(d->a, checkpoint_vkey(d->a,
	    d->conf.origin, d->key.public_key), S("\n"))) ||
	    cannot(e, in_dir(d, "vkey"));
}

bool
disk_open(struct disk *d, const struct ledger_conf *conf,
    struct disk_left *left, struct err *e)
{
	*d = (struct disk){ .a = arena_new((size_t)64 << 20), .fd = -1,
	    .work = arena_new((size_t)256 << 20), .conf = *conf };
	*left = (struct disk_left){ NULL, 0 };
	d->seg_a = arena_new((size_t)256 << 20);
	d->conf.dir = str_dup(d->a, conf->dir);
	d->conf.origin = str_dup(d->a, conf->origin);
	buf_init(&d->records, NULL, SEGMENT_BATCH_MAX - 64);
	buf_init(&d->batch, NULL, SEGMENT_BATCH_MAX);
	buf_init(&d->scratch, NULL, 2 * RECORD_MAX);
	if (!make_folder(d, "", e) || !make_folder(d, "data", e) ||
	    !make_folder(d, "tile", e) || !open_key(d, e))
		return false;
	open_tree(d);
	if (!recover(d, left, e))
		return false;
	return open_segment(d, d->number + 1) || cannot(e,
	    segment_path(d->a, d->conf.dir, d->number + 1));
}

void
disk_close(struct disk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	dict_done(&d->dict);
	buf_free(&d->records);
	buf_free(&d->batch);
	buf_free(&d->scratch);
	sign_key_wipe(&d->key);
	arena_free(d->seg_a);
	arena_free(d->work);
	arena_free(d->a);
}
