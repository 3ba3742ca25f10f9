/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Digests, MACs and password hashes: OpenSSL for SHA-256, libsodium for argon2id. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"

#define SHA256_BYTES 32

void crypto_start(void);		/* once, before any other call of this layer */

void sha256(struct str data, uint8_t out[SHA256_BYTES]);
struct str sha256_raw(struct arena *a, struct str data);	/* 32 bytes */
/* Incremental; one at a time a thread. */
struct sha256_run;
struct sha256_run *sha256_begin(struct arena *a);
void sha256_more(struct sha256_run *r, struct str data);
void sha256_end(struct sha256_run *r, uint8_t out[SHA256_BYTES]);

void hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_BYTES]);
#define SHA1_BYTES 20
void sha1(struct str data, uint8_t out[SHA1_BYTES]);	/* the same: orders events in rooms of version 1 */
void hmac_sha1(struct str key, struct str data, uint8_t out[20]);	/* only where a protocol fixes it */

/*
 * Hashes a password: argon2id, 19 MiB, t=2 (about 18 ms of CPU). The result is
 * the libsodium string form "$argon2id$...".
 * errors  M_UNAVAILABLE  no memory
 */
bool password_hash(struct arena *a, struct secret password, struct str *out, struct err *e) MUST_CHECK;
/* Checks against "$argon2id$..." or bcrypt "$2b$..." (imported; *rehash says to hash again). */
bool password_ok(struct secret password, struct str hash, bool *rehash);

#endif
