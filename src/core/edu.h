/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What servers tell each other beside events: typing, receipts, messages for
 * devices, changes of devices. spec: server-server, "EDUs" and the modules.
 * threads: all.
 */
#ifndef CORE_EDU_H
#define CORE_EDU_H

#include "core/room.h"

/* The EDUs of a transaction (an array, or NULL); what is malformed or not the origin's to say is passed over. */
void edu_receive(struct ctx *c, struct str origin, const struct json *edus);

/* To the servers of the room: the actor types, or has read up to ev. What fails is logged: the next one tells it anyway. */
void edu_typing(struct ctx *c, struct room *r, bool typing);
void edu_receipt(struct ctx *c, struct room *r, struct str thread, const struct sev *ev);
/* A local user's devices or keys changed: the servers that share rooms are told, soon. */
void edu_devices_changed(struct str user);

/* A message for devices of other servers' users, one EDU a server. */
struct edu_for {
	struct str server, edu;
};
void edu_to_device(struct ctx *c, struct str type, struct str txn_id, const struct json *messages,
    struct edu_for **out, size_t *n);

/* Does the server share a room with the user? Else it learns nothing of their devices. */
bool edu_shares_room(struct ctx *c, struct str user, struct str server, bool *out) MUST_CHECK;

#endif
