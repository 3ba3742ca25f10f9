/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See file_parts.h. Only the edges of the answer are looked at, so a file may
 * be as large as it likes; a boundary inside it means nothing, for the last
 * one ends it. spec: RFC 2046, 5.1.1; RFC 6266.
 */
#include "core/file_parts.h"

#include "base/enc.h"

#define BOUNDARY_MAX 70
#define TYPE_MAX 127
#define NAME_MAX_BYTES 255

static struct str
unquote(struct str s)
{
	s = str_trim(s);
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"'
	    ? str_sub(s, 1, s.n - 2) : s;
}

/* The parameter of "value; name=...; name=...", or empty. */
static struct str
parameter(struct str s, struct str name)
{
	struct str part, key, value, rest;

	if (!str_cut(s, ';', &part, &rest))
		return (struct str){ NULL, 0 };
	while (rest.n > 0) {
		if (!str_cut(rest, ';', &part, &s)) {
			part = rest;
			s = (struct str){ NULL, 0 };
		}
		if (str_cut(part, '=', &key, &value) &&
		    str_eq_nocase(str_trim(key), name))
			return unquote(value);
		rest = s;
	}
	return (struct str){ NULL, 0 };
}

static bool
has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return true;
	return false;
}

struct str
file_type_ok(struct str type)
{
	type = str_trim(type);
	for (size_t i = 0; i < type.n; i++)
		if (type.p[i] < ' ' || type.p[i] > '~')
			return (struct str){ NULL, 0 };
	return type.n <= TYPE_MAX ? type : (struct str){ NULL, 0 };
}

static struct str
name_of(struct arena *a, struct str shown)
{
	struct str name = parameter(shown, S("filename*"));
	struct str prefix = S("utf-8''");

	if (name.n < prefix.n ||
	    !str_eq_nocase(str_sub(name, 0, prefix.n), prefix) ||
	    !pct_decode(a, str_from(name, prefix.n), false, &name))
		name = parameter(shown, S("filename"));
	if (!str_utf8_ok(name) || has_control(name))
		return (struct str){ NULL, 0 };
	return str_utf8_clip(name, NAME_MAX_BYTES);
}

/* What the header lines of the file's part say, each "Name: value". */
static void
read_headers(struct arena *a, struct str lines, struct file_parts *out)
{
	struct str line, rest, name, value;

	while (lines.n > 0) {
		if (!str_cut(lines, '\n', &line, &rest)) {
			line = lines;
			rest = (struct str){ NULL, 0 };
		}
		lines = rest;
		if (!str_cut(line, ':', &name, &value))
			continue;
		name = str_trim(name);
		if (str_eq_nocase(name, S("Content-Type")))
			out->type = file_type_ok(value);
		else if (str_eq_nocase(name, S("Content-Disposition")))
			out->name = name_of(a, str_trim(value));
		else if (str_eq_nocase(name, S("Location")))
			out->location = str_trim(value);
	}
}

/* Moves on after the next needle; false: there is none. */
static bool
pass(struct str *s, struct str needle)
{
	ptrdiff_t at = str_find_str(*s, needle);

	if (at < 0)
		return false;
	*s = str_from(*s, (size_t)at + needle.n);
	return true;
}

/* Where the closing boundary begins, as an offset in the whole; -1: nowhere. */
static int64_t
find_end(struct str end, struct str closing, int64_t total)
{
	int64_t at = -1;
	struct str rest = end;

	while (pass(&rest, closing))
		at = total - (int64_t)rest.n - (int64_t)closing.n;
	return at;
}

bool
file_parts_read(struct arena *a, struct str content_type, struct str head,
    struct str end, int64_t total, struct file_parts *out)
{
	struct str mark = parameter(content_type, S("boundary"));
	struct str line, rest = head, lines;
	int64_t last;

	*out = (struct file_parts){ .n = 0 };
	if (content_type.n < 16 || !str_eq_nocase(str_sub(content_type, 0, 16),
	    S("multipart/mixed;")) || mark.n == 0 || mark.n > BOUNDARY_MAX)
		return false;
	line = str_cat(a, S("\r\n--"), mark);
	if (str_starts(head, str_from(line, 2)))
		rest = str_from(head, line.n - 2);
	else if (!pass(&rest, line))
		return false;
	/* The metadata tell us nothing: none are specified. */
	if (!pass(&rest, line) || !pass(&rest, S("\r\n")))
		return false;
	lines = rest;
	if (str_starts(rest, S("\r\n")))
		rest = str_from(rest, 2);
	else if (!pass(&rest, S("\r\n\r\n")))
		return false;
	read_headers(a, str_sub(lines, 0, lines.n - rest.n), out);
	out->from = (int64_t)(head.n - rest.n);
	last = find_end(end, str_cat(a, line, S("--")), total);
	out->n = last - out->from;
	return last >= out->from;
}
