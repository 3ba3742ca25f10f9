/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Room versions: one row a version, a column for each thing that differs.
 * Code asks for the column, never for the version's name. Pure.
 * spec: rooms/ v1 to v12.
 */
#ifndef ROOM_VERSION_H
#define ROOM_VERSION_H

#include "base/str.h"

enum state_res { STATE_RES_1, STATE_RES_2, STATE_RES_2_1 };
enum event_ids { EVENT_ID_GIVEN, EVENT_ID_HASH_STD, EVENT_ID_HASH_URL };	/* v1-2, v3, v4+ */

struct room_version {
	struct str name;			/* "12" */
	enum event_ids event_ids;
	enum state_res state_res;
	uint8_t redaction;			/* row of the redaction table, by algorithm: 1, 6, 8, 9, 11 */
	bool strict_canonical;			/* v6+: integers only */
	bool special_aliases_auth;		/* v1-5: m.room.aliases has a rule of its own */
	bool special_redaction_auth;		/* v1-2: m.room.redaction is checked by auth */
	bool enforce_key_validity;		/* v5+ */
	bool notifications_in_power;		/* v6+: changes of "notifications" are checked */
	bool knock;				/* v7+ */
	bool restricted;			/* v8+ */
	bool knock_restricted;			/* v10+ */
	bool integer_power;			/* v10+: no strings in power levels */
	bool implicit_creator;			/* v11+: create has no content.creator */
	bool redacts_in_content;		/* v11+ */
	bool creators_have_infinite_power;	/* v12+ */
	bool room_id_is_create_hash;		/* v12+: no room_id in create, no create in auth_events */
};

/* NULL: not known. */
const struct room_version *room_version(struct str name);
/* The i-th known, oldest first; NULL past the end. All are stable. */
const struct room_version *room_version_at(size_t i);

#endif
