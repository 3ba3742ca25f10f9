/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Single facts about the store. */
#ifndef STORE_Q_META_H
#define STORE_Q_META_H

#include "store/db.h"

/* Empty: not set. */
bool meta_get(struct db *db, struct arena *a, struct str key, struct str *val, struct err *e) MUST_CHECK;
/* In a transaction of its own. */
bool meta_set(struct db *db, struct str key, struct str val, struct err *e) MUST_CHECK;

#endif
