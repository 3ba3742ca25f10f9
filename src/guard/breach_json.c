/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The breach report as JSON, signed by the server like any JSON of the
 * protocol, and found again in what was made of it. See breach.h.
 */
#include "guard/breach.h"

#include "base/enc.h"
#include "base/jsonw.h"

#define JSON_MAX ((size_t)64 << 20)

static void
put(struct jsonw *w, const char *key, struct str s)
{
	if (s.n > 0 && str_utf8_ok(s))
		jsonw_str(w, key, s);
}

static void
write_ask(struct jsonw *w, const struct breach *b)
{
	jsonw_obj(w, "asked");
	jsonw_str(w, "account", b->ask.user);
	put(w, "device", b->ask.device);
	put(w, "address", b->ask.address);
	jsonw_int(w, "from", b->ask.from_ms);
	jsonw_int(w, "to", b->ask.to_ms > 0 ? b->ask.to_ms : b->made_ms);
	if (b->ask.absent.n > 0) {
		put(w, "absent", b->ask.absent);
		jsonw_bool(w, "was_read", b->absent_read);
	}
	jsonw_obj_end(w);
}

static void
write_sums(struct jsonw *w, const struct breach *b)
{
	struct breach_sums s = breach_sums(b);

	jsonw_obj(w, "sums");
	jsonw_int(w, "rooms", s.rooms);
	jsonw_int(w, "messages_in_clear", s.clear);
	jsonw_int(w, "messages_encrypted", s.cipher);
	jsonw_int(w, "state_events", s.state);
	jsonw_int(w, "files", s.files);
	jsonw_int(w, "file_bytes", s.file_bytes);
	jsonw_int(w, "profiles", s.profiles);
	jsonw_int(w, "directory_rows", s.listed);
	jsonw_int(w, "device_lists", s.devices);
	jsonw_int(w, "room_keys", s.keys);
	jsonw_int(w, "people", s.people);
	jsonw_obj_end(w);
}

static void
write_session(struct jsonw *w, const struct breach_session *x)
{
	jsonw_obj(w, NULL);
	jsonw_int(w, "session", x->session);
	put(w, "device", x->device);
	put(w, "address", x->address);
	put(w, "agent", x->agent);
	jsonw_int(w, "first", x->first_ms);
	jsonw_int(w, "last", x->last_ms);
	jsonw_int(w, "records", x->records);
	jsonw_obj_end(w);
}

static void
write_ranges(struct jsonw *w, const char *key, const struct ranges *s)
{
	jsonw_arr(w, key);
	for (size_t i = 0; i < s->n; i++) {
		jsonw_arr(w, NULL);
		jsonw_int(w, NULL, s->at[i].first);
		jsonw_int(w, NULL, s->at[i].last);
		jsonw_arr_end(w);
	}
	jsonw_arr_end(w);
}

static void
write_room(struct jsonw *w, const struct breach_room *r)
{
	jsonw_obj(w, NULL);
	jsonw_str(w, "room_id", r->id);
	put(w, "name", r->name);
	jsonw_bool(w, "still_here", r->known);
	put(w, "encryption", r->encryption);
	jsonw_int(w, "first", r->first_ms);
	jsonw_int(w, "last", r->last_ms);
	jsonw_int(w, "events", ranges_count(&r->seq));
	jsonw_int(w, "in_clear", r->clear);
	jsonw_int(w, "encrypted", r->cipher);
	jsonw_int(w, "earliest", r->earliest_ms);
	jsonw_int(w, "latest", r->latest_ms);
	jsonw_int(w, "state_events", ranges_count(&r->nid) +
	    ranges_count(&r->stripped));
	write_ranges(w, "ranges", &r->seq);
	jsonw_arr(w, "authors");
	for (size_t i = 0; i < r->nauthors; i++) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "user", r->author[i].user);
		jsonw_int(w, "events", r->author[i].events);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_arr(w, "owners");
	for (size_t i = 0; i < r->nowners; i++)
		jsonw_str(w, NULL, r->owner[i]);
	jsonw_arr_end(w);
	jsonw_obj_end(w);
}

static void
write_thing(struct breach *b, struct jsonw *w, const struct breach_thing *t)
{
	jsonw_obj(w, NULL);
	put(w, "object", t->object);
	jsonw_int(w, "first", t->first_ms);
	jsonw_int(w, "last", t->last_ms);
	jsonw_int(w, "times", t->times);
	jsonw_int(w, "count", t->count);
	if (t->file.id.n > 0) {
		put(w, "name", t->file.name);
		put(w, "type", t->file.type);
		put(w, "sender", t->file.user);
		jsonw_int(w, "bytes", t->file.bytes);
		put(w, "sha256", hex_encode(b->a, t->file.sha256));
	}
	jsonw_obj_end(w);
}

static void
write_measures(struct jsonw *w, const struct breach *b)
{
	jsonw_arr(w, "containments");
	for (size_t i = 0; i < b->nmeasures; i++) {
		const struct contain_row *x = &b->measure[i];

		jsonw_obj(w, NULL);
		jsonw_int(w, "id", x->id);
		jsonw_int(w, "at", x->at_ms);
		put(w, "device", x->t.device);
		put(w, "address", x->t.address);
		jsonw_str(w, "by", x->actor);
		jsonw_str(w, "reason", x->reason);
		if (x->released_ms > 0)
			jsonw_int(w, "released", x->released_ms);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
}

/* Lists of the report by the kind they are of. */
static const struct {
	const char *key;
	enum seen_kind kind;
} things[] = {
	{ "files", SEEN_MEDIA }, { "profiles", SEEN_PROFILE },
	{ "directory", SEEN_DIRECTORY }, { "searches", SEEN_USERS },
	{ "devices", SEEN_DEVICES }, { "to_device", SEEN_TO_DEVICE },
	{ "room_keys", SEEN_ROOM_KEYS }, { "accounts", SEEN_ACCOUNT },
};

static void
write_all(struct breach *b, struct jsonw *w)
{
	jsonw_obj(w, NULL);
	jsonw_cstr(w, "kind", "beffroi.breach_report.1");
	jsonw_str(w, "server", server_get()->name);
	jsonw_int(w, "made", b->made_ms);
	jsonw_str(w, "checkpoint", b->checkpoint);
	jsonw_int(w, "records", b->records);
	jsonw_int(w, "records_assumed", b->assumed);
	write_ask(w, b);
	write_sums(w, b);
	jsonw_arr(w, "sessions");
	for (size_t i = 0; i < b->sessions.n; i++)
		write_session(w, b->sessions.at[i]);
	jsonw_arr_end(w);
	jsonw_arr(w, "rooms");
	for (size_t i = 0; i < b->rooms.n; i++)
		write_room(w, b->rooms.at[i]);
	jsonw_arr_end(w);
	for (size_t k = 0; k < LEN(things); k++) {
		const struct breach_list *l = &b->things[things[k].kind];

		jsonw_arr(w, things[k].key);
		for (size_t i = 0; i < l->n; i++)
			write_thing(b, w, l->at[i]);
		jsonw_arr_end(w);
	}
	jsonw_arr(w, "people");
	for (size_t i = 0; i < b->people.n; i++)
		put(w, NULL, *(struct str *)b->people.at[i]);
	jsonw_arr_end(w);
	write_measures(w, b);
	jsonw_obj_end(w);
}

bool
breach_json(struct breach *b, struct json *out, struct err *e)
{
	const struct server *s = server_get();
	struct json parsed;
	struct jsonw w;
	struct buf text;

	buf_init(&text, b->a, JSON_MAX);
	jsonw_init(&w, &text);
	write_all(b, &w);
	if (text.over)
		return fail(e, M_TOO_LARGE, "The report is too large: ask "
		    "for a shorter time");
	if (!json_parse(b->a, buf_view(&text), JSON_ANY, &parsed, e))
		return false;
	*out = json_copy(b->a, &parsed);
	sign_json(b->a, out, s->name, &s->key);
	return true;
}

bool
breach_find_json(struct arena *a, struct str text, struct json *out)
{
	static const struct str open = S_INIT("<script type="
	    "\"application/json\" id=\"report\">");
	ptrdiff_t at = str_find_str(text, open), end;
	struct err e;

	if (at >= 0) {
		text = str_from(text, (size_t)at + open.n);
		end = str_find_str(text, S("</script>"));
		if (end < 0)
			return false;
		text = str_sub(text, 0, (size_t)end);
	}
	return json_parse(a, text, JSON_ANY, out, &e) &&
	    str_eq(json_str(out, S("kind")), S("beffroi.breach_report.1"));
}
