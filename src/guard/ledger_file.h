/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger's files: NNNNNN.jsonl in one folder, each line a record that ends
 * in "prev":"HEX"}, the SHA-256 of the line before it (without its newline).
 * So each line vouches for all before it; the last is vouched for by the next.
 */
#ifndef GUARD_LEDGER_FILE_H
#define GUARD_LEDGER_FILE_H

#include "base/arena.h"
#include "base/err.h"

#define LEDGER_HASH_HEX 64
#define LEDGER_LINE_MAX ((size_t)16 << 20)

/* Numbers of the files, ascending. */
bool ledger_files(struct arena *a, struct str dir, int64_t **out, size_t *n, struct err *e) MUST_CHECK;
struct str ledger_path(struct arena *a, struct str dir, int64_t number);
void ledger_hash(struct str line, char hex[LEDGER_HASH_HEX]);

/* A walk over one file's lines. It goes on after one that does not fit, so that the end is known. */
struct ledger_walk {
	bool any_first;			/* in: the first line may name anything */
	char prev[LEDGER_HASH_HEX];	/* in: what the first line must name; out: the last whole line's hash */
	int64_t records;		/* whole lines */
	int64_t bytes;			/* of them */
	int64_t bad;			/* number of the first line that does not fit, from 1; 0: none */
	const char *why;
	bool cut;			/* after the whole lines comes a part of one */
};
bool ledger_walk(struct str path, struct ledger_walk *w, struct err *e) MUST_CHECK;

#endif
