/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on tables profile and user_directory. */
#ifndef STORE_Q_PROFILE_H
#define STORE_Q_PROFILE_H

#include "base/json.h"
#include "store/db.h"

/* A field that is a string, unescaped; empty: not set, or no string. */
bool profile_field(struct db *db, struct arena *a, struct str user, struct str field, struct str *out, struct err *e) MUST_CHECK;
/* All fields, as an object. */
bool profile_all(struct db *db, struct arena *a, struct str user, struct json *out, struct err *e) MUST_CHECK;
/* value: JSON text; empty: the field is removed. */
bool profile_set(struct db *db, struct str user, struct str field, struct str value, struct err *e) MUST_CHECK;
bool profile_delete_all(struct db *db, struct str user, struct err *e) MUST_CHECK;
/* What the user can be found by; empty: not at all. */
bool directory_put(struct db *db, struct str user, struct str folded, struct err *e) MUST_CHECK;
/* Users whose folded names contain the words (one needle each, at most 4), at most max. */
bool directory_find(struct db *db, struct arena *a, const struct str *needle, size_t nneedles, size_t max,
    struct str **out, size_t *n, struct err *e) MUST_CHECK;

#endif
