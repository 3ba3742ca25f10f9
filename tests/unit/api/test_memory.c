/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The process's memory: what counts, and the ceiling. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/memory.h"
#include "base/conf.h"
#include "base/log.h"

#define MEG ((size_t)1 << 20)

static void *
touched(size_t n)
{
	void *p = malloc(n);

	assert_non_null(p);
	memset(p, 7, n);
	return p;
}

static void
test_what_is_touched_counts(void **state)
{
	int64_t before = memory_used(), full;
	void *p = touched(100 * MEG);

	(void)state;
	full = memory_used();
	assert_true(before > 0);
	assert_true(full - before >= (int64_t)(95 * MEG));
	free(p);
}

static void
test_over_the_ceiling_work_is_refused(void **state)
{
	struct err e = { .code = M_OK };
	char *args[] = { (char[]){ "limits.memory=64M" } };
	void *p[64];

	(void)state;
	assert_true(conf_load(NULL, args, 1, &e));
	/* Small blocks: freed, they stay with the process until it gives them back. */
	for (size_t i = 0; i < LEN(p); i++)
		p[i] = touched(4 * MEG);
	assert_false(memory_check(&e));
	assert_int_equal(e.code, M_UNAVAILABLE);
	assert_int_equal(err_status(&e), 503);
	assert_true(e.retry_ms > 0);
	for (size_t i = 0; i < LEN(p); i++)
		free(p[i]);
}

static void
test_below_it_all_is_well(void **state)
{
	struct err e = { .code = M_OK };
	char *args[] = { (char[]){ "limits.memory=8G" } };

	(void)state;
	assert_true(conf_load(NULL, args, 1, &e));
	usleep(110000);
	assert_true(memory_check(&e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_touched_counts),
		cmocka_unit_test(test_over_the_ceiling_work_is_refused),
		cmocka_unit_test(test_below_it_all_is_well),
	};

	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
