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

bool
token_place(struct ctx *c, struct room *r, struct str s, int64_t *seq)
{
	int64_t pos;

	if (s.n >= 2 && s.p[0] == 't')
		return (str_i64(str_from(s, 1), seq) && *seq >= -JSON_INT_MAX &&
		    *seq <= JSON_INT_MAX) || bad(&c->err);
	return token_sync_read(s, &pos, &c->err) &&
	    room_seq_at(c, r, pos, seq);
}
