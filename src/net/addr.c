/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See addr.h. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

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
	memset(out->b, 0, 10);
	out->b[10] = out->b[11] = 0xff;
	memcpy(out->b + 12, v4, 4);
	return true;
}

bool
addr_net_parse(struct str s, struct addr_net *out)
{
	struct str host, bits;
	int64_t n = -1;
	bool v4 = str_find(s, ':') < 0;

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
		out->b[10] = out->b[11] = 0xff;
		memcpy(out->b + 12, &v4.sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&v6, ss, sizeof(v6));
		memcpy(out->b, &v6.sin6_addr, 16);
	}
}

static bool
is_v4(const struct addr *a)
{
	static const uint8_t head[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	    0xff };

	return memcmp(a->b, head, sizeof(head)) == 0;
}

struct str
addr_text(const struct addr *a, char *to)
{
	const char *p = is_v4(a)
	    ? inet_ntop(AF_INET, a->b + 12, to, ADDR_TEXT_MAX)
	    : inet_ntop(AF_INET6, a->b, to, ADDR_TEXT_MAX);

	return str_c(p);
}

struct addr
addr_client(const struct addr *a)
{
	struct addr c = *a;

	if (!is_v4(a))
		memset(c.b + 8, 0, 8);
	return c;
}

static bool
is_trusted(const struct addr *a, const struct addr_net *trusted, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addr_in(a, &trusted[i]))
			return true;
	return false;
}

struct addr
addr_forwarded(const struct addr *peer, struct str forwarded,
    const struct addr_net *trusted, size_t n)
{
	struct addr now = *peer, next;

	while (forwarded.n > 0 && is_trusted(&now, trusted, n)) {
		ptrdiff_t comma = str_rfind(forwarded, ',');
		struct str last = str_trim(str_from(forwarded,
		    (size_t)(comma + 1)));

		if (!addr_parse(last, &next))
			break;
		now = next;
		forwarded = str_sub(forwarded, 0, comma < 0 ? 0
		    : (size_t)comma);
	}
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

bool
addr_bind_parse(struct str s, struct addr_bind *out, struct err *e)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	ptrdiff_t colon = str_rfind(s, ':');
	struct str host;
	char text[ADDR_TEXT_MAX];
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
	if (str_starts(host, S("[")) && str_ends(host, S("]")))
		host = str_sub(host, 1, host.n - 2);
	if (!to_cstr(host, text, sizeof(text)))
		text[0] = '\0';
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		v4.sin_port = htons((uint16_t)port);
		memcpy(&out->ss, &v4, sizeof(v4));
		out->n = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		v6.sin6_port = htons((uint16_t)port);
		memcpy(&out->ss, &v6, sizeof(v6));
		out->n = sizeof(v6);
		return true;
	}
	return fail(e, M_INVALID_PARAM, "\"" STR_FMT "\" is no IP address",
	    STR_ARG(host));
}
