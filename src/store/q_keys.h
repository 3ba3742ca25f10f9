/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Queries on the tables of end-to-end encryption. */
#ifndef STORE_Q_KEYS_H
#define STORE_Q_KEYS_H

#include "store/db.h"

struct key_row {
	struct str user, id, algorithm, key_id, body;	/* id: device id, or kind of a cross-signing key */
	int64_t n;			/* order, count, or used flag */
};
struct key_rows {
	struct key_row *at;
	size_t n;
};

bool device_key_put(struct db *db, struct str user, struct str device, struct str body, struct err *e) MUST_CHECK;
bool device_keys_of(struct db *db, struct arena *a, struct str user, struct key_rows *out, struct err *e) MUST_CHECK;	/* id: device, key_id: display name, body */
bool device_key_get(struct db *db, struct arena *a, struct str user, struct str device, struct str *body, struct err *e) MUST_CHECK;	/* empty: none */

bool otk_get(struct db *db, struct arena *a, struct str user, struct str device, struct str algorithm, struct str key_id, struct str *body, struct err *e) MUST_CHECK;
bool otk_put(struct db *db, struct str user, struct str device, struct str algorithm, struct str key_id, struct str body, int64_t ord, struct err *e) MUST_CHECK;
struct claimed_key {
	struct str user, device, algorithm;	/* what is asked; none twice */
	struct str key_id, body;	/* what is given; no key_id: there is none */
	int64_t ord;
};
/*
 * In a body: gives for each the oldest one-time key, which is gone then, or
 * else the fallback key, which is marked as used. key_id comes empty.
 */
bool keys_take(struct db *db, struct arena *a, struct claimed_key *x, size_t n, struct err *e) MUST_CHECK;
bool otk_counts_of(struct db *db, struct arena *a, struct str user, struct str device, struct key_rows *out, struct err *e) MUST_CHECK;
bool fallback_put(struct db *db, struct str user, struct str device, struct str algorithm, struct str key_id, struct str body, struct err *e) MUST_CHECK;
bool fallback_unused(struct db *db, struct arena *a, struct str user, struct str device, struct key_rows *out, struct err *e) MUST_CHECK;

bool cross_key_put(struct db *db, struct str user, struct str kind, struct str public_key, struct str body, struct err *e) MUST_CHECK;
bool cross_keys_of(struct db *db, struct arena *a, struct str user, struct key_rows *out, struct err *e) MUST_CHECK;	/* id: kind, key_id: public key */
struct sig_row {
	struct str user, target, signer, signer_key, signature;
};
bool signature_put(struct db *db, const struct sig_row *x, struct err *e) MUST_CHECK;
/* On keys of a user: by that user, and by `viewer`. */
bool signatures_of(struct db *db, struct arena *a, struct str user, struct str viewer, struct sig_row **out, size_t *n, struct err *e) MUST_CHECK;

bool device_change_put(struct db *db, struct str user, int64_t pos, struct err *e) MUST_CHECK;
bool device_changes_in(struct db *db, struct arena *a, int64_t from, int64_t upto, struct str **out, size_t *n, struct err *e) MUST_CHECK;
/* What was made with a device's old identity: its one-time and fallback keys, and signatures of it. */
bool device_identity_drop(struct db *db, struct str user, struct str device, struct err *e) MUST_CHECK;
/* Keys, one-time keys, signatures and messages of a device. */
bool device_keys_delete(struct db *db, struct str user, struct str device, struct err *e) MUST_CHECK;

bool to_device_put(struct db *db, struct str user, struct str device, int64_t pos, struct str sender, struct str type, struct str content, struct err *e) MUST_CHECK;
struct to_device_row {
	int64_t pos;
	struct str sender, type, content;
};
bool to_device_list(struct db *db, struct arena *a, struct str user, struct str device, int64_t from, int64_t upto, size_t max, struct to_device_row **out, size_t *n, struct err *e) MUST_CHECK;
bool to_device_delete(struct db *db, struct str user, struct str device, int64_t upto, struct err *e) MUST_CHECK;

struct backup_row {
	int64_t version, etag, count;
	struct str algorithm, auth_data;
};
bool backup_create(struct db *db, struct str user, struct str algorithm, struct str auth_data, int64_t *version, struct err *e) MUST_CHECK;
bool backup_find(struct db *db, struct arena *a, struct str user, int64_t version, struct backup_row *out, bool *found, struct err *e) MUST_CHECK;	/* version 0: the newest */
bool backup_update(struct db *db, struct str user, int64_t version, struct str auth_data, struct err *e) MUST_CHECK;
bool backup_delete(struct db *db, struct str user, int64_t version, struct err *e) MUST_CHECK;
struct backup_key {
	struct str room, session, data;
	int64_t first_index, forwarded;
	bool verified;
};
/* Puts it, unless the one there is better; *put says whether. */
bool backup_key_put(struct db *db, struct str user, int64_t version, const struct backup_key *x, bool *put, struct err *e) MUST_CHECK;
/* room, session empty: all. */
bool backup_key_list(struct db *db, struct arena *a, struct str user, int64_t version, struct str room, struct str session, struct backup_key **out, size_t *n, struct err *e) MUST_CHECK;
bool backup_key_delete(struct db *db, struct str user, int64_t version, struct str room, struct str session, int64_t *n, struct err *e) MUST_CHECK;
bool backup_bump(struct db *db, struct str user, int64_t version, struct err *e) MUST_CHECK;

#endif
