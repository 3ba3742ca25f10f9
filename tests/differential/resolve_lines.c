/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * State resolution for a test in another language: one JSON object a line on
 * standard input, { version, events: [{ id, rejected, pdu }], sets: [[[type,
 * key, id]]] }, and the resolved state, [[type, key, id]], or an error a line.
 */
#include "room/resolve.h"

#include "crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stored {
	struct event ev;
	bool rejected;
};

struct known {
	struct stored *at;
	size_t n;
};

static const struct stored *
find(void *arg, struct str id)
{
	const struct known *k = arg;

	for (size_t i = 0; i < k->n; i++)
		if (str_eq(k->at[i].ev.id, id))
			return &k->at[i];
	return NULL;
}

static const struct event *
get_event(void *arg, struct str id)
{
	const struct stored *x = find(arg, id);

	return x != NULL ? &x->ev : NULL;
}

static bool
get_rejected(void *arg, struct str id)
{
	return find(arg, id)->rejected;
}

static bool
read_events(struct arena *a, const struct room_version *v,
    const struct json *list, struct known *k, struct err *e)
{
	k->at = arena_array(a, struct stored, list->n);
	for (k->n = 0; k->n < list->n; k->n++) {
		const struct json *x = &list->at[k->n];

		if (!event_load(a, v, json_str(x, S("id")), json_text(a,
		    json_get(x, S("pdu"))), &k->at[k->n].ev, e))
			return false;
		k->at[k->n].rejected = false;
		json_get_bool(x, S("rejected"), &k->at[k->n].rejected);
	}
	return true;
}

static struct state_set *
read_sets(struct arena *a, const struct json *list)
{
	struct state_set *sets = arena_array(a, struct state_set, list->n);

	for (uint32_t i = 0; i < list->n; i++) {
		const struct json *one = &list->at[i];
		struct state_entry *x = arena_array(a, struct state_entry,
		    one->n);

		for (uint32_t k = 0; k < one->n; k++)
			x[k] = (struct state_entry){ { one->at[k].at[0].s,
			    one->at[k].at[1].s }, one->at[k].at[2].s };
		sets[i] = (struct state_set){ x, one->n };
	}
	return sets;
}

static void
answer(struct arena *a, const struct state_entry *x, size_t n)
{
	struct json all = json_new_arr();

	for (size_t i = 0; i < n; i++) {
		struct json one = json_new_arr();

		json_push(a, &one, json_of_str(x[i].at.type));
		json_push(a, &one, json_of_str(x[i].at.key));
		json_push(a, &one, json_of_str(x[i].event_id));
		json_push(a, &all, one);
	}
	printf(STR_FMT "\n", STR_ARG(json_text(a, &all)));
}

static void
work(struct arena *a, struct str line)
{
	struct err e = { .code = M_OK };
	const struct room_version *v;
	const struct json *list;
	struct state_entry *out;
	struct known k;
	struct resolve_io io = { get_event, get_rejected, &k };
	struct json j;
	size_t n;

	if (!json_parse(a, line, JSON_ANY, &j, &e))
		exit(2);
	v = room_version(json_str(&j, S("version")));
	list = json_get_arr(&j, S("sets"));
	if (!read_events(a, v, json_get_arr(&j, S("events")), &k, &e) ||
	    !resolve_state(a, v, read_sets(a, list), list->n, &io, &out, &n,
	    &e))
		printf("\"%s\"\n", e.text);
	else
		answer(a, out, n);
	fflush(stdout);
}

int
main(void)
{
	struct arena *a = arena_new(SIZE_MAX);
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	crypto_start();
	while ((n = getline(&line, &cap, stdin)) > 0) {
		work(a, str_n(line, (size_t)n));
		arena_reset(a);
	}
	free(line);
	arena_free(a);
	return 0;
}
