/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The log: each line is put together on the stack and leaves in one write(2)
 * to stderr, so lines of different threads never mix. Whatever a peer could
 * have sent is escaped, so that no value can forge a field or a line. A line
 * has at most LINE_MAX_BYTES bytes; what is too long is cut and marked.
 * threads: all; level and counts are atomic.
 */
#include "base/log.h"

#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define FIELD_MAX 1024		/* bytes of one value, before escaping */
#define NFIELDS_MAX 16
#define TAIL_ROOM 16		/* kept free for what line_end() adds */

struct line {
	char p[LINE_MAX_BYTES];
	size_t n;
	bool json;
	bool cut;
};

static _Atomic int level_now = LOG_INFO;
static atomic_bool json_now;
static _Atomic uint64_t counts[LOG_DEBUG + 1];

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

/* Adds all of it, or nothing and the line counts as cut. */
static void
line_add(struct line *l, const char *p, size_t n)
{
	if (l->cut || n > sizeof(l->p) - TAIL_ROOM - l->n) {
		l->cut = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void
line_c(struct line *l, const char *s)
{
	line_add(l, s, strlen(s));
}

static void
line_i64(struct line *l, int64_t v)
{
	char num[24];

	snprintf(num, sizeof(num), "%lld", (long long)v);
	line_c(l, num);
}

static void
line_byte_escaped(struct line *l, unsigned char c)
{
	char esc[8];

	if (c == '"' || c == '\\') {
		esc[0] = '\\';
		esc[1] = (char)c;
		line_add(l, esc, 2);
	} else if (c == '\n') {
		line_add(l, "\\n", 2);
	} else {
		snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)c);
		line_add(l, esc, 6);
	}
}

/*
 * Bytes of the code point at p that may stand as they are; 0: escape one
 * byte. Not UTF-8, controls of C0 and C1, the line and paragraph separators,
 * and marks that change the direction of text are escaped: a terminal must
 * show what was sent.
 */
static size_t
plain_len(const char *p, size_t n)
{
	unsigned char c = (unsigned char)p[0];
	unsigned char d = n > 1 ? (unsigned char)p[1] : 0;
	unsigned char x = n > 2 ? (unsigned char)p[2] : 0;
	size_t len;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f && c != '"' && c != '\\';
	len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (len > n || !str_utf8_ok(str_n(p, len)))
		return 0;
	if ((c == 0xc2 && d < 0xa0) || (c == 0xd8 && d == 0x9c))
		return 0;
	if (c == 0xe2 && d == 0x80 && (x >= 0xa8 || x == 0x8e || x == 0x8f))
		return x > 0xae ? len : 0;
	if (c == 0xe2 && d == 0x81 && x >= 0xa6 && x <= 0xa9)
		return 0;
	return len;
}

static void
line_quoted(struct line *l, struct str s)
{
	struct str shown = str_sub(s, 0, FIELD_MAX);
	size_t i = 0, len;

	line_c(l, "\"");
	while (i < shown.n) {
		len = plain_len(shown.p + i, shown.n - i);
		if (len == 0)
			line_byte_escaped(l, (unsigned char)shown.p[i++]);
		else
			line_add(l, shown.p + i, len);
		i += len;
	}
	line_c(l, shown.n < s.n ? "...\"" : "\"");
}

/* In a text line, a value without spaces or anything odd needs no quotes. */
static bool
is_bare(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return s.n > 0 && s.n <= FIELD_MAX;
}

/* A field that does not fit whole is left out: no half value, no open quote. */
static void
line_field(struct line *l, const struct log_field *f)
{
	size_t before = l->n;

	if (l->cut)
		return;
	line_c(l, l->json ? ",\"" : " ");
	line_c(l, f->key);
	line_c(l, l->json ? "\":" : "=");
	if (f->kind == 1)
		line_i64(l, f->i);
	else if (!l->json && is_bare(f->s))
		line_add(l, f->s.p, f->s.n);
	else
		line_quoted(l, f->s);
	if (l->cut)
		l->n = before;
}

static void
line_time(struct line *l)
{
	char mem[CLOCK_TEXT];
	struct str t;

	t = clock_rfc3339_in(mem, sizeof(mem), clock_now_ms());
	line_add(l, t.p, t.n);
}

static void
line_begin(struct line *l, enum log_level level, const char *area,
    const char *msg)
{
	l->n = 0;
	l->cut = false;
	l->json = atomic_load_explicit(&json_now, memory_order_relaxed);
	line_c(l, l->json ? "{\"ts\":\"" : "");
	line_time(l);
	line_c(l, l->json ? "\",\"level\":\"" : " ");
	line_c(l, level_names[level]);
	line_c(l, l->json ? "\",\"area\":\"" : " ");
	line_c(l, area);
	line_c(l, l->json ? "\",\"msg\":" : ": ");
	if (l->json)
		line_quoted(l, str_c(msg));
	else
		line_c(l, msg);
}

static void
line_end(struct line *l)
{
	const char *mark = l->json ? ",\"cut\":1" : " cut=1";
	size_t room = sizeof(l->p) - l->n;

	/* TAIL_ROOM was kept for this. */
	l->n += (size_t)snprintf(l->p + l->n, room, "%s%s\n",
	    l->cut ? mark : "", l->json ? "}" : "");
	/* A log that can't be written must not stop the server. */
	if (write(STDERR_FILENO, l->p, l->n) < 0)
		return;
}

static bool
is_wanted(enum log_level level)
{
	return (int)level <=
	    atomic_load_explicit(&level_now, memory_order_relaxed);
}

void
log_write(enum log_level level, const char *area, const char *msg, ...)
{
	struct log_field f;
	struct line l;
	va_list ap;

	assert((unsigned)level <= LOG_DEBUG);
	atomic_fetch_add_explicit(&counts[level], 1, memory_order_relaxed);
	if (!is_wanted(level))
		return;
	line_begin(&l, level, area, msg);
	va_start(ap, msg);
	for (int i = 0; i < NFIELDS_MAX; i++) {
		f = va_arg(ap, struct log_field);
		if (f.key == NULL)
			break;
		line_field(&l, &f);
	}
	va_end(ap);
	line_end(&l);
}

void
log_err(enum log_level level, const char *area, const char *msg,
    const struct err *e)
{
	log_write(level, area, msg, LC("code", err_name(e->code)),
	    LI("status", err_status(e)), LC("text", e->text),
	    LC("cause", e->cause), LC("file", e->file), LI("line", e->line),
	    LOG_END);
}

bool
log_is_debug(void)
{
	return is_wanted(LOG_DEBUG);
}

void
log_setup(enum log_level level, bool json)
{
	assert((unsigned)level <= LOG_DEBUG);
	atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
	atomic_store_explicit(&json_now, json, memory_order_relaxed);
}

uint64_t
log_count(enum log_level level)
{
	assert((unsigned)level <= LOG_DEBUG);
	return atomic_load_explicit(&counts[level], memory_order_relaxed);
}
