/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See thumb.h. At most two decoders at once; who comes later waits. */
#include "core/thumb.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_ONCE 2
#define SOURCE_MAX ((int64_t)64 << 20)
#define THUMB_MAX ((size_t)16 << 20)
#define DECODE_MS 15000

static const struct {
	int64_t w, h;
	bool crop;
} sizes[] = {
	{ 32, 32, true }, { 96, 96, true }, { 320, 240, false },
	{ 640, 480, false }, { 800, 600, false },
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t free;
	int busy;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.free = PTHREAD_COND_INITIALIZER };

static size_t
size_for(int64_t w, int64_t h, bool crop)
{
	for (size_t i = 0; i < LEN(sizes); i++)
		if (sizes[i].crop == crop && sizes[i].w >= w &&
		    sizes[i].h >= h)
			return i;
	return LEN(sizes) - 1;
}

/* The decoder stands beside our own program. */
static struct str
decoder_path(struct arena *a)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
	struct str path = str_n(self, n > 0 ? (size_t)n : 0);
	ptrdiff_t slash = str_rfind(path, '/');

	return str_cat(a, str_sub(path, 0, slash < 0 ? 0 : (size_t)slash + 1),
	    S("beffroi-decoder"));
}

static bool
start(struct ctx *c, size_t size, int from, int to, pid_t *pid)
{
	posix_spawn_file_actions_t acts;
	char *empty[] = { NULL };
	char *argv[] = { str_cz(c->a, decoder_path(c->a)),
	    str_cz(c->a, str_fmt(c->a, "%lld", (long long)sizes[size].w)),
	    str_cz(c->a, str_fmt(c->a, "%lld", (long long)sizes[size].h)),
	    str_cz(c->a, sizes[size].crop ? S("crop") : S("scale")), NULL };
	int rc;

	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, from, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&acts, to, STDOUT_FILENO);
	rc = posix_spawn(pid, argv[0], &acts, NULL, argv, empty);
	posix_spawn_file_actions_destroy(&acts);
	if (rc == 0)
		return true;
	fail(&c->err, M_UNKNOWN, "The decoder cannot be started");
	return err_cause(&c->err, "%s: %s", argv[0], strerror(rc));
}

/* Reads to the end, within the time; false: too slow or too much. */
static bool
drain(int fd, struct buf *b)
{
	int64_t until = clock_mono_us() / 1000 + DECODE_MS;
	char piece[65536];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = until - clock_mono_us() / 1000;
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return false;
		n = read(fd, piece, sizeof(piece));
		if (n <= 0)
			return n == 0;
		buf_add(b, piece, (size_t)n);
		if (b->over)
			return false;
	}
}

static bool
decode(struct ctx *c, size_t size, int from, struct buf *out)
{
	int pipe_fd[2], status = -1;
	pid_t pid;
	bool ok;

	if (pipe(pipe_fd) != 0)
		return fail(&c->err, M_UNAVAILABLE, "The server is busy");
	fcntl(pipe_fd[0], F_SETFD, FD_CLOEXEC);
	ok = start(c, size, from, pipe_fd[1], &pid);
	close(pipe_fd[1]);
	if (!ok) {
		close(pipe_fd[0]);
		return false;
	}
	ok = drain(pipe_fd[0], out);
	close(pipe_fd[0]);
	if (!ok)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ok && WIFEXITED(status) && WEXITSTATUS(status) == 0 && out->n > 0)
		return true;
	fail(&c->err, M_UNKNOWN, "The file is no picture that a thumbnail "
	    "can be made of");
	c->err.status = 400;
	return false;
}

static bool
decode_in_turn(struct ctx *c, size_t size, int from, struct buf *out)
{
	bool ok;

	pthread_mutex_lock(&pool.lock);
	while (pool.busy >= AT_ONCE)
		pthread_cond_wait(&pool.free, &pool.lock);
	pool.busy++;
	pthread_mutex_unlock(&pool.lock);
	ok = decode(c, size, from, out);
	pthread_mutex_lock(&pool.lock);
	pool.busy--;
	pthread_cond_signal(&pool.free);
	pthread_mutex_unlock(&pool.lock);
	return ok;
}

/* Written beside, then named: a reader never sees half of one. */
static bool
keep(struct ctx *c, struct str path, struct str bytes)
{
	struct str part = str_fmt(c->a, STR_FMT ".%llu", STR_ARG(path),
	    (unsigned long long)random_below(UINT64_MAX));
	char *p = str_cz(c->a, part);
	int fd = open(p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok = fd >= 0;

	ok = ok && file_write_all(fd, bytes);
	if (fd >= 0)
		close(fd);
	ok = ok && rename(p, str_cz(c->a, path)) == 0;
	if (!ok) {
		unlink(p);
		fail(&c->err, M_UNAVAILABLE,
		    "The server cannot keep files now; try again later");
	}
	return ok;
}

static bool
open_kept(struct ctx *c, struct str path, struct thumb *out)
{
	uint8_t head[8] = { 0 };
	struct stat st;

	out->fd = open(str_cz(c->a, path), O_RDONLY | O_CLOEXEC);
	if (out->fd < 0)
		return false;
	if (fstat(out->fd, &st) != 0 || pread(out->fd, head, sizeof(head), 0)
	    < 4) {
		close(out->fd);
		return false;
	}
	out->bytes = st.st_size;
	out->type = head[0] == 0x89 ? S("image/png") : S("image/jpeg");
	return true;
}

static struct str
thumbs_dir(struct ctx *c)
{
	return str_cat(c->a, server_get()->data_dir, S("/media/thumbs"));
}

static struct str
thumb_path(struct ctx *c, const struct media_row *row, size_t size)
{
	return str_fmt(c->a, STR_FMT "/" STR_FMT "-%zu",
	    STR_ARG(thumbs_dir(c)), STR_ARG(hex_encode(c->a, row->sha256)),
	    size);
}

void
thumb_forget(struct ctx *c, const struct media_row *row)
{
	for (size_t i = 0; i < LEN(sizes); i++)
		unlink(str_cz(c->a, thumb_path(c, row, i)));
}

bool
thumb_get(struct ctx *c, const struct media_row *row, int64_t width,
    int64_t height, bool crop, struct thumb *out)
{
	size_t size = size_for(width, height, crop);
	struct str path = thumb_path(c, row, size);
	struct buf b;
	int from;
	bool ok;

	if (open_kept(c, path, out))
		return true;
	if (row->bytes > SOURCE_MAX)
		return fail(&c->err, M_TOO_LARGE,
		    "The file is too large for a thumbnail");
	if (!media_open(c, row, &from))
		return false;
	mkdir(str_cz(c->a, thumbs_dir(c)), 0700);
	buf_init(&b, c->a, THUMB_MAX);
	ok = decode_in_turn(c, size, from, &b);
	close(from);
	if (!ok || !keep(c, path, buf_view(&b)))
		return false;
	return open_kept(c, path, out) ||
	    fail(&c->err, M_NOT_FOUND, "The thumbnail is gone");
}
