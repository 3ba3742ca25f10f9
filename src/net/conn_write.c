/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The writing side of a connection: the reply's head, body and file. See
 * conn.h. threads: the loop's only.
 */
#include "net/conn.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 1000
#define FILE_PIECE 65536

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
	{ 204, "No Content" }, { 206, "Partial Content" }, { 302, "Found" },
	{ 303, "See Other" }, { 304, "Not Modified" },
	{ 307, "Temporary Redirect" }, { 400, "Bad Request" },
	{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 408, "Request Timeout" },
	{ 409, "Conflict" }, { 413, "Content Too Large" },
	{ 414, "URI Too Long" }, { 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" }, { 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
	{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
};

static const char *
reason(int status)
{
	for (size_t i = 0; i < LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

/* The Date header's value, made once a second and thread. */
static const char *
http_date(void)
{
	static _Thread_local char text[40];
	static _Thread_local time_t made;
	time_t now = (time_t)(clock_now_ms() / 1000);
	struct tm tm;

	if (now != made && gmtime_r(&now, &tm) != NULL) {
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		made = now;
	}
	return text;
}

static void
write_head(struct conn *c, struct buf *b)
{
	const struct http_res *res = &c->res;
	int64_t length = (int64_t)res->body.n + (res->fd >= 0 ? res->fd_bytes
	    : 0);

	buf_fmt(b, "HTTP/1.1 %d %s\r\nServer: %s\r\nDate: %s\r\n", res->status,
	    reason(res->status), c->loop->s->conf.server_header, http_date());
	if (res->status != 304 && res->status != 204)
		buf_fmt(b, "Content-Length: %lld\r\n", (long long)length);
	if (!c->keep_alive)
		buf_c(b, "Connection: close\r\n");
	buf_str(b, buf_view(&res->head));
	buf_c(b, "\r\n");
}

static void
reply_done(struct conn *c)
{
	struct http_res *res = &c->res;

	if (res->fd >= 0)
		close(res->fd);
	res->fd = -1;
	buf_free(&res->head);
	buf_free(&res->body);
	free(c->res_head_bytes);
	c->res_head_bytes = NULL;
	if (c->keep_alive) {
		conn_next_request(c);
		return;
	}
	/* What the client may still be sending must not make our reply vanish. */
	if (c->tls != NULL || shutdown(c->fd, SHUT_WR) != 0) {
		conn_close(c);
		return;
	}
	c->state = CONN_LINGER;
	conn_watch(c, EPOLLIN | EPOLLRDHUP);
	conn_timer(c, c->loop->now_ms + LINGER_MS);
}

/* > 0: so many bytes went; 0: wait; < 0: closed. */
static ssize_t
send_memory(struct conn *c)
{
	struct str head = c->res_head, body = buf_view(&c->res.body);
	size_t body_sent = c->sent > head.n ? c->sent - head.n : 0;
	enum tls_want want = TLS_WANT_WRITE;
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	if (c->is_head)
		body.n = 0;
	if (c->sent < head.n) {
		struct str rest = str_from(head, c->sent);

		iov[0] = (struct iovec){ (void *)(uintptr_t)rest.p, rest.n };
		msg.msg_iovlen = 1;
	}
	if (body.n > body_sent) {
		struct str rest = str_from(body, body_sent);

		iov[msg.msg_iovlen++] = (struct iovec){
		    (void *)(uintptr_t)rest.p, rest.n };
	}
	if (msg.msg_iovlen == 0)
		return 0;
	if (c->tls != NULL) {
		n = tls_write(c->tls, iov[0].iov_base, iov[0].iov_len, &want);
		if (n < 0 && want != TLS_FAILED) {
			conn_watch(c, want == TLS_WANT_READ ? EPOLLIN
			    : EPOLLOUT);
			return 0;
		}
	} else {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			conn_watch(c, EPOLLOUT);
			return 0;
		}
	}
	if (n > 0)
		c->sent += (size_t)n;
	return n > 0 ? n : -1;
}

static ssize_t
send_file_tls(struct conn *c, off_t at, size_t left)
{
	char piece[FILE_PIECE];
	enum tls_want want = TLS_WANT_WRITE;
	ssize_t n = pread(c->res.fd, piece, left < sizeof(piece) ? left
	    : sizeof(piece), at);

	if (n <= 0)
		return -1;
	n = tls_write(c->tls, piece, (size_t)n, &want);
	if (n < 0 && want != TLS_FAILED) {
		conn_watch(c, want == TLS_WANT_READ ? EPOLLIN : EPOLLOUT);
		return 0;
	}
	return n;
}

static ssize_t
send_file(struct conn *c)
{
	off_t at = (off_t)(c->res.fd_from + c->file_sent);
	size_t left = (size_t)(c->res.fd_bytes - c->file_sent);
	ssize_t n;

	if (c->tls != NULL) {
		n = send_file_tls(c, at, left);
	} else {
		n = sendfile(c->fd, c->res.fd, &at, left);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			conn_watch(c, EPOLLOUT);
			return 0;
		}
		if (n == 0)
			n = -1;		/* the file is shorter than we said */
	}
	if (n > 0)
		c->file_sent += n;
	return n;
}

static bool
all_sent(const struct conn *c, bool *memory)
{
	size_t total = c->res_head.n + (c->is_head ? 0 : c->res.body.n);

	*memory = c->sent >= total;
	return *memory && (c->is_head || c->res.fd < 0 ||
	    c->file_sent >= c->res.fd_bytes);
}

void
conn_write_more(struct conn *c)
{
	bool memory;

	while (!all_sent(c, &memory)) {
		ssize_t n = memory ? send_file(c) : send_memory(c);

		if (n < 0) {
			conn_close(c);
			return;
		}
		conn_timer(c, c->loop->now_ms + c->loop->s->conf.write_ms);
		if (n == 0)
			return;
	}
	reply_done(c);
}

/* Takes the reply and begins to send it. */
void
conn_reply(struct conn *c, struct http_res *res)
{
	struct buf b;

	c->res = *res;
	c->sent = 0;
	c->file_sent = 0;
	if (res->close || c->loop->stopping)
		c->keep_alive = false;
	buf_init(&b, NULL, 65536 + res->head.n);
	write_head(c, &b);
	c->res_head = buf_view(&b);
	c->res_head_bytes = b.p;
	c->state = CONN_WRITE;
	conn_write_more(c);
}

/* A reply of the server's own; the connection closes after it. */
void
conn_refuse(struct conn *c, int status)
{
	struct http_server *s = c->loop->s;
	struct http_res res;

	http_res_init(&res, status);
	http_res_header(&res, "Content-Type", S("application/json"));
	http_res_header(&res, "Access-Control-Allow-Origin", S("*"));
	if (c->rule.refuse_status == status && c->rule.refuse_body.n > 0)
		buf_str(&res.body, c->rule.refuse_body);
	else if (s->app.refusal != NULL)
		buf_str(&res.body, s->app.refusal(s->app.arg, status));
	res.close = true;
	conn_timer(c, 0);
	conn_reply(c, &res);
}

void
http_res_init(struct http_res *res, int status)
{
	*res = (struct http_res){ .status = status, .fd = -1 };
	buf_init(&res->head, NULL, 65536);
	buf_init(&res->body, NULL, (size_t)1 << 30);
}

void
http_res_free(struct http_res *res)
{
	if (res->fd >= 0)
		close(res->fd);
	res->fd = -1;
	buf_free(&res->head);
	buf_free(&res->body);
}
