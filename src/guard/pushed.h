/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What leaves by push is on record as what is read: the ledger's side of core/push.h. */
#ifndef GUARD_PUSHED_H
#define GUARD_PUSHED_H

#include "core/push.h"

/* A push_note_fn: waits until the record is on disk. */
bool pushed_note(struct ctx *c, struct str user, struct str device, const struct room *r, const struct sev *ev);

#endif
