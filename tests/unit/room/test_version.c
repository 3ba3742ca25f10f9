/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The table of room versions. spec: rooms/, "Feature matrix", and v1 to v12. */
#include "unit.h"

#include "room/version.h"

/* The first version with, or for `until` the last. */
struct feature {
	const char *what;
	bool (*has)(const struct room_version *v);
	int from, until;
};

#define HAS(name, expression) \
	static bool \
	name(const struct room_version *v) \
	{ \
		return expression; \
	}

HAS(ids_given, v->event_ids == EVENT_ID_GIVEN)
HAS(ids_std, v->event_ids == EVENT_ID_HASH_STD)
HAS(ids_url, v->event_ids == EVENT_ID_HASH_URL)
HAS(res_1, v->state_res == STATE_RES_1)
HAS(res_2, v->state_res == STATE_RES_2)
HAS(res_2_1, v->state_res == STATE_RES_2_1)
HAS(redaction_1, v->redaction == 1)
HAS(redaction_6, v->redaction == 6)
HAS(redaction_8, v->redaction == 8)
HAS(redaction_9, v->redaction == 9)
HAS(redaction_11, v->redaction == 11)
HAS(strict, v->strict_canonical)
HAS(aliases, v->special_aliases_auth)
HAS(redaction_auth, v->special_redaction_auth)
HAS(validity, v->enforce_key_validity)
HAS(notifications, v->notifications_in_power)
HAS(knock, v->knock)
HAS(restricted, v->restricted)
HAS(knock_restricted, v->knock_restricted)
HAS(integers, v->integer_power)
HAS(implicit_creator, v->implicit_creator)
HAS(redacts, v->redacts_in_content)
HAS(infinite, v->creators_have_infinite_power)
HAS(room_hash, v->room_id_is_create_hash)

static const struct feature features[] = {
	{ "event ids are given", ids_given, 1, 2 },
	{ "event ids are hashes in standard base64", ids_std, 3, 3 },
	{ "event ids are hashes in url-safe base64", ids_url, 4, 12 },
	{ "state resolution 1", res_1, 1, 1 },
	{ "state resolution 2", res_2, 2, 11 },
	{ "state resolution 2.1", res_2_1, 12, 12 },
	{ "redaction as in version 1", redaction_1, 1, 5 },
	{ "redaction as in version 6", redaction_6, 6, 7 },
	{ "redaction as in version 8", redaction_8, 8, 8 },
	{ "redaction as in version 9", redaction_9, 9, 10 },
	{ "redaction as in version 11", redaction_11, 11, 12 },
	{ "canonical JSON is enforced", strict, 6, 12 },
	{ "m.room.aliases has a rule of its own", aliases, 1, 5 },
	{ "m.room.redaction has a rule of its own", redaction_auth, 1, 2 },
	{ "keys must be valid at the time of the event", validity, 5, 12 },
	{ "changes of notifications are checked", notifications, 6, 12 },
	{ "knocking", knock, 7, 12 },
	{ "restricted joins", restricted, 8, 12 },
	{ "knock_restricted", knock_restricted, 10, 12 },
	{ "power levels are integers", integers, 10, 12 },
	{ "the creator is the create event's sender", implicit_creator, 11, 12 },
	{ "redacts is in content", redacts, 11, 12 },
	{ "creators have infinite power", infinite, 12, 12 },
	{ "the room id is the create event's hash", room_hash, 12, 12 },
};

static void
test_features(void **state)
{
	const struct room_version *v;

	(void)state;
	for (int n = 1; (v = room_version_at((size_t)n - 1)) != NULL; n++)
		for (size_t i = 0; i < LEN(features); i++)
			if (features[i].has(v) != (n >= features[i].from &&
			    n <= features[i].until))
				fail_msg("version %d: %s", n, features[i].what);
}

static void
test_names(void **state)
{
	static const char *const names[] = { "1", "2", "3", "4", "5", "6", "7",
	    "8", "9", "10", "11", "12" };
	static const char *const unknown[] = { "", "0", "13", "01", "1 ",
	    "org.matrix.msc2176", "1.0" };

	(void)state;
	for (size_t i = 0; i < LEN(names); i++) {
		const struct room_version *v = room_version(str_c(names[i]));

		assert_non_null(v);
		assert_ptr_equal(v, room_version_at(i));
		assert_true(str_eq_c(v->name, names[i]));
	}
	assert_null(room_version_at(LEN(names)));
	for (size_t i = 0; i < LEN(unknown); i++)
		assert_null(room_version(str_c(unknown[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
