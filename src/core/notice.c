/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See notice.h. A page is a merge of the rooms by position, newest first: a
 * room is only read once its newest event is the next one.
 */
#include "core/notice.h"

#include "store/q_member.h"

#define BATCH 20

bool
reader_load(struct ctx *c, struct str user, struct reader *out)
{
	struct receipt *receipts;
	struct json *stored = arena_make(c->a, struct json);
	bool has;

	*out = (struct reader){ .ask = { .user = user } };
	if (!receipts_of_user(c->db, c->a, user, &receipts,
	    &out->ask.nreceipts, &c->err) || !userdata_rules(c, user, stored, &has,
	    &out->ask.rules_pos) ||
	    !ignore_list(c, user, &out->ignored))
		return false;
	out->ask.receipts = receipts;
	out->ask.stored = has ? stored : NULL;
	out->ask.rules = pushrules_compile(c->a, user, out->ask.stored);
	return true;
}

/* The root of the thread that the event is in; empty: none. */
static struct str
thread_of(const struct sev *ev)
{
	const struct json *rel = json_get_obj(ev->ev.content,
	    S("m.relates_to"));

	return str_eq(json_str(rel, S("rel_type")), S("m.thread"))
	    ? json_str(rel, S("event_id")) : (struct str){ NULL, 0 };
}

bool
reader_has_read(const struct reader *x, const struct sev *ev)
{
	struct str thread = thread_of(ev);

	for (size_t i = 0; i < x->ask.nreceipts; i++) {
		const struct receipt *r = &x->ask.receipts[i];

		if (r->room != ev->room || r->seq < ev->seq)
			continue;
		if (r->thread.n == 0 || str_eq(r->thread, thread.n > 0
		    ? thread : S("main")))
			return true;
	}
	return false;
}

bool
notice_judge(struct ctx *c, const struct reader *x, struct room *r,
    const struct sev *const *ev, size_t n, struct push_result *out)
{
	const struct sev *mine;
	struct power power;
	struct push_ask pa = { .user_id = x->ask.user,
	    .member_count = room_counts(r).joined, .power = &power };

	/* A room of others, to which the user is invited, has no levels here. */
	if (room_create_event(r) == NULL)
		pa.power = NULL;
	else if (!room_power(c, r, &power))
		return false;
	if (!room_state(c, r, S("m.room.member"), x->ask.user, &mine))
		return false;
	if (mine != NULL)
		pa.display_name = json_str(mine->ev.content,
		    S("displayname"));
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct push_result){ .notify = false };
		if (str_eq(ev[i]->ev.sender, x->ask.user) ||
		    ignores(&x->ignored, ev[i]->ev.sender))
			continue;
		pa.ev = &ev[i]->ev;
		push_evaluate(x->ask.rules, &pa, &out[i]);
	}
	return true;
}

/* One room of the merge. */
struct lane {
	struct room *r;
	int64_t key;			/* nothing in it has a greater position */
	const struct sev **ev;		/* newest first; NULL: not read yet */
	size_t n, at;
	int64_t from_seq;		/* what is left goes up to here */
	bool over;
};

struct merge {
	struct ctx *c;
	struct reader reader;
	struct lane *lane;
	size_t nlanes;
};

static bool
open_lanes(struct merge *m, int64_t from)
{
	struct user_membership *ship;
	struct ctx *c = m->c;
	size_t n;

	if (!memberships_of_user(c->db, c->a, c->who.user, 1U << MEMBER_JOIN,
	    &ship, &n, &c->err))
		return false;
	m->lane = arena_array(c->a, struct lane, n);
	for (size_t i = 0; i < n; i++) {
		struct lane *l = &m->lane[m->nlanes];

		if (!room_open_nid(c, ship[i].room, &l->r))
			return false;
		l->key = room_head(l->r).last_pos;
		if (l->key >= from)
			l->key = from - 1;
		m->nlanes++;
	}
	return true;
}

static bool
lane_fill(struct merge *m, struct lane *l)
{
	struct ctx *c = m->c;

	if (l->ev == NULL && !room_seq_at(c, l->r, l->key, &l->from_seq))
		return false;
	l->at = l->n = 0;
	l->over = l->from_seq <= 0;
	if (l->over)
		return true;
	if (!room_range(c, l->r, 1, l->from_seq, true, BATCH, &l->ev, &l->n))
		return false;
	l->over = l->n == 0;
	if (!l->over) {
		l->from_seq = l->ev[l->n - 1]->seq - 1;
		l->key = l->ev[0]->pos;
	}
	return true;
}

/* The event with the greatest position that is left; NULL: none. */
static bool
merge_next(struct merge *m, struct room **r, const struct sev **ev)
{
	*ev = NULL;
	for (;;) {
		struct lane *top = NULL;

		for (size_t i = 0; i < m->nlanes; i++)
			if (!m->lane[i].over && (top == NULL ||
			    m->lane[i].key > top->key))
				top = &m->lane[i];
		if (top == NULL)
			return true;
		if (top->ev == NULL || top->at == top->n) {
			if (!lane_fill(m, top))
				return false;
			continue;
		}
		*r = top->r;
		*ev = top->ev[top->at++];
		if (top->at < top->n)
			top->key = top->ev[top->at]->pos;
		else
			top->key = (*ev)->pos - 1;
		return true;
	}
}

/* Was the reader in the room then? What came before them was never pushed to them. */
static bool
was_in(struct ctx *c, struct room *r, const struct sev *ev, bool *in)
{
	struct str m;

	if (!room_membership_at(c, r, c->who.user, ev, &m))
		return false;
	*in = str_eq(m, S("join")) || (str_eq(m, S("invite")) &&
	    ev->ev.is_state && str_eq(ev->ev.state_key, c->who.user));
	return true;
}

static bool
judge_one(struct merge *m, const struct notice_ask *ask, struct notice *x,
    bool *keep)
{
	*keep = false;
	if (!notice_judge(m->c, &m->reader, x->r, &x->ev, 1, &x->how))
		return false;
	if (!x->how.notify || (ask->highlights && !x->how.highlight))
		return true;
	x->read = reader_has_read(&m->reader, x->ev);
	return was_in(m->c, x->r, x->ev, keep);
}

bool
notice_page(struct ctx *c, const struct notice_ask *ask, struct notice **out,
    size_t *n, int64_t *next)
{
	struct merge m = { .c = c };
	struct notice x;
	bool keep;

	*out = arena_array(c->a, struct notice, ask->limit);
	*n = 0;
	*next = 0;
	if (!reader_load(c, c->who.user, &m.reader) ||
	    !open_lanes(&m, ask->from))
		return false;
	for (size_t looked = 0; *n < ask->limit && looked < NOTICE_LOOK;
	    looked++) {
		if (!merge_next(&m, &x.r, &x.ev))
			return false;
		if (x.ev == NULL) {
			*next = 0;
			return true;
		}
		*next = x.ev->pos;
		if (!judge_one(&m, ask, &x, &keep))
			return false;
		if (keep)
			(*out)[(*n)++] = x;
	}
	return true;
}
