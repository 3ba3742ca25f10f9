/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One-time codes: the vectors of RFC 6238, appendix B (the last six digits), and the window. */
#include "unit.h"

#include "core/totp.h"
#include "crypto/digest.h"

static const struct str secret = S_INIT("12345678901234567890");

static void
test_vectors(void **state)
{
	static const struct {
		int64_t at_s;
		uint32_t code;
	} cases[] = {
		{ 59, 287082 }, { 1111111109, 81804 }, { 1111111111, 50471 },
		{ 1234567890, 5924 }, { 2000000000, 279037 },
		{ INT64_C(20000000000), 353130 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		assert_int_equal(totp_code(secret, cases[i].at_s /
		    TOTP_STEP_S), cases[i].code);
}

static void
test_the_window_is_a_step_to_each_side(void **state)
{
	int64_t step = 0;

	(void)state;
	assert_true(totp_check(secret, S("287082"), 59, &step));
	assert_int_equal(step, 1);
	assert_true(totp_check(secret, S("287082"), 0, &step));
	assert_int_equal(step, 1);
	assert_true(totp_check(secret, S("287082"), 89, &step));
	assert_false(totp_check(secret, S("287082"), 90, &step));
	assert_false(totp_check(secret, S("287083"), 59, &step));
	assert_false(totp_check(secret, S("28708"), 59, &step));
	assert_false(totp_check(secret, S("2870820"), 59, &step));
	assert_false(totp_check(secret, S(""), 59, &step));
}

static void
test_how_it_is_shown(void **state)
{
	struct arena *a = arena_new(1 << 20);

	(void)state;
	assert_true(str_eq(totp_shown(a, secret),
	    S("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")));
	assert_true(str_eq(totp_uri(a, secret, S("a b"), S("x")),
	    S("otpauth://totp/a%20b:x?secret="
	    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=a%20b")));
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_the_window_is_a_step_to_each_side),
		cmocka_unit_test(test_how_it_is_shown),
	};

	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
