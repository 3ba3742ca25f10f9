/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Aggregations: what other events say of one, put into its unsigned part.
 * spec: client-server, "Aggregations of child events", "Event replacements", "Threading".
 */
#include "base/jsonw.h"
#include "core/evcache.h"
#include "core/history.h"
#include "store/q_event.h"

#define BUNDLE_MAX 200

/* The client form, whole, of an event inside of an aggregation. */
static void
write_whole(struct jsonw *w, const char *key, struct room *r,
    const struct sev *ev)
{
	jsonw_splice(w, key);
	buf_str(w->b, ev->client);
	buf_c(w->b, ",\"room_id\":");
	json_write_str(w->b, room_id(r));
	buf_c(w->b, ",\"unsigned\":{}}");
}

/* The newest edit by the event's own sender, of the same type. */
static bool
find_edit(struct ctx *c, const struct sev *ev, const struct sev **out)
{
	struct relation_row *rel;
	size_t n;

	*out = NULL;
	if (ev->ev.is_state || !relation_list(c->db, c->a, ev->ev.id,
	    S("m.replace"), ev->ev.type, INT64_MIN, INT64_MAX, true,
	    BUNDLE_MAX, &rel, &n, &c->err))
		return ev->ev.is_state;
	for (size_t i = 0; i < n && *out == NULL; i++)
		if (str_eq(rel[i].sender, ev->ev.sender) &&
		    !event_by_nid(c, rel[i].event, out))
			return false;
	return true;
}

static bool
write_thread(struct ctx *c, struct room *r, const struct sev *ev,
    struct jsonw *w)
{
	struct relation_row *rel;
	const struct sev *latest;
	bool mine = str_eq(ev->ev.sender, c->who.user);
	size_t n;

	if (!relation_list(c->db, c->a, ev->ev.id, S("m.thread"),
	    (struct str){ NULL, 0 }, INT64_MIN, INT64_MAX, true, 1000, &rel,
	    &n, &c->err))
		return false;
	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		mine = mine || str_eq(rel[i].sender, c->who.user);
	if (!event_by_nid(c, rel[0].event, &latest))
		return false;
	if (latest == NULL)
		return true;
	jsonw_obj(w, "m.thread");
	jsonw_int(w, "count", (int64_t)n);
	jsonw_bool(w, "current_user_participated", mine);
	write_whole(w, "latest_event", r, latest);
	jsonw_obj_end(w);
	return true;
}

static bool
write_references(struct ctx *c, const struct sev *ev, struct jsonw *w)
{
	struct relation_row *rel;
	const struct sev *one;
	size_t n;

	if (!relation_list(c->db, c->a, ev->ev.id, S("m.reference"),
	    (struct str){ NULL, 0 }, INT64_MIN, INT64_MAX, false, BUNDLE_MAX,
	    &rel, &n, &c->err))
		return false;
	if (n == 0)
		return true;
	jsonw_obj(w, "m.reference");
	jsonw_arr(w, "chunk");
	for (size_t i = 0; i < n; i++) {
		if (!event_by_nid(c, rel[i].event, &one))
			return false;
		if (one == NULL)
			continue;
		jsonw_obj(w, NULL);
		jsonw_str(w, "event_id", one->ev.id);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_obj_end(w);
	return true;
}

bool
history_bundle(struct ctx *c, struct room *r, const struct sev *ev,
    struct str *out)
{
	const struct sev *edit;
	struct jsonw w;
	struct buf b;

	*out = (struct str){ NULL, 0 };
	if ((sev_flags(ev) & EVENT_F_RELATED) == 0 ||
	    (sev_flags(ev) & EVENT_F_REDACTED) != 0)
		return true;
	buf_init(&b, c->a, (size_t)8 << 20);
	jsonw_init(&w, &b);
	jsonw_obj(&w, NULL);
	if (!find_edit(c, ev, &edit))
		return false;
	if (edit != NULL)
		write_whole(&w, "m.replace", r, edit);
	if (!write_thread(c, r, ev, &w) || !write_references(c, ev, &w))
		return false;
	jsonw_obj_end(&w);
	if (b.n > 2 && !b.over)
		*out = buf_view(&b);
	return true;
}
