/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a gateway is told of an event: everything, or with format event_id_only
 * just where it is. spec: push gateway, POST /_matrix/push/v1/notify.
 */
#include "base/jsonw.h"
#include "core/push.h"

#define BODY_MAX ((size_t)256 << 10)

static void
write_device(struct jsonw *w, const struct pusher *p, const struct json *data,
    const struct push_result *how, bool id_only)
{
	jsonw_arr(w, "devices");
	jsonw_obj(w, NULL);
	jsonw_str(w, "app_id", p->app_id);
	jsonw_str(w, "pushkey", p->pushkey);
	jsonw_int(w, "pushkey_ts", p->set_ms / 1000);
	jsonw_obj(w, "data");
	for (uint32_t i = 0; i < data->n; i++) {
		if (str_eq(data->m[i].key, S("url")))
			continue;
		jsonw_key(w, data->m[i].key);
		jsonw_json(w, NULL, &data->m[i].val);
	}
	jsonw_obj_end(w);
	if (how != NULL && !id_only) {
		jsonw_obj(w, "tweaks");
		if (how->sound.n > 0)
			jsonw_str(w, "sound", how->sound);
		if (how->highlight)
			jsonw_bool(w, "highlight", true);
		jsonw_obj_end(w);
	}
	jsonw_obj_end(w);
	jsonw_arr_end(w);
}

/* A member of the current state's event of that type; empty: not there. */
static bool
state_text(struct ctx *c, struct room *r, struct str type, struct str key,
    struct str member, struct str *out)
{
	const struct sev *ev;

	if (!room_state(c, r, type, key, &ev))
		return false;
	*out = ev != NULL ? json_str(ev->ev.content, member)
	    : (struct str){ NULL, 0 };
	return true;
}

static void
add(struct jsonw *w, const char *key, struct str s)
{
	if (s.n > 0)
		jsonw_str(w, key, s);
}

static bool
write_event(struct ctx *c, struct jsonw *w, const struct pusher *p,
    struct room *r, const struct sev *ev)
{
	struct str room_name, alias, name;
	struct str none = { NULL, 0 };

	if (!state_text(c, r, S("m.room.name"), none, S("name"), &room_name) ||
	    !state_text(c, r, S("m.room.canonical_alias"), none, S("alias"),
	    &alias) || !state_text(c, r, S("m.room.member"), ev->ev.sender,
	    S("displayname"), &name))
		return false;
	jsonw_str(w, "type", ev->ev.type);
	jsonw_str(w, "sender", ev->ev.sender);
	add(w, "sender_display_name", name);
	add(w, "room_name", room_name);
	add(w, "room_alias", alias);
	if (ev->ev.is_state && str_eq(ev->ev.type, S("m.room.member")))
		jsonw_bool(w, "user_is_target", str_eq(ev->ev.state_key,
		    p->user));
	jsonw_json(w, "content", ev->ev.content);
	return true;
}

/* Whoever is not to be woken for it gets it when the device is awake. */
static const char *
prio_of(const struct sev *ev, const struct push_result *how)
{
	return how->sound.n > 0 || how->highlight ||
	    str_eq(ev->ev.type, S("m.room.encrypted")) ? "high" : "low";
}

bool
push_body(struct ctx *c, const struct pusher *p, struct room *r,
    const struct sev *ev, const struct push_result *how, int64_t unread,
    struct str *out)
{
	struct json data;
	struct jsonw w;
	struct buf b;
	bool id_only;

	if (!json_parse(c->a, p->data, JSON_ANY, &data, &c->err))
		return false;
	id_only = str_eq(json_str(&data, S("format")), S("event_id_only"));
	buf_init(&b, c->a, BODY_MAX);
	jsonw_init(&w, &b);
	jsonw_obj(&w, NULL);
	jsonw_obj(&w, "notification");
	if (ev != NULL) {
		jsonw_str(&w, "event_id", ev->ev.id);
		jsonw_str(&w, "room_id", room_id(r));
		jsonw_cstr(&w, "prio", prio_of(ev, how));
		if (!id_only && !write_event(c, &w, p, r, ev))
			return false;
	}
	jsonw_obj(&w, "counts");
	/* A count that fell to nothing is said once: else no badge would go. */
	if (unread > 0 || ev == NULL)
		jsonw_int(&w, "unread", unread);
	jsonw_obj_end(&w);
	write_device(&w, p, &data, ev != NULL ? how : NULL, id_only);
	jsonw_obj_end(&w);
	jsonw_obj_end(&w);
	*out = buf_view(&b);
	return !b.over || fail(&c->err, M_TOO_LARGE, "The notification of an "
	    "event is too large");
}
