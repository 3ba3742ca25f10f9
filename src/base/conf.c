/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The configuration: defaults, then a file, then arguments, each checked by
 * the option's row; the first mistake ends the loading and nothing changes.
 * Every configuration ever loaded is kept, since a thread may still read it:
 * reloads are few.
 * threads: conf_get by all; conf_load by the main thread.
 */
#include "base/conf.h"

#include "base/arena.h"
#include "base/conf_value.h"
#include "base/yaml.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The arena that a configuration lives in holds it as its first thing. */
#define CONF_ARENA_MAX ((size_t)4 * 1024 * 1024)

#define OPT(type, field, name, def, min, max, unit, text) \
	{ name, OPT_##type, offsetof(struct conf, field), def, min, max, unit, \
	    text },
static const struct opt options[] = {
#include "base/options.def"
};
#undef OPT

/* What one loading needs; `from` is where each option was set, or 0. */
struct load {
	struct arena *a;		/* the configuration's own */
	struct arena *scratch;
	struct conf *c;
	const char *file;
	int from[LEN(options)];		/* line, or -1 for an argument */
	struct err *e;
};

static _Atomic(const struct conf *) now;
static struct arena *kept[1024];	/* main thread: all ever loaded */
static size_t nkept;

const struct opt *
conf_options(size_t *n)
{
	*n = LEN(options);
	return options;
}

const struct conf *
conf_get(void)
{
	const struct conf *c = atomic_load_explicit(&now, memory_order_acquire);

	assert(c != NULL);
	return c;
}

static const struct opt *
opt_find(struct str name)
{
	for (size_t i = 0; i < LEN(options); i++)
		if (str_eq_c(name, options[i].name))
			return &options[i];
	return NULL;
}

static bool
is_section(struct str name)
{
	struct str head, rest;

	for (size_t i = 0; i < LEN(options); i++)
		if (str_cut(str_c(options[i].name), '.', &head, &rest) &&
		    str_eq(head, name))
			return true;
	return false;
}

/*
 * How many bytes to insert, delete or change to make y of x (Levenshtein);
 * names longer than a row of the matrix are far from everything.
 */
static size_t
distance(struct str x, struct str y)
{
	size_t row[64], corner, up, best;

	if (x.n >= LEN(row) || y.n >= LEN(row))
		return SIZE_MAX;
	for (size_t k = 0; k <= y.n; k++)
		row[k] = k;
	for (size_t i = 0; i < x.n; i++) {
		corner = row[0];
		row[0] = i + 1;
		for (size_t k = 0; k < y.n; k++) {
			up = row[k + 1];
			best = corner + (x.p[i] != y.p[k]);
			best = up + 1 < best ? up + 1 : best;
			best = row[k] + 1 < best ? row[k] + 1 : best;
			row[k + 1] = best;
			corner = up;
		}
	}
	return row[y.n];
}

/* The option that was probably meant, or NULL: a third of it may differ. */
static const struct opt *
opt_nearest(struct str name)
{
	const struct opt *nearest = NULL;
	size_t best = name.n / 3 + 1, d;
	struct str section, key;

	for (size_t i = 0; i < LEN(options); i++) {
		d = distance(name, str_c(options[i].name));
		/* The right key in the wrong section, or in none. */
		str_cut(str_c(options[i].name), '.', &section, &key);
		if (d > 1 && (str_ends(name, key) || str_eq(name, key)))
			d = 1;
		if (d < best) {
			best = d;
			nearest = &options[i];
		}
	}
	return nearest;
}

/* "beffroi.yaml:12" or "argument": where a mistake is. */
static struct str
place(struct load *l, int line)
{
	size_t n;

	if (line < 0)
		return S("argument");
	n = strlen(l->file);
	return str_fmt(l->scratch, "%s:%d", n > 60 ? l->file + n - 60 : l->file,
	    line);
}

static bool
unknown(struct load *l, struct str name, int line)
{
	const struct opt *o = opt_nearest(name);
	struct str shown = str_utf8_clip(name, 60);

	return fail(l->e, M_INVALID_PARAM,
	    STR_FMT ": there is no option \"" STR_FMT "\"%s%s%s",
	    STR_ARG(place(l, line)), STR_ARG(shown),
	    o != NULL ? "; did you mean " : "", o != NULL ? o->name : "",
	    o != NULL ? "?" : "");
}

/* A secret is never shown, even when it is refused. */
static bool
bad_value(struct load *l, const struct opt *o, struct str text, int line)
{
	struct str takes = conf_value_takes(l->scratch, o);
	struct str shown = str_utf8_clip(text, 30);

	if (o->type == OPT_SECRET)
		return fail(l->e, M_INVALID_PARAM,
		    STR_FMT ": %s takes " STR_FMT, STR_ARG(place(l, line)),
		    o->name, STR_ARG(takes));
	return fail(l->e, M_INVALID_PARAM,
	    STR_FMT ": %s takes " STR_FMT ", not \"" STR_FMT "\"",
	    STR_ARG(place(l, line)), o->name, STR_ARG(takes), STR_ARG(shown));
}

/* Notes who sets an option; twice in the file or in the arguments is refused. */
static bool
claim(struct load *l, const struct opt *o, int line)
{
	int *from = &l->from[o - options];

	if (*from != 0 && (*from < 0) == (line < 0))
		return fail(l->e, M_INVALID_PARAM, STR_FMT ": %s is given twice",
		    STR_ARG(place(l, line)), o->name);
	*from = line;
	return true;
}

static bool
set_text(struct load *l, struct str name, struct str text, int line)
{
	const struct opt *o = opt_find(name);

	if (o == NULL)
		return unknown(l, name, line);
	if (!claim(l, o, line))
		return false;
	if (!conf_value_set(l->a, o, text, l->c))
		return bad_value(l, o, text, line);
	return true;
}

static bool
set_items(struct load *l, const struct opt *o, const struct yaml *y)
{
	struct conf_list list = { NULL, 0 };

	list.at = arena_array(l->a, struct str, y->n + 1);
	for (const struct yaml *item = y->first; item != NULL;
	    item = item->next) {
		if (item->kind != YAML_SCALAR)
			return bad_value(l, o, S("a nested list"), item->line);
		list.at[list.n++] = str_n(str_cz(l->a, item->text),
		    item->text.n);
	}
	if (!conf_list_set(o, list, l->c))
		return bad_value(l, o, S("this list"), y->line);
	return claim(l, o, y->line);
}

static bool
member_load(struct load *l, struct str section, const struct yaml *y)
{
	struct str name = str_fmt(l->scratch, STR_FMT "." STR_FMT,
	    STR_ARG(section), STR_ARG(str_sub(y->key, 0, 100)));
	const struct opt *o = opt_find(name);

	if (y->kind == YAML_SCALAR || o == NULL)
		return set_text(l, name, y->text, y->line);
	if (y->kind == YAML_LIST && o->type == OPT_LIST)
		return set_items(l, o, y);
	return bad_value(l, o,
	    y->kind == YAML_LIST ? S("a list") : S("a mapping"), y->line);
}

static bool
section_load(struct load *l, const struct yaml *y)
{
	if (!is_section(y->key))
		return unknown(l, y->key, y->line);
	/* "log:" alone, what is under it commented out */
	if (y->kind == YAML_SCALAR && y->plain && y->text.n == 0)
		return true;
	if (y->kind != YAML_MAP)
		return fail(l->e, M_INVALID_PARAM,
		    STR_FMT ": under " STR_FMT ": come its options, each on a"
		    " line of its own as \"name: value\"",
		    STR_ARG(place(l, y->line)), STR_ARG(y->key));
	for (const struct yaml *m = y->first; m != NULL; m = m->next)
		if (!member_load(l, y->key, m))
			return false;
	return true;
}

static bool
file_load(struct load *l)
{
	struct yaml *root = NULL;

	if (!yaml_read(l->scratch, l->file, &root, l->e))
		return false;
	if (root == NULL ||
	    (root->kind == YAML_SCALAR && root->plain && root->text.n == 0))
		return true;
	if (root->kind != YAML_MAP)
		return fail(l->e, M_INVALID_PARAM,
		    STR_FMT ": the file holds sections, as in \"server:\"",
		    STR_ARG(place(l, root->line)));
	for (const struct yaml *y = root->first; y != NULL; y = y->next)
		if (!section_load(l, y))
			return false;
	return true;
}

static bool
args_load(struct load *l, char *const *args, size_t nargs)
{
	struct str name, text;

	for (size_t i = 0; i < nargs; i++) {
		if (!str_cut(str_c(args[i]), '=', &name, &text))
			return fail(l->e, M_INVALID_PARAM,
			    "argument: \"%.60s\" is not section.key=value",
			    args[i]);
		if (!set_text(l, name, text, -1))
			return false;
	}
	return true;
}

/* The table must read its own defaults; a test would not get past this. */
static void
defaults_load(struct load *l)
{
	for (size_t i = 0; i < LEN(options); i++)
		if (!conf_value_set(l->a, &options[i], str_c(options[i].def),
		    l->c))
			abort();
}

static void
publish(struct load *l)
{
	assert(nkept < LEN(kept));
	kept[nkept++] = l->a;
	atomic_store_explicit(&now, l->c, memory_order_release);
}

bool
conf_load(const char *file, char *const *args, size_t nargs, struct err *e)
{
	struct load l = { .file = file, .e = e };
	bool ok;

	if (nkept == LEN(kept))
		return fail(e, M_UNKNOWN,
		    "Reloaded too often; restart the server");
	l.a = arena_new(CONF_ARENA_MAX);
	l.scratch = arena_new(CONF_ARENA_MAX * 4);
	l.c = arena_make(l.a, struct conf);
	defaults_load(&l);
	ok = (file == NULL || file_load(&l)) && args_load(&l, args, nargs);
	arena_free(l.scratch);
	if (ok)
		publish(&l);
	else
		arena_free(l.a);
	return ok;
}

/* Breaks a text into comment lines of at most 78 columns. */
static void
print_comment(struct buf *b, struct str text)
{
	struct str word, rest = text;
	size_t col = 0;
	bool more;

	do {
		more = str_cut(rest, ' ', &word, &rest);
		if (col == 0 || col + 1 + word.n > 78) {
			buf_c(b, col == 0 ? "  #" : "\n  #");
			col = 3;
		}
		buf_char(b, ' ');
		buf_str(b, word);
		col += 1 + word.n;
	} while (more);
	buf_char(b, '\n');
}

/* Defaults are ours: none holds a quote or a backslash (a test looks). */
static void
print_value(struct buf *b, const struct opt *o)
{
	struct str head, rest = str_c(o->def);
	bool more;

	if (o->type != OPT_LIST) {
		if (o->type == OPT_STR || o->type == OPT_SECRET)
			buf_fmt(b, " \"%s\"\n", o->def);
		else
			buf_fmt(b, " %s\n", o->def);
		return;
	}
	if (rest.n == 0) {
		buf_c(b, " []\n");
		return;
	}
	buf_char(b, '\n');
	do {
		more = str_cut(rest, ',', &head, &rest);
		buf_fmt(b, "    - \"" STR_FMT "\"\n", STR_ARG(str_trim(head)));
	} while (more);
}

void
conf_print_defaults(struct buf *b)
{
	struct arena *a = arena_new(CONF_ARENA_MAX);
	struct str section, key, last = S(""), takes;

	buf_c(b, "# Every option of beffroid with its default value.\n"
	    "# An option can also be given as an argument:"
	    " --section.key=value\n");
	for (size_t i = 0; i < LEN(options); i++) {
		const struct opt *o = &options[i];

		str_cut(str_c(o->name), '.', &section, &key);
		if (!str_eq(section, last))
			buf_fmt(b, "\n" STR_FMT ":\n", STR_ARG(section));
		else
			buf_char(b, '\n');
		last = section;
		print_comment(b, str_c(o->text));
		takes = conf_value_takes(a, o);
		print_comment(b, str_fmt(a, "Takes " STR_FMT ".",
		    STR_ARG(takes)));
		buf_fmt(b, "  " STR_FMT ":", STR_ARG(key));
		print_value(b, o);
	}
	arena_free(a);
}
