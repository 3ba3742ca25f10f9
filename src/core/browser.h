/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Browsers that are signed in to the account pages. The cookie is random text;
 * the store knows its SHA-256 only. A new one is drawn at every change of what
 * it stands for. No HTTP word here.
 */
#ifndef CORE_BROWSER_H
#define CORE_BROWSER_H

#include "core/ctx.h"

#define BROWSER_FRESH_MS (10 * 60 * INT64_C(1000))	/* how long a sign-in suffices for what is grave */
#define COOKIE_LETTERS 43

struct browser {
	struct str user;
	bool partial;			/* the password was right; a second factor is owed */
	int64_t auth_ms;
};
/* *found false: none, over, or of an account that is locked or has ended. */
bool browser_find(struct ctx *c, struct str cookie, struct browser *out, bool *found) MUST_CHECK;
/* Signs a browser in; the one of `before` ends (empty: none). */
bool browser_begin(struct ctx *c, struct str user, bool partial, struct str before, struct str *cookie) MUST_CHECK;
bool browser_end(struct ctx *c, struct str cookie) MUST_CHECK;
/* Every other one of the person ends. */
bool browser_end_others(struct ctx *c, struct str user, struct str keep_cookie) MUST_CHECK;

/* What the person allowed on a page, for ten minutes and once: operations by name. */
bool approval_give(struct ctx *c, struct str user, struct str operation) MUST_CHECK;
bool approval_use(struct ctx *c, struct str user, struct str operation, bool *was) MUST_CHECK;

/* Random text that holds once, for minutes, for one purpose, with something kept beside it. */
bool onetime_make(struct ctx *c, const char *purpose, struct str data, int64_t life_ms, struct str *token) MUST_CHECK;
/* *found false: not known, used, or over. It is used by this. */
bool onetime_use(struct ctx *c, const char *purpose, struct str token, struct str *data, bool *found) MUST_CHECK;

#endif
