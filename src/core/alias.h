/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Room aliases and the directory of published rooms.
 * spec: client-server, "Room aliases", "Published Room Directory".
 */
#ifndef CORE_ALIAS_H
#define CORE_ALIAS_H

#include "core/room.h"
#include "store/q_room.h"

/* errors M_INVALID_PARAM 400 not ours or malformed; M_UNKNOWN 409 taken */
bool alias_create(struct ctx *c, struct room *r, struct str alias) MUST_CHECK;
/* By its creator, a moderator of the room, or an administrator. errors M_NOT_FOUND 404, M_FORBIDDEN 403 */
bool alias_remove(struct ctx *c, struct str alias) MUST_CHECK;
/* errors M_NOT_FOUND 404 */
bool alias_resolve(struct ctx *c, struct str alias, struct room **out) MUST_CHECK;
/* A room id or an alias. */
bool room_by_name(struct ctx *c, struct str id_or_alias, struct room **out) MUST_CHECK;
/* Do the aliases of an m.room.canonical_alias content exist and name this room? M_BAD_ALIAS 400; those that stay from `old` are not looked at. */
bool alias_check_canonical(struct ctx *c, struct room *r, const struct json *content, const struct json *old) MUST_CHECK;

bool room_publish(struct ctx *c, struct room *r, bool published) MUST_CHECK;
/* The actor's right to do so: power to send m.room.canonical_alias. */
bool room_may_publish(struct ctx *c, struct room *r) MUST_CHECK;
bool room_is_published(struct ctx *c, struct room *r, bool *out) MUST_CHECK;

/* What the directory, summaries and hierarchies show of a room. */
struct room_chunk {
	struct str room_id, name, topic, avatar_url, canonical_alias, join_rule, room_type, version, encryption;
	int64_t members;
	bool world_readable, guest_can_join;
	int64_t nid;
	const struct str *allowed;	/* rooms whose members may join */
	size_t nallowed;
};
bool room_describe(struct ctx *c, struct room *r, struct room_chunk *out) MUST_CHECK;
/* May the actor (or nobody, signed out) know what room_describe tells? By membership, join rule, world_readable. */
bool room_may_preview(struct ctx *c, struct room *r, bool *out) MUST_CHECK;

struct public_ask {
	struct str term;		/* empty: all */
	const struct json *types;	/* array of strings and null, or NULL: all */
	int64_t limit;			/* 1 to 100... */
	int64_t from;			/* rows to pass over */
	bool nothing;			/* no room can fit */
};
/* Published rooms, most members first. *total: all that match. */
bool rooms_public(struct ctx *c, const struct public_ask *ask, struct room_chunk **out, size_t *n, int64_t *total) MUST_CHECK;

#endif
