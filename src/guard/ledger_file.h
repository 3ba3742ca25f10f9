/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The ledger's files: NNNNNN.jsonl in one folder, each line a record that ends
 * in "prev":"HEX"}, the SHA-256 of the line before it (without its newline).
 * Used by ledger.c and ledger_verify.c.
 */
#ifndef GUARD_LEDGER_FILE_H
#define GUARD_LEDGER_FILE_H

#include "base/arena.h"
#include "base/err.h"

#define LEDGER_HASH_HEX 64
#define LEDGER_LINE_MAX (1 << 20)

/* Numbers of the files, ascending. */
bool ledger_files(struct arena *a, struct str dir, int64_t **out, size_t *n, struct err *e) MUST_CHECK;
struct str ledger_path(struct arena *a, struct str dir, int64_t number);
void ledger_hash(struct str line, char hex[LEDGER_HASH_HEX]);

/* A walk over one file's lines. */
struct ledger_walk {
	int64_t records;
	char prev[LEDGER_HASH_HEX];	/* in: what the first must name; out: the hash of the last good line */
	const char *why;		/* NULL: all good */
};
/* Stops at the first line that does not fit, which is then record records + 1 of this file. */
bool ledger_walk(struct str path, struct ledger_walk *w, struct err *e) MUST_CHECK;

#endif
