/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See ids.h. */
#include "room/ids.h"

#include <string.h>

static bool
is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z');
}

static bool
all_of(struct str s, const char *others)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && (s.p[i] == '\0' ||
		    strchr(others, s.p[i]) == NULL))
			return false;
	return true;
}

static bool
port_ok(struct str s)
{
	uint64_t port;

	return s.n >= 1 && s.n <= 5 && str_u64(s, &port) && port <= 65535;
}

/* "[" IPv6 "]" with an optional port */
static bool
ipv6_ok(struct str s)
{
	ptrdiff_t end = str_find(s, ']');
	struct str inner, rest;

	if (end < 0)
		return false;
	inner = str_sub(s, 1, (size_t)end - 1);
	rest = str_from(s, (size_t)end + 1);
	if (inner.n < 2 || inner.n > 45)
		return false;
	for (size_t i = 0; i < inner.n; i++)
		if (strchr("0123456789abcdefABCDEF:.", inner.p[i]) == NULL ||
		    inner.p[i] == '\0')
			return false;
	return rest.n == 0 || (rest.p[0] == ':' && port_ok(str_from(rest, 1)));
}

bool
id_server_name_ok(struct str s)
{
	struct str host, port;

	if (s.n == 0 || s.n > ID_MAX)
		return false;
	if (s.p[0] == '[')
		return ipv6_ok(s);
	if (!str_cut(s, ':', &host, &port))
		host = s;
	else if (!port_ok(port))
		return false;
	return host.n > 0 && all_of(host, "-.");
}

/* sigil, at least min bytes of localpart, a colon and a server name */
static bool
id_ok(struct str s, char sigil, size_t min)
{
	struct str local = id_localpart(s);

	return s.n >= 2 && s.n <= ID_MAX && s.p[0] == sigil &&
	    local.n >= min && local.n + 1 < s.n &&
	    str_find(s, '\0') < 0 && id_server_name_ok(id_server(s)) &&
	    str_utf8_ok(local);
}

bool
id_user_ok(struct str s)
{
	return id_ok(s, '@', 0);
}

bool
id_localpart_ok(struct str s)
{
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(
		    "abcdefghijklmnopqrstuvwxyz0123456789._=-/+", s.p[i])
		    == NULL)
			return false;
	return true;
}

bool
id_room_ok(struct str s)
{
	if (s.n == 44 && s.p[0] == '!' && str_find(s, ':') < 0)
		return all_of(str_from(s, 1), "-_");
	return id_ok(s, '!', 1);
}

bool
id_event_ok(struct str s)
{
	return s.n >= 2 && s.n <= ID_MAX && s.p[0] == '$' &&
	    str_find(s, '\0') < 0 && str_utf8_ok(s);
}

bool
id_alias_ok(struct str s)
{
	return id_ok(s, '#', 1);
}

bool
id_device_ok(struct str s)
{
	if (s.n == 0 || s.n > ID_MAX || !str_utf8_ok(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return true;
}

bool
id_opaque_ok(struct str s)
{
	return s.n >= 1 && s.n <= ID_MAX && all_of(s, "._~=-");
}

bool
id_mxc_ok(struct str s, struct str *server, struct str *media)
{
	struct str host, id;

	if (!str_starts(s, S("mxc://")) || s.n > ID_MAX ||
	    !str_cut(str_from(s, 6), '/', &host, &id) ||
	    !id_server_name_ok(host) || id.n == 0 || !all_of(id, "-_"))
		return false;
	*server = host;
	*media = id;
	return true;
}

struct str
id_server(struct str id)
{
	ptrdiff_t at = str_find(id, ':');

	return at < 0 ? (struct str){ NULL, 0 } : str_from(id, (size_t)at + 1);
}

struct str
id_localpart(struct str id)
{
	ptrdiff_t at = str_find(id, ':');

	if (id.n == 0)
		return id;
	return at < 0 ? str_from(id, 1) : str_sub(id, 1, (size_t)at - 1);
}

struct str
id_host(struct str name)
{
	ptrdiff_t at;

	if (name.n > 0 && name.p[0] == '[') {
		at = str_find(name, ']');
		return at < 0 ? name : str_sub(name, 0, (size_t)at + 1);
	}
	at = str_find(name, ':');
	return at < 0 ? name : str_sub(name, 0, (size_t)at);
}
