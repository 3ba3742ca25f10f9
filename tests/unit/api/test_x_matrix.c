/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The header by which a server says who it is. */
#include "arena_fixture.h"

#include "api/federation/auth.h"

static void
test_headers_of_either_age_are_read(void **state)
{
	static const char *const good[] = {
		"X-Matrix origin=a.example,key=\"ed25519:1\",sig=\"abc\"",
		"x-matrix  origin=\"a.example\",key=ed25519:1,sig=abc",
		"X-Matrix sig=\"abc\" , key=\"ed25519:1\" ,origin=a.example",
		"X-Matrix origin=a.example,key=\"ed25519:1\",sig=\"a\\bc\"",
		"X-Matrix origin=a.example,new=\"x,y=z\",key=\"ed25519:1\",sig=\"abc\"",
	};
	struct x_matrix x;

	(void)state;
	for (size_t i = 0; i < LEN(good); i++)
		if (!x_matrix_read(a, str_c(good[i]), &x) ||
		    !str_eq(x.origin, S("a.example")) ||
		    !str_eq(x.key, S("ed25519:1")) || !str_eq(x.sig, S("abc")))
			fail_msg("%s", good[i]);
}

static void
test_a_header_that_lacks_something_is_none(void **state)
{
	static const char *const bad[] = {
		"", "X-Matrix", "X-Matrix ", "Bearer origin=a,key=b,sig=c",
		"X-Matrix origin=a,key=b", "X-Matrix origin=,key=b,sig=c",
		"X-Matrix origin=\"a,key=b,sig=c", "X-Matrix origin=a key=b sig=c",
		"X-Matrix origin=a,key=\"b\\", "X-Matrix =a,key=b,sig=c",
		"X-Matrix origin",
		"X-Matrix origin=a,origin=b,key=b,sig=c",
		"X-Matrix origin=a,key=b,sig=c,Origin=b",
		"X-Matrix origin=a,key=b,sig=c,sig=c",
		"X-Matrix destination=\"\",destination=a,origin=a,key=b,sig=c",
	};
	struct x_matrix x;

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++)
		if (x_matrix_read(a, str_c(bad[i]), &x))
			fail_msg("%s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_of_either_age_are_read),
		cmocka_unit_test(test_a_header_that_lacks_something_is_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
