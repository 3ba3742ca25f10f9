/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One value of an option: numbers with their units, truth values, texts and
 * lists, each checked against its row. Knows neither files nor arguments.
 */
#include "base/conf_value.h"

#include <assert.h>
#include <string.h>

struct unit {
	const char *suffix;
	int64_t factor;
};

/* Smallest first; the first of each is what a bare number means. */
static const struct unit sizes[] = {
	{ "", 1 },
	{ "K", 1024 },
	{ "M", (int64_t)1024 * 1024 },
	{ "G", (int64_t)1024 * 1024 * 1024 },
	{ "T", (int64_t)1024 * 1024 * 1024 * 1024 },
};

static const struct unit times[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60000 },
	{ "h", 3600000 },
	{ "d", 86400000 },
};

static const struct unit *
units_of(enum opt_type type, size_t *n)
{
	assert(type == OPT_SIZE || type == OPT_MS);
	*n = type == OPT_SIZE ? LEN(sizes) : LEN(times);
	return type == OPT_SIZE ? sizes : times;
}

static size_t
digits_of(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

/* "50M" as 52428800, "5m" as 300000; 0 needs no unit. No sign, no fraction. */
static bool
measure(enum opt_type type, struct str text, int64_t *out)
{
	size_t ndigits = digits_of(text), nunits;
	const struct unit *unit = units_of(type, &nunits);
	struct str suffix = str_from(text, ndigits);
	int64_t n;

	if (!str_i64(str_sub(text, 0, ndigits), &n))
		return false;
	if (n == 0 && suffix.n == 0) {
		*out = 0;
		return true;
	}
	for (size_t i = 0; i < nunits; i++) {
		if (!str_eq_c(suffix, unit[i].suffix))
			continue;
		if (n > INT64_MAX / unit[i].factor)
			return false;
		*out = n * unit[i].factor;
		return true;
	}
	return false;
}

/* 65536 as "64K": the greatest unit that leaves no rest. */
static struct str
measure_text(struct arena *a, enum opt_type type, int64_t v)
{
	size_t nunits, best = 0;
	const struct unit *unit = units_of(type, &nunits);

	for (size_t i = 0; i < nunits && v > 0; i++)
		if (v % unit[i].factor == 0)
			best = i;
	return str_fmt(a, "%lld%s", (long long)(v / unit[best].factor),
	    unit[best].suffix);
}

static void *
field_of(struct conf *c, const struct opt *o)
{
	return (char *)c + o->offset;
}

static bool
in_range(const struct opt *o, int64_t v)
{
	return v >= o->min && v <= o->max;
}

struct str
conf_choices(const struct opt *o)
{
	return strchr(o->unit, '|') != NULL ? str_c(o->unit) : S("");
}

static bool
is_choice(struct str choices, struct str text)
{
	struct str head, rest = choices;
	bool more;

	do {
		more = str_cut(rest, '|', &head, &rest);
		if (str_eq(head, text))
			return true;
	} while (more);
	return false;
}

/* Values go into files, headers and connection strings: no control bytes. */
static bool
is_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return str_utf8_ok(s);
}

static bool
set_str(struct arena *a, const struct opt *o, struct str text, struct str *to)
{
	struct str choices = conf_choices(o);

	if (!in_range(o, (int64_t)text.n) || !is_clean(text))
		return false;
	if (choices.n > 0 && !is_choice(choices, text))
		return false;
	*to = str_n(str_cz(a, text), text.n);
	return true;
}

static bool
set_number(const struct opt *o, struct str text, int64_t *to)
{
	int64_t v;
	bool ok;

	ok = o->type == OPT_INT ? str_i64(text, &v) :
	    measure(o->type, text, &v);
	if (!ok || !in_range(o, v))
		return false;
	*to = v;
	return true;
}

static bool
set_bool(struct str text, bool *to)
{
	if (!str_eq(text, S("true")) && !str_eq(text, S("false")))
		return false;
	*to = str_eq(text, S("true"));
	return true;
}

bool
conf_list_set(const struct opt *o, struct conf_list list, struct conf *c)
{
	assert(o->type == OPT_LIST);
	if (!in_range(o, (int64_t)list.n))
		return false;
	for (size_t i = 0; i < list.n; i++)
		if (list.at[i].n == 0 || !is_clean(list.at[i]))
			return false;
	*(struct conf_list *)field_of(c, o) = list;
	return true;
}

/* "a, b" as two items; the empty text as none. */
static bool
set_list(struct arena *a, const struct opt *o, struct str text, struct conf *c)
{
	struct conf_list list = { NULL, 0 };
	struct str head, rest = str_trim(text);
	size_t most = 1;
	bool more = rest.n > 0;

	for (size_t i = 0; i < text.n; i++)
		most += text.p[i] == ',';
	if (most > (size_t)o->max + 1)
		return false;
	list.at = arena_array(a, struct str, most);
	while (more) {
		more = str_cut(rest, ',', &head, &rest);
		head = str_trim(head);
		list.at[list.n++] = str_n(str_cz(a, head), head.n);
	}
	return conf_list_set(o, list, c);
}

bool
conf_value_set(struct arena *a, const struct opt *o, struct str text,
    struct conf *c)
{
	switch (o->type) {
	case OPT_STR:
	case OPT_SECRET:
		return set_str(a, o, text, field_of(c, o));
	case OPT_LIST:
		return set_list(a, o, text, c);
	case OPT_INT:
	case OPT_SIZE:
	case OPT_MS:
		return set_number(o, text, field_of(c, o));
	case OPT_BOOL:
		return set_bool(text, field_of(c, o));
	}
	return false;
}

static struct str
choices_text(struct arena *a, struct str choices)
{
	struct str head, rest = choices, out = S("");
	const char *sep;
	bool more;

	do {
		more = str_cut(rest, '|', &head, &rest);
		sep = out.n == 0 ? "" : more ? ", " : " or ";
		out = str_fmt(a, STR_FMT "%s" STR_FMT, STR_ARG(out), sep,
		    STR_ARG(head));
	} while (more);
	return out;
}

struct str
conf_value_takes(struct arena *a, const struct opt *o)
{
	struct str least, most;

	switch (o->type) {
	case OPT_BOOL:
		return S("true or false");
	case OPT_INT:
		return str_fmt(a, "a whole number from %lld to %lld",
		    (long long)o->min, (long long)o->max);
	case OPT_SIZE:
	case OPT_MS:
		least = measure_text(a, o->type, o->min);
		most = measure_text(a, o->type, o->max);
		return str_fmt(a, "a %s from " STR_FMT " to " STR_FMT
		    ", such as %s", o->type == OPT_SIZE ? "size" : "time",
		    STR_ARG(least), STR_ARG(most), o->def);
	case OPT_LIST:
		return str_fmt(a, "a list of %lld to %lld texts",
		    (long long)o->min, (long long)o->max);
	case OPT_STR:
	case OPT_SECRET:
		break;
	}
	if (conf_choices(o).n > 0)
		return choices_text(a, conf_choices(o));
	return str_fmt(a, "a text of %lld to %lld bytes", (long long)o->min,
	    (long long)o->max);
}
