/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Ed25519 (libsodium) and signed JSON.
 * spec: appendices, "Signing JSON".
 */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include "base/json.h"

#define SIGN_PUBLIC_BYTES 32
#define SIGN_BYTES 64

struct sign_key {
	struct str id;				/* "ed25519:a_AbCd" */
	uint8_t public_key[SIGN_PUBLIC_BYTES];
	uint8_t secret_key[64];			/* libsodium's form; wiped by sign_key_wipe */
};

/* A new key with a random version. id lives in a. */
void sign_key_new(struct arena *a, struct sign_key *k);
void sign_key_wipe(struct sign_key *k);
/*
 * Reads or writes the key file, a line "ed25519 VERSION BASE64SEED" as Synapse
 * has it; written with mode 0600, whole or not at all, and on disk when true
 * comes back: who signs with a key that is lost can't be checked any more.
 * Reading a missing file: M_NOT_FOUND.
 */
bool sign_key_read(struct arena *a, const char *path, struct sign_key *k, struct err *e) MUST_CHECK;
bool sign_key_write(const char *path, const struct sign_key *k, struct err *e) MUST_CHECK;

void sign_bytes(const struct sign_key *k, struct str data, uint8_t sig[SIGN_BYTES]);
bool sign_ok(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct str data, const uint8_t sig[SIGN_BYTES]);
/* Decodes an unpadded-base64 public key or signature of the exact length. */
bool sign_read_public(struct str b64, uint8_t out[SIGN_PUBLIC_BYTES]);
bool sign_read_sig(struct str b64, uint8_t out[SIGN_BYTES]);

/* What is signed of an object: its canonical form without signatures and unsigned. */
struct str sign_json_bytes(struct arena *a, const struct json *obj);
/* Adds signatures.<entity>.<key id> over the canonical form without signatures and unsigned. obj is changed in place. */
void sign_json(struct arena *a, struct json *obj, struct str entity, const struct sign_key *k);
/*
 * Checks obj's signature by entity with the key named key_id.
 * False: absent, malformed, or it does not fit.
 */
bool sign_json_ok(struct arena *a, const struct json *obj, struct str entity,
    struct str key_id, const uint8_t public_key[SIGN_PUBLIC_BYTES]);

#endif
