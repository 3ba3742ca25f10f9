/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Configuration: one typed table of options (options.def), which is also the
 * manual and the source of --print-defaults. A YAML file, then --section.key=value
 * arguments. After conf_load the values never change; a reload swaps the pointer.
 * threads: conf_get() from all, after conf_load.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/err.h"
#include "base/str.h"

enum opt_type { OPT_STR, OPT_LIST, OPT_INT, OPT_BOOL, OPT_SIZE, OPT_MS, OPT_SECRET };

/* A list of strings. */
struct conf_list {
	struct str *at;
	size_t n;
};

/* One field an option, named by options.def: server.name is conf_get()->server_name. */
struct conf {
#define OPT_C_STR struct str
#define OPT_C_LIST struct conf_list
#define OPT_C_INT int64_t
#define OPT_C_BOOL bool
#define OPT_C_SIZE int64_t
#define OPT_C_MS int64_t
#define OPT_C_SECRET struct str
#define OPT(type, field, name, def, min, max, unit, text) OPT_C_##type field;
#include "base/options.def"
#undef OPT
};

struct opt {
	const char *name;		/* "server.name" */
	enum opt_type type;
	size_t offset;			/* in struct conf */
	const char *def;		/* as text; "" for none */
	int64_t min, max;		/* numbers; for strings and lists: length or count */
	const char *unit, *text;
};

const struct opt *conf_options(size_t *n);
const struct conf *conf_get(void);
/*
 * Reads defaults, then file (NULL: none), then args ("section.key=value").
 * errors  M_INVALID_PARAM  an unknown key, a bad value, a duplicate; the text
 *         has file and line, the option, and what it takes
 */
bool conf_load(const char *file, char *const *args, size_t nargs, struct err *e) MUST_CHECK;
void conf_print_defaults(struct buf *b);	/* a documented YAML file */

#endif
