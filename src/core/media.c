/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See media.h. A file gets its name only when it is whole and on disk: what was
 * cut on its way leaves nothing behind.
 */
#define _GNU_SOURCE
#include "core/media.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "room/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 262144
#define UNUSED_MS (24 * 3600 * INT64_C(1000))

static struct str
media_dir(struct arena *a)
{
	return str_cat(a, server_get()->data_dir, S("/media"));
}

/* Beside media, so that backups leave out what can be had again. */
static struct str
remote_dir(struct arena *a)
{
	return str_cat(a, server_get()->data_dir, S("/remote_media"));
}

bool
media_start(struct err *e)
{
	struct arena *a = arena_new(1 << 16);
	char *dir = str_cz(a, media_dir(a));
	bool ok = mkdir(dir, 0700) == 0 || errno == EEXIST;

	if (ok) {
		dir = str_cz(a, remote_dir(a));
		ok = mkdir(dir, 0700) == 0 || errno == EEXIST;
	}
	if (!ok)
		fail(e, M_UNKNOWN, "Cannot make the folder %s: %s", dir,
		    strerror(errno));
	arena_free(a);
	return ok;
}

static bool
io_failed(struct ctx *c, const char *what)
{
	int why = errno;

	fail(&c->err, M_UNAVAILABLE, "The server cannot keep files now; "
	    "try again later");
	return err_cause(&c->err, "%s: %s", what, strerror(why));
}

static bool
digest(struct ctx *c, int fd, int64_t bytes, uint8_t out[SHA256_BYTES])
{
	struct sha256_run *run = sha256_begin(c->a);
	char *piece = arena_alloc_raw(c->a, PIECE);
	off_t at = 0;

	while (at < bytes) {
		ssize_t n = pread(fd, piece, PIECE, at);

		if (n <= 0)
			return io_failed(c, "reading an upload");
		sha256_more(run, str_n(piece, (size_t)n));
		at += n;
	}
	sha256_end(run, out);
	return true;
}

/* dir/ab/cd/<hex> */
static struct str
place(struct ctx *c, struct str dir, struct str hash, bool make)
{
	struct str hex = hex_encode(c->a, hash);
	struct str one = str_fmt(c->a, STR_FMT "/" STR_FMT, STR_ARG(dir),
	    STR_ARG(str_sub(hex, 0, 2)));
	struct str two = str_fmt(c->a, STR_FMT "/" STR_FMT, STR_ARG(one),
	    STR_ARG(str_sub(hex, 2, 2)));

	if (make) {
		mkdir(str_cz(c->a, one), 0700);
		mkdir(str_cz(c->a, two), 0700);
	}
	return str_fmt(c->a, STR_FMT "/" STR_FMT, STR_ARG(two),
	    STR_ARG(hex));
}

/* Uploads lie by their content, which equal ones share; copies by whose and which they are. */
static struct str
content_path(struct ctx *c, const struct media_row *row, bool make)
{
	if (str_eq(row->server, server_get()->name))
		return place(c, media_dir(c->a), row->sha256, make);
	return place(c, remote_dir(c->a), sha256_raw(c->a, str_fmt(c->a,
	    STR_FMT "/" STR_FMT, STR_ARG(row->server), STR_ARG(row->id))),
	    make);
}

/* Gives the unnamed file its name; one of that name has the same content. */
static bool
name_file(struct ctx *c, int fd, const struct media_row *row)
{
	struct str path = content_path(c, row, true);
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (fsync(fd) != 0)
		return io_failed(c, "an upload");
	if (linkat(AT_FDCWD, self, AT_FDCWD, str_cz(c->a, path),
	    AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST)
		return io_failed(c, "an upload");
	return file_sync_parent(path) || io_failed(c, "a media folder");
}

static bool
check_quota(struct ctx *c, int64_t bytes)
{
	int64_t quota = conf_get()->media_user_quota, used;

	if (quota == 0)
		return true;
	if (!media_used(c->db, c->who.user, &used, &c->err))
		return false;
	return used + bytes <= quota || fail(&c->err, M_FORBIDDEN,
	    "Your files take more room than you have");
}

struct job {
	struct media_row row;
	bool fresh, done;
};

static bool
store_body(struct db *db, void *arg, struct err *e)
{
	struct job *j = arg;

	j->done = true;
	return j->fresh ? media_insert(db, &j->row, e)
	    : media_fill(db, &j->row, &j->done, e);
}

static struct media_row
new_row(struct ctx *c)
{
	return (struct media_row){
		.server = server_get()->name, .user = c->who.user,
		.id = random_text(c->a, 32), .bytes = -1,
		.created_ms = c->now_ms,
	};
}

/* One's own id that waits for its content. */
static bool
check_created(struct ctx *c, struct str id)
{
	struct media_row row;
	bool found;

	if (!media_find(c->db, c->a, server_get()->name, id, &row, &found,
	    &c->err))
		return false;
	if (!found || (row.bytes < 0 && row.expires_ms <= c->now_ms))
		return fail(&c->err, M_NOT_FOUND, "There is no such media id");
	if (!str_eq(row.user, c->who.user))
		return fail(&c->err, M_FORBIDDEN,
		    "That media id is somebody else's");
	return row.bytes < 0 || fail(&c->err, M_CANNOT_OVERWRITE_MEDIA,
	    "That media id has its content already");
}

bool
media_store(struct ctx *c, int fd, int64_t bytes, struct str type,
    struct str name, struct str id, struct media_row *out)
{
	struct job j = { .row = new_row(c), .fresh = id.n == 0 };
	uint8_t hash[SHA256_BYTES];

	if (!j.fresh && !check_created(c, id))
		return false;
	if (fd < 0)
		return fail(&c->err, M_INVALID_PARAM, "The body is empty");
	if (!check_quota(c, bytes) || !digest(c, fd, bytes, hash))
		return false;
	if (!j.fresh)
		j.row.id = id;
	j.row.type = type;
	j.row.name = name;
	j.row.bytes = bytes;
	j.row.sha256 = str_n((char *)hash, sizeof(hash));
	if (!name_file(c, fd, &j.row) ||
	    !db_transact(c->db, store_body, &j, &c->err))
		return false;
	if (!j.done)
		return fail(&c->err, M_CANNOT_OVERWRITE_MEDIA,
		    "That media id has its content already");
	*out = j.row;
	return true;
}

bool
media_create(struct ctx *c, struct media_row *out)
{
	struct job j = { .row = new_row(c), .fresh = true };

	j.row.expires_ms = c->now_ms + UNUSED_MS;
	if (!db_transact(c->db, store_body, &j, &c->err))
		return false;
	*out = j.row;
	return true;
}

bool
media_get(struct ctx *c, struct str server, struct str id,
    struct media_row *out, bool *ready)
{
	bool found;

	if (!id_server_name_ok(server) || !media_find(c->db, c->a, server, id,
	    out, &found, &c->err))
		return c->err.code == M_OK && fail(&c->err, M_NOT_FOUND,
		    "There is no such file");
	if (!found || out->quarantined ||
	    (out->bytes < 0 && out->expires_ms <= c->now_ms))
		return fail(&c->err, M_NOT_FOUND, "There is no such file");
	*ready = out->bytes >= 0;
	return true;
}

bool
media_open(struct ctx *c, const struct media_row *row, int *fd)
{
	*fd = open(str_cz(c->a, content_path(c, row, false)),
	    O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return true;
	fail(&c->err, M_NOT_FOUND, "The file is gone");
	return err_cause(&c->err, "%s", strerror(errno));
}

int
media_unnamed(struct ctx *c)
{
	return open(str_cz(c->a, remote_dir(c->a)),
	    O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static bool
keep_body(struct db *db, void *arg, struct err *e)
{
	const struct media_row *row = arg;

	return media_delete(db, row->server, row->id, e) &&
	    media_insert(db, row, e);
}

bool
media_keep_remote(struct ctx *c, int fd, struct media_row *row)
{
	uint8_t hash[SHA256_BYTES];

	if (!digest(c, fd, row->bytes, hash))
		return false;
	row->sha256 = str_dup(c->a, str_n((char *)hash, sizeof(hash)));
	/* What lies there is of a row that is gone. */
	media_unlink_remote(c, row);
	return name_file(c, fd, row) &&
	    db_transact(c->db, keep_body, row, &c->err);
}

void
media_unlink_remote(struct ctx *c, const struct media_row *row)
{
	unlink(str_cz(c->a, content_path(c, row, false)));
}
