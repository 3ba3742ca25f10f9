/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* See jws.h. */
#include "crypto/jws.h"

#include "base/enc.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define P256_BYTES 32
#define KEYS_MAX 64

struct token {
	struct str signed_part, sig, alg, kid;
	struct json claims;
};

static bool
part(struct arena *a, struct str text, struct json *out)
{
	struct err e = { .code = M_OK };
	struct str raw;

	return b64_decode(a, B64_URL, text, &raw) &&
	    json_parse(a, raw, JSON_ANY, out, &e) && out->type == JSON_OBJ;
}

static bool
read_token(struct arena *a, struct str text, struct token *t)
{
	struct str head, body, sig, rest;
	struct json h;

	if (text.n > JWS_MAX || !str_cut(text, '.', &head, &rest) ||
	    !str_cut(rest, '.', &body, &sig) || !part(a, head, &h) ||
	    !part(a, body, &t->claims) ||
	    !b64_decode(a, B64_URL, sig, &t->sig))
		return false;
	t->signed_part = str_sub(text, 0, head.n + 1 + body.n);
	t->alg = json_str(&h, S("alg"));
	t->kid = json_str(&h, S("kid"));
	return json_get(&h, S("crit")) == NULL &&
	    json_get(&h, S("b64")) == NULL &&
	    (str_eq(t->alg, S("RS256")) || str_eq(t->alg, S("ES256")));
}

static EVP_PKEY *
make_key(const char *kind, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	if (ctx != NULL && params != NULL &&
	    (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1))
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	return key;
}

static EVP_PKEY *
rsa_key(struct arena *a, const struct json *jwk)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;
	BIGNUM *n = NULL, *e = NULL;
	struct str n_raw, e_raw;

	if (b != NULL && b64_decode(a, B64_URL, json_str(jwk, S("n")),
	    &n_raw) && b64_decode(a, B64_URL, json_str(jwk, S("e")),
	    &e_raw) && n_raw.n <= RSA_BITS_MAX / 8 && e_raw.n <= 8) {
		n = BN_bin2bn((const unsigned char *)n_raw.p, (int)n_raw.n,
		    NULL);
		e = BN_bin2bn((const unsigned char *)e_raw.p, (int)e_raw.n,
		    NULL);
		if (n != NULL && e != NULL &&
		    BN_num_bits(n) >= RSA_BITS_MIN &&
		    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
		    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e))
			key = make_key("RSA", OSSL_PARAM_BLD_to_param(b));
	}
	BN_free(n);
	BN_free(e);
	OSSL_PARAM_BLD_free(b);
	return key;
}

static EVP_PKEY *
p256_key(struct arena *a, const struct json *jwk)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	struct str point = S("\x04"), x, y;
	EVP_PKEY *key = NULL;

	if (b != NULL && str_eq(json_str(jwk, S("crv")), S("P-256")) &&
	    b64_decode(a, B64_URL, json_str(jwk, S("x")), &x) &&
	    b64_decode(a, B64_URL, json_str(jwk, S("y")), &y) &&
	    x.n == P256_BYTES && y.n == P256_BYTES) {
		point = str_cat(a, point, str_cat(a, x, y));
		if (OSSL_PARAM_BLD_push_utf8_string(b,
		    OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
		    OSSL_PARAM_BLD_push_octet_string(b,
		    OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n))
			key = make_key("EC", OSSL_PARAM_BLD_to_param(b));
	}
	OSSL_PARAM_BLD_free(b);
	return key;
}

/* r and s side by side, as OpenSSL wants them: in DER. Empty: not such. */
static struct str
der(struct arena *a, struct str sig)
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	const unsigned char *p = (const unsigned char *)sig.p;
	unsigned char *out = NULL;
	struct str made = { NULL, 0 };
	BIGNUM *r, *t;
	int n;

	if (s == NULL || sig.n != (size_t)2 * P256_BYTES) {
		ECDSA_SIG_free(s);
		return made;
	}
	r = BN_bin2bn(p, P256_BYTES, NULL);
	t = BN_bin2bn(p + P256_BYTES, P256_BYTES, NULL);
	if (r == NULL || t == NULL || ECDSA_SIG_set0(s, r, t) != 1) {
		BN_free(r);
		BN_free(t);
	} else {
		n = i2d_ECDSA_SIG(s, &out);
		if (n > 0)
			made = str_dup(a, str_n((char *)out, (size_t)n));
		OPENSSL_free(out);
	}
	ECDSA_SIG_free(s);
	return made;
}

static bool
verify(EVP_PKEY *key, struct str data, struct str sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ok = ctx != NULL && sig.n > 0 &&
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.n,
	    (const unsigned char *)data.p, data.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* May this key have made it? By its kind, what it is for, and its name. */
static bool
fits(const struct json *jwk, const struct token *t)
{
	struct str alg = json_str(jwk, S("alg")), use = json_str(jwk,
	    S("use"));
	struct str kty = str_eq(t->alg, S("RS256")) ? S("RSA") : S("EC");

	return str_eq(json_str(jwk, S("kty")), kty) &&
	    (alg.n == 0 || str_eq(alg, t->alg)) &&
	    (use.n == 0 || str_eq(use, S("sig"))) &&
	    (t->kid.n == 0 || str_eq(json_str(jwk, S("kid")), t->kid));
}

enum jws_result
jws_check(struct arena *a, struct str token, const struct json *keys,
    struct json *claims)
{
	const struct json *list = json_get_arr(keys, S("keys"));
	enum jws_result result = JWS_NO_KEY;
	struct token t = { .alg = { NULL, 0 } };

	if (!read_token(a, token, &t))
		return JWS_MALFORMED;
	for (uint32_t i = 0; list != NULL && i < list->n && i < KEYS_MAX;
	    i++) {
		const struct json *jwk = &list->at[i];
		bool rsa = str_eq(t.alg, S("RS256"));
		EVP_PKEY *key;

		if (jwk->type != JSON_OBJ || !fits(jwk, &t))
			continue;
		key = rsa ? rsa_key(a, jwk) : p256_key(a, jwk);
		if (key == NULL)
			continue;
		result = JWS_FORGED;
		if (verify(key, t.signed_part, rsa ? t.sig : der(a, t.sig)))
			result = JWS_OK;
		EVP_PKEY_free(key);
		if (result == JWS_OK) {
			*claims = t.claims;
			return result;
		}
	}
	return result;
}
