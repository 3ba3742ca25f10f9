/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A YAML file as a small tree: the configuration and the registrations of
 * application services. A strict part of YAML 1.1: one document, no anchors,
 * aliases or tags, no key twice in a mapping, keys are scalars. A scalar is
 * text: whoever asks for a number or a truth value types it, so `no` and
 * `1.10` are what was written.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define YAML_DEPTH_MAX 20
#define YAML_NODES_MAX 100000
#define YAML_FILE_MAX (1024 * 1024)

enum yaml_kind { YAML_SCALAR = 1, YAML_LIST, YAML_MAP };

struct yaml {
	enum yaml_kind kind;
	int line;		/* from 1 */
	bool plain;		/* a scalar without quotes: may be empty for "nothing" */
	struct str text;	/* of a scalar, without NUL bytes */
	struct str key;		/* when it is a member of a mapping */
	struct yaml *first;	/* of a list or a mapping */
	struct yaml *next;	/* beside it in the same list or mapping */
	size_t n;		/* how many are in it */
};

/*
 * Reads the text of a file; the tree lives in the arena, as do its texts.
 *
 * name    of the file, for the texts of errors
 * out     NULL for a file without any content
 * errors  M_INVALID_PARAM  "name:line: what is wrong"
 */
bool yaml_parse(struct arena *a, const char *name, struct str source,
    struct yaml **out, struct err *e) MUST_CHECK;

/* The same from a path; a file over YAML_FILE_MAX bytes is refused. */
bool yaml_read(struct arena *a, const char *path, struct yaml **out,
    struct err *e) MUST_CHECK;

/* The member of a mapping with this key; NULL if there is none. */
const struct yaml *yaml_get(const struct yaml *map, const char *key);

#endif
