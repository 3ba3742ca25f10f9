/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See sync_write.h. */
#include "api/client/sync_write.h"

#include <stdlib.h>

void
sync_write_counts(struct jsonw *w, const char *key,
    const struct otk_count *at, size_t n)
{
	jsonw_obj(w, key);
	for (size_t i = 0; i < n; i++) {
		jsonw_key(w, at[i].algorithm);
		jsonw_int(w, NULL, at[i].n);
	}
	jsonw_obj_end(w);
}

void
sync_write_otk(struct req *rq, struct jsonw *w)
{
	struct ctx *c = &rq->ctx;
	struct otk_count *n;
	struct str *unused;
	size_t nn, nunused;

	if (c->who.device.n == 0 || !otk_counts(c, c->who.user, c->who.device,
	    &n, &nn, &unused, &nunused)) {
		err_clear(&c->err);
		return;
	}
	sync_write_counts(w, "device_one_time_keys_count", n, nn);
	jsonw_strs(w, "device_unused_fallback_key_types", unused,
	    nunused);
}

static int
by_event(const void *x, const void *y)
{
	const struct receipt *a = x, *b = y;
	int d = str_cmp(a->event_id, b->event_id);

	if (d == 0)
		d = str_cmp(a->kind, b->kind);
	if (d == 0)
		d = str_cmp(a->user, b->user);
	/* Of several of a user one is shown: that for all threads (MSC4102), or the newest. */
	if (d == 0)
		d = (a->thread.n > 0) - (b->thread.n > 0);
	return d != 0 ? d : a->pos < b->pos ? 1 : a->pos > b->pos ? -1 : 0;
}

static void
write_receipt(struct jsonw *w, const struct receipt *r)
{
	jsonw_key(w, r->user);
	jsonw_obj(w, NULL);
	jsonw_int(w, "ts", r->ts);
	if (r->thread.n > 0)
		jsonw_str(w, "thread_id", r->thread);
	jsonw_obj_end(w);
}

/* event id -> kind -> user -> { ts, thread_id } */
void
sync_write_receipts(struct jsonw *w, struct receipt *r, size_t n)
{
	if (n > 1)
		qsort(r, n, sizeof(*r), by_event);
	jsonw_obj(w, NULL);
	jsonw_cstr(w, "type", "m.receipt");
	jsonw_obj(w, "content");
	for (size_t i = 0; i < n; i++) {
		const struct receipt *was = i > 0 ? &r[i - 1] : NULL;
		bool event = was == NULL ||
		    !str_eq(was->event_id, r[i].event_id);
		bool kind = event || !str_eq(was->kind, r[i].kind);

		if (kind && was != NULL)
			jsonw_obj_end(w);
		if (event && was != NULL)
			jsonw_obj_end(w);
		if (event) {
			jsonw_key(w, r[i].event_id);
			jsonw_obj(w, NULL);
		}
		if (kind) {
			jsonw_key(w, r[i].kind);
			jsonw_obj(w, NULL);
		}
		if (kind || !str_eq(was->user, r[i].user))
			write_receipt(w, &r[i]);
	}
	if (n > 0) {
		jsonw_obj_end(w);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

void
sync_write_typing(struct jsonw *w, const struct str *users, size_t n)
{
	jsonw_obj(w, NULL);
	jsonw_cstr(w, "type", "m.typing");
	jsonw_obj(w, "content");
	jsonw_strs(w, "user_ids", users, n);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

void
sync_write_rules(struct jsonw *w, struct str user,
    const struct unread_ask *ask)
{
	jsonw_obj(w, NULL);
	jsonw_cstr(w, "type", "m.push_rules");
	jsonw_splice(w, "content");
	pushrules_write(w->b, user, ask->stored);
	jsonw_obj_end(w);
}
