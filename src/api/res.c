/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Writing replies; the only way out for content. See res.h. */
#include "api/res.h"

#include "base/clock.h"
#include "core/sticky.h"

#include <assert.h>
#include <unistd.h>

#define REPLY_MAX ((size_t)128 << 20)

static void
begin(struct req *rq, int status, struct str type)
{
	http_res_free(&rq->res);
	http_res_init(&rq->res, status);
	rq->res.body.max = REPLY_MAX;
	http_res_header(&rq->res, "Content-Type", type);
}

struct jsonw *
res_open_value(struct req *rq, int status)
{
	begin(rq, status, S("application/json"));
	jsonw_init(&rq->w, &rq->res.body);
	return &rq->w;
}

struct jsonw *
res_open(struct req *rq, int status)
{
	jsonw_obj(res_open_value(rq, status), NULL);
	return &rq->w;
}

bool
res_close(struct req *rq)
{
	jsonw_obj_end(&rq->w);
	return res_close_value(rq);
}

bool
res_close_value(struct req *rq)
{
	if (rq->res.body.over)
		return fail(&rq->ctx.err, M_UNAVAILABLE,
		    "The answer is too large; ask for less");
	rq->replied = true;
	return true;
}

bool
res_empty(struct req *rq)
{
	res_open(rq, 200);
	return res_close(rq);
}

bool
res_json(struct req *rq, int status, const struct json *v)
{
	begin(rq, status, S("application/json"));
	json_write(&rq->res.body, v);
	return res_close_value(rq);
}

void
res_header(struct req *rq, const char *name, struct str value)
{
	http_res_header(&rq->res, name, value);
}

bool
res_text(struct req *rq, int status, const char *type, struct str text)
{
	begin(rq, status, str_c(type));
	buf_str(&rq->res.body, text);
	rq->replied = true;
	return true;
}

bool
res_html(struct req *rq, int status, struct str html)
{
	return res_text(rq, status, "text/html; charset=utf-8", html);
}

bool
res_redirect(struct req *rq, struct str location)
{
	begin(rq, 302, S("text/plain"));
	http_res_header(&rq->res, "Location", location);
	rq->replied = true;
	return true;
}

/*
 * "bytes=a-b", "bytes=a-", "bytes=-n": one range; *whole: there is none to
 * heed. False: it can't be satisfied.
 */
static bool
read_range(struct str s, int64_t bytes, int64_t *from, int64_t *n, bool *whole)
{
	struct str a, b;
	int64_t first = 0, last = bytes - 1;

	*whole = true;
	if (!str_starts(s, S("bytes=")) || str_find(s, ',') >= 0 ||
	    !str_cut(str_from(s, 6), '-', &a, &b))
		return true;
	if (a.n == 0) {
		if (!str_i64(b, &last) || last < 0)
			return true;
		first = last < bytes ? bytes - last : 0;
		last = bytes - 1;
	} else {
		if (!str_i64(a, &first) || first < 0 ||
		    (b.n > 0 && (!str_i64(b, &last) || last < first)))
			return true;
		if (last >= bytes)
			last = bytes - 1;
	}
	*whole = false;
	*from = first;
	*n = last - first + 1;
	return first < bytes && *n > 0;
}

bool
res_file(struct req *rq, struct str media, int fd, int64_t bytes,
    struct str type)
{
	int64_t from = 0, n = bytes;
	bool whole;

	if (!read_range(http_header_get(rq->v, "Range"), bytes, &from, &n,
	    &whole)) {
		close(fd);
		begin(rq, 416, S("application/json"));
		http_res_header(&rq->res, "Content-Range",
		    str_fmt(rq->ctx.a, "bytes */%lld", (long long)bytes));
		buf_c(&rq->res.body, "{\"errcode\":\"M_INVALID_PARAM\","
		    "\"error\":\"The range is outside of the file\"}");
		rq->replied = true;
		return true;
	}
	begin(rq, whole ? 200 : 206, type);
	if (!whole)
		http_res_header(&rq->res, "Content-Range", str_fmt(rq->ctx.a,
		    "bytes %lld-%lld/%lld", (long long)from,
		    (long long)(from + n - 1), (long long)bytes));
	http_res_header(&rq->res, "Accept-Ranges", S("bytes"));
	rq->res.fd = fd;
	rq->res.fd_from = from;
	rq->res.fd_bytes = n;
	seen_add(&rq->seen, SEEN_MEDIA, media, from, from + n - 1, 1, n);
	rq->replied = true;
	return true;
}

bool
res_file_parts(struct req *rq, struct str media, int fd, int64_t bytes,
    struct str type, struct str shown)
{
	struct arena *a = rq->ctx.a;
	/* Drawn for each reply, so no file can hold it. */
	struct str mark = random_text(a, 32);

	begin(rq, 200, str_fmt(a, "multipart/mixed; boundary=" STR_FMT,
	    STR_ARG(mark)));
	buf_str(&rq->res.body, str_fmt(a, "--" STR_FMT "\r\nContent-Type: "
	    "application/json\r\n\r\n{}\r\n--" STR_FMT "\r\nContent-Type: "
	    STR_FMT "\r\nContent-Disposition: " STR_FMT "\r\n\r\n",
	    STR_ARG(mark), STR_ARG(mark), STR_ARG(type), STR_ARG(shown)));
	buf_str(&rq->res.tail, str_fmt(a, "\r\n--" STR_FMT "--\r\n",
	    STR_ARG(mark)));
	rq->res.fd = fd;
	rq->res.fd_from = 0;
	rq->res.fd_bytes = bytes;
	seen_add(&rq->seen, SEEN_MEDIA, media, 0, bytes - 1, 1, bytes);
	rq->replied = true;
	return true;
}

/* The redaction in full, for unsigned.redacted_because. */
static void
write_redaction(struct req *rq, struct buf *b, struct str id)
{
	const struct sev *because;

	if (!event_find(&rq->ctx, id, &because) || because == NULL) {
		err_clear(&rq->ctx.err);
		return;
	}
	buf_c(b, "\"redacted_because\":");
	buf_str(b, because->client);
	buf_c(b, "},");
}

static bool
is_senders_device(const struct req *rq, const struct sev *ev)
{
	return ev->txn_id.n > 0 && str_eq(ev->ev.sender, rq->ctx.who.user) &&
	    str_eq(ev->txn_device, rq->ctx.who.device);
}

static void
write_unsigned(struct req *rq, struct buf *b, const struct sev *ev,
    const struct res_event_opt *opt)
{
	int64_t age = rq->ctx.now_ms - ev->ev.ts;
	int64_t left = sticky_left(ev, rq->ctx.now_ms);

	buf_c(b, ",\"unsigned\":{");
	if (ev->redacted_by.n > 0)
		write_redaction(rq, b, ev->redacted_by);
	if (ev->replaces.n > 0) {
		buf_c(b, "\"replaces_state\":");
		json_write_str(b, ev->replaces);
		buf_char(b, ',');
		if (ev->prev_content.n > 0) {
			buf_c(b, "\"prev_content\":");
			buf_str(b, ev->prev_content);
			buf_char(b, ',');
		}
	}
	if (is_senders_device(rq, ev)) {
		buf_c(b, "\"transaction_id\":");
		json_write_str(b, ev->txn_id);
		buf_char(b, ',');
	}
	if (opt->bundle.n > 0) {
		buf_c(b, "\"m.relations\":");
		buf_str(b, opt->bundle);
		buf_char(b, ',');
	}
	if (opt->membership.n > 0) {
		buf_c(b, "\"membership\":");
		json_write_str(b, opt->membership);
		buf_char(b, ',');
	}
	if (left > 0)
		buf_fmt(b, "\"msc4354_sticky_duration_ttl_ms\":%lld,",
		    (long long)left);
	buf_c(b, "\"age\":");
	buf_i64(b, age);
	buf_char(b, '}');
}

static void
write_stripped(struct buf *b, const struct sev *ev)
{
	buf_c(b, "{\"content\":");
	buf_str(b, ev->ev.content->src);
	buf_c(b, ",\"sender\":");
	json_write_str(b, ev->ev.sender);
	buf_c(b, ",\"state_key\":");
	json_write_str(b, ev->ev.state_key);
	buf_c(b, ",\"type\":");
	json_write_str(b, ev->ev.type);
	buf_c(b, ",\"origin_server_ts\":");
	buf_i64(b, ev->ev.ts);
	buf_c(b, ",\"event_id\":");
	json_write_str(b, ev->ev.id);
	buf_char(b, '}');
}

static void
write_event(struct req *rq, struct buf *b, const struct room *room,
    const struct sev *ev, const struct res_event_opt *opt)
{
	buf_str(b, ev->client);
	if (opt->room_id) {
		buf_c(b, ",\"room_id\":");
		json_write_str(b, room_id(room));
	}
	write_unsigned(rq, b, ev, opt);
	buf_char(b, '}');
}

/* With event_fields: through a tree, since it is rare. */
static void
write_fields(struct req *rq, const char *key, const struct room *room,
    const struct sev *ev, const struct res_event_opt *opt)
{
	struct arena *a = rq->ctx.a;
	struct json whole, part;
	struct buf b;
	struct err e;

	buf_init(&b, a, (size_t)1 << 20);
	write_event(rq, &b, room, ev, opt);
	if (json_parse(a, buf_view(&b), JSON_ANY, &whole, &e)) {
		part = filter_fields(a, opt->fields, &whole);
		jsonw_json(&rq->w, key, &part);
	}
}

static void
note_event(struct req *rq, const struct room *room, const struct sev *ev,
    const struct res_event_opt *opt)
{
	if (opt->stripped)
		seen_stripped(&rq->seen, room_id(room), ev->nid);
	else if (ev->seq != 0 && !opt->state)
		seen_event(&rq->seen, room_id(room), ev->seq);
	else
		seen_state(&rq->seen, room_id(room), ev->nid);
}

void
res_event(struct req *rq, const char *key, const struct room *room,
    const struct sev *ev, const struct res_event_opt *opt)
{
	struct buf *b = rq->w.b;

	note_event(rq, room, ev, opt);
	if (opt->fields != NULL && opt->fields->given && !opt->stripped) {
		write_fields(rq, key, room, ev, opt);
		return;
	}
	jsonw_splice(&rq->w, key);
	if (opt->stripped)
		write_stripped(b, ev);
	else
		write_event(rq, b, room, ev, opt);
}

void
res_events(struct req *rq, const char *key, const struct room *room,
    const struct sev *const *ev, size_t n, const struct res_event_opt *opt)
{
	jsonw_arr(&rq->w, key);
	for (size_t i = 0; i < n; i++)
		res_event(rq, NULL, room, ev[i], opt);
	jsonw_arr_end(&rq->w);
}

void
res_pdu(struct req *rq, const char *key, const struct room *room,
    const struct sev *ev)
{
	struct json pdu = json_copy(rq->ctx.a, &ev->ev.json);

	if (ev->seq != 0)
		seen_event(&rq->seen, room_id(room), ev->seq);
	else
		seen_state(&rq->seen, room_id(room), ev->nid);
	json_del(&pdu, S("unsigned"));
	jsonw_raw(&rq->w, key, json_text(rq->ctx.a, &pdu));
}

void
res_pdu_bare(struct req *rq, const char *key, const struct sev *ev)
{
	struct json pdu = event_redact(rq->ctx.a, ev->ev.v, &ev->ev.json);

	json_del(&pdu, S("unsigned"));
	jsonw_raw(&rq->w, key, json_text(rq->ctx.a, &pdu));
}

void
res_note(struct req *rq, enum seen_kind kind, struct str object, int64_t count)
{
	seen_add(&rq->seen, kind, object, 0, 0, count, 0);
}
