/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Shared by keys.c and crosssign.c. */
#ifndef CORE_KEYS_SIGN_H
#define CORE_KEYS_SIGN_H

#include "core/ctx.h"

/* Did the key (unpadded base64) sign obj as user's key_id? */
bool keys_signed_by(struct arena *a, const struct json *obj, struct str user, struct str key_id, struct str public_b64);
/* The ed25519 key of a device's device_keys; empty: none. */
struct str keys_of_device(const struct json *device, struct str device_id, struct arena *a);

#endif
