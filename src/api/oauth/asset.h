/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The files that pages need, compiled in: style.css, passkey.js, done.js. */
#ifndef API_OAUTH_ASSET_H
#define API_OAUTH_ASSET_H

#include "base/str.h"

struct asset {
	const char *name;
	struct str text;
};

/* Ended by a row of zeros. */
extern const struct asset assets[];

#endif
