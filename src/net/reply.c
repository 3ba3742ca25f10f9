/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See reply.h. A head is at most HEAD_FIXED bytes and what the application
 * gave, so it is written into the block of the reply itself.
 */
#include "net/reply.h"

#include "base/heap.h"

#include <assert.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HEAD_FIXED 256
#define HEAD_LINES_MAX 65536
#define BODY_MAX ((size_t)1 << 30)
#define TAIL_MAX 4096

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
	{ 204, "No Content" }, { 206, "Partial Content" }, { 302, "Found" },
	{ 303, "See Other" }, { 304, "Not Modified" },
	{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
	{ 404, "Not Found" }, { 405, "Method Not Allowed" },
	{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 412, "Precondition Failed" }, { 413, "Content Too Large" },
	{ 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
	{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
};

/* RFC 9112, 4: clients ignore it, and it may be empty. */
static const char *
reason(int status)
{
	for (size_t i = 0; i < LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "";
}

struct reply *
reply_new(struct http_res *res, size_t server_n)
{
	struct reply *r;

	assert(res->status >= 200 && res->status <= 599);
	if (res->head.over || res->body.over || res->tail.over) {
		/* Half an answer is none. */
		http_res_free(res);
		http_res_init(res, 500);
		res->close = true;
	}
	r = must(malloc(sizeof(*r) + HEAD_FIXED + server_n + res->head.n));
	memset(r, 0, sizeof(*r));
	r->res = *res;
	http_res_init(res, 200);
	return r;
}

/* Adds to the head; its room was reckoned by reply_new(). */
static void
put(struct reply *r, struct str s)
{
	if (s.n > 0)
		memcpy(r->head + r->head_n, s.p, s.n);
	r->head_n += s.n;
}

static void
put_number(struct reply *r, int64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	assert(n >= 0);
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put(r, str_n(digits + at, sizeof(digits) - at));
}

void
reply_head(struct reply *r, const struct reply_how *how)
{
	const struct http_res *res = &r->res;
	bool no_content = res->status == 204 || res->status == 304;

	r->bodiless = how->is_head || no_content;
	put(r, S("HTTP/1.1 "));
	put_number(r, res->status);
	put(r, S(" "));
	put(r, str_c(reason(res->status)));
	put(r, S("\r\nServer: "));
	put(r, how->server);
	put(r, S("\r\nDate: "));
	put(r, how->date);
	if (!no_content) {
		put(r, S("\r\nContent-Length: "));
		put_number(r, (int64_t)res->body.n +
		    (res->fd >= 0 ? res->fd_bytes + (int64_t)res->tail.n : 0));
	}
	if (!how->keep_alive)
		put(r, S("\r\nConnection: close"));
	else if (how->minor == 0)
		put(r, S("\r\nConnection: keep-alive"));
	put(r, S("\r\n"));
	put(r, buf_view(&res->head));
	put(r, S("\r\n"));
	assert(r->head_n <= HEAD_FIXED + how->server.n + res->head.n);
}

void
reply_free(struct reply *r)
{
	if (r == NULL)
		return;
	http_res_free(&r->res);
	free(r);
}

void
reply_date(char to[REPLY_DATE], int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(to, REPLY_DATE, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
		to[0] = '\0';
}

void
http_res_init(struct http_res *res, int status)
{
	*res = (struct http_res){ .status = status, .fd = -1 };
	buf_init(&res->head, NULL, HEAD_LINES_MAX);
	buf_init(&res->body, NULL, BODY_MAX);
	buf_init(&res->tail, NULL, TAIL_MAX);
}

void
http_res_header(struct http_res *res, const char *name, struct str value)
{
	assert(str_find(value, '\r') < 0 && str_find(value, '\n') < 0 &&
	    str_find(value, '\0') < 0);
	buf_c(&res->head, name);
	buf_c(&res->head, ": ");
	buf_str(&res->head, value);
	buf_c(&res->head, "\r\n");
}

void
http_res_free(struct http_res *res)
{
	if (res->fd >= 0)
		close(res->fd);
	res->fd = -1;
	buf_free(&res->head);
	buf_free(&res->body);
	buf_free(&res->tail);
}
