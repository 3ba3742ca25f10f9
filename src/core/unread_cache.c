/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Unread counts: a fold of the reader's push rules over what was written after
 * the reader's receipt, kept in memory with the place it has reached.
 * docs/decisions/0003. threads: all, under a lock; the fold runs outside it.
 */
#include "base/heap.h"
#include "core/userdata.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 500000
#define BYTES_MAX (64 << 20)		/* of threads' counts */
#define STAYS_MAX 50			/* changes of one stay looked back at */
#define HOPS_MAX 3			/* from an event to the thread that it belongs to */

struct entry {
	int64_t read_pos, upto, rules_pos;
	struct unread_thread *of;	/* one block with the ids; those with counts only */
	size_t nof, bytes;
	size_t key_n;
	char key[];
};

static struct {
	pthread_mutex_t lock;
	struct map by_key;
	size_t bytes;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A count under way, in the ctx's arena. The main timeline is the thread "". */
struct sum {
	int64_t read_pos, upto, rules_pos;
	struct unread_thread *of;
	size_t n, cap;
};

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
drop(void *val)
{
	struct entry *x = val;

	free(x->of);
	free(x);
}

static void
clear(void)
{
	map_clear(&cache.by_key, drop);
	cache.bytes = 0;
}

static struct unread_thread *
sum_of(struct arena *a, struct sum *s, struct str root)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->of[i].root, root))
			return &s->of[i];
	s->of = arena_more(a, s->of, s->n, &s->cap, sizeof(*s->of));
	s->of[s->n] = (struct unread_thread){ .root = root };
	return &s->of[s->n++];
}

static bool
find(struct arena *a, struct str key, struct sum *out)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	x = map_get(&cache.by_key, key);
	if (x != NULL) {
		*out = (struct sum){ .read_pos = x->read_pos,
		    .upto = x->upto, .rules_pos = x->rules_pos };
		for (size_t i = 0; i < x->nof; i++)
			sum_of(a, out, str_dup(a, x->of[i].root))->n =
			    x->of[i].n;
	}
	pthread_mutex_unlock(&cache.lock);
	return x != NULL;
}

/* The counts that are not nought, and their ids behind them. */
static void
keep_counts(struct entry *x, const struct sum *now)
{
	size_t bytes = 0, n = 0;
	char *p;

	for (size_t i = 0; i < now->n; i++)
		if (now->of[i].n.notify > 0 || now->of[i].n.highlight > 0) {
			bytes += sizeof(*x->of) + now->of[i].root.n;
			n++;
		}
	cache.bytes -= x->bytes;
	free(x->of);
	x->of = NULL;
	x->nof = 0;
	x->bytes = bytes;
	cache.bytes += bytes;
	if (n == 0)
		return;
	x->of = must(malloc(bytes));
	p = (char *)(x->of + n);
	for (size_t i = 0; i < now->n; i++) {
		const struct unread_thread *t = &now->of[i];

		if (t->n.notify == 0 && t->n.highlight == 0)
			continue;
		memcpy(p, t->root.p != NULL ? t->root.p : "", t->root.n);
		x->of[x->nof++] = (struct unread_thread){
		    str_n(p, t->root.n), t->n };
		p += t->root.n;
	}
}

static void
keep(struct str key, const struct sum *now)
{
	struct entry *x;

	pthread_mutex_lock(&cache.lock);
	if (cache.by_key.n >= ENTRIES_MAX || cache.bytes > BYTES_MAX)
		clear();
	x = map_get(&cache.by_key, key);
	if (x == NULL) {
		x = must(calloc(1, sizeof(*x) + key.n));
		x->key_n = key.n;
		memcpy(x->key, key.p, key.n);
		map_put(&cache.by_key, str_n(x->key, x->key_n), x);
	}
	x->read_pos = now->read_pos;
	x->upto = now->upto;
	x->rules_pos = now->rules_pos;
	keep_counts(x, now);
	pthread_mutex_unlock(&cache.lock);
}

/* What the receipts of a user say of one room. */
struct read_marks {
	const struct receipt **of;	/* those of the room */
	size_t n;
	int64_t all;			/* read up to this seq, whatever the thread */
	int64_t pos;			/* of the newest of them */
};

static void
read_marks(struct ctx *c, struct room *r, const struct unread_ask *ask,
    struct read_marks *out)
{
	*out = (struct read_marks){ .all = 0 };
	out->of = arena_array(c->a, const struct receipt *, ask->nreceipts);
	for (size_t i = 0; i < ask->nreceipts; i++) {
		const struct receipt *x = &ask->receipts[i];

		if (x->room != room_nid(r))
			continue;
		out->of[out->n++] = x;
		if (x->pos > out->pos)
			out->pos = x->pos;
		if (x->thread.n == 0 && x->seq > out->all)
			out->all = x->seq;
	}
}

/* Where the user came in: the first join of this stay, not the last change of name. */
static bool
came_in(struct ctx *c, struct room *r, struct str user, int64_t *seq)
{
	const struct sev *ev, *before;
	int64_t nid;

	*seq = 0;
	if (!room_state(c, r, S("m.room.member"), user, &ev))
		return false;
	for (int i = 0; i < STAYS_MAX && ev != NULL; i++) {
		*seq = ev->seq;
		if (!state_before(c, ev, S("m.room.member"), user, &nid) ||
		    (nid != 0 && !event_by_nid(c, nid, &before)))
			return false;
		if (nid == 0 || before == NULL ||
		    membership_of_event(&before->ev) != MEMBER_JOIN)
			return true;
		ev = before;
	}
	return true;
}

/* Is an event of that thread ("": the main timeline) read? */
static bool
is_read(const struct read_marks *m, int64_t seq, struct str root)
{
	struct str thread = root.n > 0 ? root : S("main");

	if (seq <= m->all)
		return true;
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->of[i]->thread, thread) && seq <= m->of[i]->seq)
			return true;
	return false;
}

/*
 * The thread of an event: the one that it names, or that of what it relates
 * to. spec: client-server, "Threaded read receipts".
 */
static bool
thread_of(struct ctx *c, const struct sev *ev, struct str *root)
{
	*root = S("");
	for (int i = 0; i < HOPS_MAX && ev != NULL; i++) {
		const struct json *rel = json_get_obj(ev->ev.content,
		    S("m.relates_to"));
		struct str type = json_str(rel, S("rel_type"));
		struct str id = json_str(rel, S("event_id"));

		if (type.n == 0 || id.n == 0)
			return true;
		if (str_eq(type, S("m.thread"))) {
			*root = id;
			return true;
		}
		if (!event_find(c, id, &ev))
			return false;
	}
	return true;
}

static bool
count_one(struct ctx *c, const struct unread_ask *ask,
    const struct read_marks *marks, const struct sev *ev,
    struct push_ask *pa, struct sum *s)
{
	struct unread_thread *t;
	struct push_result res;
	struct str root;

	if (!thread_of(c, ev, &root))
		return false;
	t = sum_of(c->a, s, root);
	/* Who writes has read what was there; a change of name says nothing. */
	if (str_eq(ev->ev.sender, ask->user)) {
		if (!ev->ev.is_state)
			t->n = (struct unread){ 0, 0 };
		return true;
	}
	if (is_read(marks, ev->seq, root))
		return true;
	pa->ev = &ev->ev;
	push_evaluate(ask->rules, pa, &res);
	t->n.notify += res.notify;
	t->n.highlight += res.highlight;
	return true;
}

static bool
fold(struct ctx *c, struct room *r, const struct unread_ask *ask,
    const struct read_marks *marks, const struct sev *const *ev, size_t n,
    struct sum *s)
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
	for (size_t i = 0; i < n; i++)
		if (!count_one(c, ask, marks, ev[i], &pa, s))
			return false;
	return true;
}

/* The counts of every thread, brought up to now. */
static bool
sum_up(struct ctx *c, struct room *r, const struct unread_ask *ask,
    struct sum *s)
{
	struct str key = key_of(c->a, ask->user, room_nid(r));
	int64_t last = room_head(r).last_seq, from;
	struct read_marks marks;
	const struct sev **ev;
	size_t n;

	read_marks(c, r, ask, &marks);
	*s = (struct sum){ .read_pos = -1 };
	if (!find(c->a, key, s) || s->read_pos != marks.pos ||
	    s->rules_pos != ask->rules_pos) {
		*s = (struct sum){ .upto = marks.all };
		if (marks.all == 0 && !came_in(c, r, ask->user, &s->upto))
			return false;
	}
	from = s->upto + 1;
	if (from < last - UNREAD_MAX + 1)
		from = last - UNREAD_MAX + 1;
	if (from > last)
		return true;
	if (!room_range(c, r, from, last, false, UNREAD_MAX, &ev, &n) ||
	    !fold(c, r, ask, &marks, ev, n, s))
		return false;
	s->upto = last;
	s->read_pos = marks.pos;
	s->rules_pos = ask->rules_pos;
	keep(key, s);
	return true;
}

bool
unread_count(struct ctx *c, struct room *r, const struct unread_ask *ask,
    struct unread *out)
{
	struct sum s;

	if (!sum_up(c, r, ask, &s))
		return false;
	*out = (struct unread){ 0, 0 };
	for (size_t i = 0; i < s.n; i++) {
		out->notify += s.of[i].n.notify;
		out->highlight += s.of[i].n.highlight;
	}
	return true;
}

bool
unread_by_thread(struct ctx *c, struct room *r, const struct unread_ask *ask,
    struct unread *main, struct unread_thread **thread, size_t *n)
{
	struct sum s;

	if (!sum_up(c, r, ask, &s))
		return false;
	*main = (struct unread){ 0, 0 };
	*thread = arena_array(c->a, struct unread_thread, s.n);
	*n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.of[i].root.n == 0)
			*main = s.of[i].n;
		else if (s.of[i].n.notify > 0 || s.of[i].n.highlight > 0)
			(*thread)[(*n)++] = s.of[i];
	return true;
}

void
unread_stop(void)
{
	pthread_mutex_lock(&cache.lock);
	clear();
	pthread_mutex_unlock(&cache.lock);
}
