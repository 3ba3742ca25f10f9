/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See token.h. */
#include "core/token.h"

struct str
token_sync(struct arena *a, int64_t pos)
{
	return str_fmt(a, "s%lld", (long long)pos);
}

struct str
token_room(struct arena *a, int64_t seq)
{
	return str_fmt(a, "t%lld", (long long)seq);
}

static bool
bad(struct err *e)
{
	return fail(e, M_INVALID_PARAM, "The token is not one of this server");
}

bool
token_sync_read(struct str s, int64_t *pos, struct err *e)
{
	if (s.n < 2 || s.p[0] != 's' || !str_i64(str_from(s, 1), pos) ||
	    *pos < 0 || *pos > JSON_INT_MAX)
		return bad(e);
	return true;
}

struct str
token_room_as_of(struct arena *a, int64_t seq, int64_t pos)
{
	return str_fmt(a, "t%lld_%lld", (long long)seq, (long long)pos);
}

/* "t7" or "t7_12"; *pos -1: without the second number. */
static bool
read_room(struct str s, int64_t *seq, int64_t *pos)
{
	struct str head, rest;

	*pos = -1;
	if (s.n < 2 || s.p[0] != 't')
		return false;
	if (str_cut(str_from(s, 1), '_', &head, &rest) &&
	    (!str_i64(rest, pos) || *pos < 0 || *pos > JSON_INT_MAX))
		return false;
	return str_i64(head, seq) && *seq >= -JSON_INT_MAX &&
	    *seq <= JSON_INT_MAX;
}

bool
token_as_of(struct ctx *c, struct room *r, struct str s, int64_t *seq)
{
	int64_t pos;

	if (read_room(s, seq, &pos) && pos >= 0)
		return room_seq_at(c, r, pos, seq);
	return token_place(c, r, s, seq);
}

bool
token_place(struct ctx *c, struct room *r, struct str s, int64_t *seq)
{
	int64_t pos;

	if (s.n >= 2 && s.p[0] == 't')
		return read_room(s, seq, &pos) || bad(&c->err);
	return token_sync_read(s, &pos, &c->err) &&
	    room_seq_at(c, r, pos, seq);
}
