/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Device keys, one-time keys and cross-signing. spec: client-server, "End-to-End Encryption". */
#ifndef CORE_KEYS_H
#define CORE_KEYS_H

#include "core/ctx.h"

#define KEYS_UPLOAD_MAX 200

/* POST /keys/upload: any of the three may be NULL. errors M_INVALID_PARAM 400, M_INVALID_SIGNATURE 400 */
bool keys_upload(struct ctx *c, const struct json *device_keys, const struct json *one_time, const struct json *fallback) MUST_CHECK;
/* What /keys/query shows of a user: device_keys (object), and the cross-signing keys that the actor may see; NULL: none. */
struct user_keys {
	struct json devices;
	struct json master, self_signing, user_signing;
	bool has_master, has_self_signing, has_user_signing;
};
bool keys_query(struct ctx *c, struct str user, const struct json *devices, struct user_keys *out) MUST_CHECK;
/* Takes one key for each { user: { device: algorithm } }; the result has that shape. */
bool keys_claim(struct ctx *c, const struct json *wanted, struct json *out) MUST_CHECK;

/* Are these the actor's first cross-signing keys, or those there already? Then no authentication is asked. */
bool crosssign_is_harmless(struct ctx *c, const struct json *master, const struct json *self_signing, const struct json *user_signing, bool *harmless) MUST_CHECK;
bool crosssign_upload(struct ctx *c, const struct json *master, const struct json *self_signing, const struct json *user_signing) MUST_CHECK;
/* { user: { key: signed object } }; out: failures in that shape. */
bool signatures_upload(struct ctx *c, const struct json *given, struct json *failures) MUST_CHECK;

/* { user: { device or "*": content } } */
bool todevice_send(struct ctx *c, struct str type, struct str txn_id, const struct json *messages) MUST_CHECK;

#endif
