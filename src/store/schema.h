/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The migrations compiled in, from the folder sql/. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stddef.h>

struct migration {
	const char *name;	/* "001_base.sql", or "NNN_name.pg.sql" for PostgreSQL alone */
	const char *sql;
	size_t n;
};

/* In order of their names; ended by a row of zeros. */
extern const struct migration migrations[];

#endif
