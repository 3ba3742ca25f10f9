/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The migrations compiled in, from the folder sql/, and applying them. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/db.h"

struct migration {
	const char *name;	/* "001_base.sql", or "NNN_name.pg.sql" for PostgreSQL alone */
	const char *sql;	/* BYTES stands for the database's binary type; see words[] */
	size_t n;
};

/* In order of their names; ended by a row of zeros. */
extern const struct migration migrations[];

/*
 * Applies those of the list that the store does not have yet, each in its own
 * transaction, and notes their hashes.
 *
 * list    in order of their names, ended by a row of zeros
 * errors  M_UNKNOWN  the store has one that is not in the list (a newer
 *         version wrote it), one that has changed since, or lacks one that
 *         comes before one it has; M_UNAVAILABLE  the database failed
 */
bool schema_apply(struct db *db, const struct migration *list, bool sqlite,
    struct err *e) MUST_CHECK;

#endif
