/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The one table of error codes: the name a client sees, and the HTTP status
 * unless the failing place said another. Names and statuses are those of the
 * client-server API v1.19, "Standard error response", and of its endpoints.
 * Says nothing to the log: whoever ends a request does.
 */
#include "base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct row {
	const char *name;
	int status;
};

#define ROW(code, status) [code] = { #code, status }
static const struct row table[] = {
	[M_OK] = { "M_OK", 200 },
	ROW(M_FORBIDDEN, 403),
	ROW(M_UNKNOWN_TOKEN, 401),
	ROW(M_MISSING_TOKEN, 401),
	ROW(M_USER_LOCKED, 401),
	ROW(M_USER_SUSPENDED, 403),
	ROW(M_BAD_JSON, 400),
	ROW(M_NOT_JSON, 400),
	ROW(M_NOT_FOUND, 404),
	ROW(M_LIMIT_EXCEEDED, 429),
	ROW(M_UNRECOGNIZED, 404),
	[M_METHOD_NOT_ALLOWED] = { "M_UNRECOGNIZED", 405 },
	ROW(M_UNKNOWN, 500),
	ROW(M_UNAUTHORIZED, 401),
	ROW(M_USER_DEACTIVATED, 403),
	ROW(M_USER_IN_USE, 400),
	ROW(M_INVALID_USERNAME, 400),
	ROW(M_ROOM_IN_USE, 400),
	ROW(M_INVALID_ROOM_STATE, 400),
	ROW(M_THREEPID_IN_USE, 400),
	ROW(M_THREEPID_NOT_FOUND, 400),
	ROW(M_THREEPID_AUTH_FAILED, 403),
	ROW(M_THREEPID_DENIED, 403),
	ROW(M_SERVER_NOT_TRUSTED, 400),
	ROW(M_UNSUPPORTED_ROOM_VERSION, 400),
	ROW(M_INCOMPATIBLE_ROOM_VERSION, 400),
	ROW(M_BAD_STATE, 403),
	ROW(M_GUEST_ACCESS_FORBIDDEN, 403),
	ROW(M_CAPTCHA_NEEDED, 401),
	ROW(M_CAPTCHA_INVALID, 401),
	ROW(M_MISSING_PARAM, 400),
	ROW(M_INVALID_PARAM, 400),
	ROW(M_TOO_LARGE, 413),
	ROW(M_EXCLUSIVE, 400),
	ROW(M_RESOURCE_LIMIT_EXCEEDED, 403),
	ROW(M_CANNOT_LEAVE_SERVER_NOTICE_ROOM, 403),
	ROW(M_WEAK_PASSWORD, 400),
	ROW(M_UNABLE_TO_AUTHORISE_JOIN, 400),
	ROW(M_UNABLE_TO_GRANT_JOIN, 400),
	ROW(M_BAD_ALIAS, 400),
	ROW(M_DUPLICATE_ANNOTATION, 400),
	ROW(M_NOT_YET_UPLOADED, 504),
	ROW(M_CANNOT_OVERWRITE_MEDIA, 409),
	ROW(M_UNKNOWN_POS, 400),
	ROW(M_URL_NOT_SET, 400),
	ROW(M_BAD_PAGINATION, 400),
	ROW(M_WRONG_ROOM_KEYS_VERSION, 403),
	ROW(M_INVALID_SIGNATURE, 400),
	ROW(M_PROFILE_TOO_LARGE, 400),
	ROW(M_KEY_TOO_LARGE, 400),
	ROW(M_USER_LIMIT_EXCEEDED, 403),
	ROW(M_INVITE_BLOCKED, 403),
	ROW(M_CONCURRENT_WRITE, 409),
	[M_UNAVAILABLE] = { "M_UNKNOWN", 503 },
	[M_TIMEOUT] = { "M_UNKNOWN", 504 },
};
#undef ROW
_Static_assert(LEN(table) == M_NRCODES, "the last code has no row");

static const struct row *
row_of(enum errcode code)
{
	assert((unsigned)code < M_NRCODES);
	assert(table[code].name != NULL);
	return &table[code];
}

const char *
err_name(enum errcode code)
{
	return row_of(code)->name;
}

int
err_status(const struct err *e)
{
	return e->status != 0 ? e->status : row_of(e->code)->status;
}

void
err_clear(struct err *e)
{
	*e = (struct err){ .code = M_OK };
}

/* Where a text of n bytes that may end inside a code point is cut. */
static size_t
whole_len(const char *p, size_t n)
{
	for (size_t back = 1; back <= 4 && back <= n; back++) {
		unsigned char c = (unsigned char)p[n - back];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if (c < 0x80 || c >= 0xc0)
			return need > back ? n - back : n;
	}
	return n;
}

/* The text may quote a peer and goes into JSON: it is UTF-8 whatever came. */
static void PRINTF_LIKE(3, 0)
text_vfmt(char *to, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(to, size, fmt, ap);

	if (n < 0)
		to[0] = '\0';
	else if ((size_t)n >= size)
		to[whole_len(to, size - 1)] = '\0';
	if (str_utf8_ok(str_c(to)))
		return;
	for (; *to != '\0'; to++)
		if ((unsigned char)*to >= 0x80)
			*to = '?';
}

bool
err_set(struct err *e, enum errcode code, const char *file, int line,
    const char *fmt, ...)
{
	va_list ap;

	assert(code != M_OK && (unsigned)code < M_NRCODES);
	err_clear(e);
	e->code = code;
	e->file = file;
	e->line = line;
	va_start(ap, fmt);
	text_vfmt(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return false;
}

bool
err_cause(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vfmt(e->cause, sizeof(e->cause), fmt, ap);
	va_end(ap);
	return false;
}
