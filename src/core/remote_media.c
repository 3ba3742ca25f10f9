/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See remote_media.h. A job fetches, so that no request holds a worker while
 * another server thinks; what it could not get is remembered for a while, so
 * that asking again costs nothing. Copies are files of their own, not shared
 * with uploads: dropping one can never drop what a user keeps here.
 * threads: all; one at a time keeps or drops.
 */
#define _GNU_SOURCE
#include "core/remote_media.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memo.h"
#include "core/fed.h"
#include "core/file_parts.h"
#include "core/jobs.h"
#include "core/thumb.h"
#include "room/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FETCHES 4			/* at once */
#define FETCH_MS 60000
#define FAILED_MS 10000
#define PARTS_EXTRA 65536		/* what an answer may have beside the file */
#define ID_MAX 255
#define DROP_PAGE 100
#define DROP_PAGES 50

static struct memo failures = MEMO_INIT(1 << 20);
static pthread_mutex_t keeping = PTHREAD_MUTEX_INITIALIZER;

static bool fetch_run(struct ctx *c, struct str key, int64_t *again_ms);
static struct job_kind fetches = { .name = "media", .run = fetch_run,
	.most = FETCHES };

/* Only what the grammar of media ids has, so that nothing else gets into a path. */
static bool
id_ok(struct str id)
{
	for (size_t i = 0; i < id.n; i++)
		if (!((id.p[i] >= 'a' && id.p[i] <= 'z') ||
		    (id.p[i] >= 'A' && id.p[i] <= 'Z') ||
		    (id.p[i] >= '0' && id.p[i] <= '9') ||
		    id.p[i] == '-' || id.p[i] == '_'))
			return false;
	return id.n > 0 && id.n <= ID_MAX;
}

/* The errors that are told; all others are that it can't be had now. */
static bool
fail_as(struct ctx *c, int64_t code)
{
	if (code == M_NOT_FOUND)
		return fail(&c->err, M_NOT_FOUND, "There is no such file");
	if (code == M_FORBIDDEN)
		return fail(&c->err, M_FORBIDDEN,
		    "Files of that server are not to be had from here");
	if (code == M_TOO_LARGE)
		return fail(&c->err, M_TOO_LARGE,
		    "The file is larger than this server takes");
	if (code == M_NOT_YET_UPLOADED)
		return fail(&c->err, M_NOT_YET_UPLOADED,
		    "The file is not there yet");
	fail(&c->err, M_UNAVAILABLE,
	    "The file's server cannot be reached, or does not give it");
	c->err.retry_ms = FAILED_MS;
	return false;
}

/* Did it fail lately? Then c->err says how. */
static bool
failed_lately(struct ctx *c, struct str key, uint64_t *forgets)
{
	struct str text, until, code;
	int64_t until_ms, n;

	if (!memo_get(&failures, c->a, key, &text, forgets) ||
	    !str_cut(text, ' ', &until, &code) || !str_i64(until, &until_ms) ||
	    !str_i64(code, &n) || until_ms <= c->now_ms)
		return false;
	return !fail_as(c, n);
}

/* Is it here, with its file? */
static bool
have(struct ctx *c, struct str server, struct str id, struct media_row *out,
    bool *yes)
{
	int fd;

	*yes = false;
	if (!media_find(c->db, c->a, server, id, out, yes, &c->err))
		return false;
	if (!*yes || out->quarantined)
		return true;
	if (media_open(c, out, &fd)) {
		close(fd);
		return true;
	}
	/* The row came back from a backup, the copy did not. */
	err_clear(&c->err);
	*yes = false;
	return true;
}

bool
remote_media_get(struct ctx *c, struct str server, struct str id, bool fetch,
    struct media_row *out, bool *ready)
{
	struct str key;
	uint64_t forgets;

	if (!id_server_name_ok(server) || !id_ok(id))
		return fail_as(c, M_NOT_FOUND);
	if (!have(c, server, id, out, ready))
		return false;
	if (*ready)
		return !out->quarantined || fail_as(c, M_NOT_FOUND);
	if (!fetch)
		return fail_as(c, M_NOT_FOUND);
	if (!fed_allowed(server))
		return fail_as(c, M_FORBIDDEN);
	key = str_fmt(c->a, STR_FMT "/" STR_FMT, STR_ARG(server), STR_ARG(id));
	if (failed_lately(c, key, &forgets))
		return false;
	job_kick(&fetches, key);
	return true;
}

struct drop {
	struct media_row row[DROP_PAGE];
	size_t n;
	int64_t over;			/* bytes to be rid of */
};

static bool
drop_body(struct db *db, void *arg, struct err *e)
{
	struct drop *d = arg;

	for (size_t i = 0; i < d->n; i++)
		if (!media_delete(db, d->row[i].server, d->row[i].id, e))
			return false;
	return true;
}

/*
 * The oldest copies go until the rest fits. What is in quarantine stays: it
 * would be fetched again.
 */
static bool
make_room(struct ctx *c)
{
	struct drop *d = arena_make(c->a, struct drop);
	int64_t used;

	for (int i = 0; i < DROP_PAGES; i++) {
		if (!media_used(c->db, S(""), &used, &c->err))
			return false;
		d->over = used - conf_get()->media_remote_cache;
		if (d->over <= 0)
			return true;
		if (!media_oldest(c->db, c->a, d->row, DROP_PAGE, &d->n,
		    &c->err))
			return false;
		for (size_t k = 0; k < d->n; k++) {
			d->over -= d->row[k].bytes;
			if (d->over <= 0)
				d->n = k + 1;
		}
		if (d->n == 0 || !db_transact(c->db, drop_body, d, &c->err))
			return d->n == 0;
		for (size_t k = 0; k < d->n; k++) {
			media_unlink_remote(c, &d->row[k]);
			thumb_forget(c, &d->row[k]);
		}
	}
	return true;
}

static bool
keep(struct ctx *c, int fd, struct media_row *row)
{
	bool ok;

	pthread_mutex_lock(&keeping);
	ok = media_keep_remote(c, fd, row) && make_room(c);
	pthread_mutex_unlock(&keeping);
	return ok;
}

/* The edges of the answer in fd, and what they say. */
static bool
read_parts(struct ctx *c, int fd, const struct fed_file *f,
    struct file_parts *out)
{
	int64_t nhead = f->bytes < FILE_PARTS_HEAD ? f->bytes : FILE_PARTS_HEAD;
	int64_t nend = f->bytes < FILE_PARTS_END ? f->bytes : FILE_PARTS_END;
	char *head = arena_alloc_raw(c->a, FILE_PARTS_HEAD);
	char *end = arena_alloc_raw(c->a, FILE_PARTS_END);

	if (pread(fd, head, (size_t)nhead, 0) != nhead ||
	    pread(fd, end, (size_t)nend, f->bytes - nend) != nend)
		return fail_as(c, M_UNAVAILABLE);
	return file_parts_read(c->a, f->type, str_n(head, (size_t)nhead),
	    str_n(end, (size_t)nend), f->bytes, out) ||
	    fail_as(c, M_UNAVAILABLE);
}

/* Leaves in `to` the file alone. */
static bool
take_part(struct ctx *c, int from, int to, const struct file_parts *p)
{
	off_t at = (off_t)p->from;
	int64_t left = p->n;

	while (left > 0) {
		ssize_t n = copy_file_range(from, &at, to, NULL, (size_t)left,
		    0);

		if (n <= 0) {
			fail_as(c, M_UNAVAILABLE);
			return err_cause(&c->err, "a copy of a file: %s",
			    strerror(errno));
		}
		left -= n;
	}
	return true;
}

static bool
fetch(struct ctx *c, struct media_row *row, int answer, int file)
{
	struct fed_req q = { .server = row->server, .method = "GET",
	    .total_ms = FETCH_MS,
	    .body_max = conf_get()->media_max_upload + PARTS_EXTRA };
	struct file_parts p;
	struct fed_file f;

	q.path = fed_path(c->a, "v1/media/download/%s?timeout_ms=20000",
	    &row->id, 1);
	if (!fed_fetch(c, &q, answer, &f) || !read_parts(c, answer, &f, &p))
		return false;
	row->type = p.type;
	row->name = p.name;
	row->bytes = p.n;
	if (p.location.n == 0)
		return (p.n <= conf_get()->media_max_upload ||
		    fail_as(c, M_TOO_LARGE)) && take_part(c, answer, file, &p);
	q.path = p.location;
	q.body_max = conf_get()->media_max_upload;
	if (!fed_fetch_elsewhere(c, &q, file, &f))
		return false;
	row->type = file_type_ok(f.type);
	row->bytes = f.bytes;
	return true;
}

static bool
fetch_and_keep(struct ctx *c, struct media_row *row)
{
	int answer = media_unnamed(c), file = media_unnamed(c);
	bool ok = answer >= 0 && file >= 0;

	if (!ok)
		fail_as(c, M_UNAVAILABLE);
	ok = ok && fetch(c, row, answer, file);
	if (row->type.n == 0)
		row->type = S("application/octet-stream");
	ok = ok && keep(c, file, row);
	if (answer >= 0)
		close(answer);
	if (file >= 0)
		close(file);
	return ok;
}

/* The job: one file, unless it is here or could not be had just now. */
static bool
fetch_run(struct ctx *c, struct str key, int64_t *again_ms)
{
	struct media_row row, old;
	uint64_t forgets;
	bool here;

	*again_ms = 0;
	row = (struct media_row){ .user = S(""), .created_ms = c->now_ms };
	if (!str_cut(key, '/', &row.server, &row.id) ||
	    !have(c, row.server, row.id, &old, &here) || here)
		return c->err.code == M_OK;
	if (failed_lately(c, key, &forgets)) {
		err_clear(&c->err);
		return true;
	}
	if (fetch_and_keep(c, &row))
		return true;
	log_err(LOG_INFO, "media", "a file of another server could not be had",
	    &c->err);
	memo_put(&failures, key, str_fmt(c->a, "%lld %d",
	    (long long)(clock_now_ms() + FAILED_MS), (int)c->err.code),
	    forgets);
	err_clear(&c->err);
	return true;
}
