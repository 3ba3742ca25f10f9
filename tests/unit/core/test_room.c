/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Rooms in memory: loading, ranges, places, members, and what the cache holds. */
#include "fixture.h"

#include "core/token.h"

#define LONG_ROOM 200			/* events: well beyond the ring */

/* A copy of an id that outlives a restart. */
struct kept_id {
	char p[256];
};

static struct kept_id
keep_id(struct str id)
{
	struct kept_id k;

	snprintf(k.p, sizeof(k.p), STR_FMT, STR_ARG(id));
	return k;
}

static struct room *
long_room(struct ctx *c)
{
	struct room *r = new_room(c, "11", PRESET_PUBLIC);
	char text[16];

	while (room_head(r).last_seq < LONG_ROOM) {
		snprintf(text, sizeof(text), "%d",
		    (int)room_head(r).last_seq + 1);
		say(c, r, text);
	}
	return r;
}

static void
test_unknown(void **state)
{
	struct ctx *alice = as("alice");
	const struct sev *ev;
	struct room *r;

	(void)state;
	REFUSED(alice, M_NOT_FOUND, room_open(alice, S("!none:test"), &r));
	REFUSED(alice, M_NOT_FOUND, room_open_nid(alice, 123456, &r));
	OK(alice, event_find(alice, S("$none"), &ev));
	assert_null(ev);
	OK(alice, event_by_nid(alice, 123456, &ev));
	assert_null(ev);
	OK(alice, event_by_nid(alice, 0, &ev));
	assert_null(ev);
}

static void
test_after_a_restart(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct room *r = new_room(alice, "12", PRESET_PUBLIC);
	const struct sev *ev;
	struct room_head before, after;
	struct kept_id id = keep_id(room_id(r)), last;

	(void)state;
	join(bob, r);
	OK(alice, member_invite(alice, r, S("@carol:test"), S(""), false));
	set_state(alice, r, "m.room.name", "{\"name\":\"N\"}");
	last = keep_id(say(bob, r, "last")->ev.id);
	before = room_head(r);
	core_again();
	alice = as("alice");
	r = open_room(alice, str_c(id.p));
	after = room_head(r);
	assert_int_equal(after.last_seq, before.last_seq);
	assert_int_equal(after.last_pos, before.last_pos);
	assert_int_equal(after.depth, before.depth);
	assert_true(state_root_eq(&after.state, &before.state));
	assert_true(room_touched(r) >= after.last_pos);
	assert_int_equal(room_counts(r).joined, 2);
	assert_int_equal(room_counts(r).invited, 1);
	assert_int_equal(room_membership(r, S("@bob:test")), MEMBER_JOIN);
	assert_int_equal(room_membership(r, S("@carol:test")), MEMBER_INVITE);
	assert_int_equal(room_membership(r, S("@dan:test")), MEMBER_NONE);
	assert_str(room_ver(r)->name, S("12"));
	OK(alice, room_state(alice, r, S("m.room.name"), S(""), &ev));
	assert_str(json_str(ev->ev.content, S("name")), S("N"));
	ev = say(alice, r, "next");
	assert_int_equal(ev->seq, before.last_seq + 1);
	assert_true(ev->pos > before.last_pos);
	assert_str(ev->ev.prev[0], str_c(last.p));
}

struct range {
	const char *what;
	int64_t from, to;
	bool back;
	size_t max;
};

static const struct range ranges[] = {
	{ "the newest, back", 1, LONG_ROOM, true, 10 },
	{ "all of the ring, back", 1, LONG_ROOM, true, RING },
	{ "over the end of the ring, back", 1, LONG_ROOM, true, RING + 20 },
	{ "everything, back", 1, LONG_ROOM, true, 1000 },
	{ "the oldest, back", 1, 10, true, 100 },
	{ "within the ring, forward", LONG_ROOM - 9, LONG_ROOM, false, 100 },
	{ "into the ring, forward", LONG_ROOM - 99, LONG_ROOM, false, 1000 },
	{ "the first page, forward", 1, LONG_ROOM, false, 10 },
	{ "everything, forward", 1, LONG_ROOM, false, 1000 },
	{ "cut short in the ring, forward", LONG_ROOM - 20, LONG_ROOM, false,
	    5 },
	{ "one", 77, 77, false, 1 },
	{ "one, back", 77, 77, true, 1 },
	{ "past the end, back", LONG_ROOM - 3, INT64_MAX, true, 100 },
	{ "past the end, forward", LONG_ROOM - 3, INT64_MAX, false, 100 },
	{ "before the beginning", -50, 3, false, 100 },
	{ "before the beginning, back", -50, 3, true, 100 },
	{ "nothing", 5, 4, false, 10 },
	{ "nothing, back", 5, 4, true, 10 },
	{ "beyond the end", LONG_ROOM + 1, LONG_ROOM + 9, false, 10 },
	{ "beyond the end, back", LONG_ROOM + 1, LONG_ROOM + 9, true, 10 },
	{ "no event asked for", 1, LONG_ROOM, true, 0 },
};

static void
check_range(struct ctx *c, struct room *r, const struct range *t)
{
	int64_t low = t->from < 1 ? 1 : t->from;
	int64_t high = t->to > LONG_ROOM ? LONG_ROOM : t->to;
	int64_t want = high >= low ? high - low + 1 : 0;
	const struct sev **ev;
	size_t n;

	if (want > (int64_t)t->max)
		want = (int64_t)t->max;
	OK(c, room_range(c, r, t->from, t->to, t->back, t->max, &ev, &n));
	if ((int64_t)n != want)
		fail_msg("%s: %d events, not %d", t->what, (int)n, (int)want);
	for (size_t i = 0; i < n; i++) {
		int64_t seq = t->back ? high - (int64_t)i : low + (int64_t)i;

		if (ev[i]->seq != seq)
			fail_msg("%s: seq %d at %d, not %d", t->what,
			    (int)ev[i]->seq, (int)i, (int)seq);
	}
}

static void
test_ranges(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = long_room(alice);
	struct kept_id id = keep_id(room_id(r));

	(void)state;
	for (size_t i = 0; i < LEN(ranges); i++)
		check_range(alice, r, &ranges[i]);
	/* Nothing of it in memory. */
	core_again();
	alice = as("alice");
	r = open_room(alice, str_c(id.p));
	for (size_t i = 0; i < LEN(ranges); i++)
		check_range(alice, r, &ranges[i]);
	/* The ring knows them, but the cache of events has let them go. */
	evcache_stop();
	for (size_t i = 0; i < LEN(ranges); i++)
		check_range(alice, r, &ranges[i]);
}

static void
check_places(struct ctx *c, struct room *r)
{
	const struct sev **ev;
	int64_t seq;
	size_t n;

	OK(c, room_range(c, r, 1, LONG_ROOM, false, 1000, &ev, &n));
	for (size_t i = 0; i < n; i++) {
		OK(c, room_seq_at(c, r, ev[i]->pos, &seq));
		assert_int_equal(seq, ev[i]->seq);
		OK(c, room_seq_at(c, r, ev[i]->pos - 1, &seq));
		assert_int_equal(seq, ev[i]->seq - 1);
	}
	OK(c, room_seq_at(c, r, 0, &seq));
	assert_int_equal(seq, 0);
	OK(c, room_seq_at(c, r, INT64_MAX, &seq));
	assert_int_equal(seq, LONG_ROOM);
}

static void
test_places_of_tokens(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = long_room(alice);
	struct kept_id id = keep_id(room_id(r));

	(void)state;
	check_places(alice, r);
	core_again();
	alice = as("alice");
	check_places(alice, open_room(alice, str_c(id.p)));
}

struct token {
	const char *text;
	bool ok;
	int64_t seq;
};

static const struct token tokens[] = {
	{ "t7", true, 7 }, { "t0", true, 0 }, { "t-5", true, -5 },
	{ "s0", true, 0 }, { "t", false, 0 }, { "s", false, 0 },
	{ "", false, 0 }, { "7", false, 0 }, { "t7x", false, 0 },
	{ "s-1", false, 0 }, { "x7", false, 0 }, { "t 7", false, 0 },
	{ "t9223372036854775807", false, 0 },
	{ "t-9223372036854775808", false, 0 },
	{ "t99999999999999999999", false, 0 },
	{ "s9223372036854775807", false, 0 },
};

static void
test_tokens(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	int64_t seq;

	(void)state;
	for (size_t i = 0; i < LEN(tokens); i++) {
		bool ok = token_place(alice, r, str_c(tokens[i].text), &seq);

		if (ok != tokens[i].ok || (ok && seq != tokens[i].seq))
			fail_msg("token %s", tokens[i].text);
		assert_int_equal(alice->err.code,
		    ok ? M_OK : M_INVALID_PARAM);
		err_clear(&alice->err);
	}
	assert_str(token_room(alice->a, 7), S("t7"));
	assert_str(token_sync(alice->a, 12), S("s12"));
}

static void
test_members(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct member *m;
	size_t n;

	(void)state;
	join(as("zoe"), r);
	join(as("bob"), r);
	join(as("mel"), r);
	OK(as("mel"), member_leave(as("mel"), r, S("")));
	OK(alice, member_invite(alice, r, S("@carol:test"), S(""), false));
	OK(alice, room_members(alice, r, 1U << MEMBER_JOIN, &m, &n));
	assert_int_equal(n, 3);
	assert_str(m[0].user, S("@alice:test"));
	assert_str(m[1].user, S("@bob:test"));
	assert_str(m[2].user, S("@zoe:test"));
	OK(alice, room_members(alice, r, 1U << MEMBER_JOIN |
	    1U << MEMBER_INVITE, &m, &n));
	assert_int_equal(n, 4);
	OK(alice, room_members(alice, r, 1U << MEMBER_LEAVE, &m, &n));
	assert_int_equal(n, 1);
	OK(alice, room_members(alice, r, 1U << MEMBER_BAN, &m, &n));
	assert_int_equal(n, 0);
	assert_int_equal(room_counts(r).joined, 3);
	assert_int_equal(room_counts(r).invited, 1);
	OK(alice, room_must_be_in(alice, r));
	REFUSED(as("mel"), M_FORBIDDEN, room_must_be_in(as("mel"), r));
}

static void
test_state_as_it_was(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	const struct sev *one, *two, *between;
	int64_t nid;

	(void)state;
	one = set_state(alice, r, "m.room.name", "{\"name\":\"1\"}");
	between = say(alice, r, "between");
	two = set_state(alice, r, "m.room.name", "{\"name\":\"2\"}");
	OK(alice, state_before(alice, between, S("m.room.name"), S(""), &nid));
	assert_int_equal(nid, one->nid);
	OK(alice, state_before(alice, two, S("m.room.name"), S(""), &nid));
	assert_int_equal(nid, one->nid);
	OK(alice, state_before(alice, one, S("m.room.name"), S(""), &nid));
	assert_int_equal(nid, 0);
}

/* The state by the tree and the state by the tables are one. */
static void
test_two_ways_to_the_state(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PUBLIC);
	const struct sev *const *ev;
	struct room_head head;
	int64_t *nids;
	size_t n, nn;

	(void)state;
	for (int i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user%d", i);
		join(as(name), r);
	}
	set_state(alice, r, "m.room.name", "{\"name\":\"N\"}");
	OK(alice, room_state_all(alice, r, &ev, &n));
	head = room_head(r);
	OK(alice, state_all(alice->db, &head.state, alice->a, &nids, &nn,
	    &alice->err));
	assert_int_equal(n, nn);
	for (size_t i = 0; i < n; i++) {
		bool there = false;

		for (size_t k = 0; k < nn && !there; k++)
			there = nids[k] == ev[i]->nid;
		assert_true(there);
	}
}

/* What is counted is what was counted in: a room grows while it is cached. */
static void
test_cache_counts(void **state)
{
	struct ctx c = { .a = arena_new(64 << 20), .db = world.db,
	    .now_ms = clock_now_ms() };
	struct room *big, *again;
	size_t grown, before;
	char name[32];

	(void)state;
	room_cache_start((size_t)64 << 20);
	c.who.user = S("@alice:test");
	big = new_room(&c, "11", PRESET_PUBLIC);
	before = room_cache_bytes();
	for (int i = 0; i < 100; i++) {
		struct send s = { .type = S("m.room.name"), .is_state = true };

		snprintf(name, sizeof(name), "key%d", i);
		s.state_key = str_dup(c.a, str_c(name));
		s.content = obj(&c, "{}");
		OK(&c, send_event(&c, big, &s, &(const struct sev *){ NULL }));
	}
	OK(&c, room_open_nid(&c, room_nid(big), &again));
	assert_ptr_equal(again, big);
	grown = room_cache_bytes();
	assert_true(grown > before + 100 * 100);
	arena_reset(c.a);
	room_cache_start(1);
	/* Whoever comes next sends the others away. */
	(void)new_room(&c, "11", PRESET_PUBLIC);
	assert_true(room_cache_bytes() < grown - 100 * 100);
	arena_reset(c.a);
	room_cache_start((size_t)64 << 20);
	arena_free(c.a);
}

/* A row that was read before a redaction comes to the cache after it. */
static void
test_late_row(void **state)
{
	struct ctx *alice = as("alice");
	struct room *r = new_room(alice, "11", PRESET_PRIVATE);
	struct str id = say(alice, r, "secret")->ev.id;
	struct send s = { .type = S("m.room.redaction"), .redacts = id,
	    .content = json_new_obj() };
	struct evcache_extra none = { .replaces = { NULL, 0 } };
	uint64_t epoch = evcache_epoch();
	struct event_row row;
	const struct sev *ev;
	bool found;

	(void)state;
	OK(alice, event_row_by_id(alice->db, alice->a, id, &row, &found,
	    &alice->err));
	assert_true(found);
	OK(alice, send_event(alice, r, &s, &ev));
	evcache_stop();			/* as if it had been let go meanwhile */
	ev = evcache_add(room_ver(r), &row, &none, epoch, &alice->err);
	assert_non_null(ev);
	sev_put(ev);
	assert_true(str_find_str(reread(alice, id)->text, S("secret")) < 0);
	assert_true((reread(alice, id)->flags & EVENT_F_REDACTED) != 0);
}

static void
test_evicted_and_back(void **state)
{
	struct kept_id id[20];
	int64_t last[20];

	(void)state;
	for (size_t i = 0; i < LEN(id); i++) {
		struct room *r = new_room(as("alice"), i % 2 ? "12" : "11",
		    PRESET_PUBLIC);

		say(as("alice"), r, "kept");
		id[i] = keep_id(room_id(r));
		last[i] = room_head(r).last_seq;
	}
	core_again();
	room_cache_start(1);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < LEN(id); i++) {
			struct person p = { .user = "" };
			struct room *r;

			person_init(&p, "alice", world.db);
			r = open_room(&p.c, str_c(id[i].p));
			assert_int_equal(room_head(r).last_seq,
			    last[i] + (int64_t)round);
			say(&p.c, r, "again");
			arena_free(p.c.a);
		}
	}
	assert_true(room_cache_bytes() < (size_t)64 << 10);
	room_cache_start((size_t)64 << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unknown), TEST(test_after_a_restart),
		TEST(test_ranges), TEST(test_places_of_tokens),
		TEST(test_tokens), TEST(test_members),
		TEST(test_state_as_it_was),
		TEST(test_two_ways_to_the_state), TEST(test_cache_counts),
		TEST(test_late_row),
		TEST(test_evicted_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
