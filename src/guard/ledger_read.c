/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See ledger_read.h. */
#include "guard/ledger_read.h"

#include "base/jsonw.h"
#include "guard/leaf.h"

#define SLACK_MS 120000		/* a record has its request's time, a segment that of its writing */

struct ledger_reader {
	struct arena *a;
	struct str dir;
	struct ledger_filter f;
	int64_t *file;			/* segments */
	size_t n, i;			/* i: the next to open */
	bool open;
	struct segment seg;
	struct intervals intervals;
	struct record rec, part;
	struct seen_item item;
	size_t at;			/* of rec's parts: the next */
};

bool
ledger_read_open(struct arena *a, struct str dir,
    const struct ledger_filter *f, struct ledger_reader **out, struct err *e)
{
	struct ledger_reader *r = arena_make(a, struct ledger_reader);

	r->a = a;
	r->dir = str_dup(a, dir);
	r->f = *f;
	if (!segment_list(a, dir, &r->file, &r->n, e))
		return false;
	*out = r;
	return true;
}

void
ledger_read_close(struct ledger_reader *r)
{
	if (r->open)
		segment_close(&r->seg);
	r->open = false;
}

static bool
is_wanted(const struct ledger_filter *f, const struct record *r)
{
	return r->at_ms >= f->from_ms && (f->to_ms == 0 ||
	    r->at_ms < f->to_ms) &&
	    (f->user.n == 0 || str_eq(f->user, r->who.user)) &&
	    (f->device.n == 0 || str_eq(f->device, r->who.device)) &&
	    (f->address.n == 0 || str_eq(f->address, r->who.address)) &&
	    (f->session == 0 || f->session == r->who.session);
}

/* Leaves only the items of the room that is asked for. */
static bool
keep_room(const struct ledger_filter *f, struct record *r)
{
	size_t n = 0;

	if (f->room.n == 0)
		return true;
	for (size_t i = 0; i < r->n; i++) {
		bool has = str_eq(r->item[i].object, f->room);

		for (size_t k = 0; !has && k < r->item[i].nrow; k++)
			has = str_eq(r->item[i].row[k], f->room);
		if (has)
			r->item[n++] = r->item[i];
	}
	r->n = n;
	return n > 0;
}

/* All of segment i is outside of the time that is asked for. */
static bool
is_outside(struct ledger_reader *r, size_t i)
{
	struct arena_mark m = arena_mark(r->a);
	int64_t leaf, from_ms;
	bool out = false;

	if (r->f.to_ms != 0 && segment_peek(segment_path(r->a, r->dir,
	    r->file[i]), &leaf, &from_ms))
		out = from_ms - SLACK_MS >= r->f.to_ms;
	if (!out && i + 1 < r->n && segment_peek(segment_path(r->a, r->dir,
	    r->file[i + 1]), &leaf, &from_ms))
		out = from_ms + SLACK_MS < r->f.from_ms;
	arena_release(r->a, m);
	return out;
}

/* The next record as it stands; false: no more. */
static bool
next_raw(struct ledger_reader *r, bool *any, struct err *e)
{
	for (;;) {
		struct arena_mark m = arena_mark(r->a);

		if (r->open && segment_next(&r->seg, &r->rec)) {
			*any = true;
			return true;
		}
		ledger_read_close(r);
		while (r->i < r->n && is_outside(r, r->i))
			r->i++;
		if (r->i == r->n) {
			*any = false;
			return true;
		}
		if (!segment_open(&r->seg, segment_path(r->a, r->dir,
		    r->file[r->i]), e)) {
			if (e->code != M_NOT_FOUND)
				return false;
			err_clear(e);		/* retention was faster */
		} else {
			r->open = true;
			intervals_init(&r->intervals, r->seg.a);
		}
		arena_release(r->a, m);
		r->i++;
	}
}

bool
ledger_read_next(struct ledger_reader *r, const struct record **out,
    struct err *e)
{
	bool any;

	for (;;) {
		while (r->rec.type == RECORD_MORE && r->at < r->rec.nparts) {
			if (intervals_part(&r->intervals, &r->rec, r->at++,
			    &r->item, &r->part) &&
			    is_wanted(&r->f, &r->part) &&
			    keep_room(&r->f, &r->part)) {
				*out = &r->part;
				return true;
			}
		}
		if (!next_raw(r, &any, e))
			return false;
		if (!any) {
			r->rec.nparts = 0;
			*out = NULL;
			return true;
		}
		intervals_take(&r->intervals, &r->rec);
		r->at = 0;
		if ((r->rec.type == RECORD_SHOWN ||
		    r->rec.type == RECORD_READ) && is_wanted(&r->f, &r->rec) &&
		    keep_room(&r->f, &r->rec)) {
			*out = &r->rec;
			return true;
		}
	}
}

static void
write_item(struct jsonw *w, const struct seen_item *x)
{
	jsonw_obj(w, NULL);
	jsonw_str(w, "kind", seen_kind_name(x->kind));
	jsonw_str(w, "object", x->object);
	jsonw_int(w, "first", x->first);
	jsonw_int(w, "last", x->last);
	jsonw_int(w, "count", x->count);
	if (x->bytes != 0)
		jsonw_int(w, "bytes", x->bytes);
	if (x->nrange > 0) {
		jsonw_arr(w, "ranges");
		for (size_t i = 0; i < x->nrange; i++) {
			jsonw_arr(w, NULL);
			jsonw_int(w, NULL, x->range[i].first);
			jsonw_int(w, NULL, x->range[i].last);
			jsonw_arr_end(w);
		}
		jsonw_arr_end(w);
	}
	if (x->nrow > 0) {
		jsonw_arr(w, "rows");
		for (size_t i = 0; i < x->nrow; i++)
			jsonw_str(w, NULL, x->row[i]);
		jsonw_arr_end(w);
	}
	jsonw_obj_end(w);
}

void
ledger_write_json(struct jsonw *w, const char *key, const struct record *r)
{
	jsonw_obj(w, key);
	jsonw_int(w, "at", r->at_ms);
	jsonw_int(w, "leaf", r->leaf);
	jsonw_str(w, "who", r->who.user);
	if (r->who.device.n > 0)
		jsonw_str(w, "device", r->who.device);
	if (r->who.session != 0)
		jsonw_int(w, "session", r->who.session);
	jsonw_str(w, "address", r->who.address);
	if (r->who.agent.n > 0)
		jsonw_str(w, "agent", r->who.agent);
	jsonw_str(w, "operation", r->operation);
	if (r->assumed)
		jsonw_bool(w, "assumed", true);
	jsonw_arr(w, "seen");
	for (size_t i = 0; i < r->n; i++)
		write_item(w, &r->item[i]);
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}
