/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Digests by OpenSSL (five times libsodium's SHA-256), argon2id by libsodium,
 * imported bcrypt by libxcrypt. The digest objects are fetched once and each
 * thread keeps a context.
 * threads: all, after crypto_start.
 */
#include "crypto/digest.h"
#include "base/heap.h"

#include <assert.h>
#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ARGON_OPS 2
#define ARGON_MEMORY (19456U * 1024U)

static EVP_MD *md_sha256;
static _Thread_local EVP_MD_CTX *thread_ctx;
static pthread_key_t thread_end;	/* frees it */

static void
ctx_free(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

void
crypto_start(void)
{
	if (md_sha256 != NULL)
		return;
	if (sodium_init() < 0)
		abort();
	md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (md_sha256 == NULL || pthread_key_create(&thread_end, ctx_free) != 0)
		abort();
}

void
sha256(struct str data, uint8_t out[SHA256_BYTES])
{
	if (md_sha256 == NULL)
		crypto_start();
	if (thread_ctx == NULL) {
		thread_ctx = EVP_MD_CTX_new();
		pthread_setspecific(thread_end, thread_ctx);
	}
	if (thread_ctx == NULL ||
	    EVP_DigestInit_ex2(thread_ctx, md_sha256, NULL) != 1 ||
	    EVP_DigestUpdate(thread_ctx, data.n ? data.p : "", data.n) != 1 ||
	    EVP_DigestFinal_ex(thread_ctx, out, NULL) != 1)
		abort();
}

struct str
sha256_raw(struct arena *a, struct str data)
{
	uint8_t *out = arena_alloc_raw(a, SHA256_BYTES);

	sha256(data, out);
	return str_n((char *)out, SHA256_BYTES);
}

struct sha256_run {
	EVP_MD_CTX *ctx;
};

static void
run_free(void *p)
{
	EVP_MD_CTX_free(((struct sha256_run *)p)->ctx);
}

struct sha256_run *
sha256_begin(struct arena *a)
{
	struct sha256_run *r = arena_make(a, struct sha256_run);

	crypto_start();
	r->ctx = EVP_MD_CTX_new();
	if (r->ctx == NULL ||
	    EVP_DigestInit_ex2(r->ctx, md_sha256, NULL) != 1)
		abort();
	arena_at_end(a, run_free, r);
	return r;
}

void
sha256_more(struct sha256_run *r, struct str data)
{
	if (data.n > 0 && EVP_DigestUpdate(r->ctx, data.p, data.n) != 1)
		abort();
}

void
sha256_end(struct sha256_run *r, uint8_t out[SHA256_BYTES])
{
	if (EVP_DigestFinal_ex(r->ctx, out, NULL) != 1)
		abort();
}

static void
hmac(const EVP_MD *md, struct str key, struct str data, uint8_t *out)
{
	unsigned n;

	if (HMAC(md, key.n ? key.p : "", (int)key.n,
	    (const unsigned char *)(data.n ? data.p : ""), data.n, out, &n)
	    == NULL)
		abort();
}

void
hmac_sha256(struct str key, struct str data, uint8_t out[SHA256_BYTES])
{
	hmac(EVP_sha256(), key, data, out);
}

void
sha1(struct str data, uint8_t out[SHA1_BYTES])
{
	unsigned n = SHA1_BYTES;

	if (EVP_Digest(data.p, data.n, out, &n, EVP_sha1(), NULL) != 1)
		abort();
}

void
hmac_sha1(struct str key, struct str data, uint8_t out[20])
{
	hmac(EVP_sha1(), key, data, out);
}

bool
password_hash(struct arena *a, struct secret password, struct str *out,
    struct err *e)
{
	char text[crypto_pwhash_STRBYTES];

	if (crypto_pwhash_argon2id_str(text, password.hidden.p,
	    password.hidden.n, ARGON_OPS, ARGON_MEMORY) != 0) {
		fail(e, M_UNAVAILABLE, "The server is short of memory; "
		    "try again later");
		return err_cause(e, "argon2id failed");
	}
	*out = str_dup(a, str_c(text));
	return true;
}

/* bcrypt stops at 72 bytes and at a NUL: such passwords were never hashed by it as a whole. */
static bool
bcrypt_ok(struct secret password, const char *hash)
{
	struct crypt_data *data;
	char key[73];
	const char *got;
	bool ok;

	if (password.hidden.n > 72 || str_find(password.hidden, '\0') >= 0)
		return false;
	data = must(calloc(1, sizeof(*data)));
	if (password.hidden.n > 0)
		memcpy(key, password.hidden.p, password.hidden.n);
	key[password.hidden.n] = '\0';
	got = crypt_r(key, hash, data);
	ok = got != NULL && str_eq_secret(str_c(got), str_c(hash));
	secret_wipe(key, sizeof(key));
	secret_wipe(data, sizeof(*data));
	free(data);
	return ok;
}

bool
password_ok(struct secret password, struct str hash, bool *rehash)
{
	char text[crypto_pwhash_STRBYTES];

	*rehash = false;
	if (hash.n >= sizeof(text))
		return false;
	memset(text, 0, sizeof(text));
	if (hash.n > 0)
		memcpy(text, hash.p, hash.n);
	if (str_starts(hash, S("$2"))) {
		*rehash = true;
		return bcrypt_ok(password, text);
	}
	return str_starts(hash, S("$argon2id$")) &&
	    crypto_pwhash_str_verify(text, password.hidden.p,
	    password.hidden.n) == 0;
}
