/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Requests as bytes. The first byte says how the rest is cut into pieces;
 * however it is cut, the verdict, the requests and their bodies must be those
 * of the same bytes in one piece. What is understood has no byte that another
 * reader could take for an end of line, and one length.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "net/http1.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define HEAD_MAX 1024
#define HEADERS_MAX 16
#define INPUT_MAX 8192

struct reader {
	struct http1 h;
	struct http_header header[HEADERS_MAX];
	char in[INPUT_MAX];
	size_t n;
	int status;
	int requests;
	size_t body_n;
	char body[INPUT_MAX];
};

static int
on_body(void *arg, struct str piece)
{
	struct reader *r = arg;

	MUST(piece.n <= INPUT_MAX - r->body_n);
	memcpy(r->body + r->body_n, piece.p, piece.n);
	r->body_n += piece.n;
	return 0;
}

static void
begin(struct reader *r)
{
	http1_init(&r->h, r->header, HEADERS_MAX);
	r->h.on_body = on_body;
	r->h.arg = r;
}

static void
check_slice(struct str s, struct str head)
{
	if (s.n == 0)
		return;
	MUST(s.p >= head.p && s.p + s.n <= head.p + head.n);
	for (size_t i = 0; i < s.n; i++)
		MUST(s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != '\0');
}

static void
check_head(const struct http1 *h, struct str head)
{
	int hosts = 0, lengths = 0, codings = 0;

	check_slice(h->url, head);
	MUST(h->url.n > 0 && str_find(h->url, ' ') < 0);
	MUST(h->nheaders <= HEADERS_MAX);
	for (size_t i = 0; i < h->nheaders; i++) {
		struct str name = h->header[i].name;

		check_slice(name, head);
		check_slice(h->header[i].value, head);
		MUST(name.n > 0 && str_find(name, ' ') < 0);
		hosts += str_eq_nocase(name, S("Host"));
		lengths += str_eq_nocase(name, S("Content-Length"));
		codings += str_eq_nocase(name, S("Transfer-Encoding"));
	}
	MUST(hosts <= 1 && lengths + codings <= 1);
	MUST((h->length >= 0) == (lengths == 1));
	MUST(h->chunked == (codings == 1));
	MUST(h->done == !(h->chunked || h->length > 0));
}

static void
use(struct reader *r, size_t n)
{
	MUST(n <= r->n);
	memmove(r->in, r->in + n, r->n - n);
	r->n -= n;
}

/* One step; false: more is needed, or it was refused. */
static bool
step(struct reader *r)
{
	struct str in = str_n(r->in, r->n);
	size_t used = 0;
	ptrdiff_t n;

	if (!r->h.head_done) {
		n = http1_find_head(&r->h, in, HEAD_MAX);
		if (n == 0)
			return false;
		MUST(n < 0 || (n <= HEAD_MAX && (size_t)n <= r->n));
		if (n < 0 || !http1_head(&r->h, str_sub(in, 0, (size_t)n))) {
			MUST(r->h.status >= 400);
			r->status = r->h.status;
			return false;
		}
		check_head(&r->h, str_sub(in, 0, (size_t)n));
		use(r, (size_t)n);
	} else {
		if (r->n == 0)
			return false;
		if (!http1_body(&r->h, in, &used)) {
			MUST(r->h.status >= 400);
			r->status = r->h.status;
			return false;
		}
		use(r, used);
	}
	if (r->h.done) {
		MUST(r->h.length < 0 || r->h.body_bytes == r->h.length);
		r->requests++;
		begin(r);
	}
	return true;
}

/* Pieces of 1 to `most` bytes, their sizes drawn from the seed; 0: one piece. */
static void
read_all(struct reader *r, struct str bytes, size_t most, uint64_t seed)
{
	begin(r);
	while (bytes.n > 0 && r->status == 0) {
		size_t n;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		n = most == 0 ? bytes.n : 1 + (size_t)(seed >> 33) % most;
		if (n > bytes.n)
			n = bytes.n;
		memcpy(r->in + r->n, bytes.p, n);
		r->n += n;
		bytes = str_from(bytes, n);
		while (r->status == 0 && step(r))
			;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reader whole, pieces;
	struct str bytes;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	bytes = str_n((const char *)data + 1, size - 1);
	memset(&whole, 0, sizeof(whole));
	memset(&pieces, 0, sizeof(pieces));
	read_all(&whole, bytes, 0, 0);
	read_all(&pieces, bytes, (size_t)1 << (data[0] % 13), data[0]);
	MUST((whole.status == 0) == (pieces.status == 0));
	MUST(whole.requests == pieces.requests);
	/* What is refused may have been let through up to different places. */
	if (whole.status == 0)
		MUST(whole.body_n == pieces.body_n && memcmp(whole.body,
		    pieces.body, whole.body_n) == 0);
	return 0;
}
