/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Account data, push rules and receipts. Unread counts are unread.c. See userdata.h. */
#include "core/userdata.h"

#include "base/heap.h"
#include "core/ignore_cache.h"
#include "core/edu.h"
#include "core/notify.h"
#include "core/outbound.h"
#include "core/push.h"
#include "store/stream.h"

#include <stdlib.h>
#include <string.h>

struct put {
	struct str user;
	struct accdata data;
	struct str rules;		/* stored push rules; p NULL: account data */
	struct receipt receipt;
	bool is_receipt;
	struct stream_tx tx;
};

static bool
put_body(struct db *db, void *arg, struct err *e)
{
	struct put *p = arg;
	int64_t pos;

	if (!stream_next(db, &p->tx, &pos, e))
		return false;
	if (p->is_receipt) {
		p->receipt.pos = pos;
		return receipt_put(db, &p->receipt, e);
	}
	if (p->rules.p != NULL)
		return pushrules_row_put(db, p->user, p->rules, pos, e);
	p->data.pos = pos;
	return accdata_put(db, p->user, &p->data, e);
}

struct tell {
	int64_t room, pos;
	size_t n;
	char user[];
};

static void
tell(void *arg)
{
	struct tell *t = arg;

	if (t->room != 0)
		notify_room(t->room, t->pos);
	notify_user(str_n(t->user, t->n), t->pos);
	free(t);
}

/* room: who is in it is told too; 0: only the user. */
static bool
put_and_tell(struct ctx *c, struct put *p, int64_t room)
{
	struct room *r;
	struct tell *t;

	if (!stream_transact(c->db, put_body, p, &p->tx, &c->err))
		return false;
	/* Before the stream shows it: see room_touched. */
	if (p->is_receipt && room_open_nid(c, p->receipt.room, &r))
		room_touch(r, p->tx.last);
	t = must(malloc(sizeof(*t) + c->who.user.n));
	t->room = room;
	t->pos = p->tx.last;
	t->n = c->who.user.n;
	memcpy(t->user, c->who.user.p, t->n);
	stream_end(&p->tx, tell, t);
	return true;
}

bool
userdata_put(struct ctx *c, int64_t room, struct str type, struct str content)
{
	struct put p = { .user = c->who.user,
	    .data = { .room = room, .type = type, .content = content } };

	if (!put_and_tell(c, &p, 0))
		return false;
	if (room == 0 && str_eq(type, S("m.ignored_user_list")))
		ignore_forget(c->who.user);
	return true;
}

bool
userdata_rules(struct ctx *c, struct str user, struct json *stored, bool *has,
    int64_t *pos)
{
	struct str text;

	if (!pushrules_row(c->db, c->a, user, &text, pos, &c->err))
		return false;
	*has = text.n > 0;
	return !*has || json_parse(c->a, text, JSON_ANY, stored, &c->err);
}

bool
userdata_put_rules(struct ctx *c, const struct json *stored)
{
	struct put p = { .user = c->who.user,
	    .rules = json_text(c->a, stored) };

	return put_and_tell(c, &p, 0);
}

bool
receipt_set(struct ctx *c, struct room *r, struct str kind, struct str thread,
    const struct sev *ev)
{
	struct put p = { .user = c->who.user, .is_receipt = true,
	    .receipt = { .room = room_nid(r), .user = c->who.user,
	    .kind = kind, .thread = thread, .event_id = ev->ev.id,
	    .seq = ev->seq, .ts = c->now_ms } };
	struct receipt *old;
	size_t n;

	if (!receipts_of_user(c->db, c->a, c->who.user, &old, &n, &c->err))
		return false;
	for (size_t i = 0; i < n; i++)
		if (old[i].room == p.receipt.room &&
		    str_eq(old[i].kind, kind) &&
		    str_eq(old[i].thread, thread) && old[i].seq >= ev->seq)
			return true;
	if (!put_and_tell(c, &p, str_eq(kind, S("m.read.private")) ? 0
	    : p.receipt.room))
		return false;
	push_read(c->who.user);
	if (str_eq(kind, S("m.read")) && server_is_local(c->who.user) &&
	    outbound_is_federated(p.receipt.room))
		edu_receipt(c, r, thread, ev);
	return true;
}

bool
unread_load(struct ctx *c, struct unread_ask *out)
{
	struct json *stored = arena_array(c->a, struct json, 1);
	struct receipt *receipts;
	bool has;

	*out = (struct unread_ask){ .user = c->who.user };
	if (!receipts_of_user(c->db, c->a, c->who.user, &receipts,
	    &out->nreceipts, &c->err) || !userdata_rules(c, c->who.user,
	    stored, &has, &out->rules_pos))
		return false;
	out->receipts = receipts;
	out->stored = has ? stored : NULL;
	out->rules = pushrules_compile(c->a, c->who.user, out->stored);
	return true;
}
