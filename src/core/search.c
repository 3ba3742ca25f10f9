/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Searching: an expression for the index, then every hit is looked at as any
 * event is before somebody reads it. What is counted is what this reader may
 * see: a count of the rest would tell of it. See search.h.
 */
#include "core/search.h"

#include "base/map.h"
#include "core/words.h"
#include "store/q_member.h"
#include "store/q_search.h"

#include <stdlib.h>

#define ROOMS_MAX 300			/* named in an expression; with more, none is */
#define BEFORE_MAX 20			/* rooms that a room replaces, one after the other */
#define NAMED_MAX 1000			/* rooms asked for, with those that they replace */
#define LOOK_ALL 20000			/* hits looked at for who is in more rooms than are named */
#define HIGHLIGHTS_MAX 100
#define TEXT_WORDS_MAX 2000
#define CATCH_UP 20			/* batches before a search */

/* One search. */
struct looking {
	struct ctx *c;
	const struct search_ask *ask;
	struct word *word;
	size_t nword;
	struct search_hit *hit;
	size_t nhit;
	const struct sev **seen;	/* of each hit: the event, or NULL */
	struct room **room;
};

static void
put_rooms(struct buf *b, const int64_t *nid, size_t n)
{
	buf_char(b, '(');
	for (size_t i = 0; i < n; i++)
		buf_fmt(b, "%s_r%lld", i > 0 ? " OR " : "",
		    (long long)nid[i]);
	buf_c(b, ") AND ");
}

static void
put_keys(struct buf *b, unsigned keys)
{
	static const struct {
		enum search_key key;
		const char *mark;
	} marks[] = { { SEARCH_BODY, "_kb" }, { SEARCH_NAME, "_kn" },
	    { SEARCH_TOPIC, "_kt" } };
	const char *sep = "(";

	if (keys == (SEARCH_BODY | SEARCH_NAME | SEARCH_TOPIC))
		return;
	for (size_t i = 0; i < LEN(marks); i++)
		if ((keys & marks[i].key) != 0) {
			buf_c(b, sep);
			buf_c(b, marks[i].mark);
			sep = " OR ";
		}
	buf_c(b, ") AND ");
}

static void
put_words(struct buf *b, const struct word *word, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_c(b, i > 0 ? " AND (" : "(");
		for (size_t k = 0; k < word[i].n; k++) {
			buf_c(b, k > 0 ? " OR " : "");
			buf_str(b, word[i].stem[k]);
		}
		buf_char(b, ')');
	}
}

/* A room that is asked for, with those that it replaces. */
static bool
add_room(struct ctx *c, struct str id, int64_t *nid, size_t *n)
{
	struct room *r;

	for (int i = 0; i < BEFORE_MAX && id.n > 0 && *n < NAMED_MAX; i++) {
		if (!room_open(c, id, &r)) {
			if (c->err.code != M_NOT_FOUND)
				return false;
			err_clear(&c->err);
			return true;
		}
		nid[(*n)++] = room_nid(r);
		id = json_str(json_get_obj(room_create_event(r)->content,
		    S("predecessor")), S("room_id"));
	}
	return true;
}

/* The rooms to search in; n 0 and *all: too many to name. */
static bool
choose_rooms(struct looking *l, int64_t **out, size_t *n, bool *all)
{
	const struct filter_list *rooms = &l->ask->filter.rooms;
	struct user_membership *m;
	struct ctx *c = l->c;
	size_t nm;

	*n = 0;
	*all = false;
	if (rooms->given) {
		*out = arena_array(c->a, int64_t, NAMED_MAX);
		for (size_t i = 0; i < rooms->n; i++)
			if (!add_room(c, rooms->at[i], *out, n))
				return false;
		return true;
	}
	if (!memberships_of_user(c->db, c->a, c->who.user, 1U << MEMBER_JOIN |
	    1U << MEMBER_LEAVE | 1U << MEMBER_BAN, &m, &nm, &c->err))
		return false;
	*all = nm > ROOMS_MAX;
	*out = arena_array(c->a, int64_t, nm);
	for (size_t i = 0; i < nm && !*all; i++)
		(*out)[(*n)++] = m[i].room;
	return true;
}

static bool
find_hits(struct looking *l)
{
	struct ctx *c = l->c;
	struct search_query q = { .user = c->who.user,
	    .by_rank = l->ask->by_rank };
	struct buf b;
	int64_t *nid;
	size_t n;
	bool all;

	words_of(c->a, l->ask->term, SEARCH_WORDS_MAX, &l->word, &l->nword);
	if (!choose_rooms(l, &nid, &n, &all))
		return false;
	if (l->nword == 0 || (n == 0 && !all))
		return true;
	buf_init(&b, c->a, (size_t)1 << 20);
	if (!all)
		put_rooms(&b, nid, n);
	put_keys(&b, l->ask->keys);
	put_words(&b, l->word, l->nword);
	q.expression = buf_view(&b);
	q.look = all ? LOOK_ALL : SEARCH_HITS_MAX;
	return search_find(c->db, c->a, &q, SEARCH_HITS_MAX, &l->hit,
	    &l->nhit, &c->err);
}

/* May hits of this room be shown at all? */
static bool
room_counts_in(struct looking *l, struct room *r, bool *in)
{
	struct filter_list any = { .given = false };
	const struct sev *ev;

	if (!room_state(l->c, r, S("m.room.encryption"), S(""), &ev))
		return false;
	*in = ev == NULL && filter_room(&any, &l->ask->filter.not_rooms,
	    room_id(r));
	return true;
}

/* The hits at[0..n), all of one room: those that the reader may see are noted in l->seen. */
static bool
look_at_room(struct looking *l, const size_t *at, size_t n)
{
	struct event_filter f = l->ask->filter;
	const struct sev **ev = arena_array(l->c->a, const struct sev *, n);
	size_t *from = arena_array(l->c->a, size_t, n), got = 0;
	bool *keep = arena_array(l->c->a, bool, n), in;
	struct room *r;

	/* Rooms were chosen before, with those that they replace. */
	f.rooms.given = f.not_rooms.given = false;
	if (!room_open_nid(l->c, l->hit[at[0]].room, &r) ||
	    !room_counts_in(l, r, &in))
		return false;
	for (size_t i = 0; i < n && in; i++) {
		if (!event_by_nid(l->c, l->hit[at[i]].nid, &ev[got]))
			return false;
		from[got] = at[i];
		got += ev[got] != NULL && ev[got]->redacted_by.n == 0 &&
		    filter_event(&f, &ev[got]->ev);
	}
	if (!room_visible(l->c, r, l->c->who.user, ev, got, keep))
		return false;
	for (size_t i = 0; i < got; i++)
		if (keep[i]) {
			l->seen[from[i]] = ev[i];
			l->room[from[i]] = r;
		}
	return true;
}

/* By room, so that what is asked of a room is asked once. */
static bool
look_at_hits(struct looking *l)
{
	size_t *at = arena_array(l->c->a, size_t, l->nhit);
	bool *done = arena_array(l->c->a, bool, l->nhit);

	l->seen = arena_array(l->c->a, const struct sev *, l->nhit);
	l->room = arena_array(l->c->a, struct room *, l->nhit);
	for (size_t i = 0; i < l->nhit; i++) {
		size_t n = 0;

		if (done[i])
			continue;
		for (size_t k = i; k < l->nhit; k++)
			if (l->hit[k].room == l->hit[i].room) {
				done[k] = true;
				at[n++] = k;
			}
		if (!look_at_room(l, at, n))
			return false;
	}
	return true;
}

static bool
in_group(const struct search_ask *ask, const struct sev *ev, struct room *r)
{
	switch (ask->group) {
	case SEARCH_NO_GROUP:
		return true;
	case SEARCH_BY_ROOM:
		return str_eq(room_id(r), ask->group_value);
	case SEARCH_BY_SENDER:
		return str_eq(ev->ev.sender, ask->group_value);
	}
	return false;
}

static void
take_page(struct looking *l, struct search_page *out)
{
	const struct search_ask *ask = l->ask;
	int64_t passed = 0;

	out->at = arena_array(l->c->a, struct search_result, ask->limit);
	for (size_t i = 0; i < l->nhit; i++) {
		if (l->seen[i] == NULL)
			continue;
		out->count++;
		if (!in_group(ask, l->seen[i], l->room[i]))
			continue;
		passed++;
		if (out->n == ask->limit || (ask->after > 0 && (ask->by_rank
		    ? passed <= ask->after : l->hit[i].nid >= ask->after)))
			continue;
		out->at[out->n++] = (struct search_result){ l->seen[i],
		    l->room[i], l->hit[i].rank };
		if (out->n == ask->limit)
			out->next = ask->by_rank ? passed : l->hit[i].nid;
	}
}

static bool
has_text(const struct str *list, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], s))
			return true;
	return false;
}

/* The words of what was found that share a stem with a word that was asked for. */
static void
highlight(struct looking *l, struct search_page *out)
{
	struct str *at = arena_array(l->c->a, struct str, HIGHLIGHTS_MAX);

	out->highlight = at;
	for (size_t i = 0; i < out->n; i++) {
		const struct event *ev = &out->at[i].ev->ev;
		enum search_key key;
		struct word *word;
		size_t n;

		words_of(l->c->a, search_text_of(l->c, ev->type, ev->content,
		    &key), TEXT_WORDS_MAX, &word, &n);
		for (size_t k = 0; k < n; k++)
			for (size_t q = 0; q < l->nword; q++)
				if (out->nhighlight < HIGHLIGHTS_MAX &&
				    words_meet(&word[k], &l->word[q]) &&
				    !has_text(at, out->nhighlight,
				    word[k].text))
					at[out->nhighlight++] = word[k].text;
	}
}

bool
search_messages(struct ctx *c, const struct search_ask *ask,
    struct search_page *out)
{
	struct looking l = { .c = c, .ask = ask };

	*out = (struct search_page){ .n = 0 };
	if (!search_catch_up(c, CATCH_UP) || !find_hits(&l) ||
	    !look_at_hits(&l))
		return false;
	take_page(&l, out);
	highlight(&l, out);
	return true;
}
