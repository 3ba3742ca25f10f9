/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * See edu.h. A message for a device is taken once: its sender's server names
 * it, and the name is kept.
 */
#include "core/edu.h"

#include "base/log.h"
#include "core/e2ee.h"
#include "core/jobs.h"
#include "core/keys.h"
#include "core/outbound.h"
#include "core/receive.h"
#include "core/receive_impl.h"
#include "core/typing.h"
#include "core/userdata.h"
#include "room/ids.h"
#include "store/q_account.h"
#include "store/q_member.h"
#include "store/stream.h"

#include <string.h>

#define SERVERS_MAX 20000
#define TYPING_MS 30000
#define RECEIPTS_MAX 1000		/* of one EDU */
#define MESSAGES_MAX 10000

static job_fn run_devices;
static struct job_kind devices_kind = { .name = "devices", .run = run_devices,
	.most = 1 };

static bool
is_of(struct str user, struct str server)
{
	return id_user_ok(user) && str_eq(id_server(user), server);
}

/* The same functions serve our own users: each acts for the actor. */
static void
act_as(struct ctx *c, struct str user)
{
	c->who = (struct actor){ .kind = ACTOR_JOB, .user = user };
}

static bool
open_for(struct ctx *c, struct str origin, struct str id, struct room **r)
{
	return room_open(c, id, r) && receive_acl_ok(c, *r, origin);
}

static bool
take_typing(struct ctx *c, struct str origin, const struct json *x)
{
	struct str user = json_str(x, S("user_id"));
	struct room *r;
	bool on = false;

	if (!is_of(user, origin) || !json_get_bool(x, S("typing"), &on) ||
	    !open_for(c, origin, json_str(x, S("room_id")), &r))
		return false;
	act_as(c, user);
	return typing_set(c, r, on, TYPING_MS);
}

/* { user: { event_ids: [id], data: { thread_id } } } of one room */
static bool
take_receipts(struct ctx *c, struct str origin, struct room *r,
    const struct json *by_user)
{
	for (uint32_t i = 0; i < by_user->n && i < RECEIPTS_MAX; i++) {
		struct str user = by_user->m[i].key, thread = S("");
		const struct json *x = &by_user->m[i].val;
		const struct json *ids = json_get_arr(x, S("event_ids"));
		const struct sev *ev;

		(void)json_get_str(json_get_obj(x, S("data")), S("thread_id"),
		    &thread);
		if (!is_of(user, origin) || thread.n > ID_MAX || ids == NULL ||
		    ids->n != 1 || ids->at[0].type != JSON_STR ||
		    room_membership(r, user) != MEMBER_JOIN)
			continue;
		if (!event_find(c, ids->at[0].s, &ev))
			return false;
		act_as(c, user);
		if (ev != NULL && ev->room == room_nid(r) && ev->seq != 0 &&
		    !receipt_set(c, r, S("m.read"), thread, ev))
			return false;
	}
	return true;
}

static bool
take_receipt_edu(struct ctx *c, struct str origin, const struct json *x)
{
	for (uint32_t i = 0; i < x->n && i < RECEIPTS_MAX; i++) {
		const struct json *read = json_get_obj(&x->m[i].val,
		    S("m.read"));
		struct room *r;

		if (read == NULL || !open_for(c, origin, x->m[i].key, &r)) {
			err_clear(&c->err);
			continue;
		}
		if (!take_receipts(c, origin, r, read))
			return false;
	}
	return true;
}

/* { sender, type, message_id, messages: { user: { device: content } } } */
static bool
take_to_device(struct ctx *c, struct str origin, const struct json *x)
{
	const struct json *messages = json_get_obj(x, S("messages"));
	struct str sender = json_str(x, S("sender"));
	struct str type = json_str(x, S("type"));
	struct str id = json_str(x, S("message_id"));

	if (!is_of(sender, origin) || messages == NULL || type.n == 0 ||
	    type.n > ID_MAX || id.n == 0 || id.n > ID_MAX ||
	    messages->n > MESSAGES_MAX)
		return false;
	act_as(c, sender);
	return todevice_send(c, type, id, messages);
}

struct changed {
	struct str user;
	struct stream_tx tx;
};

static bool
changed_body(struct db *db, void *arg, struct err *e)
{
	struct changed *x = arg;

	return devicelist_bump(db, &x->tx, x->user, e);
}

/* Nothing of it is kept: who wants the keys asks the user's server. */
static bool
take_devices(struct ctx *c, struct str origin, const struct json *x)
{
	struct changed ch = { .user = json_str(x, S("user_id")) };

	if (!is_of(ch.user, origin) || !devicelist_begin(c, ch.user) ||
	    !stream_transact(c->db, changed_body, &ch, &ch.tx, &c->err))
		return false;
	devicelist_end(&ch.tx, ch.user);
	return true;
}

static const struct {
	const char *type;
	bool (*take)(struct ctx *c, struct str origin, const struct json *x);
} kinds[] = {
	{ "m.typing", take_typing }, { "m.receipt", take_receipt_edu },
	{ "m.direct_to_device", take_to_device },
	{ "m.device_list_update", take_devices },
	{ "m.signing_key_update", take_devices },
};

static void
take_one(struct ctx *c, struct str origin, const struct json *edu)
{
	const struct json *content = json_get_obj(edu, S("content"));
	struct str type = json_str(edu, S("edu_type"));

	for (size_t i = 0; content != NULL && i < LEN(kinds); i++) {
		if (!str_eq_c(type, kinds[i].type))
			continue;
		if (!kinds[i].take(c, origin, content))
			log_info("federation", "passed over an EDU",
			    LS("server", origin), LS("type", type),
			    LS("why", str_c(c->err.text)));
		err_clear(&c->err);
		return;
	}
}

void
edu_receive(struct ctx *c, struct str origin, const struct json *edus)
{
	struct actor who = c->who;

	for (uint32_t i = 0; edus != NULL && i < edus->n; i++)
		if (edus->at[i].type == JSON_OBJ)
			take_one(c, origin, &edus->at[i]);
	c->who = who;
}

static struct json
edu_of(struct arena *a, const char *type, struct json content)
{
	struct json edu = json_new_obj();

	json_set(a, &edu, S("edu_type"), json_of_str(str_c(type)));
	json_set(a, &edu, S("content"), content);
	return edu;
}

static void
to_room(struct ctx *c, struct room *r, const char *type, struct json content,
    bool passing)
{
	struct str *server = arena_array(c->a, struct str, SERVERS_MAX);
	size_t n = room_servers(c, r, server, SERVERS_MAX);
	struct json edu = edu_of(c->a, type, content);

	if (outbound_edu(c, server, n, &edu, passing))
		return;
	log_err(LOG_WARN, "federation", type, &c->err);
	err_clear(&c->err);
}

void
edu_typing(struct ctx *c, struct room *r, bool typing)
{
	struct json x = json_new_obj();

	json_set(c->a, &x, S("room_id"), json_of_str(room_id(r)));
	json_set(c->a, &x, S("user_id"), json_of_str(c->who.user));
	json_set(c->a, &x, S("typing"), json_of_bool(typing));
	to_room(c, r, "m.typing", x, true);
}

void
edu_receipt(struct ctx *c, struct room *r, struct str thread,
    const struct sev *ev)
{
	struct json room = json_new_obj(), read = json_new_obj(),
	    user = json_new_obj(), one = json_new_obj(),
	    data = json_new_obj(), ids = json_new_arr();

	json_push(c->a, &ids, json_of_str(ev->ev.id));
	json_set(c->a, &data, S("ts"), json_of_int(c->now_ms));
	if (thread.n > 0)
		json_set(c->a, &data, S("thread_id"), json_of_str(thread));
	json_set(c->a, &one, S("event_ids"), ids);
	json_set(c->a, &one, S("data"), data);
	json_set(c->a, &user, c->who.user, one);
	json_set(c->a, &read, S("m.read"), user);
	json_set(c->a, &room, room_id(r), read);
	to_room(c, r, "m.receipt", room, false);
}

void
edu_to_device(struct ctx *c, struct str type, struct str txn_id,
    const struct json *messages, struct edu_for **out, size_t *n)
{
	struct arena *a = c->a;
	struct json *by = arena_array(a, struct json, messages->n);

	*out = arena_array(a, struct edu_for, messages->n);
	*n = 0;
	for (uint32_t i = 0; i < messages->n; i++) {
		struct str user = messages->m[i].key;
		size_t k = 0;

		if (!id_user_ok(user) || server_is_local(user) ||
		    messages->m[i].val.type != JSON_OBJ)
			continue;
		while (k < *n && !str_eq((*out)[k].server, id_server(user)))
			k++;
		if (k == *n) {
			(*out)[(*n)++].server = id_server(user);
			by[k] = json_new_obj();
		}
		json_set(a, &by[k], user, messages->m[i].val);
	}
	for (size_t k = 0; k < *n; k++) {
		struct json x = json_new_obj(), edu;

		json_set(a, &x, S("sender"), json_of_str(c->who.user));
		json_set(a, &x, S("type"), json_of_str(type));
		json_set(a, &x, S("message_id"), json_of_str(str_utf8_clip(
		    str_fmt(a, STR_FMT "." STR_FMT, STR_ARG(c->who.device),
		    STR_ARG(txn_id)), ID_MAX)));
		json_set(a, &x, S("messages"), by[k]);
		edu = edu_of(a, "m.direct_to_device", x);
		(*out)[k].edu = json_text(a, &edu);
	}
}

bool
edu_shares_room(struct ctx *c, struct str user, struct str server, bool *out)
{
	struct user_membership *m;
	struct room *r;
	size_t n;

	*out = false;
	if (!memberships_of_user(c->db, c->a, user, 1U << MEMBER_JOIN, &m, &n,
	    &c->err))
		return false;
	for (size_t i = 0; i < n && !*out; i++) {
		if (!outbound_is_federated(m[i].room))
			continue;
		if (!room_open_nid(c, m[i].room, &r))
			return false;
		*out = room_has_server(r, server);
	}
	return true;
}

void
edu_devices_changed(struct str user)
{
	job_kick(&devices_kind, user);
}

/* The servers that share a room with the user, each once. */
static bool
servers_of(struct ctx *c, struct str user, struct str *out, size_t *n)
{
	struct str *here = arena_array(c->a, struct str, SERVERS_MAX);
	struct user_membership *m;
	struct room *r;
	size_t nm, nhere;

	*n = 0;
	if (!memberships_of_user(c->db, c->a, user, 1U << MEMBER_JOIN, &m,
	    &nm, &c->err))
		return false;
	for (size_t i = 0; i < nm; i++) {
		if (!outbound_is_federated(m[i].room))
			continue;
		if (!room_open_nid(c, m[i].room, &r))
			return false;
		nhere = room_servers(c, r, here, SERVERS_MAX);
		for (size_t k = 0; k < nhere; k++) {
			bool there = false;

			for (size_t j = 0; j < *n && !there; j++)
				there = str_eq(out[j], here[k]);
			if (!there && *n < SERVERS_MAX)
				out[(*n)++] = here[k];
		}
	}
	return true;
}

/*
 * One EDU says that something changed, and leaves no room for an answer but to
 * ask anew: it names a change before it that nobody has seen.
 */
static bool
run_devices(struct ctx *c, struct str user, int64_t *again_ms)
{
	struct str *server = arena_array(c->a, struct str, SERVERS_MAX);
	struct json x = json_new_obj(), prev = json_new_arr(), edu;
	struct device *dev;
	size_t n, ndev;

	(void)again_ms;
	if (!servers_of(c, user, server, &n) ||
	    !device_list(c->db, c->a, user, &dev, &ndev, &c->err))
		return false;
	if (n == 0)
		return true;
	json_push(c->a, &prev, json_of_int(stream_now() - 1));
	json_set(c->a, &x, S("user_id"), json_of_str(user));
	json_set(c->a, &x, S("device_id"), json_of_str(ndev > 0
	    ? dev[0].device_id : S("none")));
	json_set(c->a, &x, S("stream_id"), json_of_int(stream_now()));
	json_set(c->a, &x, S("prev_id"), prev);
	if (ndev == 0)
		json_set(c->a, &x, S("deleted"), json_of_bool(true));
	edu = edu_of(c->a, "m.device_list_update", x);
	return outbound_edu(c, server, n, &edu, false);
}
