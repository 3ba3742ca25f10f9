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
#define THREAD_MAX 1000		/* events of a thread that are counted */

/* The client form, whole, of an event inside of an aggregation; relations: its own, or empty. */
static void
write_whole(struct jsonw *w, const char *key, struct room *r,
    const struct sev *ev, struct str relations)
{
	jsonw_splice(w, key);
	buf_str(w->b, ev->client);
	buf_c(w->b, ",\"room_id\":");
	json_write_str(w->b, room_id(r));
	buf_c(w->b, ",\"unsigned\":{");
	if (relations.n > 0) {
		buf_c(w->b, "\"m.relations\":");
		buf_str(w->b, relations);
	}
	buf_c(w->b, "}}");
}

/* The newest edit by the event's own sender, of the same type, that the reader may see. */
static bool
find_edit(struct ctx *c, struct room *r, const struct sev *ev,
    const struct sev **out)
{
	struct relation_row of = { .room = room_nid(r), .parent = ev->ev.id,
	    .type = ev->ev.type, .sender = ev->ev.sender };
	int64_t nids[RELATION_EDITS_MAX];
	const struct sev **edit;
	size_t n;

	*out = NULL;
	if (ev->ev.is_state)
		return true;
	if (!relation_edits(c->db, &of, nids, &n, &c->err) ||
	    !events_by_nid(c, nids, n, &edit, &n) ||
	    !room_keep_visible(c, r, c->who.user, edit, &n))
		return false;
	if (n > 0)
		*out = edit[0];
	return true;
}

/* Events of the room that relate to ev in one way and that the reader may see. */
static bool
related(struct ctx *c, struct room *r, const struct sev *ev,
    struct str rel_type, bool back, size_t max, const struct sev ***out,
    size_t *n)
{
	struct relation_row *rel;
	int64_t *nids;

	if (!relation_list(c->db, c->a, room_nid(r), ev->ev.id, rel_type,
	    (struct str){ NULL, 0 }, INT64_MIN, INT64_MAX, back, max, &rel, n,
	    &c->err))
		return false;
	nids = arena_array(c->a, int64_t, *n);
	for (size_t i = 0; i < *n; i++)
		nids[i] = rel[i].event;
	return events_by_nid(c, nids, *n, out, n) && room_keep_visible(c, r, c->who.user, *out, n);
}

static bool bundle(struct ctx *c, struct room *r, const struct sev *ev,
    bool threads, struct str *out);

static bool
write_thread(struct ctx *c, struct room *r, const struct sev *ev,
    struct jsonw *w)
{
	bool mine = str_eq(ev->ev.sender, c->who.user);
	const struct sev **in;
	struct str relations;
	size_t n;

	if (!related(c, r, ev, S("m.thread"), true, THREAD_MAX, &in, &n))
		return false;
	if (n == 0)
		return true;
	if (!bundle(c, r, in[0], false, &relations))
		return false;
	for (size_t i = 0; i < n; i++)
		mine = mine || str_eq(in[i]->ev.sender, c->who.user);
	jsonw_obj(w, "m.thread");
	jsonw_int(w, "count", (int64_t)n);
	jsonw_bool(w, "current_user_participated", mine);
	write_whole(w, "latest_event", r, in[0], relations);
	jsonw_obj_end(w);
	return true;
}

static bool
write_references(struct ctx *c, struct room *r, const struct sev *ev,
    struct jsonw *w)
{
	const struct sev **by;
	size_t n;

	if (!related(c, r, ev, S("m.reference"), false, BUNDLE_MAX, &by, &n))
		return false;
	if (n == 0)
		return true;
	jsonw_obj(w, "m.reference");
	jsonw_arr(w, "chunk");
	for (size_t i = 0; i < n; i++) {
		jsonw_obj(w, NULL);
		jsonw_str(w, "event_id", by[i]->ev.id);
		jsonw_obj_end(w);
	}
	jsonw_arr_end(w);
	jsonw_obj_end(w);
	return true;
}

/* threads: also of the thread that it begins; what is in a thread begins none. */
static bool
bundle(struct ctx *c, struct room *r, const struct sev *ev, bool threads,
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
	if (!find_edit(c, r, ev, &edit))
		return false;
	if (edit != NULL)
		write_whole(&w, "m.replace", r, edit, S(""));
	if ((threads && !write_thread(c, r, ev, &w)) ||
	    !write_references(c, r, ev, &w))
		return false;
	jsonw_obj_end(&w);
	if (b.n > 2 && !b.over)
		*out = buf_view(&b);
	return true;
}

bool
history_bundle(struct ctx *c, struct room *r, const struct sev *ev,
    struct str *out)
{
	return bundle(c, r, ev, true, out);
}
