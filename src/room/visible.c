/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See visible.h. */
#include "room/visible.h"

static const struct str names[] = {
	[MEMBER_NONE] = S_INIT(""), [MEMBER_INVITE] = S_INIT("invite"),
	[MEMBER_JOIN] = S_INIT("join"), [MEMBER_KNOCK] = S_INIT("knock"),
	[MEMBER_LEAVE] = S_INIT("leave"), [MEMBER_BAN] = S_INIT("ban"),
};

struct str
membership_name(enum membership m)
{
	return names[m];
}

enum membership
membership_of(struct str name)
{
	for (size_t i = 1; i < LEN(names); i++)
		if (str_eq(names[i], name))
			return (enum membership)i;
	return MEMBER_NONE;
}

enum membership
membership_of_event(const struct event *member)
{
	if (member == NULL)
		return MEMBER_NONE;
	return membership_of(json_str(member->content, S("membership")));
}

enum history
history_of_event(const struct event *visibility)
{
	struct str word;

	if (visibility == NULL)
		return HISTORY_SHARED;
	word = json_str(visibility->content, S("history_visibility"));
	if (str_eq(word, S("invited")))
		return HISTORY_INVITED;
	if (str_eq(word, S("joined")))
		return HISTORY_JOINED;
	if (str_eq(word, S("world_readable")))
		return HISTORY_WORLD;
	return HISTORY_SHARED;
}

bool
visible_to_user(const struct visible_ask *ask)
{
	if (ask->ignored_sender && !ask->is_state)
		return false;
	if (ask->history == HISTORY_WORLD || ask->at_event == MEMBER_JOIN)
		return true;
	switch (ask->history) {
	case HISTORY_SHARED:
		return ask->joined_after;
	case HISTORY_INVITED:
		return ask->at_event == MEMBER_INVITE;
	case HISTORY_JOINED:
	case HISTORY_WORLD:
		break;
	}
	return false;
}
