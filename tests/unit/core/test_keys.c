/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One-time keys: each is given once and none is lost; a fallback key is given when none is left. */
#include "fixture.h"

#include <pthread.h>

#include "core/e2ee.h"
#include "core/keys.h"
#include "core/otk_cache.h"

#define THREADS 6
#define DEVICES 70		/* more than one query takes */
#define KEYS 12

/* The keys alg:FIRST to alg:LAST of the ctx's device. */
static struct json
keys_named(struct ctx *c, int first, int last)
{
	struct json keys = json_new_obj();

	for (int i = first; i <= last; i++)
		json_set(c->a, &keys, str_fmt(c->a, "alg:%d", i),
		    json_of_str(str_fmt(c->a, STR_FMT " %d",
		    STR_ARG(c->who.device), i)));
	return keys;
}

static void
upload(struct ctx *c, const char *device, int first, int last)
{
	struct json keys;

	c->who.device = str_c(device);
	keys = keys_named(c, first, last);
	OK(c, keys_upload(c, NULL, &keys, NULL));
}

/* What a claim of that gives, as JSON text. */
static const char *
claimed(struct ctx *c, const char *wanted)
{
	struct json ask = obj(c, wanted), out;

	OK(c, keys_claim(c, &ask, &out));
	return str_cz(c->a, json_text(c->a, &out));
}

static void
test_the_oldest_is_given_first_and_once(void **state)
{
	static const char ask[] = "{\"@alice:test\":{\"A\":\"alg\"}}";
	struct ctx *alice = as("alice"), *bob = as("bob");

	(void)state;
	upload(alice, "A", 8, 9);
	upload(alice, "A", 1, 1);
	assert_string_equal(claimed(bob, ask),
	    "{\"@alice:test\":{\"A\":{\"alg:8\":\"A 8\"}}}");
	assert_string_equal(claimed(bob, ask),
	    "{\"@alice:test\":{\"A\":{\"alg:9\":\"A 9\"}}}");
	assert_string_equal(claimed(bob, ask),
	    "{\"@alice:test\":{\"A\":{\"alg:1\":\"A 1\"}}}");
	assert_string_equal(claimed(bob, ask), "{}");
}

static void
test_what_is_not_there_is_left_out(void **state)
{
	struct ctx *alice = as("alice"), *bob = as("bob");

	(void)state;
	upload(alice, "A", 1, 1);
	assert_string_equal(claimed(bob, "{\"@alice:test\":{\"A\":\"other\","
	    "\"B\":\"alg\",\"C\":7},\"@bob:test\":{\"A\":\"alg\"},"
	    "\"@nobody:test\":[]}"), "{}");
	assert_string_equal(claimed(bob, "{}"), "{}");
	assert_string_equal(claimed(bob, "{\"@alice:test\":{\"B\":\"alg\","
	    "\"A\":\"alg\"}}"),
	    "{\"@alice:test\":{\"A\":{\"alg:1\":\"A 1\"}}}");
}

static size_t
unused_fallbacks(struct ctx *c)
{
	struct otk_count *count;
	struct str *unused;
	size_t n, nunused;

	OK(c, otk_counts(c, c->who.user, c->who.device, &count, &n, &unused,
	    &nunused));
	return nunused;
}

static void
test_the_fallback_is_given_again_and_again(void **state)
{
	static const char ask[] = "{\"@alice:test\":{\"A\":\"alg\"}}";
	static const char want[] =
	    "{\"@alice:test\":{\"A\":{\"alg:77\":\"A 77\"}}}";
	struct ctx *alice = as("alice"), *bob = as("bob");
	struct json fallback;

	(void)state;
	upload(alice, "A", 1, 1);
	fallback = keys_named(alice, 77, 77);
	OK(alice, keys_upload(alice, NULL, NULL, &fallback));
	(void)claimed(bob, ask);
	assert_int_equal(unused_fallbacks(alice), 1);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(claimed(bob, ask), want);
		assert_int_equal(unused_fallbacks(alice), 0);
	}
	OK(alice, keys_upload(alice, NULL, NULL, &fallback));
	assert_int_equal(unused_fallbacks(alice), 1);
}

/* { "@many:test": { "D0": "alg", ... } } */
static struct json
ask_all(struct ctx *c)
{
	struct json ask = json_new_obj(), devices = json_new_obj();

	for (int i = 0; i < DEVICES; i++)
		json_set(c->a, &devices, str_fmt(c->a, "D%d", i),
		    json_of_str(S("alg")));
	json_set(c->a, &ask, S("@many:test"), devices);
	return ask;
}

struct claimer {
	pthread_t thread;
	struct person p;
	int given[DEVICES][KEYS + 1];	/* by the number of the key */
	int failed;
};

static void
note_given(struct claimer *w, const struct json *devices)
{
	for (uint32_t i = 0; devices != NULL && i < devices->n; i++) {
		int64_t device, key;
		struct str of, number;

		assert_int_equal(devices->m[i].val.n, 1);
		assert_true(str_cut(devices->m[i].val.m[0].val.s, ' ', &of,
		    &number));
		assert_true(str_eq(of, devices->m[i].key));
		assert_true(str_i64(str_from(of, 1), &device));
		assert_true(str_i64(number, &key));
		assert_in_range(key, 1, KEYS);
		w->given[device][key]++;
	}
}

static void *
claim_many(void *arg)
{
	struct claimer *w = arg;
	struct ctx *c = &w->p.c;

	for (int i = 0; i < KEYS; i++) {
		struct json ask, out;

		arena_reset(c->a);
		ask = ask_all(c);
		if (keys_claim(c, &ask, &out))
			note_given(w, json_get_obj(&out, S("@many:test")));
		else
			w->failed++;
	}
	return NULL;
}

static void
test_claimed_by_many_at_once_each_is_given_once(void **state)
{
	static struct claimer w[THREADS];
	struct ctx *many = as("many");

	(void)state;
	for (int i = 0; i < DEVICES; i++)
		upload(many, str_cz(many->a, str_fmt(many->a, "D%d", i)), 1,
		    KEYS);
	for (int i = 0; i < THREADS; i++) {
		struct db *db = db_attach(server_get()->store, &many->err);

		assert_non_null(db);
		person_init(&w[i].p, "claimer", db);
		assert_int_equal(pthread_create(&w[i].thread, NULL,
		    claim_many, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (int d = 0; d < DEVICES; d++)
		for (int k = 1; k <= KEYS; k++) {
			int given = 0;

			for (int i = 0; i < THREADS; i++)
				given += w[i].given[d][k];
			if (given != 1)
				fail_msg("key %d of D%d: given %d times", k,
				    d, given);
		}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(w[i].failed, 0);
		arena_free(w[i].p.c.a);
		db_detach(w[i].p.c.db);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_oldest_is_given_first_and_once),
		TEST(test_what_is_not_there_is_left_out),
		TEST(test_the_fallback_is_given_again_and_again),
		TEST(test_claimed_by_many_at_once_each_is_given_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
