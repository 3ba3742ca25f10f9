/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * URIs in parts, strictly by RFC 3986: what a browser might read in another
 * way (backslashes, spaces, control and non-ASCII bytes, bad escapes) is
 * refused. Pure; the parts are slices of the text.
 */
#ifndef CORE_URI_H
#define CORE_URI_H

#include "base/str.h"

#define URI_MAX 2048

struct uri {
	struct str scheme, userinfo, host, port, path, query, fragment;
	bool has_authority, has_userinfo, has_port, has_query, has_fragment;
};

/* Absolute URIs of at most URI_MAX bytes; false: not one. */
bool uri_parse(struct str s, struct uri *out) MUST_CHECK;
/* Scheme https, a host of letters, digits, dots and hyphens, no user or password. */
bool uri_is_https(const struct uri *u);
/* Is it that host, or under it? ASCII case does not count. */
bool uri_host_under(struct str host, struct str base);
/* http on localhost, 127.0.0.1 or [::1]. */
bool uri_is_loopback(const struct uri *u);

#endif
