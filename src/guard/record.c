/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See record.h. */
#include "guard/record.h"

#include <assert.h>
#include <string.h>

#define FLAG_FOLLOWS 8
#define FLAG_ASSUMED 16
#define TYPE_BITS 7
#define POSITION_MAX (INT64_MAX / 8)
#define ITEM_LEAST 4		/* bytes of the shortest item, and part */
#define PART_LEAST 2

/* How a string stands in packed bytes; an entry's number follows from 2 on. */
enum { REF_TEXT, REF_NEW, REF_NUMBER };

/* A form being written: packed with a dictionary, canonical without. */
struct pen {
	struct buf *b;
	struct dict *d;
};

struct eye {
	struct arena *a;
	struct dict *d;
	struct str s;
	bool bad;
};

struct dict_entry {
	struct str text;
	size_t number;
};

void
dict_init(struct dict *d, struct arena *a)
{
	*d = (struct dict){ .a = a };
}

void
dict_done(struct dict *d)
{
	map_done(&d->by_text);
	*d = (struct dict){ .a = NULL };
}

static struct str
dict_add(struct dict *d, struct str text)
{
	struct str own = str_dup(d->a, text);

	d->text = arena_more(d->a, d->text, d->n, &d->cap, sizeof(*d->text));
	d->bytes += own.n + sizeof(struct dict_entry);
	d->text[d->n++] = own;
	return own;
}

void
dict_cut(struct dict *d, size_t n)
{
	while (d->n > n)
		map_del(&d->by_text, d->text[--d->n]);
}

void
varint_put(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_char(b, (char)(uint8_t)(v | 0x80));
		v >>= 7;
	}
	buf_char(b, (char)(uint8_t)v);
}

bool
varint_take(struct str *s, uint64_t *v)
{
	uint64_t x = 0;

	for (size_t i = 0; i < s->n && i < 10; i++) {
		uint8_t byte = (uint8_t)s->p[i];

		if (i == 9 && byte > 1)
			return false;
		x |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*s = str_from(*s, i + 1);
			*v = x;
			return true;
		}
	}
	return false;
}

/* Small numbers of either sign become small numbers. */
static uint64_t
zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static void
put_signed(struct pen *p, int64_t v)
{
	varint_put(p->b, zigzag(v));
}

static void
put_text(struct pen *p, struct str s)
{
	varint_put(p->b, s.n);
	buf_str(p->b, s);
}

/* A string that comes again: by its number, once the dictionary has it. */
static void
put_ref(struct pen *p, struct str s)
{
	struct dict_entry *x;

	if (p->d == NULL) {
		put_text(p, s);
		return;
	}
	x = map_get(&p->d->by_text, s);
	if (x != NULL) {
		varint_put(p->b, REF_NUMBER + x->number);
		return;
	}
	x = arena_make(p->d->a, struct dict_entry);
	x->number = p->d->n;
	x->text = dict_add(p->d, s);
	map_put(&p->d->by_text, x->text, x);
	varint_put(p->b, REF_NEW);
	put_text(p, s);
}

/* A string that hardly comes again. */
static void
put_once(struct pen *p, struct str s)
{
	if (p->d != NULL)
		varint_put(p->b, REF_TEXT);
	put_text(p, s);
}

/*
 * Each as the gap since the one before (the first: as it is, of either sign),
 * doubled; odd: it is longer than one, and by how much follows.
 */
static void
put_ranges(struct pen *p, const struct seen_range *r, size_t n)
{
	int64_t at = 0;

	varint_put(p->b, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t more = (uint64_t)(r[i].last - r[i].first);

		assert(r[i].first >= -POSITION_MAX && r[i].last <=
		    POSITION_MAX && r[i].last >= r[i].first &&
		    (i == 0 || r[i].first > at));
		varint_put(p->b, (i == 0 ? zigzag(r[i].first)
		    : (uint64_t)(r[i].first - at)) << 1 | (more > 0));
		if (more > 0)
			varint_put(p->b, more);
		at = r[i].last;
	}
}

static int64_t
length(const struct seen_range *r, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += r[i].last - r[i].first + 1;
	return sum;
}

static bool
comes_again(enum seen_kind k)
{
	return k != SEEN_MEDIA && k != SEEN_DIRECTORY && k != SEEN_USERS;
}

static void
put_item(struct pen *p, const struct seen_item *x)
{
	varint_put(p->b, x->kind);
	if (comes_again(x->kind))
		put_ref(p, x->object);
	else
		put_once(p, x->object);
	if (seen_is_set(x->kind)) {
		put_ranges(p, x->range, x->nrange);
		/* How often more than once, where something was shown twice. */
		put_signed(p, x->count - length(x->range, x->nrange));
		return;
	}
	put_signed(p, x->first);
	put_signed(p, (int64_t)((uint64_t)x->last - (uint64_t)x->first));
	put_signed(p, x->count);
	put_signed(p, x->bytes);
	varint_put(p->b, x->nrow);
	for (size_t i = 0; i < x->nrow; i++)
		put_ref(p, x->row[i]);
}

void
record_spell_who(struct buf *b, const struct actor *who)
{
	struct pen p = { b, NULL };

	varint_put(b, who->kind);
	put_text(&p, who->user);
	put_text(&p, who->device);
	put_signed(&p, who->session);
	put_text(&p, who->address);
	put_text(&p, who->agent);
}

static void
put_who(struct pen *p, const struct actor *who)
{
	char place[1024];
	struct buf b = { place, 0, sizeof(place), sizeof(place), NULL, false };
	struct buf *at = &b, heap;

	record_spell_who(at, who);
	if (b.over) {
		buf_init(&heap, NULL, (size_t)1 << 20);
		record_spell_who(&heap, who);
		at = &heap;
	}
	put_ref(p, buf_view(at));
	if (at != &b)
		buf_free(at);
}

static void
put_body(struct pen *p, const struct record *r)
{
	switch (r->type) {
	case RECORD_SHOWN:
	case RECORD_READ:
		put_who(p, &r->who);
		put_ref(p, r->operation);
		varint_put(p->b, r->n);
		for (size_t i = 0; i < r->n; i++)
			put_item(p, &r->item[i]);
		break;
	case RECORD_MORE:
	case RECORD_ERASED:
		varint_put(p->b, r->nparts);
		for (size_t i = 0; i < r->nparts; i++) {
			varint_put(p->b, (uint64_t)r->part[i].id);
			put_ranges(p, r->part[i].range, r->part[i].nrange);
		}
		break;
	case RECORD_END:
		break;
	}
}

static void
put_record(struct pen *p, int64_t base_ms, const struct record *r)
{
	varint_put(p->b, (uint64_t)r->type | (r->follows ? FLAG_FOLLOWS : 0) |
	    (r->assumed ? FLAG_ASSUMED : 0));
	put_signed(p, (int64_t)((uint64_t)r->at_ms - (uint64_t)base_ms));
	put_body(p, r);
}

void
record_pack(struct buf *b, struct dict *d, int64_t base_ms,
    const struct record *r)
{
	struct pen p = { b, d };

	put_record(&p, base_ms, r);
}

void
record_spell(struct buf *b, const struct record *r)
{
	struct pen p = { b, NULL };

	assert(r->type != RECORD_MORE);
	put_record(&p, 0, r);
}

static uint64_t
take(struct eye *y)
{
	uint64_t v = 0;

	if (!y->bad && !varint_take(&y->s, &v))
		y->bad = true;
	return y->bad ? 0 : v;
}

static int64_t
unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
}

static int64_t
take_signed(struct eye *y)
{
	return unzigzag(take(y));
}

/* A count of things of at least so many bytes: it can't ask for more memory than it brought. */
static size_t
take_count(struct eye *y, size_t least)
{
	uint64_t n = take(y);

	if (n > y->s.n / least)
		y->bad = true;
	return y->bad ? 0 : (size_t)n;
}

static struct str
take_text(struct eye *y)
{
	size_t n = take_count(y, 1);
	struct str s = str_sub(y->s, 0, n);

	y->s = str_from(y->s, n);
	return s;
}

static struct str
take_ref(struct eye *y)
{
	uint64_t v;

	if (y->d == NULL)
		return take_text(y);
	v = take(y);
	if (v == REF_TEXT)
		return take_text(y);
	if (v == REF_NEW) {
		struct str text = take_text(y);

		return y->bad ? text : dict_add(y->d, text);
	}
	if (y->bad || v - REF_NUMBER >= y->d->n) {
		y->bad = true;
		return S("");
	}
	return y->d->text[v - REF_NUMBER];
}

static void
take_ranges(struct eye *y, struct seen_range **out, size_t *n)
{
	int64_t at = 0;

	*n = take_count(y, 1);
	*out = arena_array(y->a, struct seen_range, *n);
	for (size_t i = 0; i < *n && !y->bad; i++) {
		uint64_t gap = take(y), more = gap & 1 ? take(y) : 0;
		int64_t first;

		gap >>= 1;
		if (gap > 2 * (uint64_t)POSITION_MAX + 1 ||
		    more > 2 * (uint64_t)POSITION_MAX || (i > 0 && gap == 0)) {
			y->bad = true;
			return;
		}
		first = i == 0 ? unzigzag(gap) : at + (int64_t)gap;
		if (first > POSITION_MAX - (int64_t)more ||
		    first < -POSITION_MAX) {
			y->bad = true;
			return;
		}
		at = first + (int64_t)more;
		(*out)[i] = (struct seen_range){ first, at };
	}
}

static void
take_item(struct eye *y, struct seen_item *x)
{
	uint64_t kind = take(y);

	*x = (struct seen_item){ .kind = SEEN_EVENTS };
	if (kind >= SEEN_NKINDS) {
		y->bad = true;
		return;
	}
	x->kind = (enum seen_kind)kind;
	x->object = take_ref(y);
	if (seen_is_set(x->kind)) {
		take_ranges(y, &x->range, &x->nrange);
		x->count = (int64_t)((uint64_t)take_signed(y) +
		    (uint64_t)length(x->range, y->bad ? 0 : x->nrange));
		if (!y->bad && x->nrange > 0) {
			x->first = x->range[0].first;
			x->last = x->range[x->nrange - 1].last;
		}
		return;
	}
	x->first = take_signed(y);
	x->last = (int64_t)((uint64_t)x->first + (uint64_t)take_signed(y));
	x->count = take_signed(y);
	x->bytes = take_signed(y);
	x->nrow = take_count(y, 1);
	x->row = arena_array(y->a, struct str, x->nrow);
	for (size_t i = 0; i < x->nrow && !y->bad; i++)
		x->row[i] = take_ref(y);
}

static void
take_who(struct eye *y, struct actor *who)
{
	struct eye in = { .a = y->a, .s = take_ref(y), .bad = y->bad };
	uint64_t kind = take(&in);

	*who = (struct actor){ .kind = ACTOR_NONE };
	if (kind > ACTOR_JOB)
		in.bad = true;
	else
		who->kind = (enum actor_kind)kind;
	who->user = take_text(&in);
	who->device = take_text(&in);
	who->session = take_signed(&in);
	who->address = take_text(&in);
	who->agent = take_text(&in);
	y->bad = y->bad || in.bad || in.s.n > 0;
}

static void
take_body(struct eye *y, struct record *r)
{
	switch (r->type) {
	case RECORD_SHOWN:
	case RECORD_READ:
		take_who(y, &r->who);
		r->operation = take_ref(y);
		r->n = take_count(y, ITEM_LEAST);
		r->item = arena_array(y->a, struct seen_item, r->n);
		for (size_t i = 0; i < r->n && !y->bad; i++)
			take_item(y, &r->item[i]);
		break;
	case RECORD_MORE:
	case RECORD_ERASED:
		r->nparts = take_count(y, PART_LEAST);
		r->part = arena_array(y->a, struct record_part, r->nparts);
		for (size_t i = 0; i < r->nparts && !y->bad; i++) {
			uint64_t id = take(y);

			y->bad = y->bad || id > INT64_MAX;
			r->part[i].id = (int64_t)id;
			take_ranges(y, &r->part[i].range, &r->part[i].nrange);
		}
		break;
	case RECORD_END:
		break;
	}
}

static bool
read_record(struct eye *y, int64_t base_ms, struct record *out)
{
	struct record r = { .type = RECORD_END };
	uint64_t head = take(y);

	if (head > (TYPE_BITS | FLAG_FOLLOWS | FLAG_ASSUMED) ||
	    (head & TYPE_BITS) < RECORD_SHOWN ||
	    (head & TYPE_BITS) > RECORD_READ)
		return false;
	r.type = (enum record_type)(head & TYPE_BITS);
	r.follows = (head & FLAG_FOLLOWS) != 0;
	r.assumed = (head & FLAG_ASSUMED) != 0;
	r.at_ms = (int64_t)((uint64_t)base_ms + (uint64_t)take_signed(y));
	take_body(y, &r);
	if (y->bad || y->s.n > 0 || arena_over(y->a))
		return false;
	*out = r;
	return true;
}

bool
record_unpack(struct arena *a, struct dict *d, int64_t base_ms,
    struct str bytes, struct record *out)
{
	struct eye y = { .a = a, .d = d, .s = bytes };

	return read_record(&y, base_ms, out);
}

bool
record_read(struct arena *a, struct str bytes, struct record *out)
{
	struct eye y = { .a = a, .s = bytes };

	return read_record(&y, 0, out);
}
