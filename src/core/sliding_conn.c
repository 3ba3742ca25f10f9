/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See sliding_conn.h. The body in the store:
 * {"mark":"text","need":["[...]",...],"rooms":[nid,upto,limit,need, nid,...]},
 * upto -1 for a room that is live.
 */
#include "core/sliding_conn.h"

#include "base/jsonw.h"

#include <string.h>

#define BODY_MAX ((size_t)16 << 20)

static bool
unknown(struct ctx *c)
{
	return fail(&c->err, M_UNKNOWN_POS, "The position is not known any "
	    "more: begin without one");
}

static bool
number(const struct json *arr, uint32_t i, int64_t *out)
{
	const struct json *v = json_at(arr, i);

	if (!json_is(v, JSON_INT))
		return false;
	*out = v->i;
	return true;
}

static bool
read_rooms(struct ctx *c, const struct json *arr, struct sliding_conn *x)
{
	x->cap = arr->n / 4;
	x->room = arena_array(c->a, struct sliding_sent, x->cap);
	for (uint32_t i = 0; i + 3 < arr->n; i += 4) {
		struct sliding_sent *s = &x->room[x->n++];
		int64_t need;

		if (!number(arr, i, &s->nid) || !number(arr, i + 1, &s->upto) ||
		    !number(arr, i + 2, &s->limit) ||
		    !number(arr, i + 3, &need) || need < 0 ||
		    (size_t)need >= x->nneeds)
			return unknown(c);
		if (s->upto < 0)
			s->upto = SLIDING_LIVE;
		s->need = (uint32_t)need;
	}
	return true;
}

static bool
read_body(struct ctx *c, struct str body, struct sliding_conn *x)
{
	const struct json *needs, *rooms;
	struct json v;

	if (!json_parse(c->a, body, JSON_ANY, &v, &c->err))
		return false;
	needs = json_get_arr(&v, S("need"));
	rooms = json_get_arr(&v, S("rooms"));
	if (needs == NULL || rooms == NULL ||
	    !str_u64(json_str(&v, S("mark")), &x->mark))
		return unknown(c);
	x->nneeds = x->needs_cap = needs->n;
	x->need = arena_array(c->a, struct str, needs->n);
	for (uint32_t i = 0; i < needs->n; i++)
		x->need[i] = needs->at[i].type == JSON_STR ? needs->at[i].s
		    : S("[]");
	return read_rooms(c, rooms, x);
}

bool
sliding_open(struct ctx *c, struct str conn, int64_t pos,
    struct sliding_conn *out)
{
	struct str body;

	*out = (struct sliding_conn){ .row = { c->who.user, c->who.device,
	    conn, pos } };
	out->changed = pos == 0;
	if (pos == 0)
		return true;
	if (!sliding_get(c->db, c->a, &out->row, &body, &c->err))
		return false;
	return body.n > 0 ? read_body(c, body, out) : unknown(c);
}

/* Where the room is, or belongs. */
static size_t
place(const struct sliding_conn *x, int64_t nid)
{
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (x->room[mid].nid < nid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct sliding_sent *
sliding_sent_of(const struct sliding_conn *x, int64_t nid)
{
	size_t at = place(x, nid);

	return at < x->n && x->room[at].nid == nid ? &x->room[at] : NULL;
}

static uint32_t
need_index(struct ctx *c, struct sliding_conn *x, struct str need)
{
	for (size_t i = 0; i < x->nneeds; i++)
		if (str_eq(x->need[i], need))
			return (uint32_t)i;
	x->need = arena_more(c->a, x->need, x->nneeds, &x->needs_cap,
	    sizeof(*x->need));
	x->need[x->nneeds] = need;
	return (uint32_t)x->nneeds++;
}

static void
insert(struct ctx *c, struct sliding_conn *x, size_t at)
{
	x->room = arena_more(c->a, x->room, x->n, &x->cap, sizeof(*x->room));
	memmove(x->room + at + 1, x->room + at, (x->n - at) *
	    sizeof(*x->room));
	x->n++;
}

void
sliding_sent_set(struct ctx *c, struct sliding_conn *x, int64_t nid,
    int64_t upto, int64_t limit, struct str need)
{
	struct sliding_sent s = { nid, upto, limit, need_index(c, x, need) };
	size_t at = place(x, nid);
	const struct sliding_sent *old;

	if (at == x->n || x->room[at].nid != nid) {
		insert(c, x, at);
	} else {
		old = &x->room[at];
		if (old->upto == s.upto && old->limit == s.limit &&
		    old->need == s.need)
			return;
	}
	x->room[at] = s;
	x->changed = true;
}

static struct str
write_body(struct ctx *c, const struct sliding_conn *x)
{
	struct jsonw w;
	struct buf b;

	buf_init(&b, c->a, BODY_MAX);
	jsonw_init(&w, &b);
	jsonw_obj(&w, NULL);
	jsonw_str(&w, "mark", str_fmt(c->a, "%llu",
	    (unsigned long long)x->mark));
	jsonw_strs(&w, "need", x->need, x->nneeds);
	jsonw_arr(&w, "rooms");
	for (size_t i = 0; i < x->n; i++) {
		const struct sliding_sent *s = &x->room[i];

		jsonw_int(&w, NULL, s->nid);
		jsonw_int(&w, NULL, s->upto == SLIDING_LIVE ? -1 : s->upto);
		jsonw_int(&w, NULL, s->limit);
		jsonw_int(&w, NULL, s->need);
	}
	jsonw_arr_end(&w);
	jsonw_obj_end(&w);
	return buf_view(&b);
}

struct save {
	struct sliding_row old, new;
	struct str body;
	int64_t now_ms;
};

static bool
save_body(struct db *db, void *arg, struct err *e)
{
	const struct save *s = arg;

	return sliding_drop_others(db, &s->old, e) &&
	    sliding_put(db, &s->new, s->body, s->now_ms, e) &&
	    (s->old.pos != 0 || sliding_trim(db, &s->new, SLIDING_CONNS_MAX,
	    e));
}

bool
sliding_save(struct ctx *c, struct sliding_conn *x)
{
	struct save s = { x->row, x->row, { NULL, 0 }, c->now_ms };

	if (!x->changed)
		return true;
	s.new.pos++;
	s.body = write_body(c, x);
	if (!db_transact(c->db, save_body, &s, &c->err))
		return false;
	x->row.pos = s.new.pos;
	x->changed = false;
	return true;
}
