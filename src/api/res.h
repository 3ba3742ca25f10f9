/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The reply, and the only way out for events, profiles, members, keys and
 * media: each res_* that lets content leave notes it in rq->seen.
 */
#ifndef API_RES_H
#define API_RES_H

#include "api/handlers.h"
#include "api/req.h"
#include "base/jsonw.h"
#include "core/room.h"

/* Begins a JSON object reply. */
struct jsonw *res_open(struct req *rq, int status);
/* Ends it. M_UNAVAILABLE if it grew past the limit. Returns true otherwise. */
bool res_close(struct req *rq) MUST_CHECK;
/* The same for a reply that is no object, or one that is written whole. */
struct jsonw *res_open_value(struct req *rq, int status);
bool res_close_value(struct req *rq) MUST_CHECK;
bool res_empty(struct req *rq) MUST_CHECK;		/* 200 {} */
bool res_json(struct req *rq, int status, const struct json *v) MUST_CHECK;
void res_header(struct req *rq, const char *name, struct str value);
/* A file of media: status 200 (or 206 by range), noted as SEEN_MEDIA. fd is taken. */
bool res_file(struct req *rq, struct str media, int fd, int64_t bytes, struct str type) MUST_CHECK;
/*
 * The same as servers give files to each other: two parts, an object of
 * metadata (none is known) and the whole file. shown: its Content-Disposition.
 */
bool res_file_parts(struct req *rq, struct str media, int fd, int64_t bytes, struct str type, struct str shown) MUST_CHECK;
bool res_text(struct req *rq, int status, const char *type, struct str text) MUST_CHECK;
bool res_html(struct req *rq, int status, struct str html) MUST_CHECK;
bool res_redirect(struct req *rq, struct str location) MUST_CHECK;

/* How one event is shown. */
struct res_event_opt {
	bool room_id;			/* with room_id (not in /sync's rooms) */
	bool state;			/* part of a room's state: noted by count, not event by event */
	bool stripped;			/* invite and knock state: type, state_key, sender, content only */
	struct str bundle;		/* JSON object for unsigned.m.relations, or empty */
	struct str membership;		/* unsigned.membership of the reader at the event, or empty */
	const struct filter_list *fields;	/* event_fields, or NULL */
};
/* Writes one event in the client's form as an item (key NULL) or member, and notes it: timeline events by seq, state and outliers by nid. */
void res_event(struct req *rq, const char *key, const struct room *room, const struct sev *ev, const struct res_event_opt *opt);
void res_events(struct req *rq, const char *key, const struct room *room, const struct sev *const *ev, size_t n, const struct res_event_opt *opt);

/* Writes one event as servers exchange it (a PDU), and notes it. */
void res_pdu(struct req *rq, const char *key, const struct room *room, const struct sev *ev);

/* The same in its redacted form, which shows no content: nothing is noted. */
void res_pdu_bare(struct req *rq, const char *key, const struct sev *ev);

/* Notes what a handler wrote itself through jsonw (profile, directory rows, devices, keys). The object is clipped. */
void res_note(struct req *rq, enum seen_kind kind, struct str object, int64_t count);

#endif
