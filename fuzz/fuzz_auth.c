/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Authorization: {"version":"11","event":{...},"prev":["$..."],"state":[...]}
 * of any events. The rules may look only at the places that the choice of
 * auth events names, which is what lets other servers come to the same answer.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "room/auth.h"

#define MUST(x) ((x) ? (void)0 : abort())
#define STATE_MAX 100

struct room {
	struct event state[STATE_MAX];
	size_t n;
	const struct state_at *places;
	size_t nplaces;
};

static bool
view(const struct room_version *v, const struct json *x, struct event *ev)
{
	const struct json *key = json_get(x, S("state_key"));

	*ev = (struct event){ .v = v, .id = json_str(x, S("id")),
		.room = S("!r:d"), .type = json_str(x, S("type")),
		.sender = json_str(x, S("sender")),
		.content = json_get_obj(x, S("content")),
		.redacts = json_str(x, S("redacts")) };
	if (json_is(key, JSON_STR)) {
		ev->is_state = true;
		ev->state_key = key->s;
	}
	return ev->content != NULL;
}

static const struct event *
find(const struct room *r, struct str type, struct str key)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->state[i].is_state && str_eq(r->state[i].type, type) &&
		    str_eq(r->state[i].state_key, key))
			return &r->state[i];
	return NULL;
}

static const struct event *
get(void *arg, struct str type, struct str key)
{
	const struct room *r = arg;
	bool named = false;

	for (size_t i = 0; i < r->nplaces; i++)
		named = named || (str_eq(r->places[i].type, type) &&
		    str_eq(r->places[i].key, key));
	MUST(named);
	return find(r, type, key);
}

static struct str *
prevs(struct arena *a, const struct json *input, size_t *n)
{
	const struct json *list = json_get_arr(input, S("prev"));
	struct str *out = arena_array(a, struct str, list ? list->n : 0);

	*n = list ? list->n : 0;
	for (size_t i = 0; i < *n; i++)
		out[i] = json_is(json_at(list, i), JSON_STR) ?
		    json_at(list, i)->s : S("");
	return out;
}

static void
check(struct arena *a, const struct event *ev, struct room *r)
{
	struct auth_state st = { get, r };
	const struct event *create = find(r, S("m.room.create"), S(""));
	const struct event *auth[STATE_MAX];
	struct err e = { .code = M_OK }, again = e;
	struct state_at *places;
	size_t n = 0;
	bool ok;

	auth_places(a, ev->v, ev->type, ev->sender, ev->is_state,
	    ev->state_key, ev->content, &places, &r->nplaces);
	r->places = places;
	MUST(r->nplaces <= 8);
	ok = auth_check(a, ev, create, &st, &e);
	MUST(ok == (e.code == M_OK) && (ok || e.code == M_FORBIDDEN));
	MUST(auth_check(a, ev, create, &st, &again) == ok);
	/* What the choice takes of the state, the check of the choice accepts. */
	for (size_t i = 0; i < r->nplaces; i++) {
		auth[n] = find(r, places[i].type, places[i].key);
		n += auth[n] != NULL;
	}
	if (create != NULL)
		MUST(auth_events_ok(a, ev, auth, n, &e));
	if (create != NULL)
		(void)auth_redaction_applies(ev, create, create,
		    find(r, S("m.room.power_levels"), S("")));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct room r;
	struct arena *a = arena_new(SIZE_MAX);
	struct err e = { .code = M_OK };
	const struct room_version *v;
	const struct json *state;
	struct event ev;
	struct json input;

	r.n = 0;
	if (json_parse(a, str_n((const char *)data, size), JSON_ANY, &input,
	    &e) && (v = room_version(json_str(&input, S("version")))) != NULL &&
	    view(v, json_get_obj(&input, S("event")), &ev)) {
		state = json_get_arr(&input, S("state"));
		for (size_t i = 0; json_at(state, i) && r.n < STATE_MAX; i++)
			r.n += view(v, json_at(state, i), &r.state[r.n]);
		ev.prev = prevs(a, &input, &ev.nprev);
		check(a, &ev, &r);
	}
	arena_free(a);
	return 0;
}
