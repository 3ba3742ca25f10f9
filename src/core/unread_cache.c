/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Unread counts: a fold of the reader's push rules over what was written after
 * the reader's receipt, kept in memory with the place it has reached.
 * docs/decisions/0003. threads: all, under a lock; the fold runs outside it.
 */
#include "core/userdata.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 500000

struct entry {
	int64_t read_seq, upto, rules_pos;
	struct unread n;
	size_t key_n;
	char key[];
};

static struct {
	pthread_mutex_t lock;
	struct map by_key;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* "user NUL room" */
static struct str
key_of(struct arena *a, struct str user, int64_t room)
{
	struct buf b;

	buf_init(&b, a, 512);
	buf_str(&b, user);
	buf_char(&b, '\0');
	buf_i64(&b, room);
	return buf_view(&b);
}

static void
clear(void)
{
	struct map_iter it = map_iter(&cache.by_key);
	void *x;

	while ((x = map_next(&it)) != NULL)
		free(x);
	map_done(&cache.by_key);
	cache.by_key = (struct map){ 0 };
}

static bool
find(struct str key, struct entry *out)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	x = map_get(&cache.by_key, key);
	if (x != NULL)
		*out = *x;
	pthread_mutex_unlock(&cache.lock);
	return x != NULL;
}

static void
keep(struct str key, const struct entry *now)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	x = map_get(&cache.by_key, key);
	if (x == NULL) {
		if (cache.by_key.n >= ENTRIES_MAX)
			clear();
		x = calloc(1, sizeof(*x) + key.n);
		if (x == NULL)
			abort();
		x->key_n = key.n;
		memcpy(x->key, key.p, key.n);
		map_put(&cache.by_key, str_n(x->key, x->key_n), x);
	}
	x->read_seq = now->read_seq;
	x->upto = now->upto;
	x->rules_pos = now->rules_pos;
	x->n = now->n;
	pthread_mutex_unlock(&cache.lock);
}

/* How far the user has read the room: the furthest receipt, or where they came in. */
static bool
read_upto(struct ctx *c, struct room *r, const struct unread_ask *ask,
    int64_t *seq)
{
	const struct sev *mine;

	*seq = 0;
	for (size_t i = 0; i < ask->nreceipts; i++)
		if (ask->receipts[i].room == room_nid(r) &&
		    ask->receipts[i].seq > *seq &&
		    (ask->receipts[i].thread.n == 0 ||
		    str_eq(ask->receipts[i].thread, S("main"))))
			*seq = ask->receipts[i].seq;
	if (*seq != 0)
		return true;
	if (!room_state(c, r, S("m.room.member"), ask->user, &mine))
		return false;
	*seq = mine != NULL ? mine->seq : 0;
	return true;
}

static bool
fold(struct ctx *c, struct room *r, const struct unread_ask *ask,
    const struct sev *const *ev, size_t n, struct unread *sum)
{
	const struct sev *mine;
	struct power power;
	struct push_ask pa = { .user_id = ask->user,
	    .member_count = room_counts(r).joined, .power = &power };

	if (n == 0)
		return true;
	if (!room_power(c, r, &power) || !room_state(c, r,
	    S("m.room.member"), ask->user, &mine))
		return false;
	if (mine != NULL)
		pa.display_name = json_str(mine->ev.content,
		    S("displayname"));
	for (size_t i = 0; i < n; i++) {
		struct push_result res;

		/* Who writes has read what was there. */
		if (str_eq(ev[i]->ev.sender, ask->user)) {
			*sum = (struct unread){ 0, 0 };
			continue;
		}
		pa.ev = &ev[i]->ev;
		push_evaluate(ask->rules, &pa, &res);
		sum->notify += res.notify;
		sum->highlight += res.highlight;
	}
	return true;
}

bool
unread_count(struct ctx *c, struct room *r, const struct unread_ask *ask,
    struct unread *out)
{
	struct str key = key_of(c->a, ask->user, room_nid(r));
	int64_t last = room_head(r).last_seq, read_seq, from;
	struct entry x = { .upto = 0 };
	const struct sev **ev;
	size_t n;

	if (!read_upto(c, r, ask, &read_seq))
		return false;
	if (!find(key, &x) || x.read_seq != read_seq ||
	    x.rules_pos != ask->rules_pos)
		x = (struct entry){ .upto = read_seq };
	from = x.upto + 1;
	if (from < last - UNREAD_MAX + 1)
		from = last - UNREAD_MAX + 1;
	if (from <= last) {
		if (!room_range(c, r, from, last, false, UNREAD_MAX, &ev, &n) ||
		    !fold(c, r, ask, ev, n, &x.n))
			return false;
		x.upto = last;
		x.read_seq = read_seq;
		x.rules_pos = ask->rules_pos;
		keep(key, &x);
	}
	*out = x.n;
	return true;
}

void
unread_stop(void)
{
	pthread_mutex_lock(&cache.lock);
	clear();
	pthread_mutex_unlock(&cache.lock);
}
