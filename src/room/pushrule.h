/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Push rules: the default set, a user's changes over it, evaluation. Pure.
 * spec: client-server, "Push Notifications: Rules".
 */
#ifndef ROOM_PUSHRULE_H
#define ROOM_PUSHRULE_H

#include "room/event.h"
#include "room/power.h"

enum push_kind { PUSH_OVERRIDE, PUSH_CONTENT, PUSH_ROOM, PUSH_SENDER, PUSH_UNDERRIDE, PUSH_NKINDS };
struct str push_kind_name(enum push_kind k);
bool push_kind_of(struct str name, enum push_kind *out);

struct pushrules;	/* compiled for one user; immutable, in an arena */

/* What evaluation needs of the room and the reader. */
struct push_ask {
	const struct event *ev;
	struct str user_id;
	struct str display_name;	/* the reader's in the room, or empty */
	int64_t member_count;		/* joined */
	const struct power *power;	/* for sender_notification_permission */
	const struct event *related;	/* the event that m.relates_to names, or NULL: related_event_match */
};

struct push_result {
	bool notify, highlight;
	struct str sound;		/* empty: none */
	struct str rule_id;		/* the rule that decided, or empty */
};

/*
 * Compiles a user's rules. `stored` is what push_* below keep: NULL means all
 * defaults. A damaged rule is left out, never an error.
 */
struct pushrules *pushrules_compile(struct arena *a, struct str user_id, const struct json *stored);
void push_evaluate(const struct pushrules *r, const struct push_ask *ask, struct push_result *out);

/* The whole rule set as the API shows it: {"global":{...}}, user_id filled in. */
void pushrules_write(struct buf *b, struct str user_id, const struct json *stored);
/* One rule as the API shows it, or false. */
bool pushrules_find(struct arena *a, struct str user_id, const struct json *stored,
    enum push_kind kind, struct str rule_id, struct json *out);

/*
 * Changes. Each takes what is stored (NULL at first) and gives what is to be
 * stored. Default rules (".m.") can only be enabled and have actions set.
 * errors  M_INVALID_PARAM, M_BAD_JSON 400; M_NOT_FOUND 404 no such rule, or `before`/`after` names none
 */
bool pushrules_put(struct arena *a, const struct json *stored, enum push_kind kind, struct str rule_id,
    const struct json *body, struct str before, struct str after, struct json *out, struct err *e) MUST_CHECK;
bool pushrules_delete(struct arena *a, const struct json *stored, enum push_kind kind, struct str rule_id,
    struct json *out, struct err *e) MUST_CHECK;
bool pushrules_enable(struct arena *a, const struct json *stored, enum push_kind kind, struct str rule_id,
    bool enabled, struct json *out, struct err *e) MUST_CHECK;
bool pushrules_actions(struct arena *a, const struct json *stored, enum push_kind kind, struct str rule_id,
    const struct json *actions, struct json *out, struct err *e) MUST_CHECK;

#endif
