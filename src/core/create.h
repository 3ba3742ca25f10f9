/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Making rooms. spec: client-server, POST /createRoom. */
#ifndef CORE_CREATE_H
#define CORE_CREATE_H

#include "core/send.h"

enum preset { PRESET_PRIVATE, PRESET_TRUSTED, PRESET_PUBLIC };

struct create {
	const struct room_version *v;
	enum preset preset;
	bool published;			/* in the room directory */
	bool is_direct;
	struct str alias;		/* whole, "#local:server"; empty: none */
	struct str name, topic;
	const struct json *creation_content;	/* or NULL */
	const struct json *initial_state;	/* array, or NULL */
	const struct json *power_override;	/* or NULL */
	const struct str *invite;
	size_t ninvite;
	const struct json *copied;	/* array of { type, state_key, content }: all that follows the creator's join, instead of what
					   preset, name and so on would give; or NULL */
};

/*
 * Makes a room with all its first events, in one transaction; the actor is in.
 * errors  M_ROOM_IN_USE 400 the alias is taken; M_BAD_JSON, M_INVALID_ROOM_STATE 400;
 *         M_FORBIDDEN 403 an initial event that the actor's own power forbids
 */
bool room_create(struct ctx *c, const struct create *cr, struct room **out) MUST_CHECK;

#endif
