/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See ledger_file.h. */
#include "guard/ledger_file.h"

#include "base/enc.h"
#include "crypto/digest.h"
#include "guard/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
ascending(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

bool
ledger_files(struct arena *a, struct str dir, int64_t **out, size_t *n,
    struct err *e)
{
	DIR *d = opendir(str_cz(a, dir));
	struct dirent *x;
	int64_t *at = NULL;
	size_t cap = 0, count = 0;

	if (d == NULL)
		return fail(e, M_NOT_FOUND, "Cannot read the folder "
		    STR_FMT ": %s", STR_ARG(dir), strerror(errno));
	while ((x = readdir(d)) != NULL) {
		struct str name = str_c(x->d_name), head, rest;
		int64_t number;

		if (!str_cut(name, '.', &head, &rest) ||
		    !str_eq(rest, S("jsonl")) || !str_i64(head, &number))
			continue;
		at = arena_more(a, at, count, &cap, sizeof(*at));
		at[count++] = number;
	}
	closedir(d);
	if (count > 1)
		qsort(at, count, sizeof(*at), ascending);
	*out = at;
	*n = count;
	return true;
}

struct str
ledger_path(struct arena *a, struct str dir, int64_t number)
{
	return str_fmt(a, STR_FMT "/%06lld.jsonl", STR_ARG(dir),
	    (long long)number);
}

void
ledger_hash(struct str line, char hex[LEDGER_HASH_HEX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[SHA256_BYTES];

	sha256(line, hash);
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
}

/* The line ends in "prev":"HEX"} */
static bool
names_prev(struct str line, const char prev[LEDGER_HASH_HEX])
{
	static const struct str tag = S_INIT("\"prev\":\"");
	size_t tail = tag.n + LEDGER_HASH_HEX + 2;
	struct str end;

	if (line.n < tail)
		return false;
	end = str_from(line, line.n - tail);
	return str_starts(end, tag) && memcmp(end.p + tag.n, prev,
	    LEDGER_HASH_HEX) == 0 && str_ends(line, S("\"}"));
}

static void
found_bad(struct ledger_walk *w, const char *why)
{
	if (w->bad == 0) {
		w->bad = w->records + 1;
		w->why = why;
	}
}

bool
ledger_walk(struct str path, struct ledger_walk *w, struct err *e)
{
	struct arena *a = arena_new(1 << 16);
	FILE *f = fopen(str_cz(a, path), "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	arena_free(a);
	if (f == NULL)
		return fail(e, M_NOT_FOUND, "Cannot read " STR_FMT ": %s",
		    STR_ARG(path), strerror(errno));
	w->records = w->bytes = w->bad = 0;
	w->cut = false;
	while (!w->cut && (n = getline(&line, &cap, f)) > 0) {
		struct str text = { line, (size_t)n - 1 };

		if (line[n - 1] != '\n') {
			w->cut = true;
			found_bad(w, "the last line was cut");
			break;
		}
		if (!names_prev(text, w->prev) &&
		    !(w->any_first && w->records == 0))
			found_bad(w, "the record before it was changed, "
			    "removed or moved, or this one was");
		ledger_hash(text, w->prev);
		w->records++;
		w->bytes += n;
	}
	free(line);
	fclose(f);
	return true;
}

bool
ledger_verify(struct arena *a, struct str dir, struct ledger_check *out,
    struct err *e)
{
	struct ledger_walk w = { .bad = 0 };
	int64_t *file;
	size_t n;

	*out = (struct ledger_check){ .records = 0 };
	memset(w.prev, '0', sizeof(w.prev));
	if (!ledger_files(a, dir, &file, &n, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!ledger_walk(ledger_path(a, dir, file[i]), &w, e))
			return false;
		out->records += w.records;
		if (w.bad != 0 && out->bad_record == 0) {
			out->bad_record = w.bad;
			out->bad_file = ledger_path(a, dir, file[i]);
			out->why = w.why;
		}
	}
	out->last_hash = str_dup(a, str_n(w.prev, sizeof(w.prev)));
	return true;
}
