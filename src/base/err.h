/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Errors. A function that can fail returns bool and takes a struct err last.
 * `return fail(e, M_FORBIDDEN, "You are not in this room")` is a whole refusal.
 * The client's text and the log's cause are apart; nobody logs and returns.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/str.h"

/* The order is that of the table in err.c, which gives name and HTTP status. */
enum errcode {
	M_OK,
	M_FORBIDDEN, M_UNKNOWN_TOKEN, M_MISSING_TOKEN, M_USER_LOCKED,
	M_USER_SUSPENDED, M_BAD_JSON, M_NOT_JSON, M_NOT_FOUND, M_LIMIT_EXCEEDED,
	M_UNRECOGNIZED, M_METHOD_NOT_ALLOWED /* M_UNRECOGNIZED, 405 */,
	M_UNKNOWN, M_UNAUTHORIZED, M_USER_DEACTIVATED,
	M_USER_IN_USE, M_INVALID_USERNAME, M_ROOM_IN_USE, M_INVALID_ROOM_STATE,
	M_THREEPID_IN_USE, M_THREEPID_NOT_FOUND, M_THREEPID_AUTH_FAILED,
	M_THREEPID_DENIED, M_SERVER_NOT_TRUSTED, M_UNSUPPORTED_ROOM_VERSION,
	M_INCOMPATIBLE_ROOM_VERSION, M_BAD_STATE, M_GUEST_ACCESS_FORBIDDEN,
	M_CAPTCHA_NEEDED, M_CAPTCHA_INVALID, M_MISSING_PARAM, M_INVALID_PARAM,
	M_TOO_LARGE, M_EXCLUSIVE, M_RESOURCE_LIMIT_EXCEEDED,
	M_CANNOT_LEAVE_SERVER_NOTICE_ROOM, M_WEAK_PASSWORD,
	M_UNABLE_TO_AUTHORISE_JOIN, M_UNABLE_TO_GRANT_JOIN, M_BAD_ALIAS,
	M_DUPLICATE_ANNOTATION, M_NOT_YET_UPLOADED, M_CANNOT_OVERWRITE_MEDIA,
	M_UNKNOWN_POS, M_URL_NOT_SET, M_BAD_PAGINATION, M_WRONG_ROOM_KEYS_VERSION,
	M_INVALID_SIGNATURE, M_PROFILE_TOO_LARGE, M_KEY_TOO_LARGE,
	M_USER_LIMIT_EXCEEDED, M_INVITE_BLOCKED, M_CONCURRENT_WRITE,
	M_UNAVAILABLE /* M_UNKNOWN, 503: overload, disk full, stopping */,
	M_TIMEOUT /* M_UNKNOWN, 504 */,
	M_NRCODES
};

struct err {
	enum errcode code;	/* M_OK: nothing failed */
	int status;		/* HTTP; 0: the table's */
	int64_t retry_ms;	/* for M_LIMIT_EXCEEDED; 0: not said */
	bool bare;		/* the body has `extra` only: a question, not a refusal */
	bool soft_logout;	/* for M_UNKNOWN_TOKEN, M_USER_LOCKED */
	char text[200];		/* for the client: no secret, nobody else's data */
	char cause[240];	/* for the log only: SQLSTATE, errno, peer */
	struct str extra;	/* raw JSON members added to the body ("\"k\":1"), or empty; in the request's arena */
	const char *file;
	int line;
};

const char *err_name(enum errcode code);	/* "M_FORBIDDEN" */
int err_status(const struct err *e);
void err_clear(struct err *e);

bool err_set(struct err *e, enum errcode code, const char *file, int line,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Adds what only the log may see to an error just set; returns false. */
bool err_cause(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Shows compilers and analysers that what failed is false, whatever it was. */
static inline bool
err_false(bool failed)
{
	(void)failed;
	return false;
}

/* fail(e, code, printf-format for the client, ...): false, always. */
#define fail(e, code, ...) \
	err_false(err_set(e, code, __FILE__, __LINE__, __VA_ARGS__))

#endif
