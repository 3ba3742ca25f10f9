/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What leaves by push, or for other servers, is on record as what is read: the ledger's side of core/push.h and core/outbound.h. */
#ifndef GUARD_PUSHED_H
#define GUARD_PUSHED_H

#include "core/outbound.h"
#include "core/push.h"

/* A push_note_fn: waits until the record is on disk. */
bool pushed_note(struct ctx *c, struct str user, struct str device, const struct room *r, const struct sev *ev);
/* An outbound_note_fn: the same for events that are sent to another server. */
bool pushed_to_server(struct ctx *c, struct str server, const struct sev *const *ev, size_t n);

#endif
