/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What needs Unicode's tables (utf8proc). */
#ifndef CORE_UNICODE_H
#define CORE_UNICODE_H

#include "base/arena.h"
#include "base/str.h"

/* For searching: case folded, compatibility decomposed, without accents. Not valid UTF-8: lower-cased bytes. */
struct str unicode_fold(struct arena *a, struct str s);
/* The same with accents, composed: as stemmers want it. */
struct str unicode_lower(struct arena *a, struct str s);

#endif
