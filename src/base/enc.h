/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Encodings: base64, hex, percent coding, query strings. */
#ifndef BASE_ENC_H
#define BASE_ENC_H

#include "base/arena.h"
#include "base/str.h"

enum b64 { B64_STD, B64_URL };

/* Encodes without padding. */
struct str b64_encode(struct arena *a, enum b64 alphabet, struct str bytes);
void b64_encode_to(struct buf *b, enum b64 alphabet, struct str bytes);
/*
 * Decodes, with or without padding, either alphabet's own letters only;
 * non-zero trailing bits are accepted (peers send them). False: not base64.
 */
bool b64_decode(struct arena *a, enum b64 alphabet, struct str text, struct str *out) MUST_CHECK;

int hex_value(char digit);			/* of either case; -1: none */
struct str hex_encode(struct arena *a, struct str bytes);		/* lower case */
bool hex_decode(struct arena *a, struct str text, struct str *out) MUST_CHECK;

/* Percent-decodes; false on a bad escape, bad UTF-8 or a NUL. plus: '+' is a space. */
bool pct_decode(struct arena *a, struct str text, bool plus, struct str *out) MUST_CHECK;
/* Encodes everything but RFC 3986 unreserved characters. */
struct str pct_encode(struct arena *a, struct str s);

/* One key=value of a query or form body. */
struct param {
	struct str key, val;
};
/* Splits "a=1&b=2"; at most max pairs (more, or a bad escape: false). */
bool params_parse(struct arena *a, struct str query, size_t max,
    struct param **out, size_t *n) MUST_CHECK;

#endif
