/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Server ACLs. A list can fill an event, 64 KiB of patterns, and is asked for
 * every event and request of another server; so all patterns are matched
 * without going back: a set of bits has the places of the host name that the
 * pattern so far can end at, and each of its bytes moves the set once.
 * spec: client-server, "m.room.server_acl".
 */
#include "room/acl.h"

#include "room/ids.h"

#include <string.h>

#define WORDS 4
#define WORD_BITS 64

/* Bit i: the pattern can have ended before byte i of the host. */
struct ends {
	uint64_t w[WORDS];
};

_Static_assert(WORDS * WORD_BITS > ID_MAX, "a host and its end fit");

/* A host name, in small letters, and where each byte stands in it. */
struct host {
	struct str name;
	struct ends has[256];
};

static uint8_t
small(char c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static void
host_init(struct host *h, struct str name)
{
	memset(h->has, 0, sizeof(h->has));
	h->name = name;
	for (size_t i = 0; i < name.n; i++)
		h->has[small(name.p[i])].w[i / WORD_BITS] |=
		    UINT64_C(1) << i % WORD_BITS;
}

/* One byte on: the ends that may go on, each moved by one. False: there are none. */
static bool
move(struct ends *e, const struct ends *may)
{
	uint64_t carry = 0, any = 0;

	for (size_t i = 0; i < WORDS; i++) {
		uint64_t w = may != NULL ? e->w[i] & may->w[i] : e->w[i];

		e->w[i] = w << 1 | carry;
		carry = w >> (WORD_BITS - 1);
		any |= e->w[i];
	}
	return any != 0;
}

/* "*": all places from the first on. */
static void
spread(struct ends *e)
{
	bool on = false;

	for (size_t i = 0; i < WORDS; i++) {
		if (on)
			e->w[i] = UINT64_MAX;
		else if (e->w[i] != 0)
			e->w[i] |= ~e->w[i] + 1;	/* all from its lowest bit */
		on = on || e->w[i] != 0;
	}
}

static bool
matches(const struct host *h, struct str pattern)
{
	struct ends e = { { 1 } };
	size_t end = h->name.n;

	for (size_t i = 0; i < pattern.n; i++) {
		if (pattern.p[i] == '*')
			spread(&e);
		else if (!move(&e, pattern.p[i] == '?' ? NULL :
		    &h->has[small(pattern.p[i])]))
			return false;
	}
	return (e.w[end / WORD_BITS] >> end % WORD_BITS & 1) != 0;
}

/* "[...]", or four numbers with points between. */
static bool
is_ip(struct str host)
{
	int dots = 0;

	if (host.n > 0 && host.p[0] == '[')
		return true;
	for (size_t i = 0; i < host.n; i++) {
		dots += host.p[i] == '.';
		if ((host.p[i] < '0' || host.p[i] > '9') && host.p[i] != '.')
			return false;
	}
	return dots == 3;
}

static bool
list_has(const struct json *list, const struct host *h)
{
	for (size_t i = 0; list != NULL && i < list->n; i++) {
		const struct json *pattern = json_at(list, i);

		if (json_is(pattern, JSON_STR) && matches(h, pattern->s))
			return true;
	}
	return false;
}

bool
server_acl_allows(const struct json *content, struct str server_name)
{
	struct str name = id_host(server_name);
	bool literals = true;
	struct host h;

	if (content == NULL)
		return true;
	if (name.n > ID_MAX)
		return false;
	if (json_get_bool(content, S("allow_ip_literals"), &literals) &&
	    !literals && is_ip(name))
		return false;
	host_init(&h, name);
	return !list_has(json_get_arr(content, S("deny")), &h) &&
	    list_has(json_get_arr(content, S("allow")), &h);
}
