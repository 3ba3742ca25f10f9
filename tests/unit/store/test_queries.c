/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every query of the program is one that both databases understand, and every
 * query file has all of its queries on the list. Linked with the whole layer.
 */
#include "fixture.h"

#include <dirent.h>

#define QUERIES_MAX 2000

static const struct query *const *
all(struct arena *a, size_t *n)
{
	const struct query **at = arena_array(a, const struct query *,
	    QUERIES_MAX);

	*n = 0;
	for (const struct query_list *l = queries_all(); l != NULL;
	    l = l->next)
		for (size_t i = 0; i < l->n; i++) {
			assert_true(*n < QUERIES_MAX);
			at[(*n)++] = l->at[i];
		}
	return at;
}

static void
every_query_can_be_prepared(void **state)
{
	struct fix f;
	size_t n, nparams, bad = 0;
	const struct query *const *q;

	(void)state;
	fix_open(&f);
	q = all(f.a, &n);
	for (size_t i = 0; i < n; i++) {
		if (db_prepare(f.db, q[i], &nparams, &f.e))
			continue;
		print_error("%s: %s | %s\n", q[i]->name, f.e.text, f.e.cause);
		bad++;
	}
	print_message("%zu queries\n", n);
	assert_true(n > 5);
	assert_int_equal(bad, 0);
	fix_close(&f);
}

/* The greatest n of $n in a text. */
static size_t
parameters(const char *sql)
{
	size_t most = 0;

	for (const char *p = strchr(sql, '$'); p != NULL;
	    p = strchr(p + 1, '$')) {
		size_t v = 0;

		for (const char *d = p + 1; *d >= '0' && *d <= '9'; d++)
			v = v * 10 + (size_t)(*d - '0');
		most = v > most ? v : most;
	}
	return most;
}

static void
every_query_takes_all_its_parameters(void **state)
{
	struct fix f;
	size_t n, nparams, bad = 0;
	const struct query *const *q;

	(void)state;
	fix_open(&f);
	q = all(f.a, &n);
	for (size_t i = 0; i < n; i++) {
		if (!db_prepare(f.db, q[i], &nparams, &f.e) ||
		    (nparams == parameters(q[i]->sql) && (!q[i]->sqlite ||
		    nparams == parameters(q[i]->sqlite))))
			continue;
		print_error("%s: %zu parameters\n", q[i]->name, nparams);
		bad++;
	}
	assert_int_equal(bad, 0);
	fix_close(&f);
}

static int
by_name(const void *x, const void *y)
{
	const struct query *const *a = x, *const *b = y;

	return strcmp((*a)->name, (*b)->name);
}

static void
no_two_queries_share_a_name(void **state)
{
	struct arena *a = arena_new(1 << 20);
	const struct query **mine;
	size_t n;
	const struct query *const *q = all(a, &n);

	(void)state;
	mine = arena_array(a, const struct query *, n);
	memcpy(mine, q, n * sizeof(*mine));
	qsort(mine, n, sizeof(*mine), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(mine[i - 1]->name, mine[i]->name) == 0)
			fail_msg("two queries are named %s", mine[i]->name);
	arena_free(a);
}

static size_t
times_in(struct str text, struct str word)
{
	size_t n = 0;
	ptrdiff_t at;

	for (; (at = str_find_str(text, word)) >= 0; n++)
		text = str_from(text, (size_t)at + word.n);
	return n;
}

static size_t
listed(const char *path)
{
	for (const struct query_list *l = queries_all(); l != NULL;
	    l = l->next)
		if (str_ends(str_c(l->file), str_c(path)))
			return l->n;
	return 0;
}

static struct str
file_text(struct arena *a, const char *path)
{
	char *text = arena_alloc(a, 1 << 20);
	FILE *in = fopen(path, "r");
	size_t n;

	assert_non_null(in);
	n = fread(text, 1, 1 << 20, in);
	fclose(in);
	return str_n(text, n);
}

static void
every_query_is_on_the_list(void **state)
{
	DIR *dir = opendir(BEFFROI_SOURCE_DIR "/src/store");
	struct dirent *at;
	size_t files = 0;

	(void)state;
	assert_non_null(dir);
	while ((at = readdir(dir)) != NULL) {
		struct arena *a = arena_new(4 << 20);
		struct str name = str_c(at->d_name), text;
		char path[512], tail[300];

		snprintf(tail, sizeof(tail), "/store/%s", at->d_name);
		snprintf(path, sizeof(path), "%s/src%s", BEFFROI_SOURCE_DIR,
		    tail);
		if (str_ends(name, S(".c")) && str_starts(name, S("q_"))) {
			text = file_text(a, path);
			if (times_in(text, S(".sql = ")) != listed(tail))
				fail_msg("%s: QUERIES() lists %zu of %zu",
				    path, listed(tail),
				    times_in(text, S(".sql = ")));
			files++;
		}
		arena_free(a);
	}
	closedir(dir);
	assert_true(files > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_query_can_be_prepared),
		cmocka_unit_test(every_query_takes_all_its_parameters),
		cmocka_unit_test(no_two_queries_share_a_name),
		cmocka_unit_test(every_query_is_on_the_list),
	};

	return run_on_both(tests);
}
