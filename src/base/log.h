/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One line for one thing that happened, on stderr: text or JSON.
 *	log_info("net", "listening", LS("addr", addr), LI("fd", fd));
 * The message is constant, what varies is a field. Values are escaped; a
 * struct secret has no field type, so it can't be printed.
 * threads: all; one write(2) a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
	const char *key;		/* NULL ends the list */
	int kind;			/* 0 string, 1 integer */
	struct str s;
	int64_t i;
};

#define LS(k, v) ((struct log_field){ .key = (k), .kind = 0, .s = (v) })
#define LC(k, v) ((struct log_field){ .key = (k), .kind = 0, .s = str_c(v) })
#define LI(k, v) ((struct log_field){ .key = (k), .kind = 1, .i = (int64_t)(v) })

#define LOG_END ((struct log_field){ .key = NULL })

/* Fields follow, each a struct log_field by value; LOG_END is last. */
void log_write(enum log_level level, const char *area, const char *msg, ...);
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, LOG_END)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__, LOG_END)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__, LOG_END)
#define log_debug(...) \
	(log_is_debug() ? log_write(LOG_DEBUG, __VA_ARGS__, LOG_END) : (void)0)
/* Logs an error that ends here: code, text, cause, file and line. */
void log_err(enum log_level level, const char *area, const char *msg, const struct err *e);

bool log_is_debug(void);
void log_setup(enum log_level level, bool json);
/* Counts of lines by level since the start (tests look at errors). */
uint64_t log_count(enum log_level level);

#endif
