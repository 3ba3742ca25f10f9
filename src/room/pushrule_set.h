/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The rule set as a tree: what pushrule_set.c makes of the defaults and a
 * user's changes, for pushrule.c (evaluation) and pushrule_edit.c.
 * Stored form: {"rules":{"override":[rule...],...},"defaults":{id:{"enabled":b,"actions":[...]}}}
 */
#ifndef ROOM_PUSHRULE_SET_H
#define ROOM_PUSHRULE_SET_H

#include "room/pushrule.h"

/* {"override":[...],"content":[...],"room":[...],"sender":[...],"underride":[...]}, in order of priority. */
struct json pushrules_effective(struct arena *a, struct str user_id, const struct json *stored);
/* A user's own rules of a kind, or NULL. */
const struct json *pushrules_own(const struct json *stored, enum push_kind kind);
/* Is that a server-default rule of this kind? */
bool pushrules_is_default(enum push_kind kind, struct str rule_id);

#endif
