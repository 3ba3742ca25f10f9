/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which addresses the client may dial: public unicast ones. What stands for an
 * IPv4 address in IPv6 (mapped, 6to4, NAT64) is judged as that address. Pure.
 * spec: IANA's special-purpose address registries, RFC 6890.
 */
#ifndef NET_CLIENT_GUARD_H
#define NET_CLIENT_GUARD_H

#include "net/addr.h"

bool client_addr_public(const struct addr *a);

#endif
