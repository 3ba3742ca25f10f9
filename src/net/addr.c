/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See addr.h. Every address is 16 bytes, so that one comparison serves all. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static const uint8_t v4_head[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
static const struct addr unix_peer;

static bool
to_cstr(struct str s, char *to, size_t max)
{
	if (s.n == 0 || s.n >= max || str_find(s, '\0') >= 0)
		return false;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

bool
addr_parse(struct str s, struct addr *out)
{
	char text[ADDR_TEXT_MAX];
	uint8_t v4[4];

	if (!to_cstr(s, text, sizeof(text)))
		return false;
	if (inet_pton(AF_INET6, text, out->b) == 1)
		return true;
	if (inet_pton(AF_INET, text, v4) != 1)
		return false;
	memcpy(out->b, v4_head, sizeof(v4_head));
	memcpy(out->b + 12, v4, 4);
	return true;
}

bool
addr_net_parse(struct str s, struct addr_net *out)
{
	struct str host, bits;
	int64_t n = -1;
	bool v4 = str_find(s, ':') < 0;

	if (str_eq(s, S("unix"))) {
		*out = (struct addr_net){ unix_peer, 128 };
		return true;
	}
	if (str_cut(s, '/', &host, &bits)) {
		if (!str_i64(bits, &n) || n < 0 || n > (v4 ? 32 : 128))
			return false;
	} else {
		host = s;
		n = v4 ? 32 : 128;
	}
	out->bits = (int)(v4 ? n + 96 : n);
	return addr_parse(host, &out->addr);
}

bool
addr_in(const struct addr *a, const struct addr_net *net)
{
	int whole = net->bits / 8, rest = net->bits % 8;

	if (memcmp(a->b, net->addr.b, (size_t)whole) != 0)
		return false;
	return rest == 0 ||
	    ((a->b[whole] ^ net->addr.b[whole]) >> (8 - rest)) == 0;
}

void
addr_of(const struct sockaddr_storage *ss, struct addr *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(out, 0, sizeof(*out));
	if (ss->ss_family == AF_INET) {
		memcpy(&v4, ss, sizeof(v4));
		memcpy(out->b, v4_head, sizeof(v4_head));
		memcpy(out->b + 12, &v4.sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&v6, ss, sizeof(v6));
		memcpy(out->b, &v6.sin6_addr, 16);
	}
}

static bool
is_v4(const struct addr *a)
{
	return memcmp(a->b, v4_head, sizeof(v4_head)) == 0;
}

static bool
is_unix(const struct addr *a)
{
	return memcmp(a->b, unix_peer.b, sizeof(unix_peer.b)) == 0;
}

struct str
addr_text(const struct addr *a, char *to)
{
	if (is_unix(a))
		return S("unix");
	return str_c(is_v4(a)
	    ? inet_ntop(AF_INET, a->b + 12, to, ADDR_TEXT_MAX)
	    : inet_ntop(AF_INET6, a->b, to, ADDR_TEXT_MAX));
}

struct addr
addr_client(const struct addr *a)
{
	struct addr c = *a;

	if (!is_v4(a))
		memset(c.b + 8, 0, 8);
	return c;
}

bool
addr_in_any(const struct addr *a, const struct addr_net *net, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addr_in(a, &net[i]))
			return true;
	return false;
}

/* An address as proxies write it: some add the port. */
static bool
parse_hop(struct str s, struct addr *out)
{
	ptrdiff_t colon = str_rfind(s, ':');
	struct str head;

	if (str_starts(s, S("["))) {
		if (!str_cut(str_from(s, 1), ']', &head, &s))
			return false;
		s = head;
	} else if (colon >= 0 && colon == str_find(s, ':')) {
		s = str_sub(s, 0, (size_t)colon);
	}
	/* "::" is nobody's address; to us it would mean a unix socket. */
	return addr_parse(s, out) && !is_unix(out);
}

/* Walks one header from the right; false: the walk is over. */
static bool
walk(struct addr *now, struct str list, const struct addr_net *trusted,
    size_t n)
{
	bool more = true;

	while (more) {
		ptrdiff_t comma = str_rfind(list, ',');
		struct addr next;

		if (!addr_in_any(now, trusted, n) || !parse_hop(str_trim(
		    str_from(list, (size_t)(comma + 1))), &next))
			return false;
		*now = next;
		more = comma >= 0;
		list = str_sub(list, 0, more ? (size_t)comma : 0);
	}
	return true;
}

struct addr
addr_forwarded(const struct addr *peer, const struct http_header *header,
    size_t nheaders, const struct addr_net *trusted, size_t n)
{
	struct addr now = *peer;

	/* Several headers are one list: the last was added last. */
	for (size_t i = nheaders; n > 0 && i > 0; i--)
		if (str_eq_nocase(header[i - 1].name, S("X-Forwarded-For")) &&
		    !walk(&now, header[i - 1].value, trusted, n))
			break;
	return now;
}

static bool
bind_unix(struct str path, struct addr_bind *out, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (!to_cstr(path, un.sun_path, sizeof(un.sun_path)))
		return fail(e, M_INVALID_PARAM,
		    "The path of a unix socket is empty or too long");
	memcpy(&out->ss, &un, sizeof(un));
	out->n = sizeof(un);
	out->is_unix = true;
	return true;
}

static bool
bind_v4(struct str host, uint16_t port, struct addr_bind *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
	    .sin_port = htons(port) };
	char text[ADDR_TEXT_MAX];

	if (!to_cstr(host, text, sizeof(text)) ||
	    inet_pton(AF_INET, text, &v4.sin_addr) != 1)
		return false;
	memcpy(&out->ss, &v4, sizeof(v4));
	out->n = sizeof(v4);
	return true;
}

/* host in its brackets. */
static bool
bind_v6(struct str host, uint16_t port, struct addr_bind *out)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(port) };
	char text[ADDR_TEXT_MAX];

	if (!str_starts(host, S("[")) || !str_ends(host, S("]")) ||
	    !to_cstr(str_sub(host, 1, host.n - 2), text, sizeof(text)) ||
	    inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
		return false;
	memcpy(&out->ss, &v6, sizeof(v6));
	out->n = sizeof(v6);
	return true;
}

bool
addr_bind_parse(struct str s, struct addr_bind *out, struct err *e)
{
	ptrdiff_t colon = str_rfind(s, ':');
	struct str host;
	uint64_t port;

	memset(out, 0, sizeof(*out));
	if (str_starts(s, S("unix:")))
		return bind_unix(str_from(s, 5), out, e);
	if (colon < 0 || !str_u64(str_from(s, (size_t)colon + 1), &port) ||
	    port > 65535)
		return fail(e, M_INVALID_PARAM, "\"" STR_FMT "\" is no "
		    "address: write ADDR:PORT, [V6]:PORT or unix:PATH",
		    STR_ARG(s));
	host = str_sub(s, 0, (size_t)colon);
	if (!bind_v4(host, (uint16_t)port, out) &&
	    !bind_v6(host, (uint16_t)port, out))
		return fail(e, M_INVALID_PARAM, "\"" STR_FMT "\" is no IP "
		    "address (of IPv6: in brackets)", STR_ARG(host));
	return true;
}
