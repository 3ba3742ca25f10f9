/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Replacing a room by one of another version. spec: client-server, "Room Upgrades". */
#ifndef CORE_UPGRADE_H
#define CORE_UPGRADE_H

#include "core/room.h"

struct upgrade {
	const struct room_version *v;
	const struct str *creators;	/* additional ones, where the version knows them */
	size_t ncreators;
};

/*
 * Makes the room that replaces r: its state that can be moved, its bans, its
 * aliases and its place in the directory; then closes r with a tombstone.
 * errors  M_FORBIDDEN 403 the actor may not send the tombstone
 */
bool room_upgrade(struct ctx *c, struct room *r, const struct upgrade *ask, struct room **out) MUST_CHECK;

/*
 * Of a room that the actor has just come into: if it replaces one that the
 * actor was in, copies the actor's push rule, tags and mark as a direct chat.
 * What fails is logged: the join itself has succeeded.
 */
void upgrade_carry_over(struct ctx *c, struct room *r);

#endif
