/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See uri.h. */
#include "core/uri.h"

#include <string.h>

static bool
is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Bytes that RFC 3986 allows anywhere, and whole escapes. */
static bool
chars_ok(struct str s)
{
	static const char extra[] = "-._~:/?#[]@!$&'()*+,;=%";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!is_alpha(c) && !is_digit(c) &&
		    (c == '\0' || strchr(extra, c) == NULL))
			return false;
		if (c == '%' && (i + 2 >= s.n || !is_hex(s.p[i + 1]) ||
		    !is_hex(s.p[i + 2])))
			return false;
	}
	return true;
}

static bool
scheme_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alpha(s.p[i]) && (i == 0 || (!is_digit(s.p[i]) &&
		    strchr("+-.", s.p[i]) == NULL)))
			return false;
	return s.n > 0;
}

static bool
port_ok(struct str s)
{
	int64_t port;

	return s.n >= 1 && s.n <= 5 && str_i64(s, &port) && port >= 1 &&
	    port <= 65535;
}

/* [user@]host[:port] */
static bool
authority(struct str s, struct uri *u)
{
	ptrdiff_t at = str_rfind(s, '@'), end;

	if (at >= 0) {
		u->has_userinfo = true;
		u->userinfo = str_sub(s, 0, (size_t)at);
		s = str_from(s, (size_t)at + 1);
		if (str_find(u->userinfo, '@') >= 0)
			return false;
	}
	if (str_starts(s, S("["))) {
		end = str_find(s, ']');
		if (end < 0)
			return false;
		u->host = str_sub(s, 0, (size_t)end + 1);
	} else {
		end = str_find(s, ':');
		u->host = end < 0 ? s : str_sub(s, 0, (size_t)end);
		if (str_find(u->host, '[') >= 0 || str_find(u->host, ']') >= 0)
			return false;
	}
	s = str_from(s, u->host.n);
	if (s.n == 0)
		return true;
	u->has_port = true;
	u->port = str_from(s, 1);
	return s.p[0] == ':' && port_ok(u->port);
}

bool
uri_parse(struct str s, struct uri *out)
{
	struct uri u = { .has_authority = false };
	struct str rest, auth;
	ptrdiff_t at;

	if (s.n == 0 || s.n > URI_MAX || !chars_ok(s) ||
	    !str_cut(s, ':', &u.scheme, &rest) || !scheme_ok(u.scheme))
		return false;
	u.has_fragment = str_cut(rest, '#', &rest, &u.fragment);
	u.has_query = str_cut(rest, '?', &rest, &u.query);
	u.path = rest;
	if (str_find(u.fragment, '#') >= 0)
		return false;
	if (str_starts(rest, S("//"))) {
		u.has_authority = true;
		auth = str_from(rest, 2);
		at = str_find(auth, '/');
		u.path = at < 0 ? (struct str){ NULL, 0 }
		    : str_from(auth, (size_t)at);
		if (at >= 0)
			auth = str_sub(auth, 0, (size_t)at);
		if (!authority(auth, &u))
			return false;
	}
	if (str_find(u.path, '[') >= 0 || str_find(u.path, ']') >= 0)
		return false;
	*out = u;
	return true;
}

/* Labels of letters, digits and hyphens, with dots between. */
static bool
host_ok(struct str host)
{
	if (host.n == 0 || host.n > 253 || host.p[0] == '.' ||
	    host.p[host.n - 1] == '.')
		return false;
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];

		if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '.')
			return false;
		if (c == '.' && host.p[i + 1] == '.')
			return false;
	}
	return true;
}

bool
uri_is_https(const struct uri *u)
{
	return str_eq_nocase(u->scheme, S("https")) && u->has_authority &&
	    !u->has_userinfo && host_ok(u->host);
}

bool
uri_host_under(struct str host, struct str base)
{
	if (base.n == 0 || host.n < base.n ||
	    !str_eq_nocase(str_from(host, host.n - base.n), base))
		return false;
	return host.n == base.n || host.p[host.n - base.n - 1] == '.';
}

bool
uri_is_loopback(const struct uri *u)
{
	return str_eq_nocase(u->scheme, S("http")) && u->has_authority &&
	    !u->has_userinfo && (str_eq_nocase(u->host, S("localhost")) ||
	    str_eq(u->host, S("127.0.0.1")) || str_eq(u->host, S("[::1]")));
}
