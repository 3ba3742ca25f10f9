/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Power levels: the content of m.room.power_levels with its defaults. Pure.
 * spec: client-server, "m.room.power_levels"; rooms/, "Authorization rules".
 */
#ifndef ROOM_POWER_H
#define ROOM_POWER_H

#include "room/event.h"

#define POWER_INFINITE INT64_MAX		/* creators of v12 rooms */

struct power {
	const struct room_version *v;
	const struct json *content;	/* NULL: there is no such event */
	const struct event *create;	/* creators; may not be NULL */
};

/* From the room's state; levels may be NULL. */
void power_init(struct power *p, const struct event *create, const struct event *levels);
int64_t power_of(const struct power *p, struct str user);
/* Needed to send an event of that type. */
int64_t power_needed(const struct power *p, struct str type, bool is_state);
enum power_act { POWER_INVITE, POWER_KICK, POWER_BAN, POWER_REDACT };
int64_t power_for(const struct power *p, enum power_act act);
int64_t power_notification(const struct power *p, struct str key);	/* notifications.<key>, default 50 */
bool power_may_send(const struct power *p, struct str user, struct str type, bool is_state);
/*
 * One value of a power_levels event: an integer; before version 10 also text
 * that is one ("+050"), before version 6 also a float, cut at its point.
 * Beyond 64 bits it is the nearest that fits. False: no level.
 */
bool power_level(const struct room_version *v, const struct json *x, int64_t *out);
bool power_is_creator(const struct power *p, struct str user);	/* sender, content.creator (v1-10), additional_creators (v12) */
/*
 * Is the content one that a client may set? From version 12 on creators have no
 * entry in users, having more than any. errors M_INVALID_PARAM 400
 */
bool power_client_ok(const struct event *create, const struct json *content, struct err *e) MUST_CHECK;

#endif
