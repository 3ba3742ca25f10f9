/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Filters of /sync, /messages, /context and /search. Pure.
 * spec: client-server, "Filtering".
 */
#ifndef ROOM_FILTER_H
#define ROOM_FILTER_H

#include "room/event.h"

#define FILTER_LIST_MAX 1000

struct filter_list {
	const struct str *at;
	size_t n;
	bool given;			/* false: allows all; given and empty: allows none */
};

struct event_filter {			/* EventFilter and RoomEventFilter */
	int64_t limit;			/* -1: not given */
	struct filter_list types, not_types;		/* globs with * */
	struct filter_list senders, not_senders, rooms, not_rooms;
	int contains_url;		/* -1 not given, 0, 1 */
	bool lazy_members, redundant_members, unread_thread;
};

struct sync_filter {
	struct event_filter presence, account_data;
	struct filter_list rooms, not_rooms;
	bool include_leave;
	struct event_filter state, timeline, ephemeral, room_account_data;
	struct filter_list fields;	/* event_fields */
	bool federation_format;
};

/* Reads the JSON; unknown members are ignored. M_BAD_JSON 400 on wrong types or over FILTER_LIST_MAX. */
bool filter_read_event(struct arena *a, const struct json *j, struct event_filter *f, struct err *e) MUST_CHECK;
bool filter_read_sync(struct arena *a, const struct json *j, struct sync_filter *f, struct err *e) MUST_CHECK;
void filter_init_event(struct event_filter *f);		/* allows everything */
void filter_init_sync(struct sync_filter *f);
bool filter_all(const struct event_filter *f);		/* allows everything: skip the checks */

bool filter_room(const struct filter_list *rooms, const struct filter_list *not_rooms, struct str room);
bool filter_type_sender(const struct event_filter *f, struct str type, struct str sender);
bool filter_event(const struct event_filter *f, const struct event *ev);
bool filter_type_maybe(const struct event_filter *f, struct str type);
/* Keeps only the given fields of a client event ("content.body", with \\. for a dot). */
struct json filter_fields(struct arena *a, const struct filter_list *fields, const struct json *event);

#endif
