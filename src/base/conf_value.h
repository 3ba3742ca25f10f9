/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The values of options: from text to a typed value, and back. For conf.c. */
#ifndef BASE_CONF_VALUE_H
#define BASE_CONF_VALUE_H

#include "base/arena.h"
#include "base/conf.h"

/*
 * Reads a text as the option's type into its field of c; lists are separated
 * by commas. On false *c is as it was.
 */
bool conf_value_set(struct arena *a, const struct opt *o, struct str text,
    struct conf *c) MUST_CHECK;

/* The same for a list given as items; an item may hold commas. */
bool conf_list_set(const struct opt *o, struct conf_list list,
    struct conf *c) MUST_CHECK;

/* "a size from 64K to 64M, such as 1M": what to write after "takes". */
struct str conf_value_takes(struct arena *a, const struct opt *o);

/* The choices of an option, "text|json"; empty if it is not of that kind. */
struct str conf_choices(const struct opt *o);

#endif
