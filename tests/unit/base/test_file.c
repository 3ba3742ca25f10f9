/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Copies of trees: whole, without what is no file, and never over what is there. */
#include "unit.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	struct arena *a;
	char dir[64];
};

static struct str
in(struct place *p, const char *name)
{
	return str_fmt(p->a, "%s/%s", p->dir, name);
}

static void
put(struct place *p, const char *name, const char *text)
{
	int fd = open(str_cz(p->a, in(p, name)), O_WRONLY | O_CREAT | O_TRUNC,
	    0600);

	assert_true(fd >= 0);
	assert_true(file_write_all(fd, str_c(text)));
	close(fd);
}

static void
is(struct place *p, const char *name, const char *text)
{
	char got[256] = "";
	int fd = open(str_cz(p->a, in(p, name)), O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	p->a = arena_new(1 << 20);
	snprintf(p->dir, sizeof(p->dir), "/tmp/beffroi-file-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "to/deep/er/b", "to/deep/er",
	    "to/deep", "to/a", "to/.hidden", "to", "from/deep/er/b",
	    "from/deep/er", "from/deep", "from/a", "from/.hidden",
	    "from/link", "from", "alone", "other" };
	struct place *p = *state;

	for (size_t i = 0; i < LEN(names); i++)
		(void)remove(str_cz(p->a, in(p, names[i])));
	assert_int_equal(rmdir(p->dir), 0);
	arena_free(p->a);
	free(p);
	return 0;
}

static void
make_tree(struct place *p)
{
	mkdir(str_cz(p->a, in(p, "from")), 0700);
	mkdir(str_cz(p->a, in(p, "from/deep")), 0700);
	mkdir(str_cz(p->a, in(p, "from/deep/er")), 0700);
	put(p, "from/a", "one");
	put(p, "from/.hidden", "two");
	put(p, "from/deep/er/b", "three");
	assert_int_equal(symlink("/etc/passwd", str_cz(p->a, in(p,
	    "from/link"))), 0);
}

static void
test_a_tree_is_copied_whole_without_links(void **state)
{
	struct place *p = *state;
	struct stat st;
	struct err e;

	make_tree(p);
	assert_true(file_copy(p->a, in(p, "from"), in(p, "to"), FILE_COPY,
	    &e));
	is(p, "to/a", "one");
	is(p, "to/.hidden", "two");
	is(p, "to/deep/er/b", "three");
	assert_int_not_equal(lstat(str_cz(p->a, in(p, "to/link")), &st), 0);
	put(p, "from/a", "changed");
	is(p, "to/a", "one");
}

static void
test_links_are_the_same_files(void **state)
{
	struct place *p = *state;
	struct stat x, y;
	struct err e;

	make_tree(p);
	assert_true(file_copy(p->a, in(p, "from"), in(p, "to"), FILE_LINK,
	    &e));
	assert_int_equal(stat(str_cz(p->a, in(p, "from/a")), &x), 0);
	assert_int_equal(stat(str_cz(p->a, in(p, "to/a")), &y), 0);
	assert_int_equal(x.st_ino, y.st_ino);
}

static void
test_nothing_is_written_over(void **state)
{
	struct place *p = *state;
	struct err e;

	put(p, "alone", "new");
	put(p, "other", "old");
	assert_false(file_copy(p->a, in(p, "alone"), in(p, "other"),
	    FILE_COPY, &e));
	is(p, "other", "old");
}

static void
test_what_is_not_there_is_said(void **state)
{
	struct place *p = *state;
	struct err e;

	assert_false(file_copy(p->a, in(p, "nothing"), in(p, "other"),
	    FILE_COPY, &e));
	assert_int_equal(e.code, M_NOT_FOUND);
	assert_non_null(strstr(e.text, "nothing"));
}

static void
test_names_reach_the_disk_or_it_is_said(void **state)
{
	struct place *p = *state;

	assert_true(file_sync_parent(in(p, "any")));
	assert_true(file_sync_folder(p->dir));
	assert_false(file_sync_parent(S("/no/such/folder/x")));
	assert_false(file_write_all(-1, S("x")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_tree_is_copied_whole_without_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_are_the_same_files,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_written_over,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_there_is_said,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_names_reach_the_disk_or_it_is_said, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
