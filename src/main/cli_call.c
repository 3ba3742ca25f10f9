/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A request to the daemon over its socket, whose file rights are the authentication. */
#include "main/cli.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)128 << 20)

static bool
dial(const char *data, int *fd, struct err *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s/admin.sock",
	    data);

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (n < 0 || (size_t)n >= sizeof(to.sun_path) || *fd < 0 ||
	    connect(*fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return fail(e, M_NOT_FOUND, "No beffroid answers on "
		    "%s/admin.sock (%s): is it running, and is --data its "
		    "folder?", data, strerror(errno));
	return true;
}

static bool
exchange(int fd, struct str request, struct buf *answer)
{
	char piece[16384];
	ssize_t n;

	if (!file_write_all(fd, request))
		return false;
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_add(answer, piece, (size_t)n);
	return n == 0 && !answer->over;
}

bool
cli_fetch(struct arena *a, const char *data, const char *method,
    struct str path, const struct json *body, struct str *out,
    struct err *e)
{
	struct str text = body != NULL ? json_text(a, body)
	    : (struct str){ NULL, 0 }, head, rest;
	struct json refusal;
	struct buf b;
	ptrdiff_t at;
	int fd;
	bool ok;

	if (!dial(data, &fd, e))
		return false;
	buf_init(&b, a, ANSWER_MAX);
	ok = exchange(fd, str_fmt(a, "%s " STR_FMT " HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n"
	    "\r\n" STR_FMT, method, STR_ARG(path), text.n, STR_ARG(text)),
	    &b);
	close(fd);
	head = buf_view(&b);
	at = str_find_str(head, S("\r\n\r\n"));
	if (!ok || at < 0 || !str_cut(head, ' ', &head, &rest))
		return fail(e, M_UNKNOWN, "beffroid gave no whole answer");
	*out = str_from(buf_view(&b), (size_t)at + 4);
	if (str_eq(str_sub(rest, 0, 3), S("200")))
		return true;
	return json_parse(a, *out, JSON_ANY, &refusal, e) && fail(e,
	    M_UNKNOWN, STR_FMT, STR_ARG(json_str(&refusal, S("error"))));
}

bool
cli_call(struct arena *a, const char *data, const char *method,
    struct str path, const struct json *body, struct json *out,
    struct err *e)
{
	struct str text;

	return cli_fetch(a, data, method, path, body, &text, e) &&
	    json_parse(a, text, JSON_ANY, out, e);
}
