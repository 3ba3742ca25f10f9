/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Hash maps: both kinds of keys, replacing, deleting, growing, walking. */
#include "unit.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"

static void
test_empty(void **state)
{
	struct map m = { 0 };
	struct map_iter it = map_iter(&m);

	(void)state;
	assert_null(map_get(&m, S("x")));
	assert_null(map_del(&m, S("x")));
	assert_null(map_get_i(&m, 0));
	assert_null(map_next(&it));
	map_done(&m);
	map_done(&m);
}

static void
test_put_get_del(void **state)
{
	struct map m = { 0 };
	int x, y;

	(void)state;
	assert_null(map_put(&m, S("a"), &x));
	assert_null(map_put(&m, (struct str){ NULL, 0 }, &y));
	assert_ptr_equal(map_get(&m, S("a")), &x);
	assert_ptr_equal(map_get(&m, S("")), &y);
	assert_null(map_get(&m, S("b")));
	assert_null(map_get(&m, S("a\0")));
	assert_ptr_equal(map_put(&m, S("a"), &y), &x);
	assert_ptr_equal(map_get(&m, S("a")), &y);
	assert_int_equal(m.n, 2);
	assert_ptr_equal(map_del(&m, S("a")), &y);
	assert_null(map_get(&m, S("a")));
	assert_null(map_del(&m, S("a")));
	assert_int_equal(m.n, 1);
	map_done(&m);
	assert_int_equal(m.n, 0);
	assert_null(map_put(&m, S("again"), &x));
	map_done(&m);
}

/* A number and the string of the same bytes are different keys. */
static void
test_kinds_are_apart(void **state)
{
	struct map m = { 0 };
	int64_t key = 0x6162636465666768;
	int x, y;

	(void)state;
	assert_null(map_put_i(&m, key, &x));
	assert_null(map_put(&m, str_n((char *)&key, sizeof(key)), &y));
	assert_ptr_equal(map_get_i(&m, key), &x);
	assert_ptr_equal(map_get(&m, str_n((char *)&key, sizeof(key))), &y);
	assert_int_equal(m.n, 2);
	assert_ptr_equal(map_del_i(&m, key), &x);
	assert_ptr_equal(map_get(&m, str_n((char *)&key, sizeof(key))), &y);
	assert_null(map_put_i(&m, INT64_MIN, &x));
	assert_null(map_put_i(&m, -1, &y));
	assert_ptr_equal(map_get_i(&m, INT64_MIN), &x);
	assert_ptr_equal(map_get_i(&m, -1), &y);
	map_done(&m);
}

/* The key put last is the one used: the old one may be gone with its value. */
static void
test_replacing_takes_the_new_key(void **state)
{
	struct map m = { 0 };
	char old[] = "key", new[] = "key";
	int x, y;

	(void)state;
	map_put(&m, str_c(old), &x);
	map_put(&m, str_c(new), &y);
	memset(old, '#', 3);
	assert_ptr_equal(map_get(&m, S("key")), &y);
	map_done(&m);
}

#define MANY 20000

static void
test_many(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	int *val = arena_array(a, int, MANY);
	struct str *key = arena_array(a, struct str, MANY);
	struct map m = { 0 };

	(void)state;
	for (int i = 0; i < MANY; i++) {
		key[i] = str_fmt(a, "@user%d:example.org", i);
		assert_null(map_put(&m, key[i], &val[i]));
		assert_null(map_put_i(&m, i, &val[i]));
	}
	assert_int_equal(m.n, 2 * MANY);
	for (int i = 0; i < MANY; i += 2)
		assert_ptr_equal(map_del(&m, key[i]), &val[i]);
	for (int i = 0; i < MANY; i++) {
		assert_ptr_equal(map_get(&m, key[i]), i % 2 ? &val[i] : NULL);
		assert_ptr_equal(map_get_i(&m, i), &val[i]);
	}
	map_done(&m);
	arena_free(a);
}

/* Graves must not make the table grow for ever. */
static void
test_churn(void **state)
{
	struct map m = { 0 };
	int x;

	(void)state;
	for (int64_t i = 0; i < 100000; i++) {
		assert_null(map_put_i(&m, i, &x));
		assert_ptr_equal(map_del_i(&m, i), &x);
	}
	assert_int_equal(m.n, 0);
	assert_true(m.cap <= 64);
	map_done(&m);
}

static void
test_walk(void **state)
{
	struct map m = { 0 };
	bool seen[100] = { false };
	struct map_iter it;
	bool *p;
	int n = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		map_put_i(&m, i, &seen[i]);
	for (int i = 0; i < 100; i += 3)
		map_del_i(&m, i);
	it = map_iter(&m);
	while ((p = map_next(&it)) != NULL) {
		assert_false(*p);
		*p = true;
		n++;
	}
	assert_int_equal(n, 66);
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen[i], i % 3 != 0);
	map_done(&m);
}

static void
note_drop(void *val)
{
	assert_false(*(bool *)val);
	*(bool *)val = true;
}

static void
test_clearing_gives_each_value_once(void **state)
{
	static bool seen[100];
	struct map m = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		map_put_i(&m, i, &seen[i]);
	for (int i = 0; i < 100; i += 3)
		map_del_i(&m, i);
	map_clear(&m, note_drop);
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen[i], i % 3 != 0);
	assert_int_equal(m.n, 0);
	assert_null(map_put_i(&m, 1, &seen[0]));
	map_done(&m);
}

static void
test_hash(void **state)
{
	(void)state;
	assert_true(hash_bytes("abc", 3) == hash_bytes("abc", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes("abc\0", 4));
	assert_true(hash_bytes(NULL, 0) == hash_bytes("", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_put_get_del),
		cmocka_unit_test(test_kinds_are_apart),
		cmocka_unit_test(test_replacing_takes_the_new_key),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_clearing_gives_each_value_once),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
