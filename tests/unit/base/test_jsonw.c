/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The streaming JSON writer: commas, keys, nesting, and its assertions. */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jsonw.h"

static void
test_everything(void **state)
{
	struct json tree = json_new_obj();
	struct arena *a = arena_new(SIZE_MAX);
	struct jsonw w;
	struct buf b;

	(void)state;
	json_set(a, &tree, S("k"), json_of_int(1));
	buf_init(&b, a, SIZE_MAX);
	jsonw_init(&w, &b);
	jsonw_obj(&w, NULL);
	jsonw_str(&w, "s", S("a\"b\n\x01\xc3\xa9"));
	jsonw_cstr(&w, "c", "x");
	jsonw_int(&w, "i", -7);
	jsonw_bool(&w, "t", true);
	jsonw_bool(&w, "f", false);
	jsonw_null(&w, "n");
	jsonw_arr(&w, "empty");
	jsonw_arr_end(&w);
	jsonw_arr(&w, "arr");
	jsonw_int(&w, NULL, 1);
	jsonw_obj(&w, NULL);
	jsonw_obj_end(&w);
	jsonw_obj(&w, NULL);
	jsonw_int(&w, "x", 1);
	jsonw_obj_end(&w);
	jsonw_arr(&w, NULL);
	jsonw_str(&w, NULL, (struct str){ NULL, 0 });
	jsonw_arr_end(&w);
	jsonw_arr_end(&w);
	jsonw_strs(&w, "strs", (struct str[]){ S("a"), S("\"") }, 2);
	jsonw_strs(&w, "none", NULL, 0);
	jsonw_key(&w, S("a \"key\""));
	jsonw_raw(&w, NULL, S("[1, 2]"));
	jsonw_key(&w, S("o"));
	jsonw_obj(&w, NULL);
	jsonw_obj_end(&w);
	jsonw_json(&w, "tree", &tree);
	jsonw_raw(&w, "raw", S("0"));
	jsonw_obj_end(&w);
	assert_true(str_eq(buf_view(&b), S("{\"s\":\"a\\\"b\\n\\u0001\xc3\xa9\","
	    "\"c\":\"x\",\"i\":-7,\"t\":true,\"f\":false,\"n\":null,"
	    "\"empty\":[],\"arr\":[1,{},{\"x\":1},[\"\"]],"
	    "\"strs\":[\"a\",\"\\\"\"],\"none\":[],"
	    "\"a \\\"key\\\"\":[1, 2],\"o\":{},\"tree\":{\"k\":1},\"raw\":0}")));
	assert_int_equal(w.depth, 0);
	arena_free(a);
}

static void
test_lone_values(void **state)
{
	struct jsonw w;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 100);
	jsonw_init(&w, &b);
	jsonw_int(&w, NULL, 5);
	assert_true(str_eq(buf_view(&b), S("5")));
	buf_free(&b);
}

/* As deep as it goes; commas are right on every level on the way back. */
static void
test_deep(void **state)
{
	struct arena *a = arena_new(SIZE_MAX);
	struct json v;
	struct err e = { 0 };
	struct jsonw w;
	struct buf b;

	(void)state;
	buf_init(&b, a, SIZE_MAX);
	jsonw_init(&w, &b);
	for (int i = 0; i < 99; i++) {
		if (i % 2 == 0)
			jsonw_arr(&w, i == 0 ? NULL : "k");
		else
			jsonw_obj(&w, NULL);
	}
	for (int i = 98; i >= 0; i--) {
		if (i % 2 == 0) {
			jsonw_int(&w, NULL, i);
			jsonw_int(&w, NULL, i);
			jsonw_arr_end(&w);
		} else {
			jsonw_int(&w, "a", i);
			jsonw_int(&w, "b", i);
			jsonw_obj_end(&w);
		}
	}
	if (!json_parse(a, buf_view(&b), JSON_STRICT, &v, &e))
		fail_msg("%s", e.text);
	assert_int_equal(v.n, 3);
	assert_int_equal(json_at(&v, 2)->i, 0);
	arena_free(a);
}

static void
test_over(void **state)
{
	struct jsonw w;
	struct buf b;

	(void)state;
	buf_init(&b, NULL, 20);
	jsonw_init(&w, &b);
	jsonw_arr(&w, NULL);
	for (int i = 0; i < 100; i++)
		jsonw_int(&w, NULL, i);
	jsonw_arr_end(&w);
	assert_true(b.over);
	assert_true(b.n <= 20);
	buf_free(&b);
}

static void
key_in_array(struct jsonw *w)
{
	jsonw_arr(w, NULL);
	jsonw_int(w, "k", 1);
}

static void
no_key_in_object(struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_int(w, NULL, 1);
}

static void
two_keys(struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_key(w, S("a"));
	jsonw_key(w, S("b"));
}

static void
two_keys_in_two_ways(struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_key(w, S("a"));
	jsonw_int(w, "b", 1);
}

static void
key_without_value(struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_key(w, S("a"));
	jsonw_obj_end(w);
}

static void
wrong_end(struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_arr_end(w);
}

static void
one_end_too_many(struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_obj_end(w);
	jsonw_obj_end(w);
}

static void
two_values(struct jsonw *w)
{
	jsonw_int(w, NULL, 1);
	jsonw_int(w, NULL, 2);
}

static void
too_deep(struct jsonw *w)
{
	for (int i = 0; i < 200; i++)
		jsonw_arr(w, NULL);
}

static void
empty_raw(struct jsonw *w)
{
	jsonw_raw(w, NULL, S(""));
}

static const struct {
	const char *name;
	void (*misuse)(struct jsonw *w);
} misuses[] = {
	{ "a key in an array", key_in_array },
	{ "no key in an object", no_key_in_object },
	{ "two keys", two_keys },
	{ "two keys in two ways", two_keys_in_two_ways },
	{ "a key without a value", key_without_value },
	{ "the wrong end", wrong_end },
	{ "one end too many", one_end_too_many },
	{ "two values", two_values },
	{ "too deep", too_deep },
	{ "an empty raw value", empty_raw },
};

/* A bug in a caller aborts instead of sending what is not JSON. */
static void
test_misuse_aborts(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(misuses); i++) {
		pid_t pid = fork();
		int status = 0;

		assert_true(pid >= 0);
		if (pid == 0) {
			struct rlimit no_core = { 0, 0 };
			struct jsonw w;
			struct buf b;

			setrlimit(RLIMIT_CORE, &no_core);
			signal(SIGABRT, SIG_DFL);
			close(STDERR_FILENO);
			buf_init(&b, NULL, 1000);
			jsonw_init(&w, &b);
			misuses[i].misuse(&w);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("%s did not abort", misuses[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_lone_values),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_misuse_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
