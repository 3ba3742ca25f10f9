/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The head is gathered whole, looked at line by line for what llhttp 8 lets
 * through (bare CR or LF, NUL, continued lines), and then parsed by llhttp,
 * which refuses conflicting lengths. What it leaves to us is checked after it:
 * the version, the target, the names of headers, exactly one Host, one length,
 * the coding. llhttp takes chunks apart; the trailers after them, where it
 * lets a bare LF through, are read here and forgotten.
 */
#include "net/http1.h"

#include <assert.h>
#include <string.h>

/*
 * What chunks may cost beside their content: "1\r\nx\r\n" is five bytes for
 * one. Extensions and trailers, which nobody reads, come out of the rest.
 */
#define FRAMING_PER_BYTE 6
#define FRAMING_SPARE 8192

static bool
refuse(struct http1 *h, int status)
{
	h->status = status;
	return false;
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	h->url = str_n(at, n);
	return 0;
}

static int
on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (h->nheaders == h->headers_max) {
		h->status = 431;
		return -1;
	}
	h->header[h->nheaders++] = (struct http_header){ .name = str_n(at, n) };
	return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	if (h->nheaders > 0)
		h->header[h->nheaders - 1].value = str_trim(str_n(at, n));
	return 0;
}

static int
on_headers_complete(llhttp_t *p)
{
	struct http1 *h = p->data;

	h->head_done = true;
	h->minor = p->http_minor;
	h->keep_alive = llhttp_should_keep_alive(p) != 0;
	/* Another protocol is offered: we go on in this one. RFC 9110, 7.8 */
	p->upgrade = 0;
	return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http1 *h = p->data;

	h->body_bytes += (int64_t)n;
	h->status = h->on_body == NULL ? 0 : h->on_body(h->arg, str_n(at, n));
	return h->status == 0 ? 0 : -1;
}

/* After the line of the last chunk the rest is ours. */
static int
on_chunk_header(llhttp_t *p)
{
	struct http1 *h = p->data;

	h->in_trailers = p->content_length == 0;
	return h->in_trailers ? HPE_PAUSED : 0;
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
	.on_chunk_header = on_chunk_header,
	.on_message_complete = on_message_complete,
};

void
http1_init(struct http1 *h, struct http_header *header, size_t headers_max)
{
	*h = (struct http1){ .header = header, .headers_max = headers_max,
	    .length = -1 };
	llhttp_init(&h->parser, HTTP_REQUEST, &settings);
	h->parser.data = h;
}

/* A line of the head, without its CRLF. */
static bool
line_ok(struct http1 *h, struct str line)
{
	/* A continued line, which others join to the one before. */
	if (h->lines > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return refuse(h, 400);
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse(h, 400);
	}
	if (h->lines > h->headers_max)
		return refuse(h, 431);
	return true;
}

/* A line that ends before the LF at `end`. */
static bool
line_take(struct http1 *h, struct str bytes, size_t end, bool *last)
{
	struct str line = str_sub(bytes, h->line_at, end - h->line_at);

	if (!str_ends(line, S("\r")))
		return refuse(h, 400);
	line.n--;
	h->line_at = end + 1;
	if (line.n > 0) {
		if (!line_ok(h, line))
			return false;
		h->lines++;
	} else if (h->lines > 0) {
		*last = true;
	} else if (h->lead == 0) {
		h->lead = 2;		/* RFC 9112, 2.2: one empty line may lead */
	} else {
		return refuse(h, 400);
	}
	return true;
}

ptrdiff_t
http1_find_head(struct http1 *h, struct str bytes, size_t max)
{
	bool last = false;

	while (h->line_at < bytes.n) {
		const char *lf = memchr(bytes.p + h->line_at, '\n',
		    bytes.n - h->line_at);

		if (lf == NULL)
			break;
		if ((size_t)(lf - bytes.p) >= max)
			break;
		if (!line_take(h, bytes, (size_t)(lf - bytes.p), &last))
			return -1;
		if (last)
			return (ptrdiff_t)h->line_at;
	}
	if (bytes.n < max)
		return 0;
	refuse(h, h->lines == 0 ? 414 : 431);
	return -1;
}

/* No userinfo, no path, no spaces: what could be taken for another host. */
static bool
host_ok(struct str host)
{
	for (size_t i = 0; i < host.n; i++) {
		unsigned char c = (unsigned char)host.p[i];

		if (c <= 0x20 || c >= 0x7f || strchr("/\\?#@,\"<>", c) != NULL)
			return false;
	}
	return true;
}

/* Paths alone: we are no proxy, and have no use for http://... */
static bool
target_ok(const struct http1 *h)
{
	if (h->url.p[0] != '/')
		return h->parser.method == HTTP_OPTIONS &&
		    str_eq(h->url, S("*"));
	for (size_t i = 0; i < h->url.n; i++) {
		unsigned char c = (unsigned char)h->url.p[i];

		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
	}
	return true;
}

/* How often the headers that frame a request were there. */
struct counts {
	int hosts, lengths, codings;
};

/* RFC 9110, 5.6.2: a token. */
static bool
is_token_char(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-')
		return true;
	return c > 0x20 && c < 0x7f &&
	    strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static bool
name_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_token_char((unsigned char)name.p[i]))
			return false;
	return name.n > 0;
}

/* A header that says for whom the request is or how long. */
static bool
header_take(struct http1 *h, struct str name, struct str v, struct counts *n)
{
	uint64_t length;

	if (!name_ok(name))
		return refuse(h, 400);
	if (str_eq_nocase(name, S("host"))) {
		n->hosts++;
		return host_ok(v) || refuse(h, 400);
	}
	if (str_eq_nocase(name, S("content-length"))) {
		n->lengths++;
		if (v.n > 18 || !str_u64(v, &length))
			return refuse(h, 400);
		h->length = (int64_t)length;
	} else if (str_eq_nocase(name, S("transfer-encoding"))) {
		n->codings++;
		if (!str_eq_nocase(v, S("chunked")))
			return refuse(h, 501);
		h->chunked = true;
	} else if (str_eq_nocase(name, S("expect"))) {
		if (!str_eq_nocase(v, S("100-continue")))
			return refuse(h, 417);
		h->expects = h->minor == 1;
	}
	return true;
}

static bool
framing_ok(struct http1 *h)
{
	struct counts n = { 0 };

	for (size_t i = 0; i < h->nheaders; i++)
		if (!header_take(h, h->header[i].name, h->header[i].value, &n))
			return false;
	if (n.hosts > 1 || (n.hosts == 0 && h->minor == 1))
		return refuse(h, 400);
	if (n.lengths + n.codings > 1 || (n.codings > 0 && h->minor == 0))
		return refuse(h, 400);
	/* The parser must have understood the same. */
	if (h->done == (h->chunked || h->length > 0))
		return refuse(h, 400);
	return true;
}

/* The status for what llhttp refused. */
static int
refusal_of(const struct http1 *h, llhttp_errno_t rc)
{
	if (h->status != 0)
		return h->status;
	if (rc == HPE_INVALID_VERSION || rc == HPE_PAUSED_H2_UPGRADE)
		return 505;
	return 400;
}

bool
http1_head(struct http1 *h, struct str head)
{
	struct str lines = str_from(head, h->lead);
	llhttp_errno_t rc = llhttp_execute(&h->parser, lines.p, lines.n);

	if (rc != HPE_OK && !(rc == HPE_PAUSED && h->done))
		return refuse(h, refusal_of(h, rc));
	if (!h->head_done || h->url.n == 0)
		return refuse(h, 400);
	/* llhttp knows RTSP too; a line without a version counts as 0.9. */
	if (!str_starts(str_n(h->url.p + h->url.n, (size_t)(head.p + head.n -
	    h->url.p) - h->url.n), S(" HTTP/")))
		return refuse(h, h->parser.http_major == 0 ? 505 : 400);
	if (h->parser.http_major != 1 || h->minor > 1)
		return refuse(h, 505);
	if (!target_ok(h))
		return refuse(h, 400);
	return framing_ok(h);
}

/* A byte of the lines after the last chunk; an empty one is the end. */
static bool
trailer_byte(struct http1 *h, unsigned char c)
{
	if (h->after_cr) {
		if (c != '\n')
			return refuse(h, 400);
		h->after_cr = false;
		h->done = h->trailer_n == 0;
		h->trailer_n = 0;
	} else if (c == '\r') {
		h->after_cr = true;
	} else if (c < 0x20 && c != '\t') {
		return refuse(h, 400);
	} else {
		h->trailer_n++;
	}
	return true;
}

static bool
read_trailers(struct http1 *h, struct str bytes, size_t *used)
{
	size_t i = 0;

	while (i < bytes.n && !h->done)
		if (!trailer_byte(h, (unsigned char)bytes.p[i++]))
			return false;
	*used = i;
	return true;
}

static bool
read_body(struct http1 *h, struct str bytes, size_t *used)
{
	llhttp_errno_t rc = llhttp_execute(&h->parser, bytes.p, bytes.n);

	if (rc == HPE_OK)
		*used = bytes.n;
	else if (rc == HPE_PAUSED && (h->done || h->in_trailers))
		*used = (size_t)(llhttp_get_error_pos(&h->parser) - bytes.p);
	else
		return refuse(h, refusal_of(h, rc));
	return true;
}

bool
http1_body(struct http1 *h, struct str bytes, size_t *used)
{
	assert(h->head_done && !h->done && h->status == 0);
	if (!(h->in_trailers ? read_trailers(h, bytes, used)
	    : read_body(h, bytes, used)))
		return false;
	h->wire_bytes += (int64_t)*used;
	if (h->wire_bytes > FRAMING_SPARE + FRAMING_PER_BYTE * h->body_bytes)
		return refuse(h, 400);
	return true;
}
