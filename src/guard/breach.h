/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The breach report: what an account was shown in a range of time, gathered
 * from the ledger's records, then told with what the store knows of it.
 * Gathering is pure (breach_take); breach_fill asks core and the store.
 */
#ifndef GUARD_BREACH_H
#define GUARD_BREACH_H

#include "core/ctx.h"
#include "guard/ranges.h"
#include "guard/record.h"
#include "store/q_breach.h"
#include "store/q_contain.h"
#include "store/q_media.h"

struct breach_ask {
	struct str user, device, address;	/* device, address empty: any */
	int64_t from_ms, to_ms;			/* [from, to); to 0: until now */
	struct str absent;			/* a room id, event id, or file to look for; empty: none */
};

/* A sign-in, from one address. */
struct breach_session {
	int64_t session, first_ms, last_ms, records;
	struct str device, address, agent;
};

struct breach_room {
	struct str id;
	int64_t times, first_ms, last_ms;
	struct ranges seq, nid, stripped;	/* timeline, state, state shown from outside */
	/* breach_fill's */
	bool known;				/* the room is still here */
	struct str name, encryption;		/* encryption empty: in clear */
	struct breach_author *author;
	size_t nauthors;
	int64_t cipher, clear, earliest_ms, latest_ms;
	struct str *owner;			/* who has its whole power */
	size_t nowners;
};

/* One object of the other kinds: a file, a profile, a page of the directory, ... */
struct breach_thing {
	struct str object;
	int64_t times, count, bytes, first_ms, last_ms;
	struct media_row file;			/* breach_fill's, of SEEN_MEDIA; id empty: not known */
};

/* Things by name, in the order of their first showing. */
struct breach_list {
	struct map by;
	void **at;
	size_t n, cap;
};

struct breach {
	struct arena *a;
	struct breach_ask ask;
	int64_t leaves;				/* of the ledger, up to the last record taken in */
	int64_t records, assumed;		/* assumed: after a crash, at most */
	struct breach_list sessions, rooms, people;
	struct breach_list things[SEEN_NKINDS];
	/* breach_fill's */
	struct contain_row *measure;
	size_t nmeasures;
	struct str checkpoint;			/* the signed note over the ledger */
	bool absent_read;			/* what ask.absent names was shown */
	int64_t made_ms;
};

/* Empty; ends with breach_done. */
void breach_init(struct breach *b, struct arena *a, const struct breach_ask *ask);
void breach_done(struct breach *b);
/* Takes in one record of the account. */
void breach_take(struct breach *b, const struct record *r);
/* Everything of ask from the ledger in `dir`, filled. errors M_NOT_FOUND 404 no such account, or event to look for */
bool breach_make(struct ctx *c, struct str dir, const struct breach_ask *ask, struct breach *b) MUST_CHECK;

struct breach_sums {
	int64_t rooms, clear, cipher, state, files, file_bytes, profiles, listed, devices, keys, people, owners;
};
struct breach_sums breach_sums(const struct breach *b);

/* The report as signed JSON, in the server's name. */
bool breach_json(struct breach *b, struct json *out, struct err *e) MUST_CHECK;
/* For printing, in French or English ("fr", "en"), the signed JSON within it; and as lines for spreadsheets. */
void breach_html(const struct breach *b, struct str lang, const struct json *signed_json, struct buf *to);
void breach_csv(const struct breach *b, struct buf *to);
/* Finds the signed JSON in a report's text, JSON or HTML. False: there is none. */
bool breach_find_json(struct arena *a, struct str text, struct json *out) MUST_CHECK;

#endif
