/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The extensions of sliding sync: to-device messages, end-to-end encryption,
 * account data, receipts, typing, sticky events. spec: MSC4186 with MSC3884,
 * 3885, 3959 to 3961, 4480.
 */
#include "api/client/sliding_run.h"
#include "api/client/sync_write.h"
#include "api/res.h"
#include "core/sticky.h"
#include "core/token.h"
#include "core/typing.h"

/* Is the extension told of the room? */
static bool
chosen(const struct sliding_run *s, const struct sliding_ext *x, size_t room)
{
	const struct sliding_room *r = &s->rooms.at[room];

	if (!x->on || !sliding_wanted(s, room))
		return false;
	if (x->lists == NULL && x->rooms == NULL)
		return true;
	for (uint32_t i = 0; x->rooms != NULL && i < x->rooms->n; i++) {
		struct str id = x->rooms->at[i].s;

		if (r->subscribed && (str_eq(id, S("*")) ||
		    str_eq(id, room_id(r->r))))
			return true;
	}
	for (uint32_t i = 0; x->lists != NULL && i < x->lists->n; i++) {
		struct str name = x->lists->at[i].s;

		for (size_t k = 0; k < s->ask.nlists; k++)
			if (s->member[k][room] && (str_eq(name, S("*")) ||
			    str_eq(name, s->ask.list[k].name)))
				return true;
	}
	return false;
}

static bool
load_to_device(struct sliding_run *s, struct sliding_extras *x)
{
	struct ctx *c = s->c;
	int64_t since = 0;
	bool more;

	x->msg_next = s->now;
	if (!s->ask.to_device || c->who.device.n == 0)
		return true;
	if (s->ask.to_device_since.n > 0 && !token_sync_read(
	    s->ask.to_device_since, &since, &c->err))
		return false;
	/* What the client confirms is deleted once, not with each wake. */
	if (since > 0 && s->rq->v->runs == 0 && !todevice_ack(c, c->who.user,
	    c->who.device, since))
		return false;
	if (!todevice_list(c, c->who.user, c->who.device, since, s->now,
	    (size_t)s->ask.to_device_limit, &x->msg, &x->nmsg, &more))
		return false;
	if (more && x->nmsg > 0)
		x->msg_next = x->msg[x->nmsg - 1].pos;
	s->found = s->found || x->nmsg > 0;
	return true;
}

/* The own receipts, and of a room shown for the first time those at the events shown. */
static void
keep_receipts(const struct sliding_run *s, size_t room, struct receipt *r,
    size_t *n)
{
	const struct sync_room *x = &s->delta[room].room;
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		bool keep = str_eq(r[i].user, s->c->who.user);

		for (size_t k = 0; k < x->nev && !keep; k++)
			keep = str_eq(x->ev[k]->ev.id, r[i].event_id);
		if (keep)
			r[kept++] = r[i];
	}
	*n = kept;
}

static bool
load_room(struct sliding_run *s, struct sliding_extras *x, size_t i)
{
	const struct sliding_room *r = &s->rooms.at[i];
	struct ctx *c = s->c;
	int64_t from = s->delta[i].initial ? 0 : s->from[i];

	if (r->m.membership != MEMBER_JOIN ||
	    (from > 0 && room_touched(r->r) <= from))
		return true;
	if (chosen(s, &s->ask.receipts, i)) {
		if (!receipts_of_room(c->db, c->a, r->m.room, c->who.user,
		    from, &x->receipt[i], &x->nreceipts[i], &c->err))
			return false;
		if (from == 0)
			keep_receipts(s, i, x->receipt[i], &x->nreceipts[i]);
	}
	if (chosen(s, &s->ask.typing, i)) {
		if (!typing_since(c, r->m.room, from, &x->is_typing[i],
		    &x->typing[i], &x->ntyping[i]))
			return false;
		x->is_typing[i] = x->is_typing[i] &&
		    (from > 0 || x->ntyping[i] > 0);
	}
	s->found = s->found || x->nreceipts[i] > 0 || x->is_typing[i];
	return true;
}

/* Of every room that the user is in, in a window or not; of one come into since, all. */
static bool
load_sticky(struct sliding_run *s, struct sliding_extras *x)
{
	struct ctx *c = s->c;
	size_t n = s->rooms.n;
	int64_t since = s->since;

	if (!s->ask.sticky)
		return true;
	if (s->ask.sticky_since.n > 0 && !token_sync_read(s->ask.sticky_since,
	    &since, &c->err))
		return false;
	x->sticky = arena_array(c->a, const struct sev **, n);
	x->nsticky = arena_array(c->a, size_t, n);
	for (size_t i = 0; i < n; i++) {
		const struct sliding_room *r = &s->rooms.at[i];
		struct sticky_ask ask = { .now = s->now,
		    .since = r->m.pos > since ? 0 : since };

		if (r->m.membership != MEMBER_JOIN)
			continue;
		if (sliding_wanted(s, i)) {
			ask.shown = s->delta[i].room.ev;
			ask.nshown = s->delta[i].room.nev;
		}
		if (!sticky_events(c, r->r, &ask, &x->sticky[i],
		    &x->nsticky[i]))
			return false;
		s->found = s->found || x->nsticky[i] > 0;
	}
	return true;
}

/* Is that account data new to the client? Of a room that it gets whole, all is. */
static bool
data_is_new(const struct sliding_run *s, const struct accdata *d, size_t *room)
{
	*room = SIZE_MAX;
	if (d->pos > s->now)
		return false;
	if (d->room == 0)
		return d->pos > s->since;
	for (size_t i = 0; i < s->rooms.n; i++) {
		if (s->rooms.at[i].m.room != d->room)
			continue;
		*room = i;
		return chosen(s, &s->ask.account_data, i) &&
		    (s->delta[i].initial || d->pos > s->from[i]);
	}
	return false;
}

static bool
load_data(struct sliding_run *s, struct sliding_extras *x)
{
	int64_t since = s->since;
	size_t kept = 0, room;

	if (!s->ask.account_data.on)
		return true;
	for (size_t i = 0; i < s->rooms.n; i++)
		if (sliding_wanted(s, i) && (s->delta[i].initial ||
		    s->from[i] < s->since))
			since = 0;
	if (!accdata_since(s->c->db, s->c->a, s->c->who.user, since, &x->data,
	    &x->ndata, &s->c->err))
		return false;
	for (size_t i = 0; i < x->ndata; i++)
		if (data_is_new(s, &x->data[i], &room))
			x->data[kept++] = x->data[i];
	x->ndata = kept;
	s->found = s->found || kept > 0 || s->since == 0 ||
	    s->unread.rules_pos > s->since;
	return true;
}

bool
sliding_ext_load(struct sliding_run *s, struct sliding_extras *x)
{
	struct ctx *c = s->c;
	size_t n = s->rooms.n;

	*x = (struct sliding_extras){ .nmsg = 0 };
	x->receipt = arena_array(c->a, struct receipt *, n);
	x->nreceipts = arena_array(c->a, size_t, n);
	x->typing = arena_array(c->a, struct str *, n);
	x->ntyping = arena_array(c->a, size_t, n);
	x->is_typing = arena_array(c->a, bool, n);
	if (!load_to_device(s, x) || !load_data(s, x) || !load_sticky(s, x))
		return false;
	if (s->ask.e2ee && s->since > 0 && !devicelist_changes(c, c->who.user,
	    s->since, s->now, &x->changed, &x->nchanged, &x->left, &x->nleft))
		return false;
	s->found = s->found || x->nchanged > 0 || x->nleft > 0;
	for (size_t i = 0; i < n; i++)
		if (sliding_wanted(s, i) && !load_room(s, x, i))
			return false;
	return true;
}

static void
write_to_device(struct sliding_run *s, const struct sliding_extras *x)
{
	struct jsonw *w = s->w;

	jsonw_obj(w, "to_device");
	jsonw_str(w, "next_batch", token_sync(s->c->a, x->msg_next));
	jsonw_arr(w, "events");
	for (size_t i = 0; i < x->nmsg; i++) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "sender", x->msg[i].sender);
		jsonw_str(w, "type", x->msg[i].type);
		jsonw_raw(w, "content", x->msg[i].content);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_obj_end(w);
	if (x->nmsg > 0)
		seen_add(&s->rq->seen, SEEN_TO_DEVICE, s->c->who.device,
		    x->msg[0].pos, x->msg[x->nmsg - 1].pos, (int64_t)x->nmsg,
		    0);
}

static void
write_data_of(struct sliding_run *s, const struct sliding_extras *x,
    int64_t room)
{
	for (size_t i = 0; i < x->ndata; i++) {
		if (x->data[i].room != room)
			continue;
		jsonw_obj(s->w, NULL);
		jsonw_str(s->w, "type", x->data[i].type);
		jsonw_raw(s->w, "content", x->data[i].content);
		jsonw_obj_end(s->w);
	}
}

static bool
has_data(const struct sliding_extras *x, int64_t room)
{
	for (size_t i = 0; i < x->ndata; i++)
		if (x->data[i].room == room)
			return true;
	return false;
}

static void
write_account_data(struct sliding_run *s, const struct sliding_extras *x)
{
	struct jsonw *w = s->w;

	jsonw_obj(w, "account_data");
	jsonw_arr(w, "global");
	write_data_of(s, x, 0);
	if (s->since == 0 || s->unread.rules_pos > s->since)
		sync_write_rules(w, s->c->who.user, &s->unread);
	jsonw_arr_end(w);
	jsonw_obj(w, "rooms");
	for (size_t i = 0; i < s->rooms.n; i++) {
		int64_t nid = s->rooms.at[i].m.room;

		if (!has_data(x, nid))
			continue;
		jsonw_key(w, room_id(s->rooms.at[i].r));
		jsonw_arr(w, NULL);
		write_data_of(s, x, nid);
		jsonw_arr_end(w);
	}
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static void
write_receipts(struct sliding_run *s, const struct sliding_extras *x)
{
	jsonw_obj(s->w, "receipts");
	jsonw_obj(s->w, "rooms");
	for (size_t i = 0; i < s->rooms.n; i++) {
		if (x->nreceipts[i] == 0)
			continue;
		jsonw_key(s->w, room_id(s->rooms.at[i].r));
		sync_write_receipts(s->w, x->receipt[i], x->nreceipts[i]);
	}
	jsonw_obj_end(s->w);
	jsonw_obj_end(s->w);
}

static void
write_typing(struct sliding_run *s, const struct sliding_extras *x)
{
	jsonw_obj(s->w, "typing");
	jsonw_obj(s->w, "rooms");
	for (size_t i = 0; i < s->rooms.n; i++) {
		if (!x->is_typing[i])
			continue;
		jsonw_key(s->w, room_id(s->rooms.at[i].r));
		sync_write_typing(s->w, x->typing[i], x->ntyping[i]);
	}
	jsonw_obj_end(s->w);
	jsonw_obj_end(s->w);
}

static void
write_sticky(struct sliding_run *s, const struct sliding_extras *x)
{
	struct res_event_opt opt = { .room_id = false };

	jsonw_obj(s->w, "org.matrix.msc4354.sticky_events");
	jsonw_str(s->w, "next_batch", token_sync(s->c->a, s->now));
	jsonw_obj(s->w, "rooms");
	for (size_t i = 0; i < s->rooms.n; i++) {
		if (x->nsticky[i] == 0)
			continue;
		jsonw_key(s->w, room_id(s->rooms.at[i].r));
		jsonw_obj(s->w, NULL);
		res_events(s->rq, "events", s->rooms.at[i].r, x->sticky[i],
		    x->nsticky[i], &opt);
		jsonw_obj_end(s->w);
	}
	jsonw_obj_end(s->w);
	jsonw_obj_end(s->w);
}

void
sliding_ext_write(struct sliding_run *s, const struct sliding_extras *x)
{
	struct jsonw *w = s->w;

	jsonw_obj(w, "extensions");
	if (s->ask.to_device)
		write_to_device(s, x);
	if (s->ask.e2ee) {
		jsonw_obj(w, "e2ee");
		sync_write_otk(s->rq, w);
		jsonw_obj(w, "device_lists");
		jsonw_strs(w, "changed", x->changed, x->nchanged);
		jsonw_strs(w, "left", x->left, x->nleft);
		jsonw_obj_end(w);
		jsonw_obj_end(w);
	}
	if (s->ask.account_data.on)
		write_account_data(s, x);
	if (s->ask.receipts.on)
		write_receipts(s, x);
	if (s->ask.typing.on)
		write_typing(s, x);
	if (s->ask.sticky)
		write_sticky(s, x);
	jsonw_obj_end(w);
}
