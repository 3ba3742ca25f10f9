/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The head is gathered whole, looked at byte by byte for what llhttp 8 lets
 * through (bare CR or LF, NUL, continued lines), and then parsed by llhttp,
 * which refuses conflicting lengths. What it leaves to us is checked after it:
 * the version, exactly one Host, one length, the coding.
 */
#include "net/http1.h"

#include <assert.h>
#include <string.h>

static bool
refuse(struct http1 *h, int status)
{
	h->failed = true;
	h->status = status;
	return false;
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (h->url.n > 0)
		return -1;
	h->url = str_n(at, n);
	return 0;
}

static int
on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (h->head_done)
		return 0;		/* trailers: read and forgotten */
	if (h->nheaders == HTTP1_HEADERS_MAX)
		return -1;
	h->header[h->nheaders++] = (struct http_header){ str_n(at, n),
	    { NULL, 0 } };
	return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (!h->head_done && h->nheaders > 0)
		h->header[h->nheaders - 1].value = str_n(at, n);
	return 0;
}

static int
on_headers_complete(llhttp_t *p)
{
	struct http1 *h = p->data;

	h->head_done = true;
	return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	return h->on_body == NULL || h->on_body(h->arg, str_n(at, n)) ? 0 : -1;
}

static int
on_message_complete(llhttp_t *p)
{
	struct http1 *h = p->data;

	h->done = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url, .on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete, .on_body = on_body,
	.on_message_complete = on_message_complete,
};

void
http1_init(struct http1 *h)
{
	llhttp_init(&h->parser, HTTP_REQUEST, &settings);
	h->parser.data = h;
	h->nheaders = 0;
	h->url = (struct str){ NULL, 0 };
	h->head_done = h->done = h->failed = false;
	h->keep_alive = h->expects = h->chunked = false;
	h->length = -1;
	h->status = 0;
}

/* One line of the head, without its CRLF. */
static bool
line_ok(struct http1 *h, struct str line, size_t nth)
{
	if (nth > HTTP1_HEADERS_MAX + 1)
		return refuse(h, 431);
	if (nth > 0 && line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return refuse(h, 400);
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse(h, 400);
	}
	return true;
}

ptrdiff_t
http1_head_length(struct http1 *h, struct str bytes, size_t max)
{
	size_t from = 0, line = 0;

	for (size_t i = 0; i < bytes.n && i < max; i++) {
		if (bytes.p[i] != '\n')
			continue;
		if (i == from || bytes.p[i - 1] != '\r') {
			refuse(h, 400);
			return -1;
		}
		if (i - 1 == from && line > 0)
			return (ptrdiff_t)i + 1;
		if (i - 1 == from) {
			/* An empty line before the request line. */
			refuse(h, 400);
			return -1;
		}
		if (!line_ok(h, str_sub(bytes, from, i - 1 - from), line))
			return -1;
		from = i + 1;
		line++;
	}
	if (bytes.n >= max) {
		refuse(h, line == 0 ? 414 : 431);
		return -1;
	}
	return 0;
}

/* Checks the headers that say how long the request is and for whom. */
static bool
framing_ok(struct http1 *h)
{
	int hosts = 0, lengths = 0, codings = 0;

	for (size_t i = 0; i < h->nheaders; i++) {
		struct str name = h->header[i].name, v = h->header[i].value;

		if (str_eq_nocase(name, S("host"))) {
			hosts++;
		} else if (str_eq_nocase(name, S("content-length"))) {
			uint64_t n;

			lengths++;
			if (v.n > 15 || !str_u64(v, &n))
				return refuse(h, 400);
			h->length = (int64_t)n;
		} else if (str_eq_nocase(name, S("transfer-encoding"))) {
			codings++;
			if (!str_eq_nocase(v, S("chunked")))
				return refuse(h, 501);
			h->chunked = true;
		} else if (str_eq_nocase(name, S("expect"))) {
			if (!str_eq_nocase(v, S("100-continue")))
				return refuse(h, 417);
			h->expects = true;
		} else if (str_eq_nocase(name, S("upgrade"))) {
			h->keep_alive = false;
		}
	}
	if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0) ||
	    hosts > 1 || (hosts == 0 && h->parser.http_minor == 1) ||
	    (codings > 0 && h->parser.http_minor == 0))
		return refuse(h, 400);
	return true;
}

bool
http1_head(struct http1 *h, struct str head)
{
	llhttp_errno_t rc = llhttp_execute(&h->parser, head.p, head.n);

	/* An upgrade or CONNECT pauses the parser: we do neither. */
	if (rc == HPE_PAUSED_UPGRADE)
		return refuse(h, 400);
	if (rc != HPE_OK && !(rc == HPE_PAUSED && h->done))
		return refuse(h, h->nheaders == HTTP1_HEADERS_MAX ? 431 : 400);
	if (!h->head_done)
		return refuse(h, 400);
	if (h->parser.http_major != 1 || h->parser.http_minor > 1)
		return refuse(h, 505);
	if (h->url.n == 0 || h->url.p[0] != '/') {
		if (h->parser.method != HTTP_OPTIONS ||
		    !str_eq(h->url, S("*")))
			return refuse(h, 400);
	}
	h->keep_alive = llhttp_should_keep_alive(&h->parser) != 0;
	return framing_ok(h);
}

bool
http1_body(struct http1 *h, struct str bytes, size_t *used)
{
	llhttp_errno_t rc;

	assert(h->head_done && !h->done);
	rc = llhttp_execute(&h->parser, bytes.p, bytes.n);
	if (rc == HPE_OK) {
		*used = bytes.n;
		return true;
	}
	if (rc == HPE_PAUSED && h->done) {
		*used = (size_t)(llhttp_get_error_pos(&h->parser) - bytes.p);
		return true;
	}
	return refuse(h, 400);
}
