/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * YAML read into a tree, from libyaml's events. What makes YAML files mean
 * something else than they show (anchors, tags, a key given twice) is refused
 * with its line. Depth, nodes and size are bounded, for registrations of
 * application services come from other programs.
 */
#include "base/yaml.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	struct arena *a;
	const char *name;
	size_t nodes;
	struct err *e;
};

static bool node_read(struct reader *r, const yaml_event_t *ev, int depth,
    struct yaml **out);

static int
line_of(yaml_mark_t mark)
{
	return (int)mark.line + 1;
}

static bool
refuse(struct reader *r, int line, const char *why)
{
	return fail(r->e, M_INVALID_PARAM, "%s:%d: %s", r->name, line, why);
}

/* The next event; the caller deletes it when this returns true. */
static bool
event_next(struct reader *r, yaml_event_t *ev)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ev))
		return true;
	if (p->error == YAML_MEMORY_ERROR)
		return refuse(r, 0, "not enough memory");
	if (p->error == YAML_READER_ERROR)
		return fail(r->e, M_INVALID_PARAM,
		    "%s: this is not UTF-8 text, at byte %zu", r->name,
		    p->problem_offset);
	return refuse(r, line_of(p->problem_mark),
	    p->problem != NULL ? p->problem : "this is not YAML");
}

/* What an event carries besides its content; NULL if nothing is odd. */
static const char *
oddity(const yaml_event_t *ev)
{
	const unsigned char *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_ALIAS_EVENT) {
		return "aliases (*name) are not accepted; a value that starts"
		    " with * needs quotes";
	} else if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor != NULL)
		return "anchors (&name) are not accepted; a value that starts"
		    " with & needs quotes";
	if (tag != NULL)
		return "tags (!name) are not accepted; a value that starts"
		    " with ! needs quotes";
	return NULL;
}

static bool
scalar_read(struct reader *r, const yaml_event_t *ev, struct yaml *node)
{
	const char *p = (const char *)ev->data.scalar.value;
	size_t n = ev->data.scalar.length;

	if (n > 0 && memchr(p, '\0', n) != NULL)
		return refuse(r, node->line, "a NUL byte in a text");
	node->kind = YAML_SCALAR;
	node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = str_n(str_cz(r->a, str_n(p, n)), n);
	return true;
}

/* Reads one event and the node that it starts; *end: the parent's end. */
static bool
child_read(struct reader *r, int depth, yaml_event_type_t closing,
    struct yaml **out, bool *end)
{
	yaml_event_t ev;
	bool ok;

	if (!event_next(r, &ev))
		return false;
	*end = ev.type == closing;
	ok = *end || node_read(r, &ev, depth, out);
	yaml_event_delete(&ev);
	return ok;
}

static void
child_add(struct yaml *parent, struct yaml **last, struct yaml *child)
{
	if (*last == NULL)
		parent->first = child;
	else
		(*last)->next = child;
	*last = child;
	parent->n++;
}

static bool
list_read(struct reader *r, int depth, struct yaml *list)
{
	struct yaml *last = NULL, *child = NULL;
	bool end;

	list->kind = YAML_LIST;
	for (;;) {
		if (!child_read(r, depth + 1, YAML_SEQUENCE_END_EVENT, &child,
		    &end))
			return false;
		if (end)
			return true;
		child_add(list, &last, child);
	}
}

/* The key has been read and is in *key; reads its value into the mapping. */
static bool
member_read(struct reader *r, int depth, struct yaml *map, struct yaml **last,
    const struct yaml *key)
{
	struct yaml *value = NULL;
	bool end;

	if (key->kind != YAML_SCALAR)
		return refuse(r, key->line, "a key must be a plain text");
	for (const struct yaml *m = map->first; m != NULL; m = m->next)
		if (str_eq(m->key, key->text))
			return fail(r->e, M_INVALID_PARAM,
			    "%s:%d: \"" STR_FMT "\" is given twice, first at"
			    " line %d", r->name, key->line,
			    STR_ARG(str_utf8_clip(key->text, 60)), m->line);
	if (!child_read(r, depth + 1, YAML_NO_EVENT, &value, &end))
		return false;
	assert(value != NULL);	/* a closing event here is an error, above */
	value->key = key->text;
	value->line = key->line;
	child_add(map, last, value);
	return true;
}

static bool
map_read(struct reader *r, int depth, struct yaml *map)
{
	struct yaml *last = NULL, *key = NULL;
	bool end;

	map->kind = YAML_MAP;
	for (;;) {
		if (!child_read(r, depth + 1, YAML_MAPPING_END_EVENT, &key,
		    &end))
			return false;
		if (end)
			return true;
		if (map->n >= 1000)
			return refuse(r, key->line,
			    "more than 1000 keys in one mapping");
		if (!member_read(r, depth, map, &last, key))
			return false;
	}
}

/* Reads the node that ev starts; the recursion is bounded by the depth. */
static bool
node_read(struct reader *r, const yaml_event_t *ev, int depth,
    struct yaml **out)
{
	struct yaml *node = arena_make(r->a, struct yaml);
	const char *odd = oddity(ev);

	node->line = line_of(ev->start_mark);
	if (odd != NULL)
		return refuse(r, node->line, odd);
	if (depth > YAML_DEPTH_MAX)
		return refuse(r, node->line, "nested too deep");
	if (++r->nodes > YAML_NODES_MAX)
		return refuse(r, node->line, "too many values");
	*out = node;
	if (ev->type == YAML_SCALAR_EVENT)
		return scalar_read(r, ev, node);
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return list_read(r, depth, node);
	if (ev->type == YAML_MAPPING_START_EVENT)
		return map_read(r, depth, node);
	return refuse(r, node->line, "a value is missing");
}

/* The stream's other events hold nothing: start of stream, of document. */
static bool
document_read(struct reader *r, struct yaml **out)
{
	yaml_event_t ev;
	yaml_event_type_t type;
	struct yaml *root = NULL;
	bool ok = true;

	do {
		if (!event_next(r, &ev))
			return false;
		type = ev.type;
		if (type == YAML_DOCUMENT_START_EVENT && root != NULL)
			ok = refuse(r, line_of(ev.start_mark),
			    "a second document; one file holds one");
		else if (type == YAML_SCALAR_EVENT ||
		    type == YAML_SEQUENCE_START_EVENT ||
		    type == YAML_MAPPING_START_EVENT ||
		    type == YAML_ALIAS_EVENT)
			ok = node_read(r, &ev, 1, &root);
		yaml_event_delete(&ev);
	} while (ok && type != YAML_STREAM_END_EVENT);
	if (ok)
		*out = root;
	return ok;
}

bool
yaml_parse(struct arena *a, const char *name, struct str source,
    struct yaml **out, struct err *e)
{
	size_t nname = strlen(name);
	struct reader r = {
		.a = a,
		.name = nname > 60 ? name + nname - 60 : name,
		.e = e,
	};
	bool ok;

	if (!yaml_parser_initialize(&r.parser))
		return fail(e, M_UNKNOWN, "%s: not enough memory", r.name);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)(source.n > 0 ? source.p : ""), source.n);
	ok = document_read(&r, out);
	yaml_parser_delete(&r.parser);
	return ok;
}

static bool
file_read(struct arena *a, const char *path, FILE *f, struct str *out,
    struct err *e)
{
	char *p = arena_alloc_raw(a, YAML_FILE_MAX + 1);
	size_t n = fread(p, 1, YAML_FILE_MAX + 1, f);

	if (ferror(f))
		return fail(e, M_INVALID_PARAM, "%s: can't be read: %s", path,
		    strerror(errno));
	if (n > YAML_FILE_MAX)
		return fail(e, M_INVALID_PARAM,
		    "%s: over %d bytes long", path, YAML_FILE_MAX);
	*out = str_n(p, n);
	return true;
}

bool
yaml_read(struct arena *a, const char *path, struct yaml **out, struct err *e)
{
	FILE *f = fopen(path, "rbe");
	struct str source = S("");
	bool ok;

	if (f == NULL)
		return fail(e, M_INVALID_PARAM, "%s: can't be opened: %s", path,
		    strerror(errno));
	ok = file_read(a, path, f, &source, e);
	fclose(f);
	return ok && yaml_parse(a, path, source, out, e);
}

const struct yaml *
yaml_get(const struct yaml *map, const char *key)
{
	for (const struct yaml *m = map->first; m != NULL; m = m->next)
		if (map->kind == YAML_MAP && str_eq_c(m->key, key))
			return m;
	return NULL;
}
