/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Shared by auth.c and auth_member.c, used by nobody else. */
#ifndef ROOM_AUTH_RULES_H
#define ROOM_AUTH_RULES_H

#include "room/auth.h"
#include "room/power.h"
#include "room/visible.h"

/* One check under way. */
struct check {
	struct arena *a;
	const struct event *ev, *create;
	const struct auth_state *st;
	struct power power;
	struct err *e;
};

const struct event *check_state(const struct check *c, struct str type, struct str key);
enum membership check_membership(const struct check *c, struct str user);
bool auth_member(const struct check *c) MUST_CHECK;

#endif
