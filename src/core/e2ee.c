/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What /sync asks of end-to-end encryption. See e2ee.h. */
#include "core/e2ee.h"

#include "base/heap.h"
#include "core/edu.h"
#include "core/notify.h"
#include "core/watch.h"
#include "core/room.h"
#include "store/q_keys.h"
#include "store/q_member.h"
#include "store/stream.h"

#include <stdlib.h>
#include <string.h>

bool
todevice_list(struct ctx *c, struct str user, struct str device, int64_t from,
    int64_t upto, size_t max, struct todevice_msg **out, size_t *n,
    bool *more)
{
	struct to_device_row *row;
	size_t count;

	if (!to_device_list(c->db, c->a, user, device, from, upto, max + 1,
	    &row, &count, &c->err))
		return false;
	*more = count > max;
	*n = *more ? max : count;
	*out = arena_array(c->a, struct todevice_msg, *n);
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = (struct todevice_msg){ row[i].pos, row[i].sender,
		    row[i].type, row[i].content };
	return true;
}

struct ack {
	struct str user, device;
	int64_t upto;
};

static bool
ack_body(struct db *db, void *arg, struct err *e)
{
	const struct ack *x = arg;

	return to_device_delete(db, x->user, x->device, x->upto, e);
}

bool
todevice_ack(struct ctx *c, struct str user, struct str device, int64_t upto)
{
	struct ack x = { user, device, upto };
	struct to_device_row *row;
	size_t n;

	/* Mostly there is nothing: a look costs no write. */
	if (!to_device_list(c->db, c->a, user, device, 0, upto, 1, &row, &n,
	    &c->err))
		return false;
	return n == 0 || db_transact(c->db, ack_body, &x, &c->err);
}

static bool
share_a_room(struct ctx *c, struct str x, struct str y, bool *share)
{
	struct user_membership *m;
	size_t n;

	*share = str_eq(x, y);
	if (*share)
		return true;
	if (!memberships_of_user(c->db, c->a, x, 1U << MEMBER_JOIN, &m, &n,
	    &c->err))
		return false;
	for (size_t i = 0; i < n && !*share; i++) {
		struct room *r;

		if (!room_open_nid(c, m[i].room, &r))
			return false;
		*share = room_membership(r, y) == MEMBER_JOIN;
	}
	return true;
}

/* A growing list of users without doubles. */
struct users {
	struct arena *a;
	struct str *at;
	size_t n, cap;
};

static void
users_add(struct users *u, struct str id)
{
	for (size_t i = 0; i < u->n; i++)
		if (str_eq(u->at[i], id))
			return;
	u->at = arena_more(u->a, u->at, u->n, &u->cap, sizeof(*u->at));
	u->at[u->n++] = id;
}

/*
 * People who came into a room of the user's, or whose room the user came into,
 * in the time: their keys are new to the user. People who left: no longer
 * followed, if no other room is shared.
 */
static bool
by_membership(struct ctx *c, struct str user, int64_t from, int64_t upto,
    struct users *changed, struct users *left)
{
	struct user_membership *m;
	const struct member *who;
	size_t n, nwho;

	if (!memberships_of_user(c->db, c->a, user, 1U << MEMBER_JOIN |
	    1U << MEMBER_LEAVE | 1U << MEMBER_BAN, &m, &n, &c->err))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool i_changed = m[i].pos > from && m[i].pos <= upto;
		struct room *r;

		if (m[i].membership != MEMBER_JOIN && !i_changed)
			continue;
		if (!room_open_nid(c, m[i].room, &r))
			return false;
		if (!i_changed && room_head(r).last_pos <= from)
			continue;
		if (!room_members(c, r, 1U << MEMBER_JOIN |
		    1U << MEMBER_LEAVE | 1U << MEMBER_BAN, &who, &nwho))
			return false;
		for (size_t k = 0; k < nwho; k++) {
			bool moved = who[k].pos > from && who[k].pos <= upto;

			if (!moved && !i_changed)
				continue;
			if (who[k].membership == MEMBER_JOIN &&
			    m[i].membership == MEMBER_JOIN)
				users_add(changed, who[k].user);
			else if (!str_eq(who[k].user, user))
				users_add(left, who[k].user);
		}
	}
	return true;
}

static bool
keep_left(struct ctx *c, struct str user, struct users *left)
{
	size_t kept = 0;

	for (size_t i = 0; i < left->n; i++) {
		bool share;

		if (!share_a_room(c, user, left->at[i], &share))
			return false;
		if (!share)
			left->at[kept++] = left->at[i];
	}
	left->n = kept;
	return true;
}

bool
devicelist_changes(struct ctx *c, struct str user, int64_t from, int64_t upto,
    struct str **changed, size_t *nchanged, struct str **left, size_t *nleft)
{
	struct users new = { .a = c->a }, gone = { .a = c->a };
	struct str *who;
	size_t n;

	if (!device_changes_in(c->db, c->a, from, upto, &who, &n, &c->err))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool share;

		if (!share_a_room(c, user, who[i], &share))
			return false;
		if (share)
			users_add(&new, who[i]);
	}
	if (!by_membership(c, user, from, upto, &new, &gone) ||
	    !keep_left(c, user, &gone))
		return false;
	*changed = new.at;
	*nchanged = new.n;
	*left = gone.at;
	*nleft = gone.n;
	return true;
}

bool
devicelist_bump(struct db *db, struct stream_tx *tx, struct str user,
    struct err *e)
{
	int64_t pos;

	return stream_next(db, tx, &pos, e) &&
	    device_change_put(db, user, pos, e);
}

struct tell {
	int64_t pos;
	size_t n;
	char user[];
};

static void
tell(void *arg)
{
	struct tell *t = arg;

	notify_sharers(str_n(t->user, t->n), t->pos);
	free(t);
}

bool
devicelist_begin(struct ctx *c, struct str user)
{
	int64_t changed;

	return watch_user(c, user, &changed);
}

void
devicelist_end(struct stream_tx *tx, struct str user)
{
	struct tell *t;

	if (tx->first == 0)
		return;
	t = must(malloc(sizeof(*t) + user.n));
	t->pos = tx->last;
	t->n = user.n;
	memcpy(t->user, user.p, user.n);
	stream_end(tx, tell, t);
	if (server_is_local(user))
		edu_devices_changed(user);
}

bool
e2ee_device_removed(struct db *db, struct str user, struct str device,
    struct err *e)
{
	return device_keys_delete(db, user, device, e);
}
