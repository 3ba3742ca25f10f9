/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See client_guard.h. */
#include "net/client_guard.h"

#include <string.h>

struct v4_net {
	uint8_t b[4];
	int bits;
};

/* Not of the public Internet. */
static const struct v4_net v4_closed[] = {
	{ { 0, 0, 0, 0 }, 8 },		/* this network */
	{ { 10, 0, 0, 0 }, 8 },
	{ { 100, 64, 0, 0 }, 10 },	/* behind carriers' NAT */
	{ { 127, 0, 0, 0 }, 8 },
	{ { 169, 254, 0, 0 }, 16 },	/* link-local; clouds keep secrets there */
	{ { 172, 16, 0, 0 }, 12 },
	{ { 192, 0, 0, 0 }, 24 },	/* protocol assignments */
	{ { 192, 0, 2, 0 }, 24 },	/* documentation, as the two below */
	{ { 192, 31, 196, 0 }, 24 },
	{ { 192, 52, 193, 0 }, 24 },
	{ { 192, 88, 99, 0 }, 24 },	/* 6to4 relays */
	{ { 192, 168, 0, 0 }, 16 },
	{ { 198, 18, 0, 0 }, 15 },	/* benchmarks */
	{ { 198, 51, 100, 0 }, 24 },
	{ { 203, 0, 113, 0 }, 24 },
	{ { 224, 0, 0, 0 }, 3 },	/* multicast, reserved, broadcast */
};

struct v6_net {
	uint8_t b[6];
	int bits;
};

/* Within 2000::/3, which is all that is public in IPv6. */
static const struct v6_net v6_closed[] = {
	{ { 0x20, 0x01, 0x00 }, 23 },	/* Teredo, ORCHID and other assignments */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
	{ { 0x3f, 0xff, 0x00 }, 20 },
};

static bool
has_prefix(const uint8_t *b, const uint8_t *net, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	return memcmp(b, net, (size_t)whole) == 0 && (rest == 0 ||
	    ((b[whole] ^ net[whole]) >> (8 - rest)) == 0);
}

static bool
v4_public(const uint8_t *b)
{
	for (size_t i = 0; i < LEN(v4_closed); i++)
		if (has_prefix(b, v4_closed[i].b, v4_closed[i].bits))
			return false;
	return true;
}

bool
client_addr_public(const struct addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t sixto4[2] = { 0x20, 0x02 };
	static const uint8_t unicast[1] = { 0x20 };

	if (has_prefix(a->b, mapped, 96) || has_prefix(a->b, nat64, 96))
		return v4_public(a->b + 12);
	if (has_prefix(a->b, sixto4, 16))
		return v4_public(a->b + 2);
	if (!has_prefix(a->b, unicast, 3))
		return false;
	for (size_t i = 0; i < LEN(v6_closed); i++)
		if (has_prefix(a->b, v6_closed[i].b, v6_closed[i].bits))
			return false;
	return true;
}
