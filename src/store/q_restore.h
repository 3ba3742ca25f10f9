/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a restored copy must forget. */
#ifndef STORE_Q_RESTORE_H
#define STORE_Q_RESTORE_H

#include "store/db.h"

/* Drops every one-time key: some of them were handed out after the copy was made. */
bool restore_forget_keys(struct store *s, struct err *e) MUST_CHECK;

#endif
