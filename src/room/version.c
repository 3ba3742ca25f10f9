/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The table of room versions. spec: rooms/ v1 to v12. */
#include "room/version.h"

#define V1_TO_5 .special_aliases_auth = true
#define V6 .strict_canonical = true, .notifications_in_power = true, \
	.enforce_key_validity = true

static const struct room_version versions[] = {
	{ S_INIT("1"), EVENT_ID_GIVEN, STATE_RES_1, .redaction = 1, V1_TO_5,
	    .special_redaction_auth = true },
	{ S_INIT("2"), EVENT_ID_GIVEN, STATE_RES_2, .redaction = 1, V1_TO_5,
	    .special_redaction_auth = true },
	{ S_INIT("3"), EVENT_ID_HASH_STD, STATE_RES_2, .redaction = 1, V1_TO_5 },
	{ S_INIT("4"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 1, V1_TO_5 },
	{ S_INIT("5"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 1, V1_TO_5,
	    .enforce_key_validity = true },
	{ S_INIT("6"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 6, V6 },
	{ S_INIT("7"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 6, V6,
	    .knock = true },
	{ S_INIT("8"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 8, V6,
	    .knock = true, .restricted = true },
	{ S_INIT("9"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 9, V6,
	    .knock = true, .restricted = true },
	{ S_INIT("10"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 9, V6,
	    .knock = true, .restricted = true, .knock_restricted = true,
	    .integer_power = true },
	{ S_INIT("11"), EVENT_ID_HASH_URL, STATE_RES_2, .redaction = 11, V6,
	    .knock = true, .restricted = true, .knock_restricted = true,
	    .integer_power = true, .implicit_creator = true,
	    .redacts_in_content = true },
	{ S_INIT("12"), EVENT_ID_HASH_URL, STATE_RES_2_1, .redaction = 11, V6,
	    .knock = true, .restricted = true, .knock_restricted = true,
	    .integer_power = true, .implicit_creator = true,
	    .redacts_in_content = true, .creators_have_infinite_power = true,
	    .room_id_is_create_hash = true },
};

const struct room_version *
room_version(struct str name)
{
	for (size_t i = 0; i < LEN(versions); i++)
		if (str_eq(versions[i].name, name))
			return &versions[i];
	return NULL;
}

const struct room_version *
room_version_at(size_t i)
{
	return i < LEN(versions) ? &versions[i] : NULL;
}
