/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* State trees against a plain array of places. */
#include "fixture.h"

#include "base/clock.h"
#include "store/statetree.h"

#define NPLACES 3000
#define CACHE ((size_t)1 << 20)

/* The model: the event at each place, 0 for none. */
struct model {
	int64_t event[NPLACES];
	struct state_root root;
};

static struct str
key_of(struct fix *f, size_t place)
{
	return str_fmt(f->a, "@user%zu:example.org", place);
}

static struct str
type_of(size_t place)
{
	return place % 3 == 0 ? S("m.room.member") : S("m.space.child");
}

struct set {
	const struct state_root *from;
	const struct state_slot *slots;
	size_t n;
	struct state_root to;
	bool refuse;
};

static bool
set_body(struct db *db, void *arg, struct err *e)
{
	struct set *s = arg;

	return state_set(db, s->from, s->slots, s->n, &s->to, e) &&
	    (!s->refuse || fail(e, M_FORBIDDEN, "No"));
}

static struct state_root
set(struct fix *f, struct state_root from, const struct state_slot *slots,
    size_t n)
{
	struct set s = { &from, slots, n, { { 0 } }, false };

	OK(f, db_transact(f->db, set_body, &s, &f->e));
	return s.to;
}

static struct state_root
set_one(struct fix *f, struct state_root from, struct str type,
    struct str key, int64_t event)
{
	struct state_slot slot = { type, key, event };

	return set(f, from, &slot, 1);
}

static int64_t
get(struct fix *f, struct state_root root, struct str type, struct str key)
{
	int64_t event = -1;

	OK(f, state_get(f->db, &root, type, key, &event, &f->e));
	return event;
}

/* Changes n places of the model at random and the tree with it. */
static void
change(struct fix *f, struct model *m, size_t n, int64_t *next)
{
	struct state_slot *slots = arena_array(f->a, struct state_slot, n);

	for (size_t i = 0; i < n; i++) {
		size_t place = (size_t)random_below(NPLACES);
		int64_t event = random_below(3) == 0 ? 0 : (*next)++;

		m->event[place] = event;
		slots[i] = (struct state_slot){ type_of(place),
			key_of(f, place), event };
	}
	m->root = set(f, m->root, slots, n);
}

static int
by_number(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

static void
check_all(struct fix *f, const struct model *m)
{
	int64_t *want = arena_array(f->a, int64_t, NPLACES), *got;
	size_t nwant = 0, ngot;

	for (size_t i = 0; i < NPLACES; i++) {
		if (m->event[i] != 0)
			want[nwant++] = m->event[i];
		if (i % 7 == 0)
			assert_true(get(f, m->root, type_of(i),
			    key_of(f, i)) == m->event[i]);
	}
	OK(f, state_all(f->db, &m->root, f->a, &got, &ngot, &f->e));
	assert_int_equal(ngot, nwant);
	qsort(want, nwant, sizeof(*want), by_number);
	if (ngot > 0) {
		qsort(got, ngot, sizeof(*got), by_number);
		assert_memory_equal(got, want, nwant * sizeof(*want));
	}
}

static void
check_list(int64_t *got, size_t ngot, int64_t *want, size_t nwant)
{
	assert_int_equal(ngot, nwant);
	if (nwant == 0)
		return;
	qsort(got, ngot, sizeof(*got), by_number);
	qsort(want, nwant, sizeof(*want), by_number);
	assert_memory_equal(got, want, nwant * sizeof(*want));
}

static void
check_diff(struct fix *f, const struct model *x, const struct model *y)
{
	int64_t *plus = arena_array(f->a, int64_t, NPLACES);
	int64_t *minus = arena_array(f->a, int64_t, NPLACES);
	int64_t *added, *gone;
	size_t nplus = 0, nminus = 0, nadded, ngone;

	for (size_t i = 0; i < NPLACES; i++) {
		if (x->event[i] == y->event[i])
			continue;
		if (y->event[i] != 0)
			plus[nplus++] = y->event[i];
		if (x->event[i] != 0)
			minus[nminus++] = x->event[i];
	}
	OK(f, state_diff(f->db, &x->root, &y->root, f->a, &added, &nadded,
	    &gone, &ngone, &f->e));
	check_list(added, nadded, plus, nplus);
	check_list(gone, ngone, minus, nminus);
}

static void
open_tree(struct fix *f, size_t cache)
{
	fix_open(f);
	OK(f, statetree_start(f->db, cache, &f->e));
}

static void
follow_the_model(size_t cache, int rounds)
{
	static struct model m, past[4];
	struct fix f;
	int64_t next = 1;

	open_tree(&f, cache);
	memset(&m, 0, sizeof(m));
	memset(past, 0, sizeof(past));
	for (int i = 0; i < rounds; i++) {
		struct arena_mark mark = arena_mark(f.a);

		change(&f, &m, 1 + (size_t)random_below(i % 5 ? 4 : 900),
		    &next);
		check_all(&f, &m);
		for (size_t k = 0; k < LEN(past); k++) {
			check_diff(&f, &past[k], &m);
			check_diff(&f, &m, &past[k]);
		}
		past[random_below(LEN(past))] = m;
		arena_release(f.a, mark);
	}
	fix_close(&f);
}

static void
random_changes_match_a_plain_map(void **state)
{
	(void)state;
	follow_the_model(CACHE, use_pg ? 10 : 60);
}

static void
so_they_do_without_a_cache(void **state)
{
	(void)state;
	follow_the_model(0, use_pg ? 3 : 10);
}

static void
equal_states_have_equal_roots(void **state)
{
	struct state_root x = { { 0 } }, y = x, empty = x, all;
	struct state_slot slots[200];
	struct fix f;

	(void)state;
	open_tree(&f, CACHE);
	for (size_t i = 0; i < LEN(slots); i++)
		slots[i] = (struct state_slot){ type_of(i), key_of(&f, i),
			(int64_t)i + 1 };
	all = set(&f, empty, slots, LEN(slots));
	for (size_t i = 0; i < LEN(slots); i++)
		x = set_one(&f, x, slots[i].type, slots[i].key,
		    slots[i].event);
	for (size_t i = LEN(slots); i-- > 0; )
		y = set_one(&f, y, slots[i].type, slots[i].key,
		    slots[i].event);
	assert_true(state_root_eq(&x, &all) && state_root_eq(&y, &all));
	/* Places that come and go leave no trace. */
	for (size_t i = 500; i < 560; i++)
		x = set_one(&f, x, type_of(i), key_of(&f, i), 9);
	assert_false(state_root_eq(&x, &all));
	for (size_t i = 500; i < 560; i++)
		x = set_one(&f, x, type_of(i), key_of(&f, i), 0);
	assert_true(state_root_eq(&x, &all));
	for (size_t i = 0; i < LEN(slots); i++)
		x = set_one(&f, x, slots[i].type, slots[i].key, 0);
	assert_true(state_root_eq(&x, &empty));
	fix_close(&f);
}

static void
the_empty_state_has_nothing(void **state)
{
	struct state_root empty = { { 0 } }, read;
	struct fix f;
	int64_t *events;
	size_t n = 9;

	(void)state;
	open_tree(&f, CACHE);
	assert_true(get(&f, empty, S("m.room.create"), S("")) == 0);
	OK(&f, state_all(f.db, &empty, f.a, &events, &n, &f.e));
	assert_int_equal(n, 0);
	assert_int_equal(state_root_bytes(&empty).n, 0);
	assert_true(state_root_read(S(""), &read));
	assert_true(state_root_eq(&read, &empty));
	empty = set_one(&f, empty, S("m.room.create"), S(""), 0);
	assert_int_equal(state_root_bytes(&empty).n, 0);
	assert_false(state_root_read(S("too short"), &read));
	fix_close(&f);
}

static void
places_are_told_apart(void **state)
{
	static const struct {
		struct str type, key;
	} place[] = {
		{ S_INIT("m.room.name"), S_INIT("") },
		{ S_INIT("m.room.nam"), S_INIT("e") },
		{ S_INIT(""), S_INIT("m.room.name") },
		{ S_INIT("m.room.name"), S_INIT("m.room.name") },
		{ S_INIT("a"), S_INIT("b\0c") },
		{ S_INIT("a"), S_INIT("b") },
	};
	struct state_root root = { { 0 } };
	struct fix f;
	char *big;

	(void)state;
	open_tree(&f, CACHE);
	for (size_t i = 0; i < LEN(place); i++)
		root = set_one(&f, root, place[i].type, place[i].key,
		    (int64_t)i + 1);
	for (size_t i = 0; i < LEN(place); i++)
		assert_true(get(&f, root, place[i].type, place[i].key) ==
		    (int64_t)i + 1);
	big = arena_alloc(f.a, 70000);
	root = set_one(&f, root, str_n(big, 70000), str_n(big, 69999),
	    INT64_MAX);
	assert_true(get(&f, root, str_n(big, 70000), str_n(big, 69999)) ==
	    INT64_MAX);
	assert_true(get(&f, root, str_n(big, 69999), str_n(big, 70000)) == 0);
	fix_close(&f);
}

static void
the_last_of_two_for_one_place_counts(void **state)
{
	struct state_slot slots[] = { { S("t"), S("k"), 5 },
		{ S("t"), S("k"), 6 }, { S("t"), S("x"), 7 },
		{ S("t"), S("x"), 0 } };
	struct state_root root = { { 0 } }, one;
	struct fix f;

	(void)state;
	open_tree(&f, CACHE);
	one = set_one(&f, root, S("t"), S("k"), 6);
	root = set(&f, root, slots, LEN(slots));
	assert_true(state_root_eq(&root, &one));
	fix_close(&f);
}

static void
roots_outlive_a_restart(void **state)
{
	struct state_root root = { { 0 } }, back;
	struct fix f;
	struct str bytes;

	(void)state;
	open_tree(&f, CACHE);
	for (size_t i = 0; i < 100; i++)
		root = set_one(&f, root, type_of(i), key_of(&f, i),
		    (int64_t)i + 1);
	bytes = str_dup(f.a, state_root_bytes(&root));
	fix_again(&f);
	OK(&f, statetree_start(f.db, CACHE, &f.e));
	assert_true(state_root_read(bytes, &back));
	for (size_t i = 0; i < 100; i++)
		assert_true(get(&f, back, type_of(i), key_of(&f, i)) ==
		    (int64_t)i + 1);
	fix_close(&f);
}

/* A node that was rolled back is written again by the next who needs it. */
static void
what_was_rolled_back_is_not_believed_stored(void **state)
{
	static const struct state_slot slot = { S_INIT("t"), S_INIT("k"), 1 };
	struct state_root empty = { { 0 } };
	struct set s = { &empty, &slot, 1, { { 0 } }, true };
	struct fix f;

	(void)state;
	open_tree(&f, CACHE);
	assert_false(db_transact(f.db, set_body, &s, &f.e));
	s.refuse = false;
	store_fault_after(f.s, 2);	/* the commit */
	assert_false(db_transact(f.db, set_body, &s, &f.e));
	OK(&f, db_transact(f.db, set_body, &s, &f.e));
	OK(&f, statetree_start(f.db, CACHE, &f.e));	/* empties the cache */
	assert_true(get(&f, s.to, S("t"), S("k")) == 1);
	fix_close(&f);
}

static bool
spoil_body(struct db *db, void *arg, struct err *e)
{
	static const struct query spoil = { .name = "test.spoil",
		.sql = "UPDATE state_node SET body = $1" };
	const struct str *body = arg;

	return db_exec(db, &spoil, V(v_bytes(*body)), e);
}

static void
a_lost_or_damaged_node_is_an_error(void **state)
{
	static const struct {
		const char *name;
		struct str body;
	} cases[] = {
		{ "nothing", S_INIT("") },
		{ "half a map", S_INIT("\1\0\0") },
		{ "a node that is no slot", S_INIT("\0\0\0\0\1\0\0\0") },
		{ "slots without hashes",
		    S_INIT("\xff\xff\xff\xff\0\0\0\0" "0123456789") },
		{ "a leaf without an end", S_INIT("\xff\xff\xff\xff\0\0\0\0"
		    "0123456789abcdef\x80\x80\x80\x80\x80\x80\x80\x80\x80"
		    "\x80\x80\x80") },
		{ "a leaf cut off", S_INIT("\xff\xff\xff\xff\0\0\0\0"
		    "0123456789abcdef\x80") },
	};
	struct state_root root = { { 7 } }, empty = { { 0 } };
	struct fix f;
	int64_t event = 5, *list, *gone;
	size_t n, ngone;

	(void)state;
	open_tree(&f, 0);
	assert_false(state_get(f.db, &root, S("t"), S("k"), &event, &f.e));
	assert_true(f.e.code == M_UNKNOWN && event == 5);
	root = set_one(&f, empty, S("t"), S("k"), 1);
	for (size_t i = 0; i < LEN(cases); i++) {
		struct str body = cases[i].body;

		print_message("%s\n", cases[i].name);
		OK(&f, db_transact(f.db, spoil_body, &body, &f.e));
		assert_false(state_all(f.db, &root, f.a, &list, &n, &f.e));
		assert_false(state_diff(f.db, &empty, &root, f.a, &list, &n,
		    &gone, &ngone, &f.e));
		assert_int_equal(f.e.code, M_UNKNOWN);
	}
	fix_close(&f);
}

/* A tree that bites its tail ends the walk, not the stack. */
static void
an_endless_tree_is_an_error(void **state)
{
	struct state_root root, empty = { { 0 } };
	struct fix f;
	char body[8 + 16 * 32];
	struct str bytes = { body, sizeof(body) };
	int64_t *list, event = 5;
	size_t n;

	(void)state;
	open_tree(&f, 0);
	root = set_one(&f, empty, S("t"), S("k"), 1);
	memset(body, 0xff, 8);
	for (size_t i = 0; i < 32; i++)
		memcpy(body + 8 + 16 * i, root.id, 16);
	OK(&f, db_transact(f.db, spoil_body, &bytes, &f.e));
	assert_false(state_all(f.db, &root, f.a, &list, &n, &f.e));
	assert_false(state_get(f.db, &root, S("t"), S("k"), &event, &f.e));
	assert_true(f.e.code == M_UNKNOWN && event == 5);
	fix_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_match_a_plain_map),
		cmocka_unit_test(so_they_do_without_a_cache),
		cmocka_unit_test(equal_states_have_equal_roots),
		cmocka_unit_test(the_empty_state_has_nothing),
		cmocka_unit_test(places_are_told_apart),
		cmocka_unit_test(the_last_of_two_for_one_place_counts),
		cmocka_unit_test(roots_outlive_a_restart),
		cmocka_unit_test(what_was_rolled_back_is_not_believed_stored),
		cmocka_unit_test(a_lost_or_damaged_node_is_an_error),
		cmocka_unit_test(an_endless_tree_is_an_error),
	};

	return run_on_both(tests);
}
