/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See received.h. */
#include "room/received.h"

#include "room/ids.h"

static bool
bad(struct err *e, const char *what)
{
	return fail(e, M_BAD_JSON, "Not an event: %s", what);
}

/* { server: { key id: signature } } */
static bool
signatures_ok(const struct json *ev, struct err *e)
{
	const struct json *all = json_get_obj(ev, S("signatures"));
	uint32_t n = 0;

	if (all == NULL)
		return bad(e, "signatures must be an object");
	for (uint32_t i = 0; i < all->n; i++) {
		const struct json *by = &all->m[i].val;

		if (by->type != JSON_OBJ)
			return bad(e, "signatures must hold objects");
		if (by->n > SIGNATURES_MAX - n)
			return bad(e, "there are too many signatures");
		n += by->n;
		for (uint32_t k = 0; k < by->n; k++)
			if (by->m[k].val.type != JSON_STR)
				return bad(e, "a signature must be a string");
	}
	return true;
}

static bool
shape_ok(const struct json *ev, struct err *e)
{
	const struct json *extra = json_get(ev, S("unsigned"));
	struct str hash;

	if (!json_get_str(json_get_obj(ev, S("hashes")), S("sha256"), &hash))
		return bad(e, "hashes must hold a sha256");
	if (extra != NULL && extra->type != JSON_OBJ)
		return bad(e, "unsigned must be an object");
	return signatures_ok(ev, e);
}

static void
add_signer(struct str server, struct str out[SIGNERS_MAX], size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq(out[i], server))
			return;
	out[(*n)++] = server;
}

static bool
is_third_party_invite(const struct event *ev)
{
	return str_eq(ev->type, S("m.room.member")) && ev->is_state &&
	    str_eq(json_str(ev->content, S("membership")), S("invite")) &&
	    json_get(ev->content, S("third_party_invite")) != NULL;
}

bool
event_signers(const struct event *ev, struct str out[SIGNERS_MAX], size_t *n,
    struct err *e)
{
	const struct json *by = json_get(ev->content,
	    S("join_authorised_via_users_server"));

	*n = 0;
	if (!is_third_party_invite(ev))
		add_signer(id_server(ev->sender), out, n);
	if (ev->v->event_ids == EVENT_ID_GIVEN)
		add_signer(id_server(ev->id), out, n);
	if (!ev->v->restricted || by == NULL ||
	    !str_eq(ev->type, S("m.room.member")))
		return true;
	if (by->type != JSON_STR || !id_user_ok(by->s))
		return fail(e, M_FORBIDDEN, "Who vouched for the join is no "
		    "user");
	add_signer(id_server(by->s), out, n);
	return true;
}

static bool
signers_there(struct received *r, struct err *e)
{
	const struct json *all = json_get(&r->ev.json, S("signatures"));

	if (!event_signers(&r->ev, r->signer, &r->nsigners, e))
		return false;
	for (size_t i = 0; i < r->nsigners; i++) {
		const struct json *by = json_get_obj(all, r->signer[i]);

		if (by == NULL || by->n == 0)
			return fail(e, M_FORBIDDEN, "The event is not signed "
			    "by " STR_FMT, STR_ARG(r->signer[i]));
	}
	return true;
}

/*
 * Who must have signed is asked of what is left after redaction: content that
 * the hash does not cover must not talk a signature away.
 */
bool
received_read(struct arena *a, const struct room_version *v, struct str text,
    struct received *out, struct err *e)
{
	struct json bare;

	*out = (struct received){ .redacted = false };
	if (!event_read(a, v, text, &out->ev, e) ||
	    !shape_ok(&out->ev.json, e))
		return false;
	if (!event_hash_ok(a, &out->ev.json)) {
		bare = event_redact(a, v, &out->ev.json);
		out->redacted = true;
		if (!event_read_json(a, v, &bare, &out->ev, e))
			return false;
	}
	return signers_there(out, e);
}

/* The state that the auth events alone make. */
struct alone {
	const struct auth_event *auth;
	size_t n;
};

static const struct event *
auth_get(void *arg, struct str type, struct str key)
{
	const struct alone *s = arg;

	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->auth[i].ev->type, type) &&
		    str_eq(s->auth[i].ev->state_key, key))
			return s->auth[i].ev;
	return NULL;
}

bool
received_auth_ok(struct arena *a, const struct event *ev,
    const struct event *create, const struct auth_event *auth, size_t n,
    struct err *e)
{
	const struct event **list = arena_array(a, const struct event *, n);
	struct alone alone = { auth, n };
	struct auth_state st = { auth_get, &alone };

	if (n != ev->nauth)
		return fail(e, M_FORBIDDEN, "An auth event is missing");
	for (size_t i = 0; i < n; i++) {
		if (auth[i].ev == NULL ||
		    !str_eq(auth[i].ev->id, ev->auth[i]))
			return fail(e, M_FORBIDDEN, "Auth event " STR_FMT
			    " is not known", STR_ARG(ev->auth[i]));
		if (auth[i].rejected)
			return fail(e, M_FORBIDDEN, "Auth event " STR_FMT
			    " was rejected", STR_ARG(ev->auth[i]));
		list[i] = auth[i].ev;
	}
	if (!auth_events_ok(a, ev, list, n, e))
		return false;
	if (!ev->v->room_id_is_create_hash)
		create = auth_get(&alone, S("m.room.create"), S(""));
	return auth_check(a, ev, create, &st, e);
}
