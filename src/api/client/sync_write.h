/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What /sync and sliding sync write alike. */
#ifndef API_CLIENT_SYNC_WRITE_H
#define API_CLIENT_SYNC_WRITE_H

#include "api/req.h"
#include "core/e2ee.h"
#include "core/userdata.h"

/* device_one_time_keys_count and device_unused_fallback_key_types of the caller's device. */
void sync_write_otk(struct req *rq, struct jsonw *w);
void sync_write_counts(struct jsonw *w, const char *key, const struct otk_count *at, size_t n);
/* One m.receipt event of them all; sorts them. */
void sync_write_receipts(struct jsonw *w, struct receipt *r, size_t n);
void sync_write_typing(struct jsonw *w, const struct str *users, size_t n);
/* The m.push_rules event. */
void sync_write_rules(struct jsonw *w, struct str user, const struct unread_ask *ask);

#endif
