/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Which events of a room a user may see: the state at each event, asked once
 * for each state that differs. spec: client-server, "Room History Visibility".
 */
#include "core/ignore_cache.h"
#include "core/room_impl.h"

#define STEPS_MAX 200			/* changes of membership looked back at */

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

bool
room_departure(struct ctx *c, struct room *r, struct str user,
    const struct sev **left, const struct sev **joined)
{
	const struct sev *ev, *before;
	int64_t nid;

	*left = *joined = NULL;
	if (!room_state(c, r, S("m.room.member"), user, &ev))
		return false;
	for (int i = 0; ev != NULL && i < STEPS_MAX; i++) {
		if (!state_before(c, ev, S("m.room.member"), user, &nid))
			return false;
		if (nid == 0)
			return true;
		if (!event_by_nid(c, nid, &before))
			return false;
		if (before != NULL &&
		    membership_of_event(&before->ev) == MEMBER_JOIN) {
			*left = ev;
			*joined = before;
			return true;
		}
		ev = before;
	}
	return true;
}

/* What came before this seq, the reader has joined after; 0: never joined. */
static bool
last_joined(struct ctx *c, struct room *r, struct str user, int64_t *seq)
{
	const struct sev *left, *joined;

	*seq = INT64_MAX;
	if (room_membership(r, user) == MEMBER_JOIN)
		return true;
	if (!room_departure(c, r, user, &left, &joined))
		return false;
	*seq = joined != NULL ? joined->seq : 0;
	return true;
}

/*
 * The event that changes who may see is seen by whom it lets see before or
 * after: neither "joined" nor "invited" is the wider for everybody.
 */
static bool
decide(const struct sev *ev, struct str user, const struct seen_state *s,
    int64_t joined_seq, bool ignored)
{
	struct visible_ask ask = {
		.history = s->history, .at_event = s->member,
		.joined_after = joined_seq > ev->seq,
		.is_state = ev->ev.is_state,
		.ignored_sender = ignored && !str_eq(ev->ev.sender, user),
	};

	/* One's own membership is always one's own to see. */
	if (ev->ev.is_state && str_eq(ev->ev.type, S("m.room.member")) &&
	    str_eq(ev->ev.state_key, user))
		return true;
	if (visible_to_user(&ask))
		return true;
	if (!ev->ev.is_state ||
	    !str_eq(ev->ev.type, S("m.room.history_visibility")) ||
	    ev->ev.state_key.n > 0)
		return false;
	ask.history = history_of_event(&ev->ev);
	return visible_to_user(&ask);
}

bool
room_visible(struct ctx *c, struct room *r, struct str user,
    const struct sev *const *ev, size_t n, bool *keep)
{
	struct seen_state s = { .known = false };
	struct ignored ignored;
	int64_t joined;

	if (n == 0)
		return true;
	if (!last_joined(c, r, user, &joined) ||
	    !ignore_list(c, user, &ignored))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!look(c, &ev[i]->state, user, &s))
			return false;
		keep[i] = decide(ev[i], user, &s, joined,
		    ignores(&ignored, ev[i]->ev.sender));
	}
	return true;
}

bool
room_keep_visible(struct ctx *c, struct room *r, struct str user,
    const struct sev **ev, size_t *n)
{
	bool *keep = arena_array(c->a, bool, *n);
	size_t kept = 0;

	if (!room_visible(c, r, user, ev, *n, keep))
		return false;
	for (size_t i = 0; i < *n; i++)
		if (keep[i])
			ev[kept++] = ev[i];
	*n = kept;
	return true;
}

bool
room_membership_at(struct ctx *c, struct room *r, struct str user,
    const struct sev *ev, struct str *out)
{
	const struct sev *now, *then;
	int64_t nid;

	if (!room_state(c, r, S("m.room.member"), user, &now))
		return false;
	*out = membership_name(MEMBER_LEAVE);
	if (now == NULL)
		return true;
	/* Mostly nothing has changed since. */
	if (ev->nid == now->nid || ev->seq > now->seq) {
		*out = membership_name(membership_of_event(&now->ev));
		return true;
	}
	if (ev->ev.is_state && str_eq(ev->ev.type, S("m.room.member")) &&
	    str_eq(ev->ev.state_key, user)) {
		*out = membership_name(membership_of_event(&ev->ev));
		return true;
	}
	if (!state_get(c->db, &ev->state, S("m.room.member"), user, &nid,
	    &c->err) || (nid != 0 && !event_by_nid(c, nid, &then)))
		return false;
	if (nid != 0 && then != NULL)
		*out = membership_name(membership_of_event(&then->ev));
	return true;
}
