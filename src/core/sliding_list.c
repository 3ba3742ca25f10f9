/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The rooms of a user for sliding sync: filters, order, windows. See sliding.h. */
#include "core/sliding.h"

#include "core/ignore_cache.h"
#include "core/unicode.h"
#include "store/q_accdata.h"

#include <stdlib.h>

#define LOOK_MAX 64			/* events looked at for what was said last */

/* What moves a room to the top. */
static bool
is_said(struct str type)
{
	static const struct str types[] = {
		S_INIT("m.room.message"), S_INIT("m.room.encrypted"),
		S_INIT("m.room.create"), S_INIT("m.sticker"),
		S_INIT("m.call.invite"), S_INIT("m.poll.start"),
		S_INIT("m.beacon_info"),
	};

	for (size_t i = 0; i < LEN(types); i++)
		if (str_eq(type, types[i]))
			return true;
	return false;
}

/* Of a room without a word in its newest events, the oldest of those looked at. */
static bool
recency(struct ctx *c, struct room *r, int64_t *pos)
{
	int64_t seen, last = room_head(r).last_seq, found = 0;
	const struct sev **ev;
	size_t n;

	room_bump(r, &seen, pos);
	if (seen >= last)
		return true;
	if (!room_range(c, r, seen + 1, last, true, LOOK_MAX, &ev, &n))
		return false;
	for (size_t i = 0; i < n && found == 0; i++)
		if (is_said(ev[i]->ev.type))
			found = ev[i]->pos;
	if (found != 0)
		*pos = found;
	else if (*pos == 0 && n > 0)
		*pos = ev[n - 1]->pos;
	room_bump_set(r, last, *pos);
	return true;
}

static int
newest_first(const void *x, const void *y)
{
	const struct sliding_room *a = x, *b = y;

	if (a->bump != b->bump)
		return a->bump > b->bump ? -1 : 1;
	return a->m.room < b->m.room ? -1 : a->m.room > b->m.room;
}

/* Is it one that lists show? */
static bool
is_shown(const struct user_membership *m, int64_t since, int64_t now)
{
	switch (m->membership) {
	case MEMBER_JOIN:
	case MEMBER_INVITE:
	case MEMBER_KNOCK:
		return true;
	case MEMBER_LEAVE:
	case MEMBER_BAN:
		return since > 0 && m->pos > since && m->pos <= now;
	case MEMBER_NONE:
		break;
	}
	return false;
}

static bool
load_direct(struct ctx *c, struct sliding_rooms *out)
{
	struct json *v = arena_array(c->a, struct json, 1);
	struct str text;

	if (!accdata_get(c->db, c->a, c->who.user, 0, S("m.direct"), &text,
	    &c->err))
		return false;
	if (text.n == 0)
		return true;
	if (!json_parse(c->a, text, JSON_ANY, v, &c->err))
		return false;
	out->direct = v;
	return true;
}

/* An invitation by somebody whom the user ignores is not shown. */
static bool
is_ignored(struct ctx *c, const struct ignored *ignored,
    const struct sliding_room *x, bool *is)
{
	const struct sev *ev;

	*is = false;
	if (ignored->n == 0 || x->m.membership != MEMBER_INVITE)
		return true;
	if (!event_by_nid(c, x->m.event, &ev))
		return false;
	*is = ev != NULL && ignores(ignored, ev->ev.sender);
	return true;
}

bool
sliding_rooms(struct ctx *c, int64_t since, int64_t now,
    struct sliding_rooms *out)
{
	struct user_membership *m;
	struct ignored ignored;
	size_t n;

	*out = (struct sliding_rooms){ .n = 0 };
	if (!memberships_of_user(c->db, c->a, c->who.user, ~0U, &m, &n,
	    &c->err) || !load_direct(c, out) ||
	    !ignore_list(c, c->who.user, &ignored))
		return false;
	out->at = arena_array(c->a, struct sliding_room, n);
	for (size_t i = 0; i < n; i++) {
		struct sliding_room *x = &out->at[out->n];
		bool unwanted;

		if (!is_shown(&m[i], since, now))
			continue;
		*x = (struct sliding_room){ .m = m[i], .bump = m[i].pos };
		x->newly_left = m[i].membership == MEMBER_LEAVE ||
		    m[i].membership == MEMBER_BAN;
		if (!room_open_nid(c, m[i].room, &x->r) ||
		    !is_ignored(c, &ignored, x, &unwanted))
			return false;
		if (unwanted)
			continue;
		if (m[i].membership == MEMBER_JOIN &&
		    !recency(c, x->r, &x->bump))
			return false;
		out->n++;
	}
	if (out->n > 1)
		qsort(out->at, out->n, sizeof(*out->at), newest_first);
	return true;
}

bool
sliding_is_direct(const struct sliding_rooms *x, struct str room_id)
{
	for (uint32_t i = 0; x->direct != NULL && i < x->direct->n; i++) {
		const struct json *list = &x->direct->m[i].val;

		if (list->type != JSON_ARR)
			continue;
		for (uint32_t k = 0; k < list->n; k++)
			if (list->at[k].type == JSON_STR &&
			    str_eq(list->at[k].s, room_id))
				return true;
	}
	return false;
}

/* A null in the array stands for the empty string. */
static bool
names_have(const struct json *names, struct str s)
{
	for (uint32_t i = 0; i < names->n; i++) {
		const struct json *v = &names->at[i];

		if ((v->type == JSON_NULL && s.n == 0) ||
		    (v->type == JSON_STR && v->s.n > 0 && str_eq(v->s, s)))
			return true;
	}
	return false;
}

static bool
has_state(struct ctx *c, struct room *r, struct str type, bool *has)
{
	const struct sev *ev;

	if (!room_state(c, r, type, S(""), &ev))
		return false;
	*has = ev != NULL;
	return true;
}

/* Is the room a child of one of those spaces, in which the user is? */
static bool
in_spaces(struct ctx *c, const struct json *spaces, struct str room_id,
    bool *in)
{
	*in = false;
	for (uint32_t i = 0; i < spaces->n && !*in; i++) {
		const struct sev *child;
		struct room *space;

		if (!room_open(c, spaces->at[i].s, &space)) {
			if (c->err.code != M_NOT_FOUND)
				return false;
			err_clear(&c->err);
			continue;
		}
		if (room_membership(space, c->who.user) != MEMBER_JOIN)
			continue;
		if (!room_state(c, space, S("m.space.child"), room_id, &child))
			return false;
		*in = child != NULL && json_get_arr(child->ev.content,
		    S("via")) != NULL;
	}
	return true;
}

static bool
has_tag(struct ctx *c, int64_t room, const struct json *names, bool *has)
{
	const struct json *tags;
	struct str text;
	struct json v;

	*has = false;
	if (!accdata_get(c->db, c->a, c->who.user, room, S("m.tag"), &text,
	    &c->err))
		return false;
	if (text.n == 0)
		return true;
	if (!json_parse(c->a, text, JSON_ANY, &v, &c->err))
		return false;
	tags = json_get_obj(&v, S("tags"));
	for (uint32_t i = 0; tags != NULL && i < tags->n && !*has; i++)
		*has = names_have(names, tags->m[i].key);
	return true;
}

static bool
is_named_like(struct ctx *c, struct room *r, struct str like, bool *is)
{
	const struct sev *name;

	if (!room_state(c, r, S("m.room.name"), S(""), &name))
		return false;
	*is = name != NULL && str_find_str(unicode_fold(c->a,
	    json_str(name->ev.content, S("name"))), unicode_fold(c->a, like))
	    >= 0;
	return true;
}

/* One condition after the other; *ok says whether all hold. */
static bool
passes(struct ctx *c, const struct sliding_rooms *all,
    const struct sliding_room *x, const struct sliding_filter *f, bool *ok)
{
	/* Of a room of others, to which the user is invited, it may not be known. */
	const struct event *create = room_create_event(x->r);
	struct str type = create != NULL ? json_str(create->content,
	    S("type")) : S("");
	bool is;

	*ok = false;
	if (f->is_dm >= 0 && sliding_is_direct(all, room_id(x->r)) !=
	    (f->is_dm == 1))
		return true;
	if (f->is_invite >= 0 && (x->m.membership == MEMBER_INVITE) !=
	    (f->is_invite == 1))
		return true;
	if ((f->types != NULL && !names_have(f->types, type)) ||
	    (f->not_types != NULL && names_have(f->not_types, type)))
		return true;
	if (f->is_encrypted >= 0) {
		if (!has_state(c, x->r, S("m.room.encryption"), &is))
			return false;
		if (is != (f->is_encrypted == 1))
			return true;
	}
	if (f->tags != NULL) {
		if (!has_tag(c, x->m.room, f->tags, &is))
			return false;
		if (!is)
			return true;
	}
	if (f->not_tags != NULL) {
		if (!has_tag(c, x->m.room, f->not_tags, &is))
			return false;
		if (is)
			return true;
	}
	if (f->spaces != NULL) {
		if (!in_spaces(c, f->spaces, room_id(x->r), &is))
			return false;
		if (!is)
			return true;
	}
	if (f->name_like.n > 0)
		return is_named_like(c, x->r, f->name_like, ok);
	*ok = true;
	return true;
}

static bool
in_ranges(const struct sliding_list *list, int64_t index)
{
	for (size_t i = 0; i < list->nranges; i++)
		if (index >= list->range[i].first &&
		    index <= list->range[i].last)
			return true;
	return false;
}

static void
want(struct ctx *c, struct sliding_room *x, const struct sliding_want *w)
{
	x->want = x->in_window || x->subscribed
	    ? sliding_widest(c->a, &x->want, w) : *w;
}

bool
sliding_window(struct ctx *c, struct sliding_rooms *x,
    const struct sliding_list *list, int64_t *count, bool *member)
{
	*count = 0;
	for (size_t i = 0; i < x->n; i++) {
		bool ok;

		if (!passes(c, x, &x->at[i], &list->filter, &ok))
			return false;
		if (!ok)
			continue;
		if (in_ranges(list, *count)) {
			want(c, &x->at[i], &list->want);
			x->at[i].in_window = true;
			member[i] = true;
		}
		(*count)++;
	}
	return true;
}

void
sliding_subscribe(struct ctx *c, struct sliding_rooms *x,
    const struct sliding_room_ask *ask, size_t *at)
{
	*at = SIZE_MAX;
	for (size_t i = 0; i < x->n; i++) {
		if (!str_eq(room_id(x->at[i].r), ask->room_id))
			continue;
		want(c, &x->at[i], &ask->want);
		x->at[i].subscribed = true;
		*at = i;
		return;
	}
}
