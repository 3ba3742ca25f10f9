/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which events of a room a user may see: the state at each event, asked once
 * for each state that differs. spec: client-server, "Room History Visibility".
 */
#include "core/room_impl.h"

/* What one state says of the room and of the reader. */
struct seen_state {
	struct state_root root;
	enum history history;
	enum membership member;
	bool known;
};

static bool
look(struct ctx *c, const struct state_root *root, struct str user,
    struct seen_state *s)
{
	const struct sev *ev;
	int64_t nid;

	if (s->known && state_root_eq(&s->root, root))
		return true;
	*s = (struct seen_state){ .root = *root };
	if (!state_get(c->db, root, S("m.room.history_visibility"), S(""),
	    &nid, &c->err) || (nid != 0 && !event_by_nid(c, nid, &ev)))
		return false;
	s->history = history_of_event(nid != 0 && ev != NULL ? &ev->ev : NULL);
	if (!state_get(c->db, root, S("m.room.member"), user, &nid, &c->err) ||
	    (nid != 0 && !event_by_nid(c, nid, &ev)))
		return false;
	s->member = membership_of_event(nid != 0 && ev != NULL ? &ev->ev
	    : NULL);
	s->known = true;
	return true;
}

/* The seq of the reader's present join, or of the last join of one who left. */
static bool
last_joined(struct ctx *c, struct room *r, struct str user, int64_t *seq)
{
	struct room_member *m;
	const struct sev *ev;
	int64_t nid = 0, before;

	*seq = 0;
	pthread_mutex_lock(&r->lock);
	m = room_find_member(r, user);
	if (m != NULL) {
		nid = m->event;
		if (m->membership == MEMBER_JOIN)
			*seq = INT64_MAX;
	}
	pthread_mutex_unlock(&r->lock);
	if (*seq != 0 || nid == 0)
		return true;
	if (!event_by_nid(c, nid, &ev) || ev == NULL)
		return ev == NULL;
	/* Left: what was there while they were in stays theirs. */
	if (!state_before(c, ev, S("m.room.member"), user, &before))
		return false;
	if (before == 0)
		return true;
	if (!event_by_nid(c, before, &ev))
		return false;
	if (ev != NULL && membership_of_event(&ev->ev) == MEMBER_JOIN)
		*seq = ev->seq;
	return true;
}

static enum membership
better(enum membership x, enum membership y)
{
	if (x == MEMBER_JOIN || y == MEMBER_JOIN)
		return MEMBER_JOIN;
	return x == MEMBER_INVITE || y == MEMBER_INVITE ? MEMBER_INVITE : x;
}

static void
decide(const struct sev *ev, struct str user, const struct seen_state *s,
    int64_t joined_seq, bool *keep)
{
	struct visible_ask ask = {
		.history = s->history, .at_event = s->member,
		.joined_after = joined_seq > ev->seq,
		.is_state = ev->ev.is_state,
	};

	/* The event that changes it counts with the wider of before and after. */
	if (ev->ev.is_state &&
	    str_eq(ev->ev.type, S("m.room.history_visibility")) &&
	    history_of_event(&ev->ev) > ask.history)
		ask.history = history_of_event(&ev->ev);
	if (ev->ev.is_state && str_eq(ev->ev.type, S("m.room.member")) &&
	    str_eq(ev->ev.state_key, user)) {
		/* One's own membership is always one's own to see. */
		ask.at_event = better(ask.at_event,
		    membership_of_event(&ev->ev));
		*keep = true;
		return;
	}
	*keep = visible_to_user(&ask);
}

bool
room_visible(struct ctx *c, struct room *r, struct str user,
    const struct sev *const *ev, size_t n, bool *keep)
{
	struct seen_state s = { .known = false };
	int64_t joined;

	if (n == 0)
		return true;
	if (!last_joined(c, r, user, &joined))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!look(c, &ev[i]->state, user, &s))
			return false;
		decide(ev[i], user, &s, joined, &keep[i]);
	}
	return true;
}
