/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Where a request's body goes: to memory, counted over all connections, or to
 * an unnamed file. Writing such a file is the one thing that a loop does to a
 * disk; it goes to the page cache. threads: the loop's.
 */
#define _GNU_SOURCE		/* O_TMPFILE */
#include "net/request.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/heap.h"
#include "net/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* For file systems that know no unnamed files. */
static int
open_and_unlink(const char *dir)
{
	char path[4096];
	uint64_t name;
	int fd;

	random_fill(&name, sizeof(name));
	if (snprintf(path, sizeof(path), "%s/.spool-%016llx", dir,
	    (unsigned long long)name) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int
spool_open(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = open_and_unlink(dir);
	if (fd < 0)
		log_error("net", "a body cannot be spooled", LC("dir", dir),
		    LC("cause", strerror(errno)));
	return fd;
}

bool
req_body_begin(struct http_req *rq, const struct http_body_rule *rule,
    int64_t length)
{
	struct http_server *s = rq->s;

	if (rule->spool) {
		rq->v.body_fd = spool_open(s->conf.spool_dir);
		return rq->v.body_fd >= 0;
	}
	buf_init(&rq->body, NULL, (size_t)rule->max_bytes);
	return length <= 0 || atomic_load(&s->body_memory) + length <=
	    (int64_t)s->conf.body_memory_max;
}

static int
add_to_file(int fd, struct str piece)
{
	while (piece.n > 0) {
		ssize_t n = write(fd, piece.p, piece.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_error("net", "a body cannot be spooled",
			    LC("cause", strerror(errno)));
			return 503;
		}
		piece = str_from(piece, (size_t)n);
	}
	return 0;
}

/* What the buffer grew by is counted after; who is over then gives it back. */
static int
add_to_memory(struct http_req *rq, struct str piece)
{
	struct http_server *s = rq->s;
	int64_t more, all;

	buf_str(&rq->body, piece);
	more = (int64_t)rq->body.cap - rq->memory;
	if (more == 0)
		return 0;
	rq->memory += more;
	all = atomic_fetch_add(&s->body_memory, more) + more;
	return all <= (int64_t)s->conf.body_memory_max ? 0 : 503;
}

int
req_body_add(struct http_req *rq, const struct http_body_rule *rule,
    struct str piece)
{
	if ((int64_t)piece.n > rule->max_bytes - rq->v.body_bytes)
		return 413;
	rq->v.body_bytes += (int64_t)piece.n;
	if (rq->v.body_fd >= 0)
		return add_to_file(rq->v.body_fd, piece);
	return add_to_memory(rq, piece);
}

void
req_body_end(struct http_req *rq)
{
	struct buf *b = &rq->body;
	int64_t spare = (int64_t)(b->cap - b->n);

	if (rq->v.body_fd >= 0)
		lseek(rq->v.body_fd, 0, SEEK_SET);
	/* It may be kept long, parked. */
	if (b->n > 0 && spare > 0) {
		b->p = must(realloc(b->p, b->n));
		b->cap = b->n;
		rq->memory -= spare;
		atomic_fetch_sub(&rq->s->body_memory, spare);
	}
	rq->v.body = buf_view(b);
}
