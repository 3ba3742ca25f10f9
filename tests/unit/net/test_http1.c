/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Requests as bytes: what must be understood, and what could be read in two
 * ways and is refused. Each case is given whole, then split at every place,
 * then byte by byte: the verdict must not depend on how the bytes came.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "net/http1.h"

#define HEAD_MAX 512
#define HEADERS_MAX 8
#define OK 200			/* understood; want.body says what came */
#define MORE 0			/* not all of a request yet */

struct verdict {
	int status;
	char body[256];		/* of all requests, one after the other */
	size_t body_n;
	int requests;		/* that were whole */
	bool keep_alive;	/* of the last one */
};

/* A receiver such as a connection is. */
struct receiver {
	struct http1 h;
	struct http_header header[HEADERS_MAX];
	char *in;
	size_t n;
	struct verdict v;
};

static int
add_body(void *arg, struct str piece)
{
	struct verdict *v = arg;

	if (v->body_n + piece.n > sizeof(v->body))
		return 413;
	memcpy(v->body + v->body_n, piece.p, piece.n);
	v->body_n += piece.n;
	return 0;
}

static void
next_request(struct receiver *r)
{
	http1_init(&r->h, r->header, HEADERS_MAX);
	r->h.on_body = add_body;
	r->h.arg = &r->v;
}

static void
use(struct receiver *r, size_t n)
{
	memmove(r->in, r->in + n, r->n - n);
	r->n -= n;
}

/* One step; false: more bytes are needed, or it was refused. */
static bool
step(struct receiver *r)
{
	size_t used;
	ptrdiff_t n;

	if (!r->h.head_done) {
		n = http1_find_head(&r->h, str_n(r->in, r->n), HEAD_MAX);
		if (n == 0)
			return false;
		if (n < 0 || !http1_head(&r->h, str_n(r->in, (size_t)n))) {
			r->v.status = r->h.status;
			return false;
		}
		use(r, (size_t)n);
	} else if (!r->h.done) {
		if (r->n == 0)
			return false;
		if (!http1_body(&r->h, str_n(r->in, r->n), &used)) {
			r->v.status = r->h.status;
			return false;
		}
		use(r, used);
	}
	if (r->h.head_done && r->h.done) {
		r->v.requests++;
		r->v.keep_alive = r->h.keep_alive;
		next_request(r);
		return r->n > 0;
	}
	return true;
}

static void
feed(struct receiver *r, struct str bytes)
{
	/* A block of its own size, so that reading past it is noticed. */
	if (r->v.status != 0 || bytes.n == 0)
		return;
	r->in = realloc(r->in, r->n + bytes.n);
	assert_non_null(r->in);
	memcpy(r->in + r->n, bytes.p, bytes.n);
	r->n += bytes.n;
	while (r->v.status == 0 && step(r))
		;
}

/* Gives the bytes in two pieces, or (at > bytes.n) one by one. */
static struct verdict
judge(struct str bytes, size_t at)
{
	struct receiver r = { 0 };

	next_request(&r);
	if (at > bytes.n) {
		for (size_t i = 0; i < bytes.n; i++)
			feed(&r, str_sub(bytes, i, 1));
	} else {
		feed(&r, str_sub(bytes, 0, at));
		feed(&r, str_from(bytes, at));
	}
	free(r.in);
	if (r.v.status == 0 && r.v.requests > 0 && r.n == 0 && !r.h.head_done)
		r.v.status = OK;
	return r.v;
}

#define HOST "Host: x\r\n"
#define REST HOST "\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define CASE(sentence, sent, ...) \
	{ .name = sentence, .bytes = S_INIT(sent), .status = __VA_ARGS__ }

struct http1_case {
	const char *name;
	struct str bytes;
	int status;
	const char *body;	/* for OK */
	int requests;		/* 0 stands for 1 */
	bool closes;
};

static const struct http1_case good[] = {
	CASE("a GET", "GET / HTTP/1.1\r\n" REST, OK, ""),
	CASE("a body of known length", POST "Content-Length: 5\r\n\r\nhello", OK, "hello"),
	CASE("a length of zero", POST "Content-Length: 0\r\n\r\n", OK, ""),
	CASE("spaces around a length", POST "Content-Length:   5  \r\n\r\nhello", OK, "hello"),
	CASE("zeros before a length", POST "Content-Length: 005\r\n\r\nhello", OK, "hello"),
	CASE("chunks", CHUNKED "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n", OK, "helloyou"),
	CASE("chunk lengths in both cases",
	    CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
	    OK, "01234567890123456789"),
	CASE("an extension is ignored", CHUNKED "5;a=b\r\nhello\r\n0\r\n\r\n", OK, "hello"),
	CASE("trailers are ignored", CHUNKED "5\r\nhello\r\n0\r\nContent-Length: 7\r\nX: y\r\n\r\n",
	    OK, "hello"),
	CASE("the coding in capitals", POST "TRANSFER-ENCODING: Chunked\r\n\r\n0\r\n\r\n", OK, ""),
	CASE("two requests in one piece",
	    "GET /a HTTP/1.1\r\n" REST "GET /b HTTP/1.1\r\n" REST, OK, "", 2),
	CASE("a request after a body",
	    POST "Content-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\n" REST, OK, "hi", 2),
	CASE("a request after chunks",
	    CHUNKED "2\r\nhi\r\n0\r\n\r\nGET / HTTP/1.1\r\n" REST, OK, "hi", 2),
	CASE("one empty line before it", "\r\nGET / HTTP/1.1\r\n" REST, OK, ""),
	CASE("an empty line between two",
	    POST "Content-Length: 2\r\n\r\nhi\r\nGET / HTTP/1.1\r\n" REST, OK, "hi", 2),
	CASE("Connection: close", "GET / HTTP/1.1\r\nConnection: close\r\n" REST, OK, "", 1, true),
	CASE("1.0 closes", "GET / HTTP/1.0\r\n\r\n", OK, "", 1, true),
	CASE("1.0 with keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK, ""),
	CASE("1.0 without a Host", "GET / HTTP/1.0\r\n\r\n", OK, "", 1, true),
	CASE("an offer of HTTP/2 is not taken",
	    "GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
	    "Upgrade: h2c\r\nHTTP2-Settings: AA\r\n" REST,
	    OK, ""),
	CASE("the same with a body",
	    POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi", OK, "hi"),
	CASE("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", OK, ""),
	CASE("a Host of IPv6", "GET / HTTP/1.1\r\nHost: [::1]:8008\r\n\r\n", OK, ""),
	CASE("a header without a value", "GET / HTTP/1.1\r\nX:\r\n" REST, OK, ""),
	CASE("UTF-8 in a value", "GET / HTTP/1.1\r\nX: \xc3\xa9\r\n" REST, OK, ""),
	CASE("OPTIONS for all", "OPTIONS * HTTP/1.1\r\n" REST, OK, ""),
	CASE("a strange but known method", "PROPFIND / HTTP/1.1\r\n" REST, OK, ""),
	CASE("a GET with a body",
	    "GET / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi", OK, "hi"),
};

static const struct http1_case unfinished[] = {
	CASE("nothing", "", MORE),
	CASE("half a line", "GET / HT", MORE),
	CASE("a head without its end", "GET / HTTP/1.1\r\n" HOST, MORE),
	CASE("half an end", "GET / HTTP/1.1\r\n" HOST "\r", MORE),
	CASE("half a body", POST "Content-Length: 5\r\n\r\nhel", MORE),
	CASE("chunks without the last", CHUNKED "5\r\nhello\r\n", MORE),
	CASE("the last chunk without its end", CHUNKED "5\r\nhello\r\n0\r\n", MORE),
};

static const struct http1_case bad[] = {
	/* How long is it? */
	CASE("a length and chunks",
	    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
	CASE("chunks and a length",
	    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
	CASE("two lengths that differ",
	    POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
	CASE("two lengths that agree",
	    POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
	CASE("two lengths in one header", POST "Content-Length: 5, 5\r\n\r\nhello", 400),
	CASE("a length with a plus", POST "Content-Length: +5\r\n\r\nhello", 400),
	CASE("a length with a minus", POST "Content-Length: -5\r\n\r\nhello", 400),
	CASE("a length in hex", POST "Content-Length: 0x5\r\n\r\nhello", 400),
	CASE("a length with a space inside", POST "Content-Length: 5 5\r\n\r\nhello", 400),
	CASE("a length that is empty", POST "Content-Length:\r\n\r\n", 400),
	CASE("a length past 64 bits",
	    POST "Content-Length: 18446744073709551621\r\n\r\nhello", 400),
	CASE("a length past 63 bits", POST "Content-Length: 9223372036854775808\r\n\r\nhello", 400),
	CASE("a coding that only ends in chunked",
	    POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
	CASE("another coding before",
	    POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
	CASE("chunked is not last",
	    POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
	CASE("identity", POST "Transfer-Encoding: identity\r\n\r\n", 400),
	CASE("chunked twice",
	    POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
	CASE("chunked in quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400),
	CASE("a tab of another kind before chunked",
	    POST "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n", 400),
	CASE("an empty coding", POST "Transfer-Encoding:\r\n\r\n", 501),
	CASE("chunks in 1.0",
	    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
	/* Lines. */
	CASE("a space before the colon", POST "Content-Length : 5\r\n\r\nhello", 400),
	CASE("a tab before the colon", POST "Content-Length\t: 5\r\n\r\nhello", 400),
	CASE("a header without a colon", POST "Content-Length\r\n\r\n", 400),
	CASE("a header without a name", POST ": x\r\n\r\n", 400),
	CASE("a slash in a name", POST "X/Y: 5\r\n\r\n", 400),
	CASE("a byte over ASCII in a name", POST "X\xc3\xa9: 5\r\n\r\n", 400),
	CASE("a space in a name", POST "Content Length: 5\r\n\r\n", 400),
	CASE("LF alone ends the request line", "GET / HTTP/1.1\n" REST, 400),
	CASE("LF alone ends a header", "GET / HTTP/1.1\r\nX: y\n" REST, 400),
	CASE("LF alone ends the head", "GET / HTTP/1.1\r\n" HOST "\n", 400),
	CASE("LF alone throughout", "GET / HTTP/1.1\nHost: x\n\n", 400),
	CASE("CR alone in a value", "GET / HTTP/1.1\r\nX: y\rZ: 1\r\n" REST, 400),
	CASE("CR alone in a name", "GET / HTTP/1.1\r\nX\ry: z\r\n" REST, 400),
	CASE("CR CR LF", "GET / HTTP/1.1\r\nX: y\r\r\n" REST, 400),
	CASE("CR alone instead of a header", "GET / HTTP/1.1\r\n\rX: y\r\n" REST, 400),
	CASE("NUL in a value", "GET / HTTP/1.1\r\nX: a\0b\r\n" REST, 400),
	CASE("NUL in a name", "GET / HTTP/1.1\r\nX\0: a\r\n" REST, 400),
	CASE("NUL in the target", "GET /\0 HTTP/1.1\r\n" REST, 400),
	CASE("a control character in a value", "GET / HTTP/1.1\r\nX: a\x01\r\n" REST, 400),
	CASE("DEL in a value", "GET / HTTP/1.1\r\nX: a\x7f\r\n" REST, 400),
	CASE("a continued line", "GET / HTTP/1.1\r\nX: a\r\n b\r\n" REST, 400),
	CASE("a line continued by a tab", "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n" REST, 400),
	CASE("the first header begins with a space", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400),
	CASE("a length hidden in a continued line",
	    POST "X: y\r\n Content-Length: 5\r\n\r\nhello", 400),
	CASE("two empty lines before it", "\r\n\r\nGET / HTTP/1.1\r\n" REST, 400),
	CASE("an empty LF line before it", "\nGET / HTTP/1.1\r\n" REST, 400),
	CASE("a space before it", " GET / HTTP/1.1\r\n" REST, 400),
	/* For whom is it? */
	CASE("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
	CASE("two Hosts", "GET / HTTP/1.1\r\n" HOST "Host: y\r\n\r\n", 400),
	CASE("two equal Hosts", "GET / HTTP/1.1\r\n" HOST REST, 400),
	CASE("two Hosts in 1.0", "GET / HTTP/1.0\r\n" HOST REST, 400),
	CASE("a Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
	CASE("a Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
	CASE("a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
	CASE("a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
	/* The request line. */
	CASE("no version", "GET /\r\n" REST, 505),
	CASE("0.9", "GET / HTTP/0.9\r\n" REST, 505),
	CASE("2.0", "GET / HTTP/2.0\r\n" REST, 505),
	CASE("1.2", "GET / HTTP/1.2\r\n" REST, 505),
	CASE("1.10", "GET / HTTP/1.10\r\n" REST, 505),
	CASE("no minor version", "GET / HTTP/1\r\n" REST, 505),
	CASE("another protocol", "GET / RTSP/1.1\r\n" REST, 400),
	CASE("http in small letters", "GET / http/1.1\r\n" REST, 400),
	CASE("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
	CASE("an unknown method", "FETCH / HTTP/1.1\r\n" REST, 400),
	CASE("a method in small letters", "get / HTTP/1.1\r\n" REST, 400),
	CASE("a space too much after the version", "GET / HTTP/1.1 \r\n" REST, 505),
	CASE("no target", "GET HTTP/1.1\r\n" REST, 400),
	CASE("an absolute target", "GET http://x/ HTTP/1.1\r\n" REST, 400),
	CASE("a relative target", "GET x HTTP/1.1\r\n" REST, 400),
	CASE("a star without OPTIONS", "GET * HTTP/1.1\r\n" REST, 400),
	CASE("CONNECT", "CONNECT x:443 HTTP/1.1\r\n" REST, 400),
	CASE("a fragment", "GET /#a HTTP/1.1\r\n" REST, 400),
	CASE("a byte over ASCII in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" REST, 400),
	CASE("a tab in the target", "GET /\ta HTTP/1.1\r\n" REST, 400),
	CASE("a handshake of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
	CASE("another expectation", POST "Expect: cake\r\n\r\n", 417),
	/* Chunks. */
	CASE("a chunk without a length", CHUNKED "\r\nhello\r\n0\r\n\r\n", 400),
	CASE("a chunk length with a plus", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", 400),
	CASE("a chunk length with 0x", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", 400),
	CASE("a negative chunk length", CHUNKED "-5\r\nhello\r\n0\r\n\r\n", 400),
	CASE("a space before a chunk length", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", 400),
	CASE("a space after a chunk length", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", 400),
	CASE("a chunk length past 64 bits", CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n", 400),
	CASE("a chunk longer than its length", CHUNKED "5\r\nhelloX\r\n0\r\n\r\n", 400),
	CASE("LF alone after a chunk length", CHUNKED "5\nhello\r\n0\r\n\r\n", 400),
	CASE("LF alone after a chunk", CHUNKED "5\r\nhello\n0\r\n\r\n", 400),
	CASE("CR alone after a chunk", CHUNKED "5\r\nhello\rX0\r\n\r\n", 400),
	CASE("CR alone after a chunk length", CHUNKED "5\rhello\r\n0\r\n\r\n", 400),
	CASE("LF alone in an extension", CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n", 400),
	CASE("CR alone in an extension", CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n", 400),
	CASE("NUL in an extension", CHUNKED "5;a\0b\r\nhello\r\n0\r\n\r\n", 400),
	CASE("LF alone after the last chunk", CHUNKED "0\n\r\n", 400),
	CASE("LF alone after a trailer", CHUNKED "0\r\nX: y\n\r\n", 400),
	CASE("LF alone after the trailers", CHUNKED "0\r\nX: y\r\n\n", 400),
	CASE("CR alone in a trailer", CHUNKED "0\r\nX: y\rZ: 1\r\n\r\n", 400),
	CASE("NUL in a trailer", CHUNKED "0\r\nX: \0\r\n\r\n", 400),
	CASE("CR LF after the last chunk's line, then LF", CHUNKED "0\r\n\n", 400),
	CASE("CR alone ends the trailers", CHUNKED "0\r\n\rGET / HTTP/1.1\r\n" REST, 400),
};

/* Says what went wrong; the others are looked at too. */
static bool
verdict_ok(const struct http1_case *c, size_t at)
{
	struct verdict v = judge(c->bytes, at);
	bool ok = v.status == c->status;

	if (c->status == OK)
		ok = ok && v.body_n == strlen(c->body) &&
		    memcmp(v.body, c->body, v.body_n) == 0 &&
		    v.requests == (c->requests == 0 ? 1 : c->requests) &&
		    v.keep_alive == !c->closes;
	if (!ok)
		print_error("%s, split at %zu of %zu: status %d, %d requests, "
		    "body \"%.*s\", keep-alive %d\n", c->name, at, c->bytes.n,
		    v.status, v.requests, (int)v.body_n, v.body, v.keep_alive);
	return ok;
}

static void
check_cases(const struct http1_case *c, size_t n)
{
	int wrong = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t at = 0; at <= c[i].bytes.n + 1; at++)
			if (!verdict_ok(&c[i], at)) {
				wrong++;
				break;
			}
	assert_int_equal(wrong, 0);
}

static void
test_good(void **state)
{
	(void)state;
	check_cases(good, LEN(good));
}

static void
test_unfinished(void **state)
{
	(void)state;
	check_cases(unfinished, LEN(unfinished));
}

static void
test_bad(void **state)
{
	(void)state;
	check_cases(bad, LEN(bad));
}

/* A request with a target of n bytes, and so many headers of so many bytes. */
static struct str
big_request(struct buf *b, size_t target, int headers, size_t each)
{
	buf_init(b, NULL, 1 << 20);
	buf_c(b, "GET /");
	for (size_t i = 1; i < target; i++)
		buf_char(b, 'a');
	buf_c(b, " HTTP/1.1\r\nHost: x\r\n");
	for (int i = 1; i < headers; i++) {
		buf_c(b, "X: ");
		for (size_t k = 5; k < each; k++)
			buf_char(b, 'v');
		buf_c(b, "\r\n");
	}
	buf_c(b, "\r\n");
	return buf_view(b);
}

static void
test_caps(void **state)
{
	static const struct {
		const char *name;
		size_t target;
		int headers;
		size_t each;
		int status;
	} cases[] = {
		{ "as many headers as may be", 1, HEADERS_MAX, 10, OK },
		{ "one header too many", 1, HEADERS_MAX + 1, 10, 431 },
		{ "far too many headers", 1, 80, 5, 431 },
		{ "a head as long as may be", HEAD_MAX - 26, 1, 0, OK },
		{ "a head one byte too long", HEAD_MAX - 25, 1, 0, 431 },
		{ "one header too long", 1, 2, HEAD_MAX, 431 },
		{ "a target too long", HEAD_MAX, 1, 0, 414 },
		{ "a target far too long", 100000, 1, 0, 414 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct buf b;
		struct str bytes = big_request(&b, cases[i].target,
		    cases[i].headers, cases[i].each);
		size_t at[] = { 0, 1, bytes.n / 2, bytes.n - 1, bytes.n + 1 };

		for (size_t k = 0; k < LEN(at); k++) {
			struct verdict v;

			if (at[k] > bytes.n && bytes.n > 2000)
				continue;
			v = judge(bytes, at[k]);
			if (v.status != cases[i].status)
				fail_msg("%s (%zu bytes), split at %zu: %d",
				    cases[i].name, bytes.n, at[k], v.status);
		}
		buf_free(&b);
	}
}

/* Framing that costs more than what it frames has an end. */
static void
test_framing_cap(void **state)
{
	struct buf b;
	struct verdict v;

	(void)state;
	buf_init(&b, NULL, 1 << 20);
	buf_c(&b, CHUNKED "1;");
	for (int i = 0; i < 100000; i++)
		buf_char(&b, 'e');
	v = judge(buf_view(&b), 0);
	assert_int_equal(v.status, 400);
	buf_reset(&b);
	buf_c(&b, CHUNKED "0\r\n");
	for (int i = 0; i < 5000; i++)
		buf_c(&b, "X: y\r\n");
	v = judge(buf_view(&b), 0);
	assert_int_equal(v.status, 400);
	buf_reset(&b);
	buf_c(&b, CHUNKED);
	for (int i = 0; i < 200; i++)
		buf_c(&b, "1\r\nx\r\n");
	buf_c(&b, "0\r\n\r\n");
	v = judge(buf_view(&b), 0);
	assert_int_equal(v.status, OK);
	assert_int_equal(v.body_n, 200);
	buf_free(&b);
}

static void
test_slices(void **state)
{
	struct http_header header[HEADERS_MAX];
	struct str head = S("PUT /a%20b?c=d HTTP/1.1\r\nhOST: x\r\n"
	    "X-Empty:  \r\nAccept: \t a, b \t\r\nExpect: 100-Continue\r\n"
	    "Content-Length: 7\r\n\r\n");
	struct http1 h;

	(void)state;
	http1_init(&h, header, HEADERS_MAX);
	assert_int_equal(http1_find_head(&h, head, HEAD_MAX), head.n);
	assert_true(http1_head(&h, head));
	assert_true(str_eq_c(h.url, "/a%20b?c=d"));
	assert_int_equal(h.nheaders, 5);
	assert_true(str_eq_c(h.header[0].name, "hOST"));
	assert_true(str_eq_c(h.header[1].name, "X-Empty"));
	assert_int_equal(h.header[1].value.n, 0);
	assert_true(str_eq_c(h.header[2].value, "a, b"));
	assert_true(h.expects);
	assert_int_equal(h.length, 7);
	assert_false(h.done);
}

static int
refuse_body(void *arg, struct str piece)
{
	(void)piece;
	return *(int *)arg;
}

/* Whoever takes the body decides with what status it is refused. */
static void
test_body_refused(void **state)
{
	struct http_header header[HEADERS_MAX];
	struct str head = S(POST "Content-Length: 5\r\n\r\n");
	int status = 413;
	struct http1 h;
	size_t used;

	(void)state;
	http1_init(&h, header, HEADERS_MAX);
	h.on_body = refuse_body;
	h.arg = &status;
	assert_int_equal(http1_find_head(&h, head, HEAD_MAX), head.n);
	assert_true(http1_head(&h, head));
	assert_false(http1_body(&h, S("hello"), &used));
	assert_int_equal(h.status, 413);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_framing_cap),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_body_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
