/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Reading the ledger: the records of a range of time, of some account, device,
 * address, session or room, in order, in bounded memory. Intervals come as
 * what they stand for, one record for each second and room in which something
 * was shown; ranges stay ranges. The server may go on writing meanwhile: the
 * last second of what was folded is not there yet.
 */
#ifndef GUARD_LEDGER_READ_H
#define GUARD_LEDGER_READ_H

#include "guard/record.h"

struct ledger_filter {
	int64_t from_ms, to_ms;		/* at_ms in [from, to); to 0: no end */
	struct str user, device, address, room;	/* empty: any */
	int64_t session;		/* 0: any */
};

struct ledger_reader;

/* dir: the ledger's folder. What the filter points to must live as long as the reader. */
bool ledger_read_open(struct arena *a, struct str dir, const struct ledger_filter *f, struct ledger_reader **out, struct err *e) MUST_CHECK;
/*
 * The next record, of type RECORD_SHOWN or RECORD_READ; *out is NULL at the end.
 * With a room in the filter its items are of that room alone. It is good until
 * the next call. A damaged segment ends where the damage begins.
 */
bool ledger_read_next(struct ledger_reader *r, const struct record **out, struct err *e) MUST_CHECK;
void ledger_read_close(struct ledger_reader *r);

/* One record as a JSON object in w: at, leaf, who, device, session, address, agent, operation, assumed, seen[]. */
struct jsonw;
void ledger_write_json(struct jsonw *w, const char *key, const struct record *r);

#endif
