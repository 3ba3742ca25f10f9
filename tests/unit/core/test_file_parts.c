/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files as servers give them to each other: whatever comes, the file lies inside of it. */
#include "arena_fixture.h"

#include "core/file_parts.h"

#define MIXED "multipart/mixed; boundary=b"
#define META "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\n"
#define END "\r\n--b--\r\n"

static bool
read_all(const char *type, const char *answer, struct file_parts *out)
{
	struct str s = str_c(answer);
	struct str head = str_sub(s, 0, FILE_PARTS_HEAD);
	struct str end = s.n > FILE_PARTS_END
	    ? str_from(s, s.n - FILE_PARTS_END) : s;

	return file_parts_read(a, str_c(type), head, end, (int64_t)s.n, out);
}

static void
test_the_file_of_an_answer_is_found(void **state)
{
	static const struct {
		const char *content_type, *answer, *type, *name, *file;
	} cases[] = {
		{ MIXED, META "Content-Type: image/png\r\n\r\nfile" END,
		    "image/png", "", "file" },
		{ "Multipart/Mixed; x=y; boundary=\"b\"",
		    META "content-type:a/b\r\n\r\nfile\r\n--b--", "a/b", "",
		    "file" },
		{ MIXED, "before\r\n" META "\r\nfile" END, "", "", "file" },
		{ MIXED, META "\r\n" END, "", "", "" },
		{ MIXED, "--b\r\n\r\n{}\r\n--b\r\n\r\n\r\n\r\n" END, "", "",
		    "\r\n\r\n" },
		{ MIXED, META "\r\nin\r\n--b--\r\nside" END, "", "",
		    "in\r\n--b--\r\nside" },
		{ MIXED, META "Content-Disposition: inline; filename=\"a b\""
		    "\r\n\r\nfile" END, "", "a b", "file" },
		{ MIXED, META "Content-Disposition: inline; filename=x; "
		    "filename*=UTF-8''%C3%A0\r\n\r\nfile" END, "", "\xc3\xa0",
		    "file" },
		{ MIXED, META "Content-Disposition: inline; "
		    "filename*=utf-8''a%0d%0ab\r\n\r\nfile" END, "", "",
		    "file" },
		{ MIXED, META "Content-Type: a\x01" "b\r\n\r\nfile" END, "", "",
		    "file" },
	};
	struct file_parts p;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		if (!read_all(cases[i].content_type, cases[i].answer, &p) ||
		    !str_eq_c(p.type, cases[i].type) ||
		    !str_eq_c(p.name, cases[i].name) || p.location.n > 0 ||
		    !str_eq_c(str_sub(str_c(cases[i].answer), (size_t)p.from,
		    (size_t)p.n), cases[i].file))
			fail_msg("case %zu: %s", i, cases[i].answer);
}

static void
test_a_file_may_be_elsewhere(void **state)
{
	struct file_parts p;

	(void)state;
	assert_true(read_all(MIXED, META "Location: https://cdn.example/x\r\n"
	    "\r\n" END, &p));
	assert_true(str_eq(p.location, S("https://cdn.example/x")));
}

static void
test_what_is_no_such_answer_is_refused(void **state)
{
	static const struct {
		const char *content_type, *answer;
	} cases[] = {
		{ "", META "\r\nfile" END },
		{ "application/json", META "\r\nfile" END },
		{ "multipart/mixed", META "\r\nfile" END },
		{ "multipart/mixed; boundary=", META "\r\nfile" END },
		{ "multipart/mixed; boundary=c", META "\r\nfile" END },
		{ MIXED, "" }, { MIXED, "{}" }, { MIXED, META },
		{ MIXED, META "\r\nfile" }, { MIXED, META "\r\nfile\r\n--b" },
		{ MIXED, "--b\r\n\r\n{}" END },
		{ MIXED, META "Content-Type: a/b" END },
	};
	struct file_parts p;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		if (read_all(cases[i].content_type, cases[i].answer, &p))
			fail_msg("case %zu: %s", i, cases[i].answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_file_of_an_answer_is_found),
		cmocka_unit_test(test_a_file_may_be_elsewhere),
		cmocka_unit_test(test_what_is_no_such_answer_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
