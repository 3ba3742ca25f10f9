/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * May a user, or a server, see an event? Pure decisions on what the caller found.
 * spec: client-server, "Room History Visibility"; server-server likewise.
 */
#ifndef ROOM_VISIBLE_H
#define ROOM_VISIBLE_H

#include "room/event.h"

enum history { HISTORY_INVITED, HISTORY_JOINED, HISTORY_SHARED, HISTORY_WORLD };
enum membership { MEMBER_NONE, MEMBER_INVITE, MEMBER_JOIN, MEMBER_KNOCK, MEMBER_LEAVE, MEMBER_BAN };

struct str membership_name(enum membership m);
enum membership membership_of(struct str name);		/* MEMBER_NONE for an unknown one */
enum membership membership_of_event(const struct event *member);	/* NULL: MEMBER_NONE */
enum history history_of_event(const struct event *visibility);	/* NULL or bad: HISTORY_SHARED */

struct visible_ask {
	enum history history;		/* in force at the event (the more permissive of before and after, if it is a change of it) */
	enum membership at_event;	/* the reader's at the event (the more permissive of before and after, if it is the reader's own) */
	bool joined_after;		/* the reader joined at some time after the event */
	bool ignored_sender;		/* the reader ignores the sender (state events stay visible) */
	bool is_state;
};
bool visible_to_user(const struct visible_ask *ask);

#endif
