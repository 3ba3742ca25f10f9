/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reading rooms: current state, members, events, ranges of the timeline.
 * What is handed out is referenced until the ctx's arena ends. Loading and the
 * cache are room_load.c, visibility is room_visible.c, writing is persist.c.
 */
#include "core/room_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct str
room_id(const struct room *r)
{
	return r->id;
}

int64_t
room_nid(const struct room *r)
{
	return r->nid;
}

const struct room_version *
room_ver(const struct room *r)
{
	return r->v;
}

const struct event *
room_create_event(const struct room *r)
{
	return r->create != NULL ? &r->create->ev : NULL;
}

/* The room is in memory, unless it is being loaded just now. */
static bool
version_of_room(struct ctx *c, int64_t room, const struct room_version **out)
{
	struct room_row row;
	bool found;

	*out = room_cached_version(room);
	if (*out != NULL)
		return true;
	if (!room_row_find_nid(c->db, c->a, room, &row, &found, &c->err))
		return false;
	*out = found ? room_version(row.version) : NULL;
	return *out != NULL ||
	    fail(&c->err, M_UNKNOWN, "An event's room is damaged");
}

/* Event rows to shared events. A state event brings what it replaced. */
static bool
from_row(struct ctx *c, const struct event_row *row, uint64_t epoch,
    const struct sev **out)
{
	struct evcache_extra extra = { .prev_content = { NULL, 0 } };
	const struct room_version *v;
	struct event_row old;
	struct event ev;
	int64_t before = 0;
	bool found;

	if (!version_of_room(c, row->room, &v))
		return false;
	if (row->is_state && row->seq != 0 && !state_get(c->db, &row->state,
	    row->type, row->state_key, &before, &c->err))
		return false;
	if (before != 0) {
		if (!event_row_by_nid(c->db, c->a, before, &old, &found,
		    &c->err))
			return false;
		if (found && event_load(c->a, v, old.event_id, old.json, &ev,
		    &c->err)) {
			extra.prev_content = ev.content->src;
			extra.replaces = old.event_id;
		}
		err_clear(&c->err);
	}
	*out = evcache_add(v, row, &extra, epoch, &c->err);
	return *out != NULL && sev_hold(c, *out) != NULL;
}

bool
event_by_nid(struct ctx *c, int64_t nid, const struct sev **out)
{
	struct event_row row;
	uint64_t epoch;
	bool found;

	*out = evcache_get(nid);
	if (*out != NULL) {
		sev_hold(c, *out);
		return true;
	}
	epoch = evcache_epoch();
	if (!event_row_by_nid(c->db, c->a, nid, &row, &found, &c->err))
		return false;
	return !found || from_row(c, &row, epoch, out);
}

bool
event_find(struct ctx *c, struct str event_id, const struct sev **out)
{
	uint64_t epoch = evcache_epoch();
	struct event_row row;
	bool found;

	*out = NULL;
	if (!event_row_by_id(c->db, c->a, event_id, &row, &found, &c->err))
		return false;
	if (!found)
		return true;
	*out = evcache_get(row.nid);
	if (*out != NULL) {
		sev_hold(c, *out);
		return true;
	}
	return from_row(c, &row, epoch, out);
}

bool
events_by_nid(struct ctx *c, const int64_t *nids, size_t n,
    const struct sev ***out, size_t *nout)
{
	const struct sev **at = arena_array(c->a, const struct sev *, n);
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sev *ev;

		if (!event_by_nid(c, nids[i], &ev))
			return false;
		if (ev != NULL)
			at[count++] = ev;
	}
	*out = at;
	*nout = count;
	return true;
}

bool
room_state(struct ctx *c, struct room *r, struct str type, struct str key,
    const struct sev **out)
{
	struct room_member *m;
	struct place *p;
	int64_t nid;

	pthread_mutex_lock(&r->lock);
	if (str_eq(type, S("m.room.member"))) {
		m = room_find_member(r, key);
		nid = m != NULL ? m->event : 0;
	} else {
		p = room_place(r, type, key);
		nid = p != NULL ? p->event : 0;
	}
	pthread_mutex_unlock(&r->lock);
	*out = NULL;
	return nid == 0 || event_by_nid(c, nid, out);
}

bool
room_state_all(struct ctx *c, struct room *r, const struct sev *const **out,
    size_t *n)
{
	const struct sev **ev;
	struct map_iter it;
	struct room_member *m;
	struct place *p;
	int64_t *nids;
	size_t count = 0;
	bool ok;

	pthread_mutex_lock(&r->lock);
	nids = arena_array(c->a, int64_t, r->places.n + r->members.n);
	it = map_iter(&r->places);
	while ((p = map_next(&it)) != NULL)
		nids[count++] = p->event;
	it = map_iter(&r->members);
	while ((m = map_next(&it)) != NULL)
		nids[count++] = m->event;
	pthread_mutex_unlock(&r->lock);
	ok = events_by_nid(c, nids, count, &ev, n);
	if (ok)
		*out = ev;
	return ok;
}

bool
room_state_of_type(struct ctx *c, struct room *r, struct str type,
    const struct sev ***out, size_t *n)
{
	struct map_iter it;
	struct place *p;
	int64_t *nids;
	size_t count = 0;

	pthread_mutex_lock(&r->lock);
	nids = arena_array(c->a, int64_t, r->places.n);
	it = map_iter(&r->places);
	while ((p = map_next(&it)) != NULL)
		if (str_eq(str_n(p->bytes, p->type_n), type))
			nids[count++] = p->event;
	pthread_mutex_unlock(&r->lock);
	return events_by_nid(c, nids, count, out, n);
}

struct room_head
room_head(struct room *r)
{
	struct room_head head;

	pthread_mutex_lock(&r->lock);
	head = r->head;
	pthread_mutex_unlock(&r->lock);
	return head;
}

int64_t
room_touched(struct room *r)
{
	int64_t pos;

	pthread_mutex_lock(&r->lock);
	pos = r->touched;
	pthread_mutex_unlock(&r->lock);
	return pos;
}

int64_t
room_floor(struct room *r)
{
	int64_t first;

	pthread_mutex_lock(&r->lock);
	first = r->first_seq;
	pthread_mutex_unlock(&r->lock);
	return first < 1 ? first - 1 : 0;
}

void
room_bump(struct room *r, int64_t *seq, int64_t *pos)
{
	pthread_mutex_lock(&r->lock);
	*seq = r->bump_seq;
	*pos = r->bump_pos;
	pthread_mutex_unlock(&r->lock);
}

void
room_bump_set(struct room *r, int64_t seq, int64_t pos)
{
	pthread_mutex_lock(&r->lock);
	if (seq > r->bump_seq) {
		r->bump_seq = seq;
		r->bump_pos = pos;
	}
	pthread_mutex_unlock(&r->lock);
}

void
room_touch(struct room *r, int64_t pos)
{
	pthread_mutex_lock(&r->lock);
	if (r->touched < pos)
		r->touched = pos;
	pthread_mutex_unlock(&r->lock);
}

bool
room_power(struct ctx *c, struct room *r, struct power *out)
{
	const struct sev *levels;

	if (r->create == NULL)
		return fail(&c->err, M_NOT_FOUND,
		    "The room is not known here");
	if (!room_state(c, r, S("m.room.power_levels"), S(""), &levels))
		return false;
	power_init(out, &r->create->ev, levels != NULL ? &levels->ev : NULL);
	return true;
}

enum membership
room_membership(struct room *r, struct str user)
{
	struct room_member *m;
	enum membership is = MEMBER_NONE;

	pthread_mutex_lock(&r->lock);
	m = room_find_member(r, user);
	if (m != NULL)
		is = m->membership;
	pthread_mutex_unlock(&r->lock);
	return is;
}

struct room_counts
room_counts(struct room *r)
{
	struct room_counts n;

	pthread_mutex_lock(&r->lock);
	n = (struct room_counts){ r->joined, r->invited };
	pthread_mutex_unlock(&r->lock);
	return n;
}

static int
by_user(const void *x, const void *y)
{
	return str_cmp(((const struct member *)x)->user,
	    ((const struct member *)y)->user);
}

bool
room_members(struct ctx *c, struct room *r, unsigned mask,
    const struct member **out, size_t *n)
{
	struct room_member *m;
	struct map_iter it;
	struct member *at;
	size_t count = 0;

	pthread_mutex_lock(&r->lock);
	at = arena_array(c->a, struct member, r->members.n);
	it = map_iter(&r->members);
	while ((m = map_next(&it)) != NULL)
		if ((mask & 1U << m->membership) != 0)
			at[count++] = (struct member){
				/* Entries live as long as the room, which is held. */
				.user = str_n(m->user, m->user_n),
				.membership = m->membership,
				.event = m->event, .pos = m->pos,
			};
	pthread_mutex_unlock(&r->lock);
	if (count > 1)
		qsort(at, count, sizeof(*at), by_user);
	*out = at;
	*n = count;
	return !arena_over(c->a) ||
	    fail(&c->err, M_TOO_LARGE, "The room has too many members");
}

bool
room_must_be_in(struct ctx *c, struct room *r)
{
	if (room_membership(r, c->who.user) == MEMBER_JOIN)
		return true;
	return fail(&c->err, M_FORBIDDEN, "You are not in this room");
}

/*
 * What of [from, to] is in memory, newest first and held: the ring names it, the
 * cache of events has it. The store is asked for what lies below.
 */
static size_t
from_ring(struct ctx *c, struct room *r, int64_t from, int64_t to,
    const struct sev **at, size_t max)
{
	int64_t nid[RING];
	size_t n = 0, got;

	if (max > RING)
		max = RING;
	pthread_mutex_lock(&r->lock);
	for (int64_t seq = to; seq >= from && seq > 0 && n < max; seq--) {
		const struct event_place *p = &r->ring[(size_t)seq % RING];

		if (p->seq != seq)
			break;
		nid[n++] = p->nid;
	}
	pthread_mutex_unlock(&r->lock);
	for (got = 0; got < n; got++) {
		at[got] = evcache_get(nid[got]);
		if (at[got] == NULL)
			break;
		sev_hold(c, at[got]);
	}
	return got;
}

static void
reverse(const struct sev **at, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		const struct sev *t = at[i];

		at[i] = at[n - 1 - i];
		at[n - 1 - i] = t;
	}
}

static bool
range_stored(struct ctx *c, struct room *r, int64_t from, int64_t to,
    bool back, size_t max, const struct sev **at, size_t *n)
{
	uint64_t epoch = evcache_epoch();
	struct event_rows rows;

	if (!event_rows_range(c->db, c->a, r->nid, from, to, back, max, &rows,
	    &c->err))
		return false;
	for (size_t i = 0; i < rows.n; i++) {
		const struct sev *ev = evcache_get(rows.at[i].nid);

		if (ev != NULL)
			sev_hold(c, ev);
		else if (!from_row(c, &rows.at[i], epoch, &ev))
			return false;
		at[(*n)++] = ev;
	}
	return true;
}

/* Rejected and soft-failed events are in the store, but not in any timeline. */
static size_t
drop_hidden(const struct sev **at, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if ((sev_flags(at[i]) &
		    (EVENT_F_REJECTED | EVENT_F_SOFT_FAILED)) == 0)
			at[kept++] = at[i];
	return kept;
}

bool
room_range(struct ctx *c, struct room *r, int64_t from, int64_t to, bool back,
    size_t max, const struct sev ***out, size_t *n)
{
	const struct sev **at = arena_array(c->a, const struct sev *, max);
	size_t count = 0, want = max;
	int64_t last;

	pthread_mutex_lock(&r->lock);
	last = r->head.last_seq;
	pthread_mutex_unlock(&r->lock);
	if (to > last)
		to = last;
	/* Forward pages that end in the ring are read back from their end. */
	if (!back && to >= from && (uint64_t)(to - from) < max)
		want = (size_t)(to - from) + 1;
	if (back || want <= RING) {
		int64_t top = back || from > INT64_MAX - (int64_t)want ? to
		    : from + (int64_t)want - 1;

		if (top > to)
			top = to;
		count = from_ring(c, r, from, top, at, want);
		if (!back && count < want && top >= from &&
		    count < (size_t)(top - from) + 1)
			count = 0;	/* not all of it: read it in order */
		if (!back && count > 0) {
			reverse(at, count);
			*out = at;
			*n = drop_hidden(at, count);
			return true;
		}
	}
	if (count > 0)
		to = at[count - 1]->seq - 1;
	if (count < max && to >= from && !range_stored(c, r, from, to, back,
	    max - count, at, &count))
		return false;
	*out = at;
	*n = drop_hidden(at, count);
	return true;
}

bool
room_seq_at(struct ctx *c, struct room *r, int64_t pos, int64_t *seq)
{
	int64_t low = 0, high, mid, at;

	pthread_mutex_lock(&r->lock);
	high = r->head.last_seq;
	if (r->head.last_pos <= pos) {
		pthread_mutex_unlock(&r->lock);
		*seq = high;
		return true;
	}
	/* Mostly the answer lies among the newest. */
	while (high > 0 && r->ring[(size_t)high % RING].seq == high &&
	    r->ring[(size_t)high % RING].pos > pos)
		high--;
	if (high > 0 && r->ring[(size_t)high % RING].seq == high)
		low = high;
	pthread_mutex_unlock(&r->lock);
	/* seq and pos grow together: halve. low: pos is not above it. */
	while (low < high) {
		mid = low + (high - low + 1) / 2;
		if (!event_pos_at(c->db, r->nid, mid, &at, &c->err))
			return false;
		if (at <= pos && at != 0)
			low = mid;
		else
			high = mid - 1;
	}
	*seq = low;
	return true;
}

bool
state_before(struct ctx *c, const struct sev *ev, struct str type,
    struct str key, int64_t *event)
{
	return state_get(c->db, &ev->state, type, key, event, &c->err);
}
