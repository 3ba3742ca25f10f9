/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A breach report's facts from the rooms and the store, as they are now. See breach.h. */
#include "guard/breach.h"

#include "core/account.h"
#include "core/alias.h"
#include "guard/checkpoint.h"
#include "guard/ledger_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWNER_POWER 100
#define MEASURES_MAX 10000
#define CHECKPOINT_TRIES 40
#define FOLDED_MS 700			/* what a sync showed is written within half a second */

/* Adds up the authors of several ranges. */
struct adding {
	struct breach *b;
	struct breach_room *room;
	struct breach_list authors;
};

static void
add_author(void *arg, const struct breach_author *x)
{
	struct adding *s = arg;
	struct arena *a = s->b->a;
	struct breach_room *r = s->room;
	struct breach_author *at = map_get(&s->authors.by, x->user);

	if (at == NULL) {
		at = arena_make(a, struct breach_author);
		*at = (struct breach_author){ .user = str_dup(a, x->user),
		    .earliest_ms = x->earliest_ms };
		map_put(&s->authors.by, at->user, at);
		s->authors.at = arena_more(a, s->authors.at, s->authors.n,
		    &s->authors.cap, sizeof(*s->authors.at));
		s->authors.at[s->authors.n++] = at;
	}
	at->events += x->events;
	at->cipher += x->cipher;
	if (x->earliest_ms < at->earliest_ms)
		at->earliest_ms = x->earliest_ms;
	if (x->latest_ms > at->latest_ms)
		at->latest_ms = x->latest_ms;
	r->cipher += x->cipher;
	r->clear += x->events - x->cipher;
	if (r->earliest_ms == 0 || x->earliest_ms < r->earliest_ms)
		r->earliest_ms = x->earliest_ms;
	if (x->latest_ms > r->latest_ms)
		r->latest_ms = x->latest_ms;
}

static bool
fill_authors(struct ctx *c, struct breach *b, struct breach_room *r,
    int64_t nid)
{
	struct adding s = { .b = b, .room = r };
	bool ok = true;

	for (size_t i = 0; ok && i < r->seq.n; i++)
		ok = breach_authors(c->db, nid, r->seq.at[i].first,
		    r->seq.at[i].last, add_author, &s, &c->err);
	r->author = arena_array(b->a, struct breach_author, s.authors.n);
	r->nauthors = s.authors.n;
	for (size_t i = 0; i < s.authors.n; i++) {
		struct str user = ((struct breach_author *)
		    s.authors.at[i])->user;

		r->author[i] = *(struct breach_author *)s.authors.at[i];
		if (map_get(&b->people.by, user) == NULL) {
			struct str *kept = arena_make(b->a, struct str);

			*kept = user;
			map_put(&b->people.by, *kept, kept);
			b->people.at = arena_more(b->a, b->people.at,
			    b->people.n, &b->people.cap,
			    sizeof(*b->people.at));
			b->people.at[b->people.n++] = kept;
		}
	}
	map_done(&s.authors.by);
	return ok;
}

static void
add_owner(struct breach *b, struct breach_room *r, size_t *cap,
    struct str user)
{
	for (size_t i = 0; i < r->nowners; i++)
		if (str_eq(r->owner[i], user))
			return;
	r->owner = arena_more(b->a, r->owner, r->nowners, cap,
	    sizeof(*r->owner));
	r->owner[r->nowners++] = str_dup(b->a, user);
}

/* Who made the room, and who has the power to do all in it: they are to be told. */
static bool
fill_owners(struct ctx *c, struct breach *b, struct breach_room *r,
    struct room *room)
{
	const struct event *create = room_create_event(room);
	const struct json *users;
	const struct sev *levels;
	size_t cap = 0;

	if (create != NULL)
		add_owner(b, r, &cap, create->sender);
	if (!room_state(c, room, S("m.room.power_levels"), S(""), &levels))
		return false;
	users = levels == NULL ? NULL : json_get_obj(levels->ev.content,
	    S("users"));
	for (uint32_t i = 0; users != NULL && i < users->n; i++)
		if (users->m[i].val.type == JSON_INT &&
		    users->m[i].val.i >= OWNER_POWER)
			add_owner(b, r, &cap, users->m[i].key);
	return true;
}

static bool
fill_room(struct ctx *c, struct breach *b, struct breach_room *r)
{
	struct room_chunk chunk = { .nid = 0 };
	struct room *room;

	ranges_tidy(&r->seq);
	ranges_tidy(&r->nid);
	ranges_tidy(&r->stripped);
	if (!room_open(c, r->id, &room)) {
		bool gone = c->err.code == M_NOT_FOUND;

		err_clear(&c->err);
		return gone;
	}
	if (!room_describe(c, room, &chunk))
		return false;
	r->known = true;
	r->name = str_dup(b->a, chunk.name.n > 0 ? chunk.name
	    : chunk.canonical_alias);
	r->encryption = str_dup(b->a, chunk.encryption);
	return fill_owners(c, b, r, room) &&
	    fill_authors(c, b, r, room_nid(room));
}

/* Of a user's files the row; what is gone keeps its bare id. */
static bool
fill_file(struct ctx *c, struct breach_thing *t)
{
	struct str server, id;
	bool found;

	if (!str_cut(t->object, '/', &server, &id))
		return true;
	if (!media_find(c->db, c->a, server, id, &t->file, &found, &c->err))
		return false;
	if (!found)
		t->file = (struct media_row){ .bytes = 0 };
	return true;
}

static bool
fill_measures(struct ctx *c, struct breach *b)
{
	struct contain_row *x;
	size_t n;

	if (!contain_list(c->db, c->a, false, MEASURES_MAX, &x, &n, &c->err))
		return false;
	b->measure = arena_array(b->a, struct contain_row, n);
	for (size_t i = 0; i < n; i++)
		if (str_eq(x[i].t.user, b->ask.user))
			b->measure[b->nmeasures++] = x[i];
	return true;
}

static void
nap(int64_t ms)
{
	struct timespec t = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&t, NULL);
}

/* The newest note; empty: there is none yet. */
static bool
read_checkpoint(struct ctx *c, struct str dir, struct str *out)
{
	char note[CHECKPOINT_MAX];
	int fd = open(str_cz(c->a, str_cat(c->a, dir, S("/checkpoint"))),
	    O_RDONLY | O_CLOEXEC);
	int why = errno;
	ssize_t n = 0;

	*out = (struct str){ NULL, 0 };
	if (fd < 0 && why == ENOENT)
		return true;
	if (fd >= 0) {
		n = read(fd, note, sizeof(note));
		why = errno;
		close(fd);
	}
	if (fd < 0 || n < 0)
		return fail(&c->err, M_UNKNOWN,
		    "The ledger's checkpoint cannot be read: %s",
		    strerror(why));
	*out = str_dup(c->a, str_n(note, (size_t)n));
	return true;
}

/* Waits for the checkpoint that covers all that was read: it is made every second. */
static bool
fill_checkpoint(struct ctx *c, struct breach *b, struct str dir)
{
	struct checkpoint point;

	for (int i = 0; i < CHECKPOINT_TRIES; i++) {
		if (!read_checkpoint(c, dir, &b->checkpoint))
			return false;
		if (b->checkpoint.n > 0 && checkpoint_read(c->a,
		    b->checkpoint, &point) && point.size >= b->leaves)
			return true;
		nap(100);
	}
	return fail(&c->err, M_UNAVAILABLE, "The ledger has no checkpoint "
	    "yet that covers what was read: try again");
}

/* Was what ask.absent names among it? */
static bool
look_for(struct ctx *c, struct breach *b)
{
	struct str what = b->ask.absent;
	struct str file = str_starts(what, S("mxc://")) ? str_from(what, 6)
	    : what;
	const struct breach_room *r;
	const struct sev *ev;
	struct room *room;

	if (str_starts(what, S("!"))) {
		b->absent_read = map_get(&b->rooms.by, what) != NULL;
		return true;
	}
	if (!str_starts(what, S("$"))) {
		b->absent_read = map_get(&b->things[SEEN_MEDIA].by, file) !=
		    NULL;
		return str_find(file, '/') > 0 || fail(&c->err,
		    M_INVALID_PARAM, "Name a room (!...), an event ($...) or "
		    "a file (mxc://server/id) to look for");
	}
	if (!event_find(c, what, &ev))
		return false;
	if (ev == NULL)
		return fail(&c->err, M_NOT_FOUND,
		    "There is no such event on this server");
	if (!room_open_nid(c, ev->room, &room))
		return false;
	r = map_get(&b->rooms.by, room_id(room));
	b->absent_read = r != NULL && ((ev->seq != 0 &&
	    ranges_has(&r->seq, ev->seq)) || ranges_has(&r->nid, ev->nid) ||
	    ranges_has(&r->stripped, ev->nid));
	return true;
}

static bool
fits(struct ctx *c)
{
	return !arena_over(c->a) || fail(&c->err, M_TOO_LARGE, "So much was "
	    "read that the report does not fit: ask for a shorter time");
}

static bool
fill(struct ctx *c, struct breach *b, struct str dir)
{
	const struct breach_list *files = &b->things[SEEN_MEDIA];

	for (size_t i = 0; i < b->rooms.n; i++)
		if (!fill_room(c, b, b->rooms.at[i]) || !fits(c))
			return false;
	for (size_t i = 0; i < files->n; i++)
		if (!fill_file(c, files->at[i]))
			return false;
	return fill_measures(c, b) && fill_checkpoint(c, b, dir) &&
	    (b->ask.absent.n == 0 || look_for(c, b));
}

static bool
read_all(struct ctx *c, struct breach *b, struct str dir)
{
	struct ledger_filter f = { .from_ms = b->ask.from_ms,
	    .to_ms = b->ask.to_ms, .user = b->ask.user,
	    .device = b->ask.device, .address = b->ask.address };
	const struct record *r;
	struct ledger_reader *reader;
	bool ok;

	if (!ledger_read_open(c->a, dir, &f, &reader, &c->err))
		return false;
	while ((ok = ledger_read_next(reader, &r, &c->err)) && r != NULL &&
	    !arena_over(c->a))
		breach_take(b, r);
	ledger_read_close(reader);
	return ok && fits(c);
}

bool
breach_make(struct ctx *c, struct str dir, const struct breach_ask *ask,
    struct breach *b)
{
	struct account x;

	breach_init(b, c->a, ask);
	b->made_ms = c->now_ms;
	if (ask->to_ms != 0 && ask->from_ms >= ask->to_ms)
		return fail(&c->err, M_INVALID_PARAM,
		    "The report's time ends before it begins");
	if (ask->from_ms > c->now_ms)
		return fail(&c->err, M_INVALID_PARAM,
		    "The report's time begins in the future");
	if (!account_get(c, ask->user, &x))
		return false;
	if (ask->to_ms == 0 || ask->to_ms > c->now_ms - FOLDED_MS)
		nap(FOLDED_MS);
	return read_all(c, b, dir) && fill(c, b, dir);
}
