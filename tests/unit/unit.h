/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What every unit test includes first: cmocka, which needs four headers
 * before it and whose own fail() would hide ours. In a test, fail_msg() ends
 * the case; fail() makes an error, as everywhere else.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef fail
#undef fail_msg
#define fail_msg(...) \
	(print_error("ERROR: " __VA_ARGS__), print_error("\n"), \
	    _fail(__FILE__, __LINE__))

#include "base/err.h"
#include "base/str.h"

#endif
