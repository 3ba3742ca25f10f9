/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Network addresses as text and bytes, networks, and who a proxy says the client is. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "net/http.h"

#include <sys/socket.h>
#include <sys/un.h>

#define ADDR_TEXT_MAX 64

/* IPv4 as ::ffff:a.b.c.d; the peer of a unix socket: all zero. */
struct addr {
	uint8_t b[16];
};

struct addr_net {
	struct addr addr;
	int bits;			/* of 128 */
};

/* What a listener binds to. */
struct addr_bind {
	struct sockaddr_storage ss;
	socklen_t n;
	bool is_unix;
};

/* "127.0.0.1:80", "[::1]:80", "unix:/path". errors M_INVALID_PARAM */
bool addr_bind_parse(struct str s, struct addr_bind *out, struct err *e) MUST_CHECK;
bool addr_parse(struct str s, struct addr *out) MUST_CHECK;
/* "10.0.0.0/8", "::1", "127.0.0.1"; "unix" for the peers of unix sockets. */
bool addr_net_parse(struct str s, struct addr_net *out) MUST_CHECK;
bool addr_in(const struct addr *a, const struct addr_net *net);
bool addr_in_any(const struct addr *a, const struct addr_net *net, size_t n);
void addr_of(const struct sockaddr_storage *ss, struct addr *out);
/* Text into to[ADDR_TEXT_MAX]; "unix" for the peer of a unix socket. */
struct str addr_text(const struct addr *a, char *to);
/* For counting clients: the address, or of IPv6 its /64. */
struct addr addr_client(const struct addr *a);
/*
 * The client behind trusted proxies: from the peer on, the X-Forwarded-For
 * headers are read from the right as long as the one who said it is trusted.
 * What is no address ends the walk.
 */
struct addr addr_forwarded(const struct addr *peer, const struct http_header *header, size_t nheaders, const struct addr_net *trusted, size_t n);

#endif
