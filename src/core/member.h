/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who is in a room: joining, inviting, leaving, removing, banning, knocking,
 * forgetting. Each sends one m.room.member event that the authorization rules
 * decide on. spec: client-server, "Room membership".
 */
#ifndef CORE_MEMBER_H
#define CORE_MEMBER_H

#include "core/send.h"
#include "store/q_member.h"

/* Is somebody of this server joined? Else the room is other servers' to say. */
bool member_is_resident(struct room *r);
/*
 * Where the join rule asks for it, adds to the content of a user's join who
 * vouches for it. errors M_FORBIDDEN 403, M_UNABLE_TO_GRANT_JOIN 400
 */
bool member_vouch(struct ctx *c, struct room *r, struct str user, struct json *content) MUST_CHECK;

/* The actor joins. extra: members for the event's content, or NULL. errors M_FORBIDDEN 403 */
bool member_join(struct ctx *c, struct room *r, struct str reason, const struct json *extra) MUST_CHECK;
bool member_invite(struct ctx *c, struct room *r, struct str user, struct str reason, bool is_direct) MUST_CHECK;
bool member_leave(struct ctx *c, struct room *r, struct str reason) MUST_CHECK;
bool member_kick(struct ctx *c, struct room *r, struct str user, struct str reason) MUST_CHECK;
bool member_ban(struct ctx *c, struct room *r, struct str user, struct str reason) MUST_CHECK;
bool member_unban(struct ctx *c, struct room *r, struct str user, struct str reason) MUST_CHECK;
bool member_knock(struct ctx *c, struct room *r, struct str reason) MUST_CHECK;
/* errors M_UNKNOWN 400 still in the room */
bool member_forget_room(struct ctx *c, struct room *r) MUST_CHECK;

/* Is the user in a room that the content of a join rule allows members of? */
bool member_is_in_allowed(struct ctx *c, const struct json *rules, struct str user, bool *in) MUST_CHECK;

/* The content of the user's own member event: membership with the profile's name and picture. */
bool member_content(struct ctx *c, struct str user, struct str membership, struct json *out) MUST_CHECK;
/* After a change of profile: new member events in every joined room. Rooms that refuse are passed over. */
bool member_update_profile(struct ctx *c, struct str user) MUST_CHECK;

/*
 * The stripped state that an invited or knocking user is shown, newest facts,
 * the user's own member event last. spec: "Stripped state".
 */
bool member_stripped(struct ctx *c, struct room *r, struct str user, const struct sev ***out, size_t *n) MUST_CHECK;

#endif
