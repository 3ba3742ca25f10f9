/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Opening the sockets that clients connect to. threads: main. */
#define _GNU_SOURCE		/* SOCK_NONBLOCK */
#include "net/server.h"

#include "base/heap.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096
#define UNIX_MODE 0600

static bool
failed(struct err *e, struct str address)
{
	return fail(e, M_UNKNOWN, "Cannot listen on " STR_FMT ": %s",
	    STR_ARG(address), strerror(errno));
}

/* Takes away the socket of a server that died; a living one's never. */
static bool
clear_path(const struct addr_bind *to, const char *path, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0)
		return true;		/* bind will say what is wrong */
	if (!S_ISSOCK(st.st_mode))
		return fail(e, M_INVALID_PARAM,
		    "%s is there and is no socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(e, str_c(path));
	rc = connect(fd, (const struct sockaddr *)&to->ss, to->n);
	close(fd);
	if (rc == 0 || errno == EAGAIN)
		return fail(e, M_INVALID_PARAM,
		    "Another server listens on %s", path);
	unlink(path);
	return true;
}

static bool
prepare(struct listener *l, const struct http_listen *conf,
    const struct addr_bind *to, struct err *e)
{
	struct sockaddr_un un;
	char *path;
	int one = 1;

	if (!to->is_unix)
		return setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one,
		    sizeof(one)) == 0 || failed(e, conf->address);
	memcpy(&un, &to->ss, sizeof(un));
	path = must(strdup(un.sun_path));
	/* The file gets the socket's mode, so nobody can connect too early. */
	if (clear_path(to, path, e)) {
		if (fchmod(l->fd, UNIX_MODE) == 0) {
			l->path = path;
			return true;
		}
		failed(e, conf->address);
	}
	free(path);
	return false;
}

static int
port_of(int fd)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 v6;
	socklen_t n = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
	    ss.ss_family == AF_UNIX)
		return 0;
	memcpy(&v6, &ss, sizeof(v6));
	return ntohs(v6.sin6_port);	/* IPv4's is in the same place */
}

bool
listener_open(struct listener *l, const struct http_listen *conf,
    struct err *e)
{
	struct addr_bind to;

	if (!addr_bind_parse(conf->address, &to, e))
		return false;
	l->tls = conf->tls;
	l->fd = socket(to.ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return failed(e, conf->address);
	if (!prepare(l, conf, &to, e))
		return false;
	if (bind(l->fd, (struct sockaddr *)&to.ss, to.n) != 0) {
		failed(e, conf->address);
		free(l->path);
		l->path = NULL;		/* not ours */
		return false;
	}
	if (listen(l->fd, BACKLOG) != 0 || (l->path != NULL &&
	    conf->mode != 0 && chmod(l->path, conf->mode) != 0))
		return failed(e, conf->address);
	l->port = port_of(l->fd);
	return true;
}

void
listener_close(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->path != NULL)
		unlink(l->path);
	free(l->path);
	l->path = NULL;
}
