/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Typing: a list of users a room, each with the time it runs out. Every change
 * takes a position of the stream, so that syncs see it like anything else.
 * Positions need no row: after a restart nobody is typing, and clients forget
 * by themselves.
 * threads: all, under one lock; positions are taken outside it.
 */
#include "core/typing.h"

#include "base/heap.h"
#include "base/map.h"
#include "core/edu.h"
#include "core/notify.h"
#include "core/outbound.h"
#include "store/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TYPISTS_MAX 100			/* a room; more are not shown */

struct typist {
	int64_t until_ms;
	size_t n;
	char id[255];
};

struct room_typing {
	int64_t nid, pos;
	struct typist *at[TYPISTS_MAX];
	size_t n;
};

static struct {
	pthread_mutex_t lock;
	struct map rooms;		/* nid -> room_typing; kept, to tell the stop */
} typing = { .lock = PTHREAD_MUTEX_INITIALIZER };

static ptrdiff_t
typist_find(const struct room_typing *t, struct str user)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_eq(str_n(t->at[i]->id, t->at[i]->n), user))
			return (ptrdiff_t)i;
	return -1;
}

static void
typist_drop(struct room_typing *t, size_t i)
{
	free(t->at[i]);
	t->at[i] = t->at[--t->n];
}

/* True: the list that readers see has changed. */
static bool
typist_set(struct room_typing *t, struct str user, int64_t until_ms)
{
	ptrdiff_t i = typist_find(t, user);
	struct typist *who;

	if (i >= 0) {
		t->at[i]->until_ms = until_ms;
		return false;
	}
	if (t->n == TYPISTS_MAX || user.n > sizeof(who->id))
		return false;
	who = must(calloc(1, sizeof(*who)));
	who->until_ms = until_ms;
	who->n = user.n;
	memcpy(who->id, user.p, user.n);
	t->at[t->n++] = who;
	return true;
}

static struct room_typing *
room_entry(int64_t nid)
{
	struct room_typing *t = map_get_i(&typing.rooms, nid);

	if (t == NULL) {
		t = must(calloc(1, sizeof(*t)));
		t->nid = nid;
		map_put_i(&typing.rooms, nid, t);
	}
	return t;
}

struct tell {
	int64_t nid, pos;
};

static void
tell_room(void *arg)
{
	struct tell *t = arg;

	notify_room(t->nid, t->pos);
	free(t);
}

/* Gives the room's list a new position and wakes who reads it. */
static bool
publish(struct ctx *c, int64_t nid)
{
	struct stream_tx tx = { 0 };
	struct room_typing *t;
	struct tell *tell;
	struct room *r;
	int64_t pos;

	if (!stream_next_memory(c->db, &tx, &pos, &c->err)) {
		stream_end(&tx, NULL, NULL);
		return false;
	}
	pthread_mutex_lock(&typing.lock);
	t = room_entry(nid);
	if (t->pos < pos)
		t->pos = pos;
	pthread_mutex_unlock(&typing.lock);
	if (room_open_nid(c, nid, &r))
		room_touch(r, pos);
	tell = must(malloc(sizeof(*tell)));
	*tell = (struct tell){ nid, pos };
	stream_end(&tx, tell_room, tell);
	return true;
}

bool
typing_set(struct ctx *c, struct room *r, bool on, int64_t timeout_ms)
{
	int64_t nid = room_nid(r);
	struct room_typing *t;
	bool changed = false;
	ptrdiff_t i;

	if (!room_must_be_in(c, r))
		return false;
	if (timeout_ms > TYPING_MS_MAX)
		timeout_ms = TYPING_MS_MAX;
	pthread_mutex_lock(&typing.lock);
	t = room_entry(nid);
	i = typist_find(t, c->who.user);
	if (on) {
		changed = typist_set(t, c->who.user, c->now_ms + timeout_ms);
	} else if (i >= 0) {
		typist_drop(t, (size_t)i);
		changed = true;
	}
	pthread_mutex_unlock(&typing.lock);
	if (changed && server_is_local(c->who.user) &&
	    outbound_is_federated(nid))
		edu_typing(c, r, on);
	return !changed || publish(c, nid);
}

void
typing_stop(struct ctx *c, int64_t nid, struct str user)
{
	struct room_typing *t;
	ptrdiff_t i = -1;

	pthread_mutex_lock(&typing.lock);
	t = map_get_i(&typing.rooms, nid);
	if (t != NULL && (i = typist_find(t, user)) >= 0)
		typist_drop(t, (size_t)i);
	pthread_mutex_unlock(&typing.lock);
	/* A position that can't be had: the next change tells it. */
	if (i >= 0 && !publish(c, nid))
		err_clear(&c->err);
}

bool
typing_since(struct ctx *c, int64_t nid, int64_t since, bool *changed,
    struct str **users, size_t *n)
{
	struct room_typing *t;

	*changed = false;
	*n = 0;
	*users = NULL;
	pthread_mutex_lock(&typing.lock);
	t = map_get_i(&typing.rooms, nid);
	if (t != NULL && t->pos > since) {
		*changed = true;
		*users = arena_array(c->a, struct str, t->n);
		for (size_t i = 0; i < t->n; i++)
			if (t->at[i]->until_ms > c->now_ms)
				(*users)[(*n)++] = str_dup(c->a,
				    str_n(t->at[i]->id, t->at[i]->n));
	}
	pthread_mutex_unlock(&typing.lock);
	return true;
}

int64_t
typing_expire(struct ctx *c)
{
	int64_t next = INT64_MAX, told[64];
	size_t ntold = 0;
	struct room_typing *t;
	struct map_iter it;

	pthread_mutex_lock(&typing.lock);
	it = map_iter(&typing.rooms);
	while ((t = map_next(&it)) != NULL) {
		size_t before = t->n;

		if (ntold == LEN(told))
			break;
		for (size_t i = t->n; i > 0; i--)
			if (t->at[i - 1]->until_ms <= c->now_ms)
				typist_drop(t, i - 1);
		for (size_t i = 0; i < t->n; i++)
			if (t->at[i]->until_ms < next)
				next = t->at[i]->until_ms;
		if (t->n != before)
			told[ntold++] = t->nid;
	}
	pthread_mutex_unlock(&typing.lock);
	if (ntold == LEN(told))
		next = c->now_ms;
	for (size_t i = 0; i < ntold; i++)
		if (!publish(c, told[i]))
			err_clear(&c->err);
	return next;
}
