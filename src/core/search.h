/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Full-text search in messages, room names and topics of rooms that are not
 * encrypted. The index follows the events from behind: housekeeping brings it
 * up to date, and so does each search first; a send never waits for it.
 * spec: client-server, "Server Side Search".
 */
#ifndef CORE_SEARCH_H
#define CORE_SEARCH_H

#include "core/room.h"
#include "room/filter.h"

#define SEARCH_HITS_MAX 1000		/* looked at for one search: what is beyond is not found */
#define SEARCH_WORDS_MAX 20		/* of a term */

enum search_key { SEARCH_BODY = 1, SEARCH_NAME = 2, SEARCH_TOPIC = 4 };
enum search_group { SEARCH_NO_GROUP, SEARCH_BY_ROOM, SEARCH_BY_SENDER };

struct search_ask {
	struct str term;
	unsigned keys;			/* of enum search_key */
	struct event_filter filter;
	bool by_rank;			/* else the newest first */
	size_t limit;
	/* A page goes on after so many hits by rank, or below this number of an event. */
	int64_t after;			/* 0: from the start */
	enum search_group group;	/* only of this group, with this value */
	struct str group_value;
};

struct search_result {
	const struct sev *ev;
	struct room *room;
	int64_t rank;			/* in millionths */
};

struct search_page {
	struct search_result *at;
	size_t n;
	int64_t count;			/* all that this reader would find */
	int64_t next;			/* for `after` of the next page; 0: there is none */
	const struct str *highlight;	/* words as they stand in what was found */
	size_t nhighlight;
};

bool search_messages(struct ctx *c, const struct search_ask *ask, struct search_page *out) MUST_CHECK;
/* Indexes what is new, at most so many batches. */
bool search_catch_up(struct ctx *c, int batches) MUST_CHECK;
/* The texts of an event that are searched in, one after the other; keys: which kind they are. */
struct str search_text_of(struct ctx *c, struct str type, const struct json *content, enum search_key *key);

#endif
